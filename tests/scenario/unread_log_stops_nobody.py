#!/usr/bin/env python3
"""A log that nobody reads: workers are replaced, streams go on, the server stops when told to."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, Stream, fake_text, until

out, end = os.pipe()
got = b''


def fill():
    os.set_blocking(end, False)
    try:
        while True:
            os.write(end, b'x' * 4096)
    except BlockingIOError:
        os.set_blocking(end, True)


def heard(server):
    """Who reads again is told that something is missing."""
    global got
    server.status()
    try:
        got += os.read(out, 1 << 20)
    except BlockingIOError:
        pass
    return b'lines were lost: nobody read them' in got


os.set_blocking(out, False)
with Server('--log-level', 'debug', fake='tokens 6\nat token:2 hold', log=end) as s:
    fill()
    stream = Stream(s.http_path, '/v1/completions', {'prompt': 'Once', 'seed': 1}).until(2)
    s.kill_worker()
    s.go()
    assert stream.rest() == fake_text(6, 1), stream.texts
    until(lambda: heard(s))
    fill()
