#!/usr/bin/env python3
"""A launcher that passes arrays with null entries: they are passed over, with a warning each."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server
from launch import FAKE, serves

with Server(fake=FAKE, exe='embed', env={'EMBED_CASE': 'null-entries'}) as s:
    serves(s)
    for i in 0, 1, 2, 4:
        s.wait_log(rf'warn: argv\[{i}\] is NULL')
