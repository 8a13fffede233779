#!/usr/bin/env python3
"""A worker that SIGKILL does not end: nothing starts in its place, nobody waits for it for ever.

A frozen control group (v1) stands in for a device driver that hangs; without one this is skipped.
"""
import concurrent.futures
import contextlib
import os
import sys
import tempfile
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SLOW, RpcError, Server, cases, fake_text, is_alive, until

FREEZER = '/sys/fs/cgroup/freezer'
HANG = 500 * SLOW
FENCED = 10  # seconds from SIGKILL


class Freezer:
    """Processes that no signal reaches, until the block is left."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix='bulkhead-test-', dir=FREEZER)

    def write(self, name, text):
        with open(os.path.join(self.path, name), 'w') as f:
            f.write(text)

    def freeze(self, pid):
        self.write('cgroup.procs', str(pid))
        self.write('freezer.state', 'FROZEN')

    def thaw(self):
        self.write('freezer.state', 'THAWED')

    def __enter__(self):
        return self

    def gone(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.path)
        return not os.path.exists(self.path)

    def __exit__(self, *_):
        self.thaw()
        until(self.gone)


def its_place_stays_empty():
    with Server('--hang-timeout', f'{HANG}ms', fake='tokens 3\nlife 1 at token:2 hold') as s, \
            s.rpc() as r:
        other = s.script('other.gguf', 'tokens 4')
        r.init(other)
        with Freezer() as freezer:
            stream = s.stream(seed=1).until(2)
            pid = s.worker_of('fake')
            freezer.freeze(pid)
            slowest = 0
            while 'SIGKILL does not end it' not in s.log():
                start = time.monotonic()
                assert r.run('x', seed=2)[0] == fake_text(4, 2)
                assert s.get('/health').status == 200
                slowest = max(slowest, time.monotonic() - start)
                time.sleep(0.05)
            print(f'slowest reply of the others: {1000 * slowest:.0f} ms')
            assert stream.rest() == fake_text(2, 1)
            assert 'cannot be killed' in stream.error['message'], stream.error
            got = s.post('/v1/completions', {'model': 'fake', 'prompt': 'x'})
            assert got.status >= 500 and f'pid {pid}' in got.error['message'], got
            assert s.lives() == 1 and is_alive(pid), 'there is a second one'
            assert r.run('x', seed=3)[0] == fake_text(4, 3)
        # Thawed, it dies, and all is well again.
        until(lambda: s.lives() == 2)
        until(lambda: s.post('/v1/completions', {'model': 'fake', 'prompt': 'x'}).status == 200)
        assert s.complete(model='fake', seed=5) == fake_text(3, 5)


def nor_is_its_file_loaded_again():
    with Server(fake='tokens 3') as s, s.rpc() as r:
        path = s.script('dropped.gguf', 'tokens 3')
        r.init(path)
        with Freezer() as freezer:
            freezer.freeze(s.worker_of('dropped'))
            r.call('rkllm.destroy', None)
            s.wait_log('dropped: its worker .* SIGKILL does not end it')
            try:
                r.init(path)
                raise AssertionError('there is a second one')
            except RpcError as e:
                assert 'cannot be killed' in e.message and path in e.message, e
        assert until(lambda: loads(r, path))


def loads(rpc, path):
    try:
        return rpc.init(path)['success']
    except RpcError:
        return False


def the_keeper_does_not_wait_for_it():
    with Server(fake='tokens 3') as s, Freezer() as freezer:
        pid = s.worker
        freezer.freeze(pid)
        start = time.monotonic()
        s.term()
        assert s.proc.wait(60) == 0
        assert FENCED < time.monotonic() - start < FENCED + 20
        assert is_alive(pid)
        freezer.thaw()
        until(lambda: not is_alive(pid))


if not os.access(FREEZER, os.W_OK) or not os.path.isdir(FREEZER):
    print(f'skipped: {FREEZER} is not there or not writable')
    raise SystemExit(77)
try:
    with Freezer():
        pass
except OSError as why:
    print(f'skipped: no control group can be made: {why}')
    raise SystemExit(77)
# Each waits most of the time.
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    list(pool.map(cases, (its_place_stays_empty, nor_is_its_file_loaded_again,
                          the_keeper_does_not_wait_for_it)))
