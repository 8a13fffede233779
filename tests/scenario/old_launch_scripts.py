#!/usr/bin/env python3
"""The environment that scripts for an existing RKLLM server set is understood."""
import os
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Rpc, Server

folder = tempfile.mkdtemp(prefix='bulkhead-test-')
path = os.path.join(folder, 'old.sock')
env = {'RKLLM_UDS_PATH': path, 'RKLLM_MAX_CLIENTS': '2', 'RKLLM_LOG_LEVEL': '3'}
with Server(fake='tokens 1', env=env, rpc_option=False) as s:
    assert 'Server started successfully\n' in s.out()
    with Rpc(path) as a, Rpc(path) as b:
        a.ping()
        b.ping()
        with Rpc(path) as c:
            assert c.line()['error']['code'] == -32002
    assert ' info: ' not in s.log(), s.log()
os.rmdir(folder)  # it is empty again
