#!/usr/bin/env python3
"""SIGTERM again and again until the end, or before the start: it ends by itself, with status 0."""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import DEADLINE, Server, cases


def again_and_again():
    for i in range(10):
        with Server(fake='tokens 5\nat token:2 hold') as s:
            stream = s.stream(seed=1).until(2)
            s.children()
            while s.proc.poll() is None:
                s.proc.send_signal((signal.SIGTERM, signal.SIGINT)[i % 2])
            stream.rest()


def before_it_began():
    """It lies there, blocked, when the program starts."""
    for signo in signal.SIGTERM, signal.SIGINT:
        code = ('import signal, os, sys\n'
                f'signal.pthread_sigmask(signal.SIG_BLOCK, [{signo:d}])\n'
                f'os.kill(os.getpid(), {signo:d})\n'
                'os.execvp(sys.argv[1], sys.argv[1:])')
        with Server(fake='tokens 5', wrap=(sys.executable, '-c', code), wait=False) as s:
            assert s.proc.wait(DEADLINE) == 0, s.proc.returncode


cases(again_and_again, before_it_began)
