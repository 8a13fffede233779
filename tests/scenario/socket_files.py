#!/usr/bin/env python3
"""A stale socket file is replaced; a live one is refused, naming its owner; ours is removed."""
import os
import socket
import stat
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, Rpc, Server, cases, until


def second(s, *options):
    """Starts another on the same sockets, which must not come up: its words."""
    got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'serve', '-m', s.model, '--port', '0',
                          *options], capture_output=True, text=True, timeout=DEADLINE)
    assert got.returncode not in (0, -6, -11), got
    assert s.get('/health').status == 200, 'the first one was hurt'
    return got.stderr


def live_one_is_refused():
    with Server(fake='tokens 1') as s:
        for option, path in ('--rpc-socket', s.rpc_path), ('--http-socket', s.http_path):
            rpc = [] if option == '--rpc-socket' else ['--no-rpc']
            said = second(s, option, path, *rpc)
            assert path in said and str(s.pid) in said, said
            assert os.path.exists(path)
        with s.rpc() as r:
            r.ping()


def taken_port_is_refused():
    with Server(fake='tokens 1') as s:
        said = second(s, '--no-rpc', '--port', str(s.port))
        assert str(s.port) in said and 'use' in said, said


def stale_one_is_replaced():
    with Server(fake='tokens 1', expect=None) as s:
        s.proc.kill()
        s.proc.wait()
        until(lambda: not any(map(os.path.exists, (f'/proc/{p}/exe' for p in s.seen))))
        assert os.path.exists(s.rpc_path), 'this test needs a stale socket'
        with Server('--rpc-socket', s.rpc_path, fake='tokens 1') as again:
            with Rpc(s.rpc_path) as r:
                r.ping()
                assert stat.S_IMODE(os.stat(s.rpc_path).st_mode) == 0o660
        assert not os.path.exists(s.rpc_path)


def other_file_is_left_alone():
    with Server(fake='tokens 1') as s:
        path = os.path.join(s.dir, 'precious')
        with open(path, 'w') as f:
            f.write('data')
        said = second(s, '--rpc-socket', path)
        assert path in said and open(path).read() == 'data', said
        said = second(s, '--rpc-socket', os.path.join(s.dir, 'no', 'such', 'folder'))
        assert 'no/such/folder' in said, said
        said = second(s, '--rpc-socket', '/tmp/' + 'x' * 200)
        assert 'long' in said or '107' in said or '108' in said, said


def replaced_one_is_not_removed():
    """Somebody has put another socket in the place of ours."""
    with Server(fake='tokens 1', expect=None) as s:
        os.unlink(s.rpc_path)
        other = socket.socket(socket.AF_UNIX)
        other.bind(s.rpc_path)
        s.term()
        assert s.wait() == 0
        assert os.path.exists(s.rpc_path), 'it removed what was not its own'


cases(live_one_is_refused, taken_port_is_refused, stale_one_is_replaced,
      other_file_is_left_alone, replaced_one_is_not_removed)
