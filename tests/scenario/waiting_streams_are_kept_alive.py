#!/usr/bin/env python3
"""A streaming request that waits gets comments, so that nobody in between hangs up."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

with Server('--keepalive-interval', '100ms', fake='''
        tokens 4
        slots 1
        at token:2 hold''') as s:
    first = s.stream(seed=1).until(2)
    with s.http() as h:
        h.request('POST', '/v1/completions', {'prompt': 'x', 'seed': 2, 'stream': True})
        status, headers = h.head()
        assert status == 200 and headers['content-type'].startswith('text/event-stream'), headers
        for _ in range(3):
            comment = h.chunk()
            assert comment.startswith(b':') and comment.endswith(b'\n\n'), comment
        s.go()
        text = b''.join(iter(h.chunk, b'')).decode()
        assert '2:3 ' in text and text.rstrip().endswith('[DONE]'), text
    assert first.rest() == fake_text(4, 1)
