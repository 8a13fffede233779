#!/usr/bin/env python3
"""A launcher that passes no envp: what the command line says is served, with a warning."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server
from launch import FAKE, serves

with Server(fake=FAKE, exe='embed', env={'EMBED_CASE': 'null-envp', 'LLAMA_ARG_PORT': 'x'}) as s:
    serves(s).wait_log('warn: envp is NULL')
