#!/usr/bin/env python3
"""A worker that dies of anything, anywhere in a stream: the client sees a pause, nothing else."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text

TOKENS = 12
DEATHS = ['submit die KILL', 'started die SEGV', 'frame:1 die ABRT', 'token:1 die BUS',
          'token:2 die FPE', 'token:6 die ILL', 'token:7 die TRAP', 'token:8 die SYS',
          'token:9 exit 0', 'token:10 exit 3', f'token:{TOKENS} die KILL', 'last die SEGV']


def script(deaths):
    lines = [f'life {i} at {death}' for i, death in enumerate(deaths, 1)]
    return '\n'.join([f'tokens {TOKENS}', *lines])


def each_alone_over_http():
    for death in DEATHS:
        with Server('--restart-limit', '1000', fake=script([death])) as s:
            got = s.stream(seed=7)
            assert got.rest() == fake_text(TOKENS, 7), (death, got.texts)
            assert got.done and got.finish == 'stop' and got.error is None, death
            assert s.lives() == 2, death
            assert s.metric('worker_deaths_total') == 1


def all_in_one_stream():
    with Server('--restart-limit', '1000', fake=script(DEATHS)) as s:
        assert s.stream(seed=9).rest() == fake_text(TOKENS, 9)
        assert s.lives() == len(DEATHS) + 1


def over_rpc_and_not_streamed():
    with Server('--restart-limit', '1000', fake=script(DEATHS)) as s:
        with s.rpc() as r:
            r.init(s.model)
            text, last = r.run('Once')
        seed = text.split(':')[0]
        assert text == fake_text(TOKENS, seed), text
        assert last['_callback_state'] == 2
        assert last['perf']['generate_tokens'] == TOKENS, last
        assert s.lives() == len(DEATHS) + 1
    with Server('--restart-limit', '1000', fake=script(DEATHS)) as s:
        assert s.complete(seed=3) == fake_text(TOKENS, 3)


cases(each_alone_over_http, all_in_one_stream, over_rpc_and_not_streamed)
