#!/usr/bin/env python3
"""The front dies: no connection is refused meanwhile, the models stay loaded, and work goes on.

What ran is found in its journal and counted, once; how fast it goes is chaos/faults.py's.
"""
import os
import signal
import socket
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

TIMES = 10
with Server('--log-level', 'debug', fake='tokens 5\nlife 1 at token:2 hold') as s:
    worker = s.worker
    pids = {s.front}
    lost = s.stream(seed=1).until(2)
    for i in range(TIMES):
        os.kill(s.front, signal.SIGKILL)
        # At once: the listening sockets are the keeper's, so this waits but is never refused.
        with socket.create_connection(s.tcp, timeout=30) as plain, s.rpc() as r:
            plain.sendall(b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
            assert plain.recv(100).startswith(b'HTTP/1.1 200'), i
            r.ping()
        assert s.metric('streams_lost_total') == (1 if i == 0 else 0), i
        pids.add(s.front)
    assert 'lost: generation' in s.log() and '2 tokens after 4; whole' in s.log(), s.log()
    try:
        lost.rest()
        raise AssertionError('its stream ended well')
    except (EOFError, ConnectionError):
        pass
    s.go()
    assert s.complete(seed=2) == fake_text(5, 2)
    assert s.worker == worker and s.lives() == 1, 'the model was loaded again'
    assert len(pids) == TIMES + 1
    assert f'{TIMES}' in str(s.status()), s.status()
