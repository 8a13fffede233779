#!/usr/bin/env python3
"""Requests with ambiguous or broken framing: each is refused, and no second request runs."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server

# What would run if the first request were taken to end early.
SECOND = b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'
HOST = b'Host: x\r\n'
POST = b'POST /v1/completions HTTP/1.1\r\n'
GET = b'GET /health HTTP/1.1\r\n'
TE = b'Transfer-Encoding: chunked\r\n'
JSON = b'{"prompt":"x","max_tokens":1}'
CL = b'Content-Length: %d\r\n' % len(JSON)

BAD = {
    'CL and TE': POST + HOST + CL + TE + b'\r\n0\r\n\r\n',
    'TE and CL': POST + HOST + TE + CL + b'\r\n0\r\n\r\n',
    'two different CL': POST + HOST + CL + b'Content-Length: 3\r\n\r\n' + JSON,
    'two equal CL': POST + HOST + CL + CL + b'\r\n' + JSON,
    'CL list': POST + HOST + b'Content-Length: 29, 29\r\n\r\n' + JSON,
    'CL with plus': POST + HOST + b'Content-Length: +29\r\n\r\n' + JSON,
    'CL negative': POST + HOST + b'Content-Length: -1\r\n\r\n' + JSON,
    'CL hex': POST + HOST + b'Content-Length: 0x1d\r\n\r\n' + JSON,
    'CL empty': POST + HOST + b'Content-Length: \r\n\r\n' + JSON,
    'CL overflow': POST + HOST + b'Content-Length: 18446744073709551645\r\n\r\n' + JSON,
    'TE other': POST + HOST + b'Transfer-Encoding: gzip\r\n\r\n' + JSON,
    'TE twice': POST + HOST + TE + TE + b'\r\n0\r\n\r\n',
    'TE list': POST + HOST + b'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'TE gzip, chunked': POST + HOST + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'TE in 1.0': POST.replace(b'1.1', b'1.0') + HOST + TE + b'\r\n0\r\n\r\n',
    'TE with vertical tab': POST + HOST + b'Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n',
    'chunk size broken': POST + HOST + TE + b'\r\nzz\r\n' + JSON + b'\r\n0\r\n\r\n',
    'chunk size overflow': POST + HOST + TE + b'\r\n1000000000000001d\r\n' + JSON,
    'chunk size negative': POST + HOST + TE + b'\r\n-1\r\n' + JSON,
    'chunk without CRLF': POST + HOST + TE + b'\r\n1d\r\n' + JSON + b'XX0\r\n\r\n',
    'chunk with bare LF': POST + HOST + TE + b'\r\n1d\n' + JSON + b'\r\n0\r\n\r\n',
    'bare LF': GET.replace(b'\r', b'') + HOST.replace(b'\r', b'') + b'\n',
    'bare LF in a header': GET + b'Host: x\nX: y\r\n\r\n',
    'bare CR': GET + b'Host: x\rX: y\r\n\r\n',
    'obs-fold': GET + HOST + b'X: a\r\n b\r\n\r\n',
    'space before colon': GET + HOST + b'X : a\r\n\r\n',
    'space before first header': GET + b' ' + HOST + b'\r\n',
    'header without colon': GET + HOST + b'X\r\n\r\n',
    'header without name': GET + HOST + b': a\r\n\r\n',
    'NUL in a value': GET + HOST + b'X: a\0b\r\n\r\n',
    'no Host': GET + b'\r\n',
    'two Hosts': GET + HOST + HOST + b'\r\n',
    'Host with a space': GET + b'Host: x y\r\n\r\n',
    'Host with a path': GET + b'Host: x/y\r\n\r\n',
    'version 2': GET.replace(b'1.1', b'2.0') + HOST + b'\r\n',
    'version 1.2': GET.replace(b'1.1', b'1.2') + HOST + b'\r\n',
    'version 0.9': b'GET /health\r\n\r\n',
    'no version': b'GET /health \r\n' + HOST + b'\r\n',
    'version lower case': GET.replace(b'HTTP', b'http') + HOST + b'\r\n',
    'tab for space': GET.replace(b' ', b'\t') + HOST + b'\r\n',
    'method unknown': b'FLY /health HTTP/1.1\r\n' + HOST + b'\r\n',
    'method lower case': GET.replace(b'GET', b'get') + HOST + b'\r\n',
    'target without slash': GET.replace(b'/health', b'health') + HOST + b'\r\n',
    'target with NUL': GET.replace(b'/health', b'/he\0alth') + HOST + b'\r\n',
    'target of CONNECT': b'CONNECT x:1 HTTP/1.1\r\n' + HOST + b'\r\n',
    'TLS': b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\0' * 100,
    'HTTP/2 preface': b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'garbage': bytes(range(256)),
}

failed = 0
with Server() as s:
    for name, data in BAD.items():
        with s.http(timeout=5) as h:
            h.send(data)
            try:
                h.send(SECOND)
                status = h.head()[0]
                rest = h.file.read()
            except ConnectionResetError:
                status, rest = 400, b''
            except TimeoutError:
                status, rest = 'still open', b''
            ok = status in range(400, 600)
            if not ok or b'# TYPE' in rest or b'HTTP/1.1 2' in rest:
                print(f'{name}: {status} {rest[:200]!r}')
                failed += 1
    assert s.get('/health').status == 200
print(f'{len(BAD)} malformed requests, {failed} let through')
raise SystemExit(failed != 0)
