#!/usr/bin/env python3
"""A file that kills its workers is given up after two, however it is called, until it changes."""
import os
import shutil
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text, until

BAD = 'load 20\nat load die SEGV'


def refused(rpc, path):
    try:
        rpc.init(path)
    except RpcError as e:
        assert e.code == -32001 and path in e.message and 'SIGSEGV' in e.message, e
        return e.message
    raise AssertionError(f'{path} was loaded')


def lives(path):
    folder, name = os.path.split(path)
    return sum(n.startswith(name + '.life') for n in os.listdir(folder))


def by_content():
    with Server(fake='tokens 3') as s, s.rpc() as r, s.rpc() as other:
        bad = s.script('bad.gguf', BAD)
        copy = shutil.copy(bad, os.path.join(s.dir, 'copy.gguf'))
        stream = s.stream(seed=1)
        waiting = [rpc.send('rkllm.init', None, {'model_path': bad}, None) for rpc in (r, other)]
        for rpc, ident in zip((r, other), waiting):
            try:
                rpc.next(ident)
                raise AssertionError('it was loaded')
            except RpcError as e:
                assert e.code == -32001 and 'died 2 times' in e.message, e
        assert lives(bad) == 2
        for _ in range(5):
            said = refused(r, bad)
            assert 'tried again in' in said and 'crash' in said, said
            refused(other, copy)
        assert lives(bad) == 2 and lives(copy) == 0, 'it was tried again'
        # Mended, it is tried at once.
        s.script('bad.gguf', 'tokens 2')
        r.init(bad)
        assert r.run('Once')[1]['perf']['generate_tokens'] == 2
        assert stream.rest() == fake_text(3, 1)


def it_is_tried_again():
    with Server('--retry-interval', '400ms', fake='tokens 3') as s, s.rpc() as r:
        # It is the machine that was at fault: later all is well.
        path = s.script('later.gguf', 'life 1-2 at load die SEGV')
        refused(r, path)

        def loads():
            try:
                return r.init(path)['success']
            except RpcError as e:
                assert lives(path) == 2, e
                return False
        assert until(loads)
        assert lives(path) == 3


def one_that_was_served_is_not_a_bad_file():
    with Server('--restart-limit', '5', fake='tokens 3\nlife 2-4 at load die KILL') as s:
        s.kill_worker()
        until(lambda: s.lives() == 5)
        assert s.complete(seed=1) == fake_text(3, 1)


def a_worker_that_cannot_start_speaks_against_no_file():
    """As where the engine's libraries are not readable: the loader says so, and exits 127."""
    with Server(fake='tokens 3') as s, s.rpc() as r:
        path = s.script('good.gguf', 'tokens 2')
        worker = os.path.join(s.dir, 'libexec', 'bulkhead-worker')
        os.rename(worker, worker + '.whole')
        with open(worker, 'w') as f:
            f.write('#!/bin/sh\necho "error while loading shared libraries" >&2\nexit 127\n')
        os.chmod(worker, 0o755)
        try:
            r.init(path)
            raise AssertionError('it was loaded')
        except RpcError as e:
            assert e.code == -32001 and 'before it could read a file' in e.message, e
            assert 'a library is missing' in e.message and 'status 127' in e.message, e
            assert worker in e.message and path not in e.message, e
        assert 'error while loading shared libraries' in s.log()
        os.rename(worker + '.whole', worker)
        assert r.init(path)['success'] is True


cases(by_content, it_is_tried_again, a_worker_that_cannot_start_speaks_against_no_file,
      one_that_was_served_is_not_a_bad_file)
