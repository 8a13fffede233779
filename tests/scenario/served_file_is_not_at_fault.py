#!/usr/bin/env python3
"""A worker that cannot load a file which has been served is a death: streams wait for the next."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text, until

OUT = 'at load fail out of memory for its context'


def streams_wait():
    with Server(fake=f'tokens 5\nlife 1 at token:2 hold\nlife 2-3 {OUT}') as s:
        stream = s.stream(seed=1).until(2)
        s.kill_worker()
        assert stream.rest() == fake_text(5, 1) and stream.done and not stream.error
        assert s.lives() == 4
        s.wait_log('its worker .* died: out of memory for its context; exited with status 1', 2)
        # Each has an obituary, which says so.
        until(lambda: len(s.crashes()) == 3)
        assert 'out of memory for its context' in s.obituary()['cause'], s.obituary()


def it_is_given_up_for_a_while_at_most():
    with Server('--restart-limit', '3', '--retry-interval', '300ms',
                fake=f'tokens 5\nlife 1 at token:2 hold\nlife 2-6 {OUT}') as s:
        stream = s.stream(seed=1).until(2)
        s.kill_worker()
        assert stream.rest() == fake_text(2, 1)
        assert 'out of memory for its context' in stream.error['message'], stream.error

        def serves():
            got = s.post('/v1/completions', {'prompt': 'x', 'seed': 4})
            assert got.status in (200, 503), got
            return got.status == 200 and got.json['choices'][0]['text']
        assert until(serves) == fake_text(5, 4)


cases(streams_wait, it_is_given_up_for_a_while_at_most)
