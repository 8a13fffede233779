#!/usr/bin/env python3
"""Who asks for a model that is left alone is told when it is tried again, and that is so."""
import os
import shutil
import sys
import tempfile
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import DEADLINE, RpcError, Server, cases, fake_text, until


def http_wait(s, **body):
    """Seconds that a refusal asks for; None if there is none."""
    got = s.post('/v1/completions', dict(body, prompt='x', seed=1))
    if got.status == 200:
        return None
    assert got.status == 503 and 'tried again in' in got.error['message'], got
    wait = int(got.headers['retry-after'])
    assert f'in {wait} s' in got.error['message'], got
    return wait


def rpc_wait(what):
    try:
        what()
    except RpcError as e:
        assert e.code in (-32001, -32006), e
        return e.data['retry_after_ms'] / 1000
    return None


def falls(ask, least, most):
    """What two that ask one after the other are told lies so far apart as they do."""
    first, began = ask(), time.monotonic()
    assert least <= first <= most, first
    until(lambda: ask() <= first - 2, 4)
    assert time.monotonic() - began > 0.9


def of_a_model_that_is_given_up():
    """Its worker dies at each start since it was served: the circuit is open."""
    with Server('--restart-limit', '3', '--retry-interval', '5s',
                fake='tokens 5\nlife 2-5 at load die SEGV') as s, s.rpc() as r:
        r.init(s.model)
        s.kill_worker()
        s.wait_log('died 3 times, .*tried again in 5 s')
        given_up = time.monotonic()
        falls(lambda: http_wait(s), 4, 5)
        assert 0 < rpc_wait(lambda: r.run('x')) < 4.2
        with s.rpc() as other:
            assert 0 < rpc_wait(lambda: other.init(s.model)) < 4.2
        health = s.get('/health')
        assert health.status == 503 and 1 <= int(health.headers['retry-after']) <= 4, health
        # It is tried then, dies, and is left alone for twice as long.
        s.wait_log('died 4 times, .*tried again in 10 s')
        assert 4.8 < time.monotonic() - given_up < 5 + DEADLINE / 3
        assert 6 <= http_wait(s) <= 10


def of_a_file_in_quarantine():
    with Server('--retry-interval', '3s', fake='tokens 5') as s, s.rpc() as r:
        bad = s.script('bad.gguf', 'life 1-2 at load die SEGV\ntokens 2')
        assert 2 < rpc_wait(lambda: r.init(bad)) <= 3
        began = time.monotonic()
        time.sleep(0.01)  # the answers count in milliseconds
        assert 0 < rpc_wait(lambda: r.init(shutil.copy(bad, bad + '2'))) < 3
        time.sleep(rpc_wait(lambda: r.init(bad)))  # what it asked for
        assert rpc_wait(lambda: r.init(bad)) is None
        assert time.monotonic() - began < 3 + DEADLINE / 3


def of_a_file_of_a_folder():
    """Loaded because of a request by HTTP; nobody tries it before somebody asks again."""
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder:
        with open(os.path.join(folder, 'bad.gguf'), 'w') as f:
            f.write('GGUF\nlife 1-2 at load die SEGV\ntokens 2\n')
        with Server('--retry-interval', '4s', '--models-dir', folder, models=[],
                    fake_worker=True) as s:
            falls(lambda: http_wait(s, model='bad'), 3, 4)
            until(lambda: http_wait(s, model='bad') is None)
            assert s.complete(model='bad', seed=1) == fake_text(2, 1)


cases(of_a_model_that_is_given_up, of_a_file_in_quarantine, of_a_file_of_a_folder)
