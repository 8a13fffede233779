#!/usr/bin/env python3
"""Over --max-clients a connection is told so and closed; the ones inside never notice."""
import contextlib
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text, n_fds, until

MAX, MORE, OPERATORS, LINGERING = 20, 200, 2, 64
BODY = {'prompt': 'x' * 100000}
with Server('--max-clients', str(MAX), fake='tokens 5\nat token:2 hold') as s:
    inside = [s.stream(seed=i).until(2) for i in range(MAX // 2)]
    rpcs = [s.rpc() for _ in range(MAX - len(inside))]
    for r in rpcs:
        r.ping()
    # One that sends its whole request before it looks must see the answer, no reset.
    refused = [s.http() for _ in range(MORE)]
    for h in refused:
        with contextlib.suppress(ConnectionError):
            h.request('POST', '/v1/completions', BODY)
        got = h.reply()
        assert got.status == 503 and 'connections' in got.error['message'], got
        assert int(got.headers['retry-after']) == 1
        assert h.is_closed()
        h.close()
    # Who runs the server still gets in, on the RPC socket.
    assert s.status()['models'][0]['running'] == MAX // 2
    operators = [s.rpc() for _ in range(OPERATORS)]
    for r in operators:
        r.ping()
    for r in [s.rpc() for _ in range(MORE)]:
        got = r.line()
        assert got['error']['code'] == -32002 and got['id'] is None, got
        assert got['error']['data']['retry_after_ms'] == 1000
        assert r.file.read() == b''
        r.close()
    # They hold a bounded number of descriptors, not for long, whatever they do.
    stubborn = [s.http() for _ in range(MORE)]
    assert n_fds(s.front) < MAX + OPERATORS + LINGERING + 40, n_fds(s.front)
    until(lambda: n_fds(s.front) < MAX + OPERATORS + 40)
    for h in stubborn:
        h.close()
    s.go()
    for i, stream in enumerate(inside):
        assert stream.rest() == fake_text(5, i) and stream.done
    for r in rpcs + operators:
        r.close()
    until(lambda: s.get("/health").status == 200)
