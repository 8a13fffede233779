#!/usr/bin/env python3
"""Over --max-clients a connection is told so and closed; the ones inside never notice."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text, until

MAX, MORE = 20, 200
with Server('--max-clients', str(MAX), fake='tokens 5\nat token:2 hold') as s:
    inside = [s.stream(seed=i).until(2) for i in range(MAX // 2)]
    rpcs = [s.rpc() for _ in range(MAX - len(inside))]
    for r in rpcs:
        r.ping()
    refused = [s.http() for _ in range(MORE)]
    for h in refused:
        got = h.reply()
        assert got.status == 503 and 'connections' in got.error['message'], got
        assert h.is_closed()
        h.close()
    for r in [s.rpc() for _ in range(MORE)]:
        got = r.line()
        assert got['error']['code'] == -32002 and got['id'] is None, got
        assert r.file.read() == b''
        r.close()
    s.go()
    for i, stream in enumerate(inside):
        assert stream.rest() == fake_text(5, i) and stream.done
    for r in rpcs:
        r.close()
    until(lambda: s.get("/health").status == 200)
