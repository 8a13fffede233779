#!/usr/bin/env python3
"""SIGTERM before anything is ready, a client that goes while its model loads: all is undone."""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text, until


def before_it_is_ready():
    for signo in signal.SIGTERM, signal.SIGINT:
        with Server(fake='load 60000', wait=False) as s:
            until(lambda: s.lives() == 1)
            s.children()
            s.proc.send_signal(signo)


def with_a_worker_that_hangs():
    with Server(fake='deaf term\nat load stall', wait=False) as s:
        until(lambda: s.lives() == 1)
        s.term()


def client_goes_while_its_model_loads():
    with Server(fake='tokens 2') as s:
        slow = s.script('slow.gguf', 'load 60000')
        r = s.rpc()
        param = r.call('rkllm.createDefaultParam')
        r.send('rkllm.init', None, dict(param, model_path=slow), None)
        until(lambda: os.path.exists(slow + '.life1'))
        s.children()
        assert len(s.children()) == 3
        r.close()
        until(lambda: len(s.children()) == 2)
        assert s.complete(seed=1) == fake_text(2, 1)


cases(before_it_is_ready, with_a_worker_that_hangs, client_goes_while_its_model_loads)
