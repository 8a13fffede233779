#!/usr/bin/env python3
"""The time of day leaps by ten years, there and back, at each look: only who shows it notices.

It leaps in keeper, front and worker at once; each has a file of its own with how often it asked.
"""
import os
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text, until
from inject import LIBRARY, NAMES, preload

YEARS_S = 9 * 365 * 24 * 3600
HOLD = 'tokens 6\nat token:2 hold'


class Leaping(Server):
    """worker: the fake one, or bulkhead-worker."""

    def __init__(self, *options, worker='fake-worker', **more):
        self.worker_exe = worker
        how = {} if 'fake' in more else {'fake_worker': True}
        super().__init__('--jail', 'off', *options, **how, **more, launch=self.with_leaps)

    def leaps(self, who):
        with open(os.path.join(self.dir, f'{who}.counts'), 'wb') as f:
            f.write(bytes(4096))
        return {'LD_PRELOAD': LIBRARY, 'INJECT_CLOCK': '1', 'INJECT_COUNTS': f.name}

    def with_leaps(self, args, env):
        return args, dict(env, **self.leaps('keeper'))

    def fake_bin(self, _=None):
        folder = super().fake_bin(self.worker_exe)
        for who in 'front', 'worker':
            preload(folder, f'bulkhead-{who}', self.leaps(who))
        return folder

    def looks(self, who):
        """How often it asked for the time of day."""
        with open(os.path.join(self.dir, f'{who}.counts'), 'rb') as f:
            return memoryview(f.read(4096)).cast('I')[len(NAMES)]


def they_leap():
    """What is only shown does, and shows that the library works; the uptime is reckoned."""
    with Leaping(fake='tokens 2') as s:
        made = [s.post('/v1/completions', {'prompt': 'x'}).json['created'] for _ in range(8)]
        assert max(made) - min(made) > YEARS_S, made
        for i in range(4):
            s.kill_worker()
            until(lambda i=i: s.lives() == i + 2)
        until(lambda: len(s.crashes()) == 4)
        years = {int(name[:4]) for name in s.crashes()}
        assert max(years) - min(years) >= 9, years
        assert s.status()['uptime_s'] < 1000, s.status()
        assert s.looks('keeper') > 4 and s.looks('front') > 8


def streams_and_restarts():
    for worker, model in ('fake-worker', {'fake': 'tokens 60\npause 1'}), ('bulkhead-worker', {}):
        with Leaping(worker=worker, **model) as s:
            want = s.complete(seed=1, max_tokens=60)
            for i in range(4):
                stream = s.stream(seed=1, max_tokens=60).until(3)
                began = time.monotonic()
                s.kill_worker()
                assert stream.rest() == want and time.monotonic() - began < 5
            front = s.front
            os.kill(front, signal.SIGKILL)
            until(lambda: s.front != front, 5)
            assert s.complete(seed=1, max_tokens=60) == want
            with s.rpc() as r:
                r.init(s.model)
                assert r.run('Once')[1]['_callback_state'] == 2
            # A chat template may ask for the date.
            assert s.post('/v1/chat/completions', {'messages': [
                {'role': 'user', 'content': 'x'}], 'max_tokens': 5}).status == 200
            assert s.looks('worker') > 0 or worker == 'fake-worker'


def deadlines():
    with Leaping('--hang-timeout', '1h', fake=HOLD) as s:
        held = s.stream(seed=1, timeout_ms=3600000, queue_timeout_ms=3600000).until(2)
        for _ in range(5):
            began = time.monotonic()
            got = s.post('/v1/completions', {'prompt': 'x', 'timeout_ms': 300})
            took = time.monotonic() - began
            assert got.status == 504 and 0.29 < took < 3, (got, took)
        s.go()
        assert held.rest() == fake_text(6, 1) and held.done


def quarantine():
    with Leaping('--retry-interval', '1s', fake='tokens 3') as s, s.rpc() as r:
        path = s.script('later.gguf', 'life 1-2 at load die SEGV')

        def loads():
            try:
                return r.init(path)['success']
            except RpcError:
                return False
        assert not loads()
        began = time.monotonic()
        until(loads, 10)
        took = time.monotonic() - began
        assert 0.9 < took < 5 and os.path.exists(path + '.life3'), took


def hangs():
    with Leaping('--hang-timeout', '500ms', fake='tokens 20\npause 50') as s:
        assert s.stream(seed=1).rest() == fake_text(20, 1)
        worker = s.worker
        stream = s.stream(seed=2).until(3)
        assert s.worker == worker and 'hang' not in s.log(), s.log()
        began = time.monotonic()
        s.kill_worker(signal.SIGSTOP)
        assert stream.rest() == fake_text(20, 2)
        assert time.monotonic() - began < 10 and 'hang: no progress' in s.log()


cases(they_leap, streams_and_restarts, deadlines, quarantine, hangs)
