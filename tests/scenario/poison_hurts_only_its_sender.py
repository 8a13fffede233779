#!/usr/bin/env python3
"""A request that kills every worker it meets is given up; those beside it finish exactly."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

with Server('--restart-limit', '1000', fake='''
        tokens 200
        pause 5
        at prompt:POISON die SEGV''') as s:
    others = [s.stream(seed=i).until(1) for i in range(1, 6)]
    got = s.post('/v1/completions', {'prompt': 'a POISON', 'seed': 99})
    assert got.status == 503, got
    assert got.error['code'] == 'worker_crashed' and 'died' in got.error['message'], got
    for i, stream in enumerate(others, 1):
        assert stream.rest() == fake_text(200, i)
        assert stream.done and stream.error is None
    assert s.lives() <= 6, s.lives()
    assert s.complete(seed=8) == fake_text(200, 8)
