#!/usr/bin/env python3
"""A worker that dies inside a frame, at each byte of it: nothing is misread, lost or sent twice."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

BYTES = 40  # header 16; generation 8, token 4, flags 1, length 4, text 5, padding 2


def cut(n):
    """In life n, one token more than the life before, then n - 1 bytes of the next one."""
    return f'life {n} at frame:{n + 1} cut {n - 1}'


lines = [cut(n) for n in range(1, BYTES + 2)]
with Server('--restart-limit', '1000', fake='\n'.join([f'tokens {BYTES + 3}', *lines])) as s:
    got = s.stream(seed=5)
    assert got.rest() == fake_text(BYTES + 3, 5), got.texts
    assert got.done and got.error is None
    assert s.lives() == BYTES + 2, s.lives()
    assert s.metric('worker_deaths_total') == BYTES + 1
