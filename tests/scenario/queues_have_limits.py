#!/usr/bin/env python3
"""Over --queue-max and --client-queue-max a request is refused at once; the rest are served."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text

ONE_SLOT = 'tokens 5\nslots 1\nat token:2 hold'


def of_a_model():
    with Server('--queue-max', '3', fake=ONE_SLOT) as s:
        first = s.stream(seed=0).until(2)
        waiting = []
        for i in range(1, 4):
            h = s.http()
            h.request('POST', '/v1/completions', {'prompt': 'x', 'seed': i})
            waiting.append(h)
        s.wait_metric('generations_total', 4)
        got = s.post('/v1/completions', {'prompt': 'x'})
        assert got.status == 429 and got.error['type'] == 'rate_limit_error', got
        assert int(got.headers['retry-after']) >= 1
        s.go()
        assert first.rest() == fake_text(5, 0)
        for i, h in enumerate(waiting, 1):
            assert h.reply().json['choices'][0]['text'] == fake_text(5, i)


def full_queue_has_room_for_another_client():
    """Who has most in it gives one up; the new one is not refused."""
    with Server('--queue-max', '3', fake=ONE_SLOT) as s, s.rpc() as r:
        first = s.stream(seed=0).until(2)
        waiting = [s.http() for _ in range(3)]
        for i, h in enumerate(waiting, 1):
            h.request('POST', '/v1/completions', {'prompt': 'x', 'seed': i})
            s.wait_metric('generations_total', 1 + i)
        r.init(s.model)
        run = r.start('x', seed=9)
        got = waiting[2].reply()
        assert got.status == 429 and got.error['code'] == 'rate_limit_exceeded', got
        s.go()
        assert first.rest() == fake_text(5, 0)
        assert ''.join(x['text'] or '' for x in r.replies(run)) == fake_text(5, 9)
        for i, h in enumerate(waiting[:2], 1):
            assert h.reply().json['choices'][0]['text'] == fake_text(5, i)


def of_a_connection():
    with Server('--client-queue-max', '2', fake=ONE_SLOT) as s, s.rpc() as r:
        r.init(s.model)
        runs = [r.start('x') for _ in range(2)]
        s.wait_metric('generations_total', 2)
        try:
            r.run('x')
            raise AssertionError('it was taken')
        except RpcError as e:
            assert e.code == -32002 and '2' in e.message, e
        s.go()
        for run in runs:
            assert list(r.replies(run))[-1]['perf']['generate_tokens'] == 5


cases(of_a_model, full_queue_has_room_for_another_client, of_a_connection)
