#!/usr/bin/env python3
"""SIGTERM again and again until the end: it still ends by itself, with status 0, every time."""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server

for i in range(10):
    with Server(fake='tokens 5\nat token:2 hold') as s:
        stream = s.stream(seed=1).until(2)
        s.children()
        while s.proc.poll() is None:
            s.proc.send_signal((signal.SIGTERM, signal.SIGINT)[i % 2])
        stream.rest()
