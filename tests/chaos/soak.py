#!/usr/bin/env python3
"""Mixed load and random faults for a long time: streams keep their bytes, and nothing grows.

    soak.py [--json]

CHAOS_MINUTES: how long (120 in the long form); CHAOS_SEED. One to twelve clients at a time, of
every kind and manner; every few seconds a fault, a model that comes and goes, a bad file, a handful
of broken requests. Every minute the load rests, and descriptors, processes and memory are counted:
they must be the same, or as good as that, from one rest to the next. A front that was killed starts
a new count of its own memory. Streams that were open then count as cut. Signals from outside that
look like a crash may come twice to a stream that is alone, which is then taken for poison: those
are `convicted`.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import badrequests
import chaos
from bulkhead import (DEADLINE, MODEL, SANITIZE, SLOW, Connection, RpcError, Server, n_fds,
                      rss_kib, settled, until)
from chaos import Player, Row, World, kill, kill_again, kill_in, number, print_table, progress
from streams import References, Take, requests, rpc_models

MINUTES = number('CHAOS_MINUTES', 0.75)
REST = min(60.0, MINUTES * 60 / 4)  # seconds between rests
FAULT_EVERY = 3.0  # seconds, about
KEEPER_KIB, FRONT_KIB = 512, 2048  # more than this is growth
MANNERS = ('steady',) * 5 + ('slow', 'vanishes', 'half')
COLUMNS = ('minute', 'faults', 'streams', 'resumed', 'lost', 'repeated', 'differing', 'cut',
           'convicted', 'processes', 'keeper fds', 'keeper KiB', 'front fds', 'front KiB',
           'worker KiB')
ALL = [r for r in requests() if r.is_stream]
OPTIONS = ('--restart-limit', '1000000', '--threads', '1', '--parallel', '16', '--hang-timeout',
           '1s', '--request-timeout', '500ms', '--idle-timeout', '500ms')


def stop_worker(w):
    pid = w.worker()
    if w.send(pid, signal.SIGSTOP):
        w.hit()
    yield


class Soak:
    def __init__(self, server):
        self.server, self.rng = server, random.Random(chaos.SEED)
        self.row = Row('soak')
        self.player = Player(World(server, self.rng, self.row))
        self.refs, self.wants = References(), {}
        self.exact = chaos.server_knows('resume') and all(m['exact'] for m in rpc_models(server))
        self.keeper, self.samples, self.base_resumed = server.pid, [], 0
        self.convicted = 0
        bad = os.path.join(server.dir, 'bad.gguf')
        with open(bad, 'wb') as f:
            f.write(b'GGUF\3\0\0\0' + bytes(100))
        self.bad, self.other = bad, shutil.copy(MODEL, os.path.join(server.dir, 'other.gguf'))

    # What happens: each is a generator as faults are

    def kill_front(self, w):
        """Rare, so that a front lives long enough to be seen growing."""
        for take in self.player.takes:
            take.may_be_cut = True
        self.base_resumed += int(self.server.metric('generations_resumed_total'))
        yield from chaos.kill_front(w)

    def other_model(self, _):
        with self.server.rpc() as r:
            ident = r.send('rkllm.init', None, {'model_path': self.other}, None)
            yield from chaos.pause(self.rng.random())
            if self.rng.randrange(2):
                r.next(ident)

    def bad_model(self, _):
        with self.server.rpc() as r:
            try:
                r.call('rkllm.init', None, {'model_path': self.bad}, None)
            except RpcError:
                pass
        yield

    def bad_requests(self, _):
        for _ in range(10):
            for where, make in ((self.server.tcp, badrequests.http),
                                (self.server.rpc_path, badrequests.rpc)):
                with Connection(where) as c:
                    try:
                        c.raw(make(self.rng))
                        c.sock.settimeout(0.05)
                        c.sock.recv(1000)
                    except OSError:
                        pass
            yield

    def events(self):
        """(weight, what) of the random events."""
        signals = [getattr(signal, 'SIG' + s) for s in 'SEGV BUS FPE ILL ABRT TRAP SYS'.split()]
        return [(8, kill(signal.SIGKILL)), (4, kill(self.rng.choice(signals))),
                (2, kill_again(1, 0.2)), (2, kill_in('PREFILL', 0.02)), (1, stop_worker),
                (2, self.other_model), (2, self.bad_model), (3, self.bad_requests)]

    # The load

    def add_take(self):
        request, seed = self.rng.choice(ALL), self.rng.randrange(1, 4)
        if (request.name, seed) not in self.refs.known:
            return
        manner = self.rng.choice(MANNERS)
        manner = 'steady' if manner == 'half' and request.path else manner
        want = self.refs.known[request.name, seed]
        leave = self.rng.randrange(1, len(want.events)) if manner == 'vanishes' else None
        take = Take(self.server, request, seed, manner, leave)
        take.may_be_cut = False
        self.wants[take] = want
        self.player.add(take)

    def turn(self):
        for take in self.player.turn():
            self.row.may_cut, want = take.may_be_cut, self.wants.pop(take)
            error = take.said().error or {}
            if error.get('code') in ('worker_crashed', -32006):
                self.row.streams += 1
                self.convicted += 1
                continue
            self.row.judge(take, want, self.exact)
        late = self.player.late(6 * DEADLINE)
        assert not late, f'seed {chaos.SEED}: not over: {late}'

    def load(self, seconds, kill_a_front):
        end = time.monotonic() + seconds
        next_fault = time.monotonic() + self.rng.random()
        next_take = 0.0
        while (now := time.monotonic()) < end:
            if len(self.player.takes) < 12 and now >= next_take:
                self.add_take()
                next_take = now + self.rng.expovariate(8) * SLOW
            if now >= next_fault:
                weights, what = zip(*self.events())
                self.player.start(self.kill_front if kill_a_front
                                  else self.rng.choices(what, weights)[0])
                kill_a_front = False
                next_fault = now + self.rng.expovariate(1 / FAULT_EVERY)
            self.turn()

    def rest(self, minute):
        """Lets everything end, and counts."""
        while self.player.is_busy():
            self.turn()
        # Before what follows, which waits until its connection is gone.
        self.row.resumed = self.base_resumed + int(self.server.metric('generations_resumed_total'))
        with self.server.rpc() as r:
            until(lambda: (s := r.call('bulkhead.status'))['generations'] == 0
                  and s['front']['clients'] == 1 and len(s['models']) == 1
                  and s['models'][0]['state'] == 'up' and len(self.server.children()) == 2,
                  2 * DEADLINE, 0.1)
        front, worker = self.server.front, self.server.worker
        row = self.row
        assert self.server.pid == self.keeper
        self.samples.append((front, [
            f'{minute:.1f}', row.injected, row.streams, row.resumed, row.lost, row.repeated,
            row.differing, row.cut, self.convicted, 1 + len(self.server.children()),
            n_fds(self.keeper),
            # The connection that asked may be closing still.
            rss_kib(self.keeper), settled(lambda: n_fds(front)),
            rss_kib(front), rss_kib(worker)]))
        progress(' '.join(map(str, self.samples[-1][1])))

    def run(self):
        for request in ALL:
            for seed in range(1, 4):
                self.refs.get(self.server, request, seed)
        start, n = time.monotonic(), 0
        self.load(REST / 2, False)
        self.rest(0)
        while (minute := (time.monotonic() - start) / 60) < MINUTES:
            self.load(REST, kill_a_front=n % 10 == 1)
            n += 1
            self.rest((time.monotonic() - start) / 60)
        return minute


def growth(samples):
    """What grew, in words; the first rest is the measure, and a front's own first."""
    found, first = [], dict(zip(COLUMNS, samples[0][1]))
    fronts = {}
    for front, cells in samples:
        now = dict(zip(COLUMNS, cells))
        was = fronts.setdefault(front, now)
        for what, base, room in (('processes', first, 0), ('keeper fds', first, 0),
                                 ('keeper KiB', first, KEEPER_KIB), ('front fds', first, 0),
                                 ('front KiB', was, FRONT_KIB)):
            if now[what] > base[what] + room and not (SANITIZE and 'KiB' in what):
                found.append(f'minute {now["minute"]}: {what} {base[what]} -> {now[what]}')
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--json', action='store_true')
    args = parser.parse_args()
    print(f'CHAOS_SEED={chaos.SEED} CHAOS_MINUTES={MINUTES}', file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended early'))
    options = ('--resume', 'exact') if chaos.server_knows('resume') else ()
    with Server(*OPTIONS, *options, env=chaos.quiet()) as server:
        soak = Soak(server)
        try:
            soak.run()
        finally:
            progress('')
            print_table(COLUMNS, [cells for _, cells in soak.samples], args.json)
    print(f'{soak.row.injected} faults, longest pause {1000 * soak.row.pause:.0f} ms',
          file=sys.stderr)
    grown = growth(soak.samples)
    print('\n'.join(grown), end='\n' if grown else '')
    if grown or soak.row.bad or soak.convicted > 1 + soak.row.streams // 200:
        raise SystemExit(f'seed {chaos.SEED}: {len(grown)} growths, {soak.row.bad} bad '
                         f'streams, {soak.convicted} of {soak.row.streams} convicted')


main()
