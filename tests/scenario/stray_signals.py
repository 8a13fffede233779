#!/usr/bin/env python3
"""Signals that mean nothing end nobody; those that do mean something still do."""
import os
import signal
import stat
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, cases, fake_text, is_alive, until

STRAY = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF,
         signal.SIGIO, signal.SIGPWR, signal.SIGXFSZ, signal.SIGTTOU, signal.SIGHUP,
         signal.SIGWINCH, signal.SIGURG, signal.SIGCONT, signal.SIGCHLD,
         *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)]


def ignored(status):
    """Without the two that are glibc's own: below a posix_spawn() (make's) they are ignored."""
    mask = int(next(line.split()[1] for line in status.splitlines() if 'SigIgn' in line), 16)
    return {n for n in range(1, 65) if mask >> (n - 1) & 1} - {32, 33}


def nobody_dies_of_one():
    """The real worker too."""
    with Server() as s:
        want = s.complete(seed=1, max_tokens=30)
        pids = [s.pid, s.front, s.worker]
        stream = s.stream(seed=1, max_tokens=30).until(1)
        for signo in STRAY:
            for pid in pids:
                os.kill(pid, signo)
        for pid in pids[1:]:
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        assert stream.rest() == want
        assert [s.pid, s.front, s.worker] == pids and 'died' not in s.log(), s.log()
        assert s.complete(seed=1, max_tokens=30) == want


def a_stop_of_all_at_once_is_the_keepers():
    """As a service manager sends it: the streams still have their time to end."""
    with Server('--threads', '1', '--threads-batch', '1') as s:
        want = s.complete(seed=1, max_tokens=200)
        stream = s.stream(seed=1, max_tokens=200).until(3)
        for pid in s.worker, s.front, s.pid:
            os.kill(pid, signal.SIGTERM)
        assert stream.rest() == want and not stream.error
        s.wait()
        assert 'died' not in s.log(), s.log()


def one_that_swallows_the_keepers_does_no_harm():
    """Two of a kind that wait are one to the kernel: the worker hears of the first."""
    with Server('--threads', '1', '--threads-batch', '1') as s:
        worker = s.worker
        os.kill(worker, signal.SIGSTOP)
        os.kill(worker, signal.SIGTERM)
        s.term()
        s.wait_log('model demo: unloading')
        began = time.monotonic()
        os.kill(worker, signal.SIGCONT)
        s.wait()
        assert SANITIZE or time.monotonic() - began < 1.5, 'it had to be killed'


def a_child_begins_without_ours():
    def spy(args, env):
        front = os.path.join(args[args.index('--libexec') + 1], 'bulkhead-front')
        real = os.readlink(front)
        os.remove(front)
        with open(front, 'w') as f:
            f.write(f'#!/bin/sh\ncat /proc/$$/status >"{front}.status"\nexec "{real}"\n')
        os.chmod(front, stat.S_IRWXU)
        return args, env
    with Server(fake='tokens 1', launch=spy) as s:
        with open(os.path.join(s.dir, 'libexec', 'bulkhead-front.status')) as f:
            assert ignored(f.read()) == {signal.SIGPIPE}
        with open(f'/proc/{s.front}/status') as f:
            assert ignored(f.read()) >= {signal.SIGUSR1, signal.SIGRTMIN, signal.SIGPIPE}


def what_asks_for_an_end_still_does():
    with Server(fake='tokens 5\nlife 1 at token:2 hold', expect=-signal.SIGQUIT) as s:
        stream = s.stream(seed=1).until(2)
        s.kill_worker(signal.SIGQUIT)
        assert stream.rest() == fake_text(5, 1)
        front = s.front
        os.kill(front, signal.SIGQUIT)
        until(lambda: not is_alive(front))
        assert s.complete(seed=1)
        pids = dict(s.children())
        s.proc.send_signal(signal.SIGQUIT)
        s.proc.wait()
        until(lambda: not any(map(is_alive, pids)))


cases(nobody_dies_of_one, a_stop_of_all_at_once_is_the_keepers,
      one_that_swallows_the_keepers_does_no_harm, a_child_begins_without_ours,
      what_asks_for_an_end_still_does)
