#!/usr/bin/env python3
"""The user may have no more processes (RLIMIT_NPROC): what serves goes on, what dies comes late."""
import os
import resource
import signal
import subprocess
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, SANITIZE, Http, RpcError, Server, cases, fake_text, until
from launch import can

# It does not bind root: then somebody who has no process yet.
USER = None if os.geteuid() else 61000 + os.getpid() % 4000
AS_USER = () if USER is None else ('setpriv', f'--reuid={USER}', f'--regid={USER}',
                                   '--clear-groups')


class Users(Server):
    def __init__(self, *options, wrap=(), **more):
        super().__init__(*options, wrap=(*AS_USER, *wrap), **more)

    def fake_bin(self, *worker):
        """All that was made by now is the user's."""
        folder = super().fake_bin(*worker)
        for path in [self.dir] + [os.path.join(self.dir, name) for name in os.listdir(self.dir)]:
            os.chown(path, USER or -1, USER or -1)
        return folder

    def may_fork(self, yes):
        n = resource.getrlimit(resource.RLIMIT_NPROC)[1] if yes else 1
        subprocess.run([*AS_USER, 'prlimit', f'--pid={self.pid}', f'--nproc={n}:'], check=True)


def ticks(pid):
    """Processor time used, in ticks."""
    with open(f'/proc/{pid}/stat') as f:
        return sum(map(int, f.read().rpartition(')')[2].split()[11:13]))


def a_worker_comes_when_it_can():
    with Users(fake='tokens 5\nlife 1 at token:2 hold') as s:
        stream = s.stream(seed=1).until(2)
        s.may_fork(False)
        s.kill_worker()
        s.wait_log('cannot start bulkhead-worker .*fork: Resource temporarily unavailable', 4)
        s.wait_log('no obituary')
        before = ticks(s.pid)
        assert s.get('/health').status in (200, 503)
        time.sleep(0.5)  # it may only be seen not to spin
        assert ticks(s.pid) - before < 10
        s.may_fork(True)
        assert stream.rest() == fake_text(5, 1) and stream.done and not stream.error
        assert 'gave up' not in s.log()


def a_front_comes_when_it_can():
    with Users(fake='tokens 5') as s:
        s.may_fork(False)
        os.kill(s.front, signal.SIGKILL)
        s.wait_log('cannot start bulkhead-front', 3)
        waiting = Http(s.tcp)  # in the queue of the listening socket
        waiting.request('GET', '/health')
        s.may_fork(True)
        assert waiting.reply().status == 200
        assert s.complete(seed=1) == fake_text(5, 1)


def a_client_of_a_new_model_is_told():
    with Users('--restart-limit', '2', fake='tokens 5') as s, s.rpc() as r:
        path = s.script('other.gguf', 'tokens 2')
        s.may_fork(False)
        try:
            r.init(path)
            raise AssertionError('it was loaded')
        except RpcError as e:
            assert 'no process could be started' in e.message, e
        assert s.complete(seed=1) == fake_text(5, 1)
        s.may_fork(True)
        r.init(path)


def it_does_not_start():
    for n in 1, 2:
        with Users(fake='tokens 5', wait=False, expect=None, wrap=('prlimit', f'--nproc={n}')) as s:
            until(lambda: s.proc.poll() is not None)
            assert s.proc.returncode in (1, 5) and ' error: ' in s.log(), s.log()
            assert not [name for name in os.listdir(s.dir) if '.sock' in name]


if not can(*AS_USER, 'test', '-x', os.path.join(BIN, 'bulkhead')):
    raise SystemExit(77)
# The last: LeakSanitizer makes a process of its own at the end.
cases(a_worker_comes_when_it_can, a_front_comes_when_it_can, a_client_of_a_new_model_is_told,
      *([] if SANITIZE else [it_does_not_start]))
