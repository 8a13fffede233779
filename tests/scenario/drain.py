#!/usr/bin/env python3
"""SIGTERM: no new work, running streams finish, up to --drain-timeout; a second one stops now."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text

HOLD = 'tokens 5\nat token:2 hold'


def running_streams_finish():
    with Server(fake=HOLD) as s:
        stream, idle = s.stream(seed=1).until(2), s.http()
        rpc = s.rpc()
        rpc.init(s.model)
        run = rpc.start('Once')
        for _ in range(2):
            rpc.next(run)
        s.term()
        assert idle.is_closed(), 'an idle connection keeps nobody'
        try:
            rpc.next(rpc.start('more'))
            raise AssertionError('new work was taken')
        except RpcError as e:
            assert e.code == -32002 and 'stopping' in e.message, e
        try:
            s.http().close()
            raise AssertionError('a new connection was taken')
        except ConnectionRefusedError:
            pass
        s.go()
        assert stream.rest() == fake_text(5, 1) and stream.done and stream.error is None
        last = list(rpc.replies(run))[-1]
        assert last['_callback_state'] == 2 and last['perf']['generate_tokens'] == 5, last


def the_rest_is_cut_with_a_clear_word():
    with Server('--drain-timeout', '200ms', fake=HOLD) as s:
        stream, rpc = s.stream(seed=1).until(2), s.rpc()
        plain = s.http()
        plain.request('POST', '/v1/completions', {'prompt': 'x'})
        rpc.init(s.model)
        run = rpc.start('Once')
        for _ in range(2):
            rpc.next(run)
        s.wait_metric('tokens_total', 6)
        s.term()
        assert stream.rest() == fake_text(2, 1)
        assert 'stopping' in stream.error['message'], stream.error
        got = plain.reply()
        assert got.status == 503 and 'stopping' in got.error['message'], got
        try:
            list(rpc.replies(run))
            raise AssertionError('the run ended well')
        except RpcError as e:
            assert 'stopping' in e.message, e


def a_second_signal_stops_now():
    with Server('--drain-timeout', '1h', fake=HOLD) as s:
        stream = s.stream(seed=1).until(2)
        s.term()
        s.wait_log('drain|stopping')
        s.term()
        stream.rest()
        assert 'stopping' in stream.error['message']


def a_stalled_worker_does_not_hold_it_up():
    with Server('--drain-timeout', '200ms', fake='deaf term\nat token:1 stall') as s:
        stream = s.stream(seed=1).until(1)
        s.term()
        stream.rest()
        assert stream.error


def a_worker_that_dies_meanwhile_is_replaced():
    with Server(fake='tokens 5\nlife 1 at token:2 hold') as s:
        stream = s.stream(seed=1).until(2)
        s.term()
        s.wait_log('drain|stopping')
        s.kill_worker()
        assert stream.rest() == fake_text(5, 1) and stream.done and stream.error is None


def nothing_runs():
    with Server(fake='tokens 1') as s:
        s.complete()


cases(running_streams_finish, the_rest_is_cut_with_a_clear_word, a_second_signal_stops_now,
      a_stalled_worker_does_not_hold_it_up, a_worker_that_dies_meanwhile_is_replaced,
      nothing_runs)
