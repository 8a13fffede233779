#!/usr/bin/env python3
"""One worker for a file however many use it, none when nobody does, never more than allowed."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, until


def refused(r, path):
    try:
        r.init(path)
    except RpcError as e:
        return e
    raise AssertionError(f'{path} was loaded')


with Server('--models-max', '2', fake='tokens 2') as s:
    one, two = s.script('one.gguf', 'tokens 3'), s.script('two.gguf', 'tokens 4')
    os.symlink(one, one + '.link')
    a, b, c = s.rpc(), s.rpc(), s.rpc()
    a.init(one)
    b.init(os.path.join(s.dir, '.', 'one.gguf'))
    c.init(one + '.link')
    assert len(s.children()) == 3, s.children()
    assert not os.path.exists(one + '.life2') and not os.path.exists(one + '.link.life1')
    for r in a, b, c:
        assert r.run('x')[1]['perf']['generate_tokens'] == 3
    e = refused(b, two)
    assert e.code == -32002 and '2' in e.message, e
    assert b.run('x')[1]['perf']['generate_tokens'] == 3, 'it has lost the model that it had'
    a.call('rkllm.destroy', None)
    b.close()
    assert c.run('x')[1]['perf']['generate_tokens'] == 3
    c.init(s.model)  # replaces the one that only c has now
    until(lambda: len(s.children()) == 2)
    a.init(two)
    assert a.run('x')[1]['perf']['generate_tokens'] == 4
    assert [m['name'] for m in s.status()['models']] == ['fake', 'two']
    # The configuration's model stays, whoever destroys it.
    c.call('rkllm.destroy', None)
    assert s.complete(seed=1, model='fake').startswith('1:0 ')
    got = s.post('/v1/completions', {'prompt': 'x', 'model': one})
    assert got.status == 404, got
