#!/usr/bin/env python3
"""Slow readers that have all slots give them to who waits, and lose nothing."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, Stream, cases, fake_text

SLOTS = 2
STORY = {'prompt': 'Once', 'max_tokens': 800, 'ignore_eos': True, 'logprobs': 20}


def by_turns():
    """The fake worker; many that wait, and the slow ones come back in between."""
    tokens = 1000
    with Server('--out-high', '64K', '--parallel', str(SLOTS),
                fake=f'tokens {tokens}\nsize 10000') as s:
        slow = [s.stream(seed=i, rcvbuf=4096) for i in range(SLOTS)]
        s.wait_metric('generations_parked_total', SLOTS)
        waiting = [s.stream(seed=10 + i) for i in range(3)]
        for i, stream in enumerate(waiting):
            assert stream.rest().replace('.', '') == fake_text(tokens, 10 + i)
        assert s.metric('generations_yielded_total') >= 1
        waiting = [s.stream(seed=20 + i) for i in range(3)]
        for i, stream in enumerate(slow):
            assert stream.rest().replace('.', '') == fake_text(tokens, i)
        for i, stream in enumerate(waiting):
            assert stream.rest().replace('.', '') == fake_text(tokens, 20 + i)
        assert 'CANCEL' in s.log() and s.metric('generations_cancelled_total') == 0


def byte_for_byte():
    """The real one, which is killed while they have no slot. On Unix sockets, which hold little."""
    with Server('--out-high', '16K', '--parallel', str(SLOTS)) as s:
        want = [s.complete(seed=i, **STORY) for i in range(SLOTS)]
        slow = [Stream(s.http_path, '/v1/completions', {**STORY, 'seed': i}) for i in range(SLOTS)]
        s.wait_metric('generations_parked_total', SLOTS)
        for i in range(SLOTS):
            assert s.complete(seed=i, **STORY) == want[i]
        assert s.metric('generations_yielded_total') >= 1
        s.kill_worker()
        assert [stream.rest() for stream in slow] == want
        assert s.metric('resumes_differed_total') == 0


def only_for_who_waits():
    with Server('--out-high', '64K', '--parallel', '2', fake='tokens 1000\nsize 10000') as s:
        slow = s.stream(seed=1, rcvbuf=4096)
        s.wait_metric('generations_parked_total', 1)
        for i in range(3):
            assert s.stream(seed=i).rest().replace('.', '') == fake_text(1000, i)
        assert slow.rest().replace('.', '') == fake_text(1000, 1)
        assert s.metric('generations_yielded_total') == 0


cases(by_turns, byte_for_byte, only_for_who_waits)
