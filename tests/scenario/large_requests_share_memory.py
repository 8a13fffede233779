#!/usr/bin/env python3
"""What clients are sending has one bound (--input-max): the front does not grow past it, who hits
it is told, a client cannot take it all, and small requests never notice."""
import contextlib
import os
import select
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Http, Server, cases, fake_text, rss_kib, until

MIB = 1 << 20
MAX, BIG, SENDERS = 32, 7, 30  # MiB, MiB of each, how many
HEAD = b'POST /v1/completions HTTP/1.1\r\nHost: x\r\n'
SLACK = 12  # MiB: buffers in use, the journal's first pages


def grown(s, before):
    return (rss_kib(s.front) - before) / 1024


def check_memory(s, before, most):
    """With a sanitizer its own memory is what one would measure."""
    assert SANITIZE or grown(s, before) < most, f'the front has grown by {grown(s, before):.0f} MiB'


def is_ended(h):
    """Closed or, where it has sent too much for that, reset."""
    try:
        return h.is_closed()
    except ConnectionError:
        return True


def send_part(c, head, n):
    """Sends head and n MiB, never the end."""
    with contextlib.suppress(ConnectionError):
        c.raw(head)
        for _ in range(n):
            c.raw(b'x' * MIB)
    return c


def refused_of(s, senders, was):
    """Those that have been told, once all are that have to be."""
    n = SENDERS - MAX // 2 // BIG
    until(lambda: s.metric('refused_input_total') - was == n)
    told = select.select([c.sock for c in senders], [], [], 0)[0]
    assert len(told) == n, len(told)
    return [c for c in senders if c.sock in told]


def has_room_again(s, before):
    until(lambda: s.metric('input_bytes') == 0)
    check_memory(s, before, SLACK)
    for where in s.tcp, s.http_path:
        with Http(where) as h:
            h.request('POST', '/v1/completions', {'prompt': 'x' * 2 * MIB, 'seed': 3})
            got = h.reply()
            assert got.status == 200 and got.json['choices'][0]['text'] == fake_text(3, 3), got


def others_are_served(s):
    """Small ones of everybody, large ones of another client."""
    assert s.complete(seed=4) == fake_text(3, 4)
    assert s.complete('x' * 60000, seed=4) == fake_text(3, 4)
    with s.rpc() as r:
        r.ping()
    with Http(s.http_path) as h:
        h.request('POST', '/v1/completions', {'prompt': 'x' * 2 * MIB, 'seed': 5})
        assert h.reply().status == 200


def http_bodies(s, before):
    head = HEAD + b'Content-Length: 16000000\r\n\r\n'
    was = s.metric('refused_input_total')
    senders = [send_part(s.http(), head, BIG) for _ in range(SENDERS)]
    refused = refused_of(s, senders, was)
    check_memory(s, before, MAX // 2 + SLACK)
    others_are_served(s)
    for h in refused:
        got = h.reply()
        assert got.status == 503 and '(--input-max)' in got.error['message'], got
        assert int(got.headers['retry-after']) == 1 and is_ended(h)
    for h in senders:
        h.close()
    has_room_again(s, before)


def chunked_bodies_that_never_end(s, before):
    head = HEAD + b'Transfer-Encoding: chunked\r\n\r\nF00000\r\n'
    senders = [send_part(s.http(), head, BIG) for _ in range(SENDERS)]
    check_memory(s, before, MAX // 2 + SLACK)
    others_are_served(s)
    for h in senders:
        h.close()
    has_room_again(s, before)


def rpc_messages(s, before):
    was = s.metric('refused_input_total')
    senders = [send_part(s.rpc(), b'["', BIG) for _ in range(SENDERS)]
    refused = refused_of(s, senders, was)
    check_memory(s, before, MAX // 2 + SLACK)
    with s.rpc() as small:
        small.ping()
    with s.http() as h:  # another client: TCP
        h.request('POST', '/v1/completions', {'prompt': 'x' * 2 * MIB})
        assert h.reply().status == 200
    # The message is lost, the connection is not.
    for r in refused:
        got = r.line()
        assert got['error']['code'] == -32002 and got['id'] is None, got
        assert '(--input-max)' in got['error']['message'], got
        assert got['error']['data']['retry_after_ms'] == 1000
        r.raw(b'"]\n')
        r.ping()
    for r in senders:
        r.close()
    has_room_again(s, before)


with Server('--input-max', f'{MAX}M', '--request-timeout', '10m',
            fake='tokens 3\ncontext 100000000') as s:
    has_room_again(s, 1 << 40)
    until(lambda: s.metric('generations') == 0)
    cases(http_bodies, chunked_bodies_that_never_end, rpc_messages, args=(s, rss_kib(s.front)))
