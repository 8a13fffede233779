#!/usr/bin/env python3
"""A launcher that passes no argv: what the environment says is served, with a warning."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server
from launch import FAKE, by_environment, serves

with Server(fake=FAKE, exe='embed', env={'EMBED_CASE': 'null-argv'}, launch=by_environment) as s:
    serves(s).wait_log('warn: argv is NULL')
