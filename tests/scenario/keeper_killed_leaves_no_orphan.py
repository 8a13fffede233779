#!/usr/bin/env python3
"""kill -9 of the keeper, at any time: front and workers are gone, even one that is stuck."""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, is_alive, until


def dies(script, start):
    with Server(fake=script, expect=None) as s:
        stream = start(s)
        pids = list(s.children())
        assert len(pids) == 2, s.children()
        os.kill(s.pid, signal.SIGKILL)
        until(lambda: not any(map(is_alive, pids)))
        stream.http.close()


def while_streaming():
    dies('tokens 5\nat token:2 hold', lambda s: s.stream(seed=1).until(2))


def while_a_worker_is_stuck():
    dies('deaf term\nat token:1 stall', lambda s: s.stream(seed=1).until(1))


def while_a_worker_is_stopped():
    def start(s):
        stream = s.stream(seed=1).until(2)
        s.kill_worker(signal.SIGSTOP)
        return stream
    dies('tokens 5\nat token:2 hold', start)


cases(while_streaming, while_a_worker_is_stuck, while_a_worker_is_stopped)
