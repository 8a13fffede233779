#!/usr/bin/env python3
"""HTTP/1.1 by raw sockets: pipelining, keep-alive, Expect, deadlines, half-close, split input."""
import json
import os
import socket
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Http, Server, cases

ASK = {'prompt': 'Once', 'max_tokens': 4, 'seed': 1, 'temperature': 0}
BODY = json.dumps(ASK).encode()
POST = (b'POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
        b'Content-Length: %d\r\n\r\n' % len(BODY)) + BODY
CHUNKED = (b'POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
           + b''.join(b'1;ext=1\r\n%c\r\n' % c for c in BODY) + b'0\r\nTrailer: x\r\n\r\n')
GET = b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'


def text_of(reply):
    assert reply.status == 200, reply
    return reply.json['choices'][0]['text']


def keep_alive_and_pipelining(s):
    with s.http() as h:
        for _ in range(3):
            h.send(POST)
            said = text_of(h.reply())
        h.send((POST + GET + CHUNKED) * 5)
        for _ in range(5):
            assert text_of(h.reply()) == said
            assert h.reply().status == 200
            assert text_of(h.reply()) == said
    with s.http() as h:  # a stream in the middle of a pipeline
        h.request('POST', '/v1/completions', dict(ASK, stream=True))
        h.send(GET)
        assert h.head()[0] == 200
        assert list(h.events())[-1] == '[DONE]'
        assert h.reply().status == 200


def split_anywhere(s):
    """Whatever the pieces, the answer is the same."""
    for data in POST, CHUNKED:
        with s.http() as h:
            h.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in data:
                h.send(bytes([byte]))
            said = text_of(h.reply())
            for at in range(1, len(data), 7):
                h.send(data[:at])
                h.send(data[at:])
                assert text_of(h.reply()) == said, at


def versions_and_closing(s):
    with s.http() as h:
        h.send(b'GET /health HTTP/1.0\r\n\r\n')
        assert h.reply().status == 200 and h.is_closed()
    with s.http() as h:
        h.send(b'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        got = h.reply()
        assert got.headers['connection'] == 'close' and h.is_closed()
    with s.http() as h:
        # 1.0 knows no chunks: a stream ends with the connection.
        h.send(POST.replace(b'/1.1', b'/1.0').replace(b'"seed": 1', b'"stream":1')
               .replace(b'"stream":1', b'"seed": 1'))
        assert text_of(h.reply()) and h.is_closed()


def expect_continue(s):
    head, body = POST.split(b'\r\n\r\n', 1)
    head = head + b'\r\nExpect: 100-continue\r\n\r\n'
    with s.http() as h:
        h.send(head)
        assert h.reply().status == 100
        h.send(body)
        assert text_of(h.reply())
        h.send(head + body)  # a client that does not wait may or may not see the 100
        got = h.reply()
        assert text_of(h.reply() if got.status == 100 else got)
        h.send(head.replace(b'100-continue', b'200-maybe'))
        assert h.reply().status == 417 and h.is_closed()
    with s.http() as h:  # refused before the body is sent
        h.send(b'POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n'
               b'Expect: 100-continue\r\n\r\n')
        assert h.reply().status == 413


def routes(s):
    for method, path, status in (
            ('GET', '/health', 200), ('HEAD', '/health', 200), ('GET', '/v1/models', 200),
            ('GET', '/v1/models/demo', 200), ('GET', '/v1/models/none', 404),
            ('GET', '/metrics', 200), ('GET', '/nothing', 404), ('GET', '/v1/completions', 405),
            ('DELETE', '/health', 405), ('OPTIONS', '/v1/completions', 204), ('GET', '/', 200),
            ('GET', '/health?x=1', 200), ('GET', '/../etc/passwd', 404)):
        with s.http() as h:
            h.request(method, path)
            if method == 'HEAD':
                assert h.head()[0] == status
                h.send(GET)
                assert h.head()[0] == 200, 'HEAD had a body'
                continue
            got = h.reply()
            assert got.status == status, (method, path, got)
            assert status != 405 or got.headers['allow'], got
            assert status < 400 or got.error['message'], got


def limits(s):
    with s.http() as h:
        h.send(b'GET /health HTTP/1.1\r\nHost: x\r\nX: ' + b'x' * 40000 + b'\r\n\r\n')
        assert h.reply().status == 431
    with s.http() as h:
        h.send(b'GET /' + b'x' * 20000 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
        assert h.reply().status == 414
    with s.http() as h:
        h.send(b'POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n')
        got = h.reply()
        assert got.status == 413 and 'bytes' in got.error['message'], got
    with s.http() as h:
        h.send(b'POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        try:
            for _ in range(40):
                h.send(b'%x\r\n' % 500000 + b' ' * 500000 + b'\r\n')
        except OSError:
            pass  # it has said no already
        assert h.reply().status == 413


def slow_sender(s):
    for part in b'GET /hea', POST[:-5], CHUNKED[:-20]:
        with s.http() as h:
            h.send(part)
            got = h.reply()
            assert got.status == 408 and h.is_closed(), got
    with s.http() as h:  # nothing sent at all: closed in the end, without a word
        assert h.is_closed()


def half_close(s):
    with s.http() as h:
        h.send(POST + GET)
        h.sock.shutdown(socket.SHUT_WR)
        assert text_of(h.reply()) and h.reply().status == 200 and h.is_closed()
    with s.http() as h:
        h.send(POST[:-3])
        h.sock.shutdown(socket.SHUT_WR)
        assert h.reply().status == 400 and h.is_closed()


def unix_socket(s):
    with Http(s.http_path) as h:
        h.send(POST)
        assert text_of(h.reply())


def slow_reader(s):
    """With --limit-rate as curl has it: a stream of some 100 KB at 20 KB/s, in small bites."""
    ask = dict(ASK, max_tokens=400, ignore_eos=True, stream=True)
    with s.http(rcvbuf=2048) as h, s.http() as fast:
        h.request('POST', '/v1/completions', ask)
        assert h.head()[0] == 200
        fast.request('POST', '/v1/completions', ask)
        fast.head()
        expected = [json.loads(e)['choices'] for e in fast.events() if e != '[DONE]']
        assert [json.loads(e)['choices'] for e in h.events() if e != '[DONE]'] == expected


def errors_leave_the_connection(s):
    with s.http() as h:
        for body in b'', b'{', b'[]', b'{"prompt":1}', b'{"prompt":"x","n":0}':
            h.request('POST', '/v1/completions', body)
            assert h.reply().status == 400
        h.send(POST)
        assert text_of(h.reply())


with Server() as server:
    cases(keep_alive_and_pipelining, split_anywhere, versions_and_closing, expect_continue, routes,
          limits, half_close, unix_socket, slow_reader, errors_leave_the_connection,
          args=(server,))
with Server('--request-timeout', '300ms', '--idle-timeout', '300ms') as server:
    cases(slow_sender, args=(server,))
