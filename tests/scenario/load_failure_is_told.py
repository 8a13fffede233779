#!/usr/bin/env python3
"""What a worker says of a file it cannot serve reaches the client, once, and is not tried again."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, fake_text, until

with Server('--restart-limit', '2', '--retry-interval', '100ms', fake='tokens 3') as s, \
        s.rpc() as r, s.rpc() as other:
    bad = s.script('bad.gguf', 'load 50\nat load fail tensor blk.0 is not there')
    for rpc in r, other:
        try:
            rpc.init(bad)
            raise AssertionError('it was loaded')
        except RpcError as e:
            assert e.code == -32001, e
            assert 'tensor blk.0 is not there' in e.message and bad in e.message, e
    assert not os.path.exists(bad + '.life3'), 'it was tried again'
    # The file is mended: the next who asks gets it. The others never noticed.
    os.unlink(bad)
    s.script('bad.gguf', 'tokens 2')
    assert r.init(bad)['success'] is True
    assert r.run('Once')[1]['perf']['generate_tokens'] == 2
    assert s.complete(seed=2) == fake_text(3, 2)
    # One that crashes is given up, and forgotten with the last who wanted it.
    crashing = s.script('crashing.gguf', 'at load die SEGV')
    for i in range(1, 10):
        try:
            other.init(crashing)
            raise AssertionError('it was loaded')
        except RpcError as e:
            assert e.code == -32001 and 'SIGSEGV' in e.message, e
        until(lambda: [m['name'] for m in s.status()['models']] == ['fake', 'bad'])
        assert not os.path.exists(f'{crashing}.life{2 * i + 1}'), 'it is tried for nobody'
