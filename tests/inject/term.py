#!/usr/bin/env python3
"""SIGTERM at the n-th call of the system in the keeper, for each n: status 0, nothing left."""
import os
import random
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from inject import (ERRORS, NEVER, PATIENCE, SECONDS, Bad, Faulty, check_left, http_stream,
                    rpc_stream, wait_ready)

CALLS = ('malloc', 'open', 'openat', 'socket', 'memfd_create', 'mmap', 'fork', 'pipe2',
         'socketpair', 'epoll_create1', 'epoll_ctl', 'epoll_wait', 'fcntl', 'pidfd_open', 'read',
         'write', 'sendmsg', 'recvmsg', 'bind', 'listen', 'setsockopt', 'readlink', 'prctl')


def live(s):
    """A start, two streams, a worker's death between them."""
    if not wait_ready(s):
        return
    try:
        http_stream(s, PATIENCE)
        s.kill_any_worker()
        rpc_stream(s, PATIENCE)
    except (*ERRORS, OSError):
        pass  # it may be gone
    s.children()


def one(name, n):
    """How often each was called; whether it had got so far that it could end in good order."""
    s = Faulty('keeper', {'INJECT': f'{name}:{n}:term:0'}, wait=False)
    s.may_die_of = ['KILL']  # that one is ours
    try:
        live(s)
        if s.proc.poll() is None and s.calls()[name] < n:
            s.term()
        code = s.proc.wait(PATIENCE)
        if code == -signal.SIGTERM and s.log() == '':
            return s.calls(), False  # it was no keeper yet
        if code != 0:
            raise Bad(f'exit status {code}')
        check_left(s)
        return s.calls(), True
    except BaseException as why:
        print(f'{name} {n}: {why!r}', flush=True)
        s.kill()
        raise
    finally:
        s.remove()


def main():
    start, failed, early = time.monotonic(), [], 0
    calls = one('malloc', NEVER)[0]
    work = [(name, n) for name in CALLS for n in range(1, calls[name] + 1)]
    random.shuffle(work)
    for done, (name, n) in enumerate(work, 1):
        try:
            early += not one(name, n)[1]
        except Exception as why:
            failed.append((name, n, repr(why)))
        if SECONDS and time.monotonic() - start > SECONDS:
            break
    print(f'{done} of {len(work)} places, {early} before it had begun, {len(failed)} bad')
    if failed:
        raise SystemExit('\n'.join(map(str, failed[:20])))


main()
