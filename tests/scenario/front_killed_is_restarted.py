#!/usr/bin/env python3
"""The front dies: no connection is refused meanwhile, the models stay loaded, and work goes on."""
import os
import signal
import socket
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

TIMES = 10
with Server(fake='tokens 5\nlife 1 at token:2 hold') as s:
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
        pids.add(s.front)
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
