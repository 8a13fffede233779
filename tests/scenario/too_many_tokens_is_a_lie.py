#!/usr/bin/env python3
"""A worker that never stops sending cannot fill the front: past the context it is killed."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

with Server('--restart-limit', '1000', fake='''
        tokens 6
        context 100
        life 1 at token:2 send flood''') as s:
    got = s.stream('four', seed=1)
    got.rest()
    lies = sum(t.count('lie ') for t in got.texts)
    assert lies <= 100 - 4 + 1, lies
    assert s.lives() == 2
    # What was sent cannot be taken back, but the next stream is whole.
    assert s.complete(seed=2) == fake_text(6, 2)
