#!/usr/bin/env python3
"""A model file that changes under its worker: nothing of the new one gets into an old stream.

Who wants to write waits until the worker is dead, where the kernel can do that; else the change
is found soon after. Neither when it grows nor when it is overwritten in place with as many bytes,
while all of its streams run; and another front in between makes no difference.
"""
import contextlib
import os
import signal
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text

SCRIPT = 'GGUF\ntokens 5\nat token:2 hold\n'
N = 4


@contextlib.contextmanager
def server(is_held, *options):
    """is_held: somebody has it open for writing since before, so that no lease can be had."""
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder:
        path = os.path.join(folder, 'fake.gguf')
        with open(path, 'w') as f:
            f.write(SCRIPT)
        with open(path, 'r+') if is_held else contextlib.nullcontext(), \
                Server(*options, models=[path], fake_worker=True) as s:
            yield s


def grow(model):
    with open(model, 'a') as f:
        f.write('tokens 50\n')


def overwrite(model):
    with open(model, 'r+') as f:
        text = f.read()
        f.seek(0)
        f.write(text.replace('tokens 5', 'tokens 9'))


def grows(is_held):
    with server(is_held) as s:
        stream = s.stream(seed=1).until(2)
        grow(s.model)
        assert stream.rest() == fake_text(2, 1), stream.texts
        assert 'changed' in stream.error['message'] and s.model in stream.error['message']
        # Who asks for it again gets what it is now.
        s.go()
        assert s.get('/health').status == 200
        assert s.complete(seed=2, max_tokens=9) == fake_text(9, 2)


def is_overwritten(is_held):
    with server(is_held, '--parallel', str(N)) as s:
        streams = [s.stream(seed=i).until(2) for i in range(N)]
        overwrite(s.model)
        for i, stream in enumerate(streams):
            assert stream.rest() == fake_text(2, i), stream.texts
            assert 'changed' in stream.error['message'], stream.error
        os.kill(s.front, signal.SIGKILL)
        assert s.get('/health').status == 200
        assert not os.path.exists(s.model + '.life2'), 'nobody has asked for it'
        s.go()
        assert s.complete(seed=9) == fake_text(9, 9)


def the_worker_dies_then(is_held):
    """The new file is seen by a worker that takes the place of a dead one."""
    with server(is_held) as s:
        stream = s.stream(seed=1).until(2)
        os.kill(s.pid, signal.SIGSTOP)
        try:
            if is_held:
                overwrite(s.model)
            s.kill_worker()
        finally:
            os.kill(s.pid, signal.SIGCONT)
        if not is_held:
            overwrite(s.model)
        assert stream.rest() == fake_text(2, 1), stream.texts
        assert 'changed' in stream.error['message'], stream.error


for is_held in (False, True):
    cases(grows, is_overwritten, the_worker_dies_then, args=(is_held,))
