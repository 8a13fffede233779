#!/usr/bin/env python3
"""10,000 short requests of every kind: no process has more memory or descriptors afterwards."""
import os
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, n_fds, rss_kib, until

REQUESTS = int(os.environ.get('REQUESTS') or (1000 if SANITIZE else 10000))
WARM = REQUESTS // 5
GROWTH_KIB = 512  # pages that an allocator had not touched yet
TINY = {'prompt': 'Once', 'max_tokens': 1, 'seed': 1}
CHAT = {'messages': [{'role': 'user', 'content': 'Hi'}], 'max_tokens': 1, 'seed': 1}


class Clients:
    """Long-lived connections, and a fresh one for each tenth request."""

    def __init__(self, server):
        self.server = server
        self.http, self.rpc = server.http(), server.rpc()
        self.rpc.init('')
        self.kinds = (self.complete, self.stream, self.chat, self.metrics, self.bad, self.run,
                      self.ping, self.wrong, self.fresh, self.vanish)

    def ask(self, path, body, status=200):
        self.http.request('POST', path, body)
        got = self.http.reply()
        assert got.status == status, got

    def complete(self):
        self.ask('/v1/completions', TINY)

    def stream(self):
        self.ask('/v1/completions', dict(TINY, stream=True))

    def chat(self):
        self.ask('/v1/chat/completions', CHAT)

    def metrics(self):
        self.http.request('GET', '/metrics')
        assert self.http.reply().status == 200

    def bad(self):
        self.ask('/v1/completions', {'prompt': 7}, 400)

    def run(self):
        assert self.rpc.run('Hi', max_new_tokens=1)[1]['_callback_state'] == 2

    def ping(self):
        self.rpc.ping()

    def wrong(self):
        self.rpc.raw('{"jsonrpc":"2.0","id":1,"method":"none"}\n')
        assert self.rpc.line()['error']['code'] == -32601

    def fresh(self):
        with self.server.rpc() as r:
            r.init('')
        assert self.server.get('/health').status == 200

    def vanish(self):
        with self.server.stream(max_tokens=20).http:
            pass

    def some(self, n):
        for i in range(n):
            self.kinds[i % len(self.kinds)]()


def measure(s):
    with s.rpc() as r:
        # The two clients' connections and this one: others are on their way out.
        until(lambda: (got := r.call('bulkhead.status'))['generations'] == 0
              and got['front']['clients'] == 3)
        processes = {'keeper': s.pid, 'front': s.front, 'worker': s.worker}
        return {name: (n_fds(pid), rss_kib(pid)) for name, pid in processes.items()}


with Server() as s:
    clients, start = Clients(s), time.monotonic()
    clients.some(WARM)
    before = measure(s)
    clients.some(REQUESTS - WARM)
    until(lambda: measure(s)['front'][0] <= before['front'][0])
    after = measure(s)
    print(f'{REQUESTS} requests in {time.monotonic() - start:.0f} s')
    for name in before:
        print(f'{name}: descriptors {before[name][0]} -> {after[name][0]}, '
              f'resident {before[name][1]} -> {after[name][1]} KiB')
        assert after[name][0] == before[name][0], name
        if SANITIZE:
            print('SKIPPED: its memory, which a sanitizer does not give back')
        else:
            assert after[name][1] <= before[name][1] + GROWTH_KIB, name
