#!/usr/bin/env python3
"""A grammar that keeps the worker busy for longer than anybody's life: it is ended by SIGABRT, the
request is answered with an error, and the stream beside it goes on, byte for byte."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SLOW, Server

TOKENS = 400
# Each rule has two ways to begin with the next: the search for a rule that begins with itself
# takes all paths.
RULES = 34
POISON = '\n'.join(['root ::= r0', *(f'r{i} ::= r{i + 1} | r{i + 1}' for i in range(RULES)),
                    f'r{RULES} ::= "a"'])


def story(s):
    return s.stream('Tell me a long story.', max_tokens=TOKENS, ignore_eos=True, seed=42,
                    temperature=0.8)


with Server('--restart-limit', '1000000', '--threads', '1', '--hang-timeout',
            f'{500 * SLOW}ms') as s:
    expected = story(s).rest()
    beside = story(s).until(3)
    got = s.post('/v1/completions', {'prompt': 'x', 'max_tokens': 5, 'grammar': POISON})
    assert got.status >= 500, got
    assert 'worker' in got.error['message'], got
    assert beside.rest() == expected
    assert beside.done and beside.error is None, beside.error
    s.wait_log('no progress for [0-9]+ ms in phase submit; killed by SIGABRT')
    assert story(s).rest() == expected
