#!/usr/bin/env python3
"""A worker that breaks the protocol is killed and replaced; streams go on, others never notice."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text, stat_of

PLACES = {'submit': ['token'], 'started': ['others', 'unknown'],
          'done': ['done', 'stranger'],
          'token:2': ['garbage', 'oversize', 'short', 'leftover', 'reason', 'stranger', 'fd',
                      'keeper-garbage']}
LIES = [(place, lie) for place, lies in PLACES.items() for lie in lies]
lines = [f'life {i} at {place} send {lie}' for i, (place, lie) in enumerate(LIES, 1)]


def breaks_the_protocol():
    with Server('--restart-limit', '1000', fake='\n'.join(['tokens 6', 'pause 5', *lines])) as s:
        good = s.script('good.gguf', 'tokens 4\nat token:2 hold')
        with s.rpc() as r:
            r.init(good)
            run = r.start('Once')
            beside = [r.next(run) for _ in range(2)]
            workers = {pid for pid, name in s.children().items() if name == 'bulkhead-worker'}
            for i, (place, lie) in enumerate(LIES, 1):
                got = s.stream(seed=i)
                text = got.rest()
                assert text == fake_text(6, i) and got.error is None, (place, lie, text, got.error)
                # The lie after GEN_DONE is found when the stream is already over.
                s.wait_metric('worker_deaths_total', i)
            assert s.lives() >= len(LIES)
            assert any(map(stat_of, workers)), 'the good one was replaced'
            open(good + '.go', 'w').close()
            beside += r.replies(run)
            assert beside[-1]['perf']['generate_tokens'] == 4, beside[-1]


def lies_within_the_protocol():
    """Bytes that are no text, alternatives that cannot be read: the client still gets JSON."""
    with Server(fake='tokens 4\nat token:2 send utf8\nat token:3 send flags') as s:
        for logprobs in None, 2:
            got = s.stream(seed=1, logprobs=logprobs)
            assert '1:3 ' in got.rest() and got.done, got.texts
        assert s.lives() == 1


cases(breaks_the_protocol, lies_within_the_protocol)
