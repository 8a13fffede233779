#!/usr/bin/env python3
"""A request that kills every worker it meets costs four of them; those beside it finish exactly."""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text, until

DEATHS, INNOCENTS, TOKENS = 4, 31, 200


def script(fault):
    return f'tokens {TOKENS}\nslots 64\npause 5\nat {fault}'


def is_convicted(got):
    assert got.status == 500, got
    assert got.headers['x-should-retry'] == 'false', got.headers
    assert got.error['code'] == 'worker_crashed' and 'kills the worker' in got.error['message'], got
    assert got.error['crash_id'], got
    return True


def with_innocents():
    with Server(fake=script('prompt:POISON die SEGV')) as s:
        others = [s.stream(seed=i).until(1) for i in range(1, INNOCENTS + 1)]
        is_convicted(s.post('/v1/completions', {'prompt': 'a POISON', 'seed': 99}))
        for i, stream in enumerate(others, 1):
            assert stream.rest() == fake_text(TOKENS, i), stream.texts
            assert stream.done and stream.error is None
        assert s.metric('worker_deaths_total') <= DEATHS
        assert s.metric('convictions_total') == 1
        assert s.complete(seed=8) == fake_text(TOKENS, 8)


def that_begins_well():
    """It kills at its 150th token; the others never get that far."""
    with Server(fake=script('frame:150 die ABRT')) as s:
        bad = s.stream(seed=99).until(60)
        others = [s.stream(seed=i, max_tokens=100) for i in range(1, 7)]
        assert bad.rest() == fake_text(149, 99), bad.texts
        assert 'kills the worker' in bad.error['message'] and not bad.finish
        assert s.metric('worker_deaths_total') <= DEATHS
        for i, stream in enumerate(others, 1):
            assert stream.rest() == fake_text(100, i) and stream.done


def again_and_again():
    """The same request is not tried again; others of its kind slow their sender down."""
    with Server(fake=script('prompt:POISON die SEGV')) as s:
        bad = {'prompt': 'a POISON', 'max_tokens': 5}
        is_convicted(s.post('/v1/completions', bad))
        got = s.post('/v1/completions', dict(bad, seed=7))
        assert got.status == 500 and 'this very request' in got.error['message'], got
        assert s.metric('worker_deaths_total') == DEATHS
        assert s.complete(seed=8, max_tokens=2) == fake_text(2, 8)
        is_convicted(s.post('/v1/completions', {'prompt': 'b POISON'}))
        got = s.post('/v1/completions', {'prompt': 'innocent'})
        assert got.status == 429 and int(got.headers['retry-after']) == 1, got
        # Another client is not slowed down.
        with s.rpc() as r:
            r.init(s.model)
            assert r.run('innocent')[1]['_callback_state'] == 2
            try:
                r.run('POISON')
                raise AssertionError('it was taken')
            except RpcError as e:
                assert e.code == -32006 and e.data['crash_id'], e.data
        # Twelve deaths in no time, and the model was never given up.
        assert s.metric('worker_deaths_total') == 3 * DEATHS


def two_at_once():
    with Server(fake=script('prompt:POISON die SEGV')) as s:
        others = [s.stream(seed=i).until(1) for i in range(1, 6)]
        bad = [s.http() for _ in range(2)]
        for i, h in enumerate(bad):
            h.request('POST', '/v1/completions', {'prompt': f'{i} POISON'})
        for h in bad:
            is_convicted(h.reply())
        for i, stream in enumerate(others, 1):
            assert stream.rest() == fake_text(TOKENS, i)
        assert s.metric('worker_deaths_total') <= 2 * DEATHS


def killed_by_somebody_else():
    """Before its first token, more often than would convict it: it is innocent."""
    n, killed = 2 * DEATHS, set()
    fake = f'tokens {TOKENS}\nlife 1-{n} at started stall'
    with Server('--restart-limit', '100', '--hang-timeout', '0', fake=fake) as s, s.http() as h:
        h.request('POST', '/v1/completions', {'prompt': 'innocent', 'seed': 5})

        def busy_worker():
            m = s.status()['models'][0]
            return m['state'] == 'up' and m['running'] and m['pid'] not in killed and m['pid']
        for _ in range(n):
            killed.add(pid := until(busy_worker))
            os.kill(pid, signal.SIGKILL)
        assert h.reply().json['choices'][0]['text'] == fake_text(TOKENS, 5)
        assert s.metric('convictions_total') == 0


cases(with_innocents, that_begins_well, again_and_again, two_at_once, killed_by_somebody_else)
