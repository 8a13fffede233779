#!/usr/bin/env python3
"""Nothing waits longer than was said: in the queue, for a first token, in all."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text

HOLD = 'tokens 5\nslots 1\nat token:2 hold'


def rpc_fails(r, run, text):
    try:
        got = list(r.replies(run))
    except RpcError as e:
        assert e.code == -32002 and text in e.message and e.data['field'] == text, (e, e.data)
        return e
    raise AssertionError(f'it ended well: {got}')


def in_the_queue():
    with Server('--queue-timeout', '300ms', fake=HOLD) as s, s.rpc() as r:
        first = s.stream(seed=1).until(2)
        got = s.post('/v1/completions', {'prompt': 'x', 'queue_timeout_ms': 100})
        assert got.status == 504 and got.error['code'] == 'timeout', got
        assert got.error['param'] == 'queue_timeout_ms' and '0.100 s' in got.error['message'], got
        assert int(got.headers['retry-after']) >= 1
        r.init(s.model)
        e = rpc_fails(r, r.start('x', queue_timeout_ms=60000), 'queue_timeout_ms')
        assert '0.300 s' in e.message and e.data['retry_after_ms'] >= 1000, e
        s.go()
        assert first.rest() == fake_text(5, 1)


def to_the_first_token():
    with Server(fake='tokens 5\nat started hold') as s, s.rpc() as r:
        got = s.post('/v1/completions', {'prompt': 'x', 'first_token_timeout_ms': 100})
        assert got.status == 504 and got.error['param'] == 'first_token_timeout_ms', got
        assert got.headers['x-should-retry'] == 'false'
        r.init(s.model)
        rpc_fails(r, r.start('x', first_token_timeout_ms=100), 'first_token_timeout_ms')
        s.wait_log('GEN_CANCEL', 2)


def in_all():
    with Server('--total-timeout', '400ms', fake=HOLD) as s, s.rpc() as r:
        stream = s.stream(seed=1)
        assert stream.rest() == fake_text(2, 1)
        assert stream.error['param'] == 'timeout_ms' and 'not complete' in stream.error['message']
        assert not stream.done and not stream.finish
        r.init(s.model)
        run = r.start('x', seed=2, timeout_ms=200)
        assert [r.next(run)['text'] for _ in range(2)] == ['2:0 ', '2:1 ']
        rpc_fails(r, run, 'timeout_ms')
        s.wait_log('GEN_CANCEL', 2)
        s.go()
        assert s.complete(seed=3) == fake_text(5, 3), 'the only slot is still taken'


def while_there_is_no_worker():
    with Server('--load-timeout', '1m', fake=f'{HOLD}\nlife 2- load 60000') as s:
        stream = s.stream(seed=1, timeout_ms=1000).until(2)
        s.kill_worker()
        got = s.post('/v1/completions', {'prompt': 'x', 'queue_timeout_ms': 100})
        assert got.status == 504, got
        assert stream.rest() == fake_text(2, 1) and stream.error['param'] == 'timeout_ms'


def as_llama_server_has_it():
    """t_max_predict_ms is no error: it ends as by max_tokens, but only after a newline."""
    with Server(fake='tokens 200\npause 2') as s:
        assert s.complete(seed=1, t_max_predict_ms=1) == fake_text(200, 1)


cases(in_the_queue, to_the_first_token, in_all, while_there_is_no_worker, as_llama_server_has_it)
