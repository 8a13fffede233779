#!/usr/bin/env python3
"""A worker that loads and gets nowhere is killed at --load-timeout; one that gets on is not."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, fake_text

with Server('--load-timeout', '1s', '--restart-limit', '1', '--retry-interval', '1h',
            fake='tokens 3') as s, s.rpc() as r:
    try:
        r.init(s.script('stuck.gguf', 'deaf term\nat load stall'))
        raise AssertionError('it was loaded')
    except RpcError as e:
        assert e.code in (-32001, -32006) and 'stuck' in e.message, e
    assert s.complete(seed=1) == fake_text(3, 1)
    r.init(s.script('slow.gguf', 'load 2500'))  # its progress page moves all the time
    assert r.run('x')[1]['_callback_state'] == 2
    assert not os.path.exists(os.path.join(s.dir, 'slow.gguf.life2'))
