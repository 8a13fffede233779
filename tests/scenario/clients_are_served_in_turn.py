#!/usr/bin/env python3
"""A flood of one client costs another at most one request's time, by TCP address and by user."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Http, RpcError, Server, cases, fake_text

FLOOD = 40


def ask(h, seed):
    h.request('POST', '/v1/completions', {'prompt': 'x', 'seed': seed})


def another_client_is_next():
    """Three requests of another wait for three of the flood and the one in the slot, not for 40."""
    script = 'tokens 100\nslots 1\npause 5\nat prompt:HOLD hold'
    with Server('--drain-timeout', '0', fake=script) as s:
        first = s.stream(prompt='HOLD', seed=0)
        rest = [s.http() for _ in range(FLOOD)]
        for i, h in enumerate(rest, 1):
            ask(h, i)
        s.wait_metric('generations_total', 1 + FLOOD)
        with s.rpc() as r, Http(s.http_path) as unix:
            r.init(s.model)
            runs = [r.start('x', seed=100 + i, max_new_tokens=1) for i in range(2)]
            ask(unix, 200)
            s.wait_metric('generations_total', 4 + FLOOD)
            s.go()
            for run in runs:
                assert list(r.replies(run))[-1]['_callback_state'] == 2
            assert unix.reply().status == 200
            # The rest is what may end while we look: each takes half a second.
            assert s.metric('generations_done_total') <= 7 + 10
        assert first.rest() == fake_text(100, 0)
        for h in rest:
            h.close()


def rate_is_a_clients_own():
    with Server('--client-rate', '3', fake='tokens 2') as s, s.rpc() as r:
        for i in range(3):
            assert s.complete(seed=i) == fake_text(2, i)
        got = s.post('/v1/completions', {'prompt': 'x'})
        assert got.status == 429 and got.error['type'] == 'rate_limit_error', got
        assert '3 generations a minute' in got.error['message'], got
        assert 1 <= int(got.headers['retry-after']) <= 20
        r.init(s.model)
        for _ in range(3):
            r.run('x')
        try:
            r.run('x')
            raise AssertionError('it was taken')
        except RpcError as e:
            assert e.code == -32002 and 0 < e.data['retry_after_ms'] <= 20000, e.data
        assert s.metric('refused_rate_total') == 2


def tokens_are_counted_when_they_are_there():
    with Server('--client-tokens', '100', fake='tokens 150') as s:
        assert s.complete(prompt='0123456789', seed=1) == fake_text(150, 1)
        got = s.post('/v1/completions', {'prompt': 'x'})
        assert got.status == 429 and 30 <= int(got.headers['retry-after']) <= 40, got


def retry_after_is_of_the_queue():
    with Server('--queue-max', '4', fake='tokens 10\nslots 1\npause 60\nat prompt:HOLD hold') as s:
        # One request of more than half a second; then four wait.
        s.complete(seed=1)
        first = s.http()
        first.request('POST', '/v1/completions', {'prompt': 'HOLD'})
        s.wait_metric('model_running', 1)
        rest = [s.http() for _ in range(4)]
        for i, h in enumerate(rest):
            ask(h, i)
        s.wait_metric('model_queued', 4)
        got = s.post('/v1/completions', {'prompt': 'x'})
        mean = s.metric('model_service_milliseconds')
        assert mean >= 500, mean
        assert got.status == 429, got
        assert int(got.headers['retry-after']) == -(-mean * 5 // 1000), (got.headers, mean)
        s.go()
        for h in rest + [first]:
            assert h.reply().status == 200


cases(another_client_is_next, rate_is_a_clients_own, tokens_are_counted_when_they_are_there,
      retry_after_is_of_the_queue)
