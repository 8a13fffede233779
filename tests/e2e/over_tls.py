#!/usr/bin/env python3
"""Other tests again, with TLS under every connection to a port.

Not http_raw.py, whose half-closed sockets are nothing that Python's ssl can do; tls.py has one."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SLOW, cases
import tls

HERE = os.path.dirname(os.path.realpath(__file__))
SAMPLE = ('generation.py', 'http_malformed.py', 'large_requests.py', 'tools.py', 'request_ids.py',
          '../scenario/worker_dies_stream_goes_on.py', '../scenario/slow_reader_parks.py',
          '../scenario/waiting_streams_are_kept_alive.py', '../scenario/drain.py')

if not tls.can():
    print('skipped: no openssl command')
    sys.exit(77)
FOLDER = tempfile.mkdtemp(prefix='bulkhead-tls-')
tls.Files(FOLDER)


def again(name):
    def run():
        env = dict(os.environ, BULKHEAD_TEST_TLS=FOLDER)
        got = subprocess.run([os.path.join(HERE, name)], env=env,
                             capture_output=True, text=True, timeout=120 * SLOW)
        assert got.returncode in (0, 77), got.stdout[-2000:] + got.stderr[-4000:]
    run.__name__ = name
    return run


try:
    cases(*(again(name) for name in SAMPLE))
finally:
    shutil.rmtree(FOLDER)
