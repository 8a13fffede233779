#!/usr/bin/env python3
"""A worker that always dies is given up: all who wait are told; later it is tried again."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, fake_text, until

LIMIT = 3
# The first life is good, the next LIMIT die while loading; then it is given up. The tries after
# the pause: one more death, then a good one.
with Server('--restart-limit', str(LIMIT), '--retry-interval', '500ms', fake=f'''
        tokens 6
        life 1 at token:2 hold
        life 2-{LIMIT + 1} at load die SEGV''') as s:
    streams = [s.stream(seed=i).until(2) for i in (1, 2)]
    rpc = s.rpc()
    rpc.init(s.model)
    run = rpc.start('Once')
    s.kill_worker()
    for i, stream in enumerate(streams, 1):
        text = stream.rest()
        assert text == fake_text(2, i), text
        assert stream.error and 'died' in stream.error['message'], stream.error
    try:
        list(rpc.replies(run))
        raise AssertionError('the run ended well')
    except RpcError as e:
        assert e.code == -32006 and 'died' in e.message, e
    assert s.lives() <= LIMIT + 1

    def serves_again():
        got = s.post('/v1/completions', {'prompt': 'x', 'seed': 4})
        if got.status == 200:
            return got.json['choices'][0]['text']
        assert got.status == 503 and got.error['message'], got
        return None
    assert until(serves_again) == fake_text(6, 4)
    with s.rpc() as r:
        r.init(s.model)
        assert r.run('Once')[1]['_callback_state'] == 2
