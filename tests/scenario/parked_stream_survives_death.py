#!/usr/bin/env python3
"""Parked streams whose worker dies stay parked in the next, lose nothing, and hold nobody up."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

TOKENS, SIZE = 1000, 10000

with Server('--out-high', '64K', fake=f'tokens {TOKENS}\nlife 1 size {SIZE}') as s:
    slow = [s.stream(seed=i, rcvbuf=4096) for i in (1, 2)]
    s.wait_metric('generations_parked_total', 2)
    s.kill_worker()
    assert s.complete(seed=3) == fake_text(TOKENS, 3)
    for i, stream in enumerate(slow, 1):
        assert stream.rest().replace('.', '') == fake_text(TOKENS, i)
