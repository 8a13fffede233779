#!/usr/bin/env python3
"""A model file that changed under its worker is loaded as it is now for the next who asks.

Whoever asks meanwhile waits for that one load. One that cannot be loaded is not tried more often
than a worker that dies, and who asks is told when.
"""
import os
import sys
import tempfile
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text, until

N = 6


def change(s, path, text):
    """As an editor does that writes in place; returns when its worker is gone."""
    s.script(os.path.basename(path), text)
    name = os.path.basename(path)[:-len('.gguf')]
    until(lambda: 'failed' in [m['state'] for m in s.status()['models'] if m['name'] == name])


def rename_over(path, text):
    with open(path + '.new', 'w') as f:
        f.write('GGUF\n' + text + '\n')
    os.rename(path + '.new', path)


def all_wait_for_one_load():
    with Server(fake='tokens 5') as s, s.rpc() as r:
        r.init(s.model)
        change(s, s.model, 'tokens 7\nload 300')
        assert s.get('/health').status == 200
        streams = [s.stream(seed=i) for i in range(N)]
        assert r.run('x', seed=N)[0] == fake_text(7, N)
        for i, stream in enumerate(streams):
            assert stream.rest() == fake_text(7, i), stream.error
        assert s.lives() == 2, 'one load for each'


def what_cannot_be_loaded_is_left_alone_for_a_while():
    with Server(fake='tokens 5') as s, s.rpc() as r:
        r.init(s.model)
        change(s, s.model, 'at load fail tensor blk.0 is not there')
        began, n, refused = time.monotonic(), 0, 0
        while time.monotonic() - began < 2:
            got = s.post('/v1/completions', {'prompt': 'x'})
            assert got.status == 503 and 'blk.0' in got.error['message'], got
            assert 1 <= int(got.headers['retry-after']) <= 5, got
            n += 1
            refused += s.get('/health').status == 503
        # 100 ms, then twice as long each time; the load itself takes none.
        assert n > 10 and refused > 0 and 3 <= s.lives() <= 7, (n, refused, s.lives())
        try:
            r.run('x')
            raise AssertionError('it was computed')
        except RpcError as e:
            assert 'blk.0' in e.message, e
        rename_over(s.model, 'tokens 6')
        time.sleep(int(got.headers['retry-after']))
        assert s.complete(seed=3) == fake_text(6, 3)
        assert r.run('x', seed=4)[0] == fake_text(6, 4)


def one_that_is_gone():
    """It is said so, and served when it is there again."""
    with Server(fake='tokens 5') as s:
        change(s, s.model, 'tokens 7')
        os.unlink(s.model)
        got = s.post('/v1/completions', {'prompt': 'x'})
        assert got.status == 503 and 'no such file' in got.error['message'], got
        rename_over(s.model, 'tokens 6')
        until(lambda: s.post('/v1/completions', {'prompt': 'x'}).status == 200)


def one_that_a_client_named():
    """A run has it loaded for those who use it, and not for longer."""
    with Server(fake='tokens 5') as s, s.rpc() as r:
        own = s.script('own.gguf', 'tokens 3')
        r.init(own)
        change(s, own, 'tokens 4')
        assert r.run('x', seed=1)[0] == fake_text(4, 1)
        r.call('rkllm.destroy', None)
        until(lambda: [m['name'] for m in s.status()['models']] == ['fake'])
        assert s.complete(seed=1) == fake_text(5, 1)


def one_that_was_given_up():
    """What is there when its pause is over is what is tried."""
    with Server('--retry-interval', '1s', fake='tokens 5\nlife 2- at load die SEGV') as s:
        assert s.complete(seed=1) == fake_text(5, 1)
        s.kill_worker()
        until(lambda: s.get('/health').status == 503)
        rename_over(s.model, 'tokens 6')
        until(lambda: s.get('/health').status == 200)
        assert s.complete(seed=2) == fake_text(6, 2)


def an_adapter_that_changed():
    """It is looked at when a worker dies; the streams of the old one end."""
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder:
        lora = os.path.join(folder, 'lora.gguf')
        rename_over(lora, 'one')
        with Server('--lora', lora, fake='tokens 5\nlife 1 at token:2 hold') as s:
            stream = s.stream(seed=1).until(2)
            os.truncate(lora, 8)
            s.kill_worker()
            stream.rest()
            assert lora in stream.error['message'] and 'changed' in stream.error['message'], stream
            assert s.complete(seed=2) == fake_text(5, 2)
            # One that is gone is no matter before a worker has to be given it anew.
            os.unlink(lora)
            s.kill_worker()
            assert s.complete(seed=3) == fake_text(5, 3)


cases(all_wait_for_one_load, what_cannot_be_loaded_is_left_alone_for_a_while, one_that_is_gone,
      one_that_a_client_named, one_that_was_given_up, an_adapter_that_changed)
