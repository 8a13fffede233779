#!/usr/bin/env python3
"""1,000 connections that do nothing and 64 streams at once: all are served, in little memory."""
import concurrent.futures
import os
import resource
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Http, Server, n_fds, rss_kib, until

IDLE, STREAMS, TOKENS = 1000, 64, 100
KEEPER_KIB, FRONT_KIB = 4 * 1024, 12 * 1024
# As a shell starts it: the keeper has to see to descriptors for its clients itself.
AS_A_SHELL = ('sh', '-c', 'ulimit -Sn 1024; exec "$@"', 'sh')

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


def stream(s, i):
    got = s.stream(f'Story {i}:', seed=i, max_tokens=TOKENS, ignore_eos=True,
                   stream_options={'include_usage': True})
    text = got.rest()
    assert got.done and got.finish == 'length', got.finish
    assert got.usage['completion_tokens'] == TOKENS, got.usage
    return text


with Server('--parallel', str(STREAMS), '--idle-timeout', '1h', wrap=AS_A_SHELL) as s:
    # Fresh ones, and ones that have been used.
    https = [s.http() for _ in range(IDLE // 2)]
    for h in https[::2]:
        h.request('GET', '/health')
        assert h.reply().status == 200
    rpcs = [s.rpc() for _ in range(IDLE // 4)]
    for r in rpcs[::2]:
        r.ping()
    unix = [Http(s.http_path) for _ in range(IDLE // 4)]
    until(lambda: n_fds(s.front) >= IDLE)
    with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
        texts = list(pool.map(lambda i: stream(s, i), range(STREAMS)))
    assert len(set(texts)) > STREAMS * 3 / 4, 'clients got the same text'
    print(f'{STREAMS} streams of {TOKENS} tokens')

    keeper, front = rss_kib(s.pid), rss_kib(s.front)
    print(f'resident with {IDLE} idle connections: keeper {keeper} KiB, front {front} KiB')
    if SANITIZE:
        print('SKIPPED: the limits on memory, which a sanitizer multiplies')
    else:
        # Buffers that the streams needed are given back after a second of rest.
        until(lambda: rss_kib(s.front) < FRONT_KIB)
        assert keeper < KEEPER_KIB, keeper
    for h in https + unix:
        h.request('GET', '/health')
        assert h.reply().status == 200
        h.close()
    for r in rpcs:
        r.ping()
        r.close()
    until(lambda: n_fds(s.front) < 100)
