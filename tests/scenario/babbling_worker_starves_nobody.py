#!/usr/bin/env python3
"""A worker that never stops sending frames takes its turns, not those of everyone else."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

with Server(fake='tokens 4\nlife 1 at token:2 send babble') as s:
    good = s.script('good.gguf', 'tokens 50')
    with s.rpc() as r:
        r.init(good)
        stream = s.stream(seed=1).until(2)
        for _ in range(20):
            assert s.get('/health').status == 200
            assert r.run('Once')[1]['perf']['generate_tokens'] == 50
    s.wait_log('babble')
    if s.lives() == 1:
        s.kill_worker()
    assert stream.rest() == fake_text(4, 1)
