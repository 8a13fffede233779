#!/usr/bin/env python3
"""The journal holds what runs and no more; what does not fit is refused, and no other suffers."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text, until

MIB = 1 << 20


def held(pid):
    """Bytes of the journal's memory."""
    for fd in os.listdir(f'/proc/{pid}/fd'):
        path = f'/proc/{pid}/fd/{fd}'
        if 'bulkhead-journal' in os.readlink(path):
            return os.stat(path).st_blocks * 512
    raise AssertionError('no journal')


with Server('--journal-max', '8M', '--keepalive-interval', '100ms', '--body-max', '16M',
            fake='tokens 3\ncontext 100000000\nat prompt:HOLD hold') as s:
    assert held(s.front) == MIB
    for i in range(3):
        big = s.stream('HOLD' + 'x' * MIB, seed=i)
        until(lambda: held(s.front) > 5 * MIB)  # the prompt's text and its ids
        got = s.post('/v1/completions', {'prompt': 'x' * 4 * MIB})
        assert got.status in (429, 503) and '--journal-max' in got.error['message'], got
        assert s.complete(seed=5) == fake_text(3, 5)
        big.http.close()
        until(lambda: held(s.front) == MIB)
