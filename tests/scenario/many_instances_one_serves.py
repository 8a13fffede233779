#!/usr/bin/env python3
"""Instances started at once on one socket: exactly one serves, and none of the others harms it."""
import os
import subprocess
import sys
import tempfile
import shutil
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, SANITIZE, Rpc, Server, children, until

N = 20 if SANITIZE else 60
folder = tempfile.mkdtemp(prefix='bulkhead-test-')
path = os.path.join(folder, 'rpc.sock')
procs = []
try:
    with Server(fake='tokens 1') as s:  # for its folder of executables and its model
        command = [os.path.join(BIN, 'bulkhead'), 'serve', '--no-http', '--rpc-socket', path,
                   '--libexec', os.path.join(s.dir, 'libexec'), '-m', s.model]
        for _ in range(N):
            procs.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        until(lambda: sum(p.poll() is None for p in procs) <= 1, 4 * DEADLINE)
        winner = [p for p in procs if p.poll() is None]
        assert len(winner) == 1, 'nobody serves'
        for p in procs:
            if p is not winner[0]:
                said = p.stderr.read()
                assert p.returncode > 0 and path in said, (p.returncode, said)
        with Rpc(path) as r:
            r.ping()
        winner[0].terminate()
        assert winner[0].wait(DEADLINE) == 0
        assert os.listdir(folder) == [], os.listdir(folder)
finally:
    for p in procs:
        if p.poll() is None:
            p.kill()
        p.wait()
        p.stderr.close()
    shutil.rmtree(folder)
