#!/usr/bin/env python3
"""Rows of a prompt from workers that die, give way or do not listen: what comes is whole, and what
it costs is bounded."""
import array
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, RpcError, Server, cases, rss_kib
from rows import HIDDEN, LOGITS, PLACES, Line, MemfdClient, start

DEATHS = '''
life 1 at token:3 die KILL
life 2 at frame:4 die SEGV
life 3 at started die KILL
life 4 at token:9 exit 3
life 5 at last die KILL
'''


def row(i, n_cols):
    return [i + j / 1024 for j in range(n_cols)]


def check(rpc, ident, n, n_cols, mode=HIDDEN):
    data, last = rpc.replies(ident)
    place, inner, size = PLACES[mode]
    assert data[place][size] == n_cols and data[place]['num_tokens'] == n
    want = [x for i in range(n) for x in row(i, n_cols)]
    assert list(array.array('f', data[place][inner])) == want
    assert last['perf']['prefill_tokens'] == n


def whoever_dies():
    """Each row once, in order; as JSON and as a memfd."""
    for form in 'json', 'memfd':
        with Server('--restart-limit', '100', fake='embd 8\nrows 1' + DEATHS) as s, s.rpc() as rpc:
            rpc.init('')
            ident = start(rpc, list(range(12)), HIDDEN, arrays=form)
            if form == 'json':
                check(rpc, ident, 12, 8)
            else:
                _, f = MemfdClient(rpc).array(HIDDEN)
                with f:
                    got = array.array('f', f.read())
                assert list(got) == [x for i in range(12) for x in row(i, 8)]
            assert s.lives() == 6


def a_parked_one_gives_its_slot_away():
    """It needs none while nobody reads; it goes on behind what was delivered."""
    with Server('--out-high', '64K', '--parallel', '1',
                fake='vocab 20000\nrows 4\ntokens 20') as s, s.rpc(rcvbuf=4096) as slow:
        slow.init('')
        start(slow, list(range(400)), LOGITS)
        line = Line(slow.file, LOGITS)
        s.wait_metric('generations_parked_total', 1)
        with s.rpc() as other:
            other.init('')
            assert len(list(other.replies(other.start('x')))) == 21
        s.wait_metric('generations_yielded_total', 1)
        at = 0
        for got in line.each():
            for x in got:
                assert abs(x - (at // 20000 + at % 20000 / 1024)) < 0.01, at
                at += 1
        assert line.tail()['logits']['num_tokens'] == 400 and at == 400 * 20000


def cut_short(line, n_most):
    """The line is whole, and its rows; then comes an error."""
    got = [x for piece in line.each() for x in piece]
    n = line.tail()['last_hidden_layer']['num_tokens']
    assert 0 < n < n_most and got == [x for i in range(n) for x in row(i, 4)]
    return line.lines(1)[0]['error']


def a_deadline_ends_the_line_first():
    with Server(fake='pause 20') as s, s.rpc() as rpc:
        rpc.init('')
        start(rpc, list(range(1000)), HIDDEN, timeout_ms=500)
        error = cut_short(Line(rpc.file, HIDDEN), 1000)
        assert error['code'] == -32002 and error['data']['field'] == 'timeout_ms', error


def a_stop_ends_the_line_first():
    with Server('--drain-timeout', '300ms', fake='pause 20') as s, s.rpc() as rpc:
        rpc.init('')
        start(rpc, list(range(1000)), HIDDEN)
        line = Line(rpc.file, HIDDEN)
        s.term()
        error = cut_short(line, 1000)
        assert error['code'] == -32002 and 'stopping' in error['message'], error
        s.wait()


def a_model_that_is_given_up_ends_the_line_first():
    with Server('--restart-limit', '1', fake='pause 5\nat token:20 die SEGV') as s, s.rpc() as rpc:
        rpc.init('')
        start(rpc, list(range(1000)), HIDDEN)
        error = cut_short(Line(rpc.file, HIDDEN), 1000)
        assert error['code'] == -32006, error


def one_that_does_not_park_is_bounded():
    """The client's buffer has a ceiling; others are served."""
    with Server('--out-high', '64K', fake='vocab 100000\ndeaf park\ntokens 3') as s:
        idle = rss_kib(s.front)
        with s.rpc(rcvbuf=4096) as slow:
            slow.init('')
            start(slow, list(range(3000)), LOGITS)
            s.wait_metric('generations_cancelled_total', 1)
        with s.rpc() as rpc:
            rpc.init('')
            assert len(list(rpc.replies(rpc.start('x')))) == 4
        if not SANITIZE:
            assert rss_kib(s.front) - idle < 64 * 1024


def rows_that_come_too_early_are_not_gathered():
    """Of a second run, whose worker goes on although it was told to wait."""
    with Server(fake='vocab 100000\ndeaf park') as s, s.rpc() as rpc:
        rpc.init('')
        first = start(rpc, list(range(40)), LOGITS)  # 16 MB each
        second = start(rpc, list(range(40)), LOGITS)
        n = len(list(rpc.replies(first)))
        assert n == 2
        try:
            list(rpc.replies(second))
        except RpcError as error:
            assert error.code == -32002, error
        else:
            raise AssertionError('not refused')
        assert rpc.call('rkllm.is_running', None)['is_running'] is False


cases(whoever_dies, a_parked_one_gives_its_slot_away, a_deadline_ends_the_line_first,
      a_stop_ends_the_line_first, a_model_that_is_given_up_ends_the_line_first,
      one_that_does_not_park_is_bounded, rows_that_come_too_early_are_not_gathered)
