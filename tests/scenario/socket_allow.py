#!/usr/bin/env python3
"""--socket-allow: of those whom the mode of a Unix socket lets in, only the users and groups named
there come in, whoever runs the server; the others are turned away before a byte is read."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, Server, cases, until

OWNER, ANN, BOB, GROUP, OTHER = 23456, 23457, 23458, 23460, 23461


def skip(why):
    print(f'skipped: {why}')
    sys.exit(77)


def as_user(uid, gid, groups, *command):
    more = f'--groups={",".join(map(str, groups))}' if groups else '--clear-groups'
    return subprocess.run(['setpriv', f'--reuid={uid}', f'--regid={gid}', more, *command],
                          capture_output=True, text=True, timeout=DEADLINE)


if os.geteuid() != 0:
    skip('only root can be several users')
if as_user(OWNER, OWNER, [], os.path.join(BIN, 'bulkhead'), 'serve', '--help').returncode != 0:
    skip(f'setpriv is not here, or others than root cannot reach {BIN}')

ASK = '''
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    try:
        s.sendall(b"GET /health HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
        print(s.makefile().readline().split()[1])
    except (OSError, IndexError):
        print("turned away")
'''


class Allowed(Server):
    """A server whose sockets' mode is open to all; root's, or OWNER's."""

    def __init__(self, *options, owner=0, **more):
        self.owner = owner
        wrap = ('setpriv', f'--reuid={owner}', f'--regid={owner}', '--clear-groups')
        super().__init__('--socket-mode', '0666', *options, fake='tokens 4', launch=self.give_away,
                         wrap=wrap if owner else (), **more)

    def give_away(self, args, env):
        for name in ('', *os.listdir(self.dir)):
            os.chown(os.path.join(self.dir, name), self.owner, self.owner)
        os.chmod(self.dir, 0o755)
        return args, env

    def comes_in(self, uid, gid=None, groups=()):
        got = as_user(uid, uid if gid is None else gid, groups, sys.executable, '-c', ASK,
                      self.http_path)
        assert got.returncode == 0 and got.stdout.strip() in ('200', 'turned away'), got
        return got.stdout.strip() == '200'


def check(s):
    assert s.comes_in(0) and s.comes_in(s.owner)
    assert s.comes_in(ANN) and not s.comes_in(BOB)
    # By the first group, by another, by the hundredth; and not by one that is not named.
    assert s.comes_in(BOB, GROUP)
    assert s.comes_in(BOB, groups=[OTHER, GROUP])
    assert s.comes_in(BOB, groups=[*range(30000, 30100), GROUP])
    assert not s.comes_in(BOB, OTHER, [OTHER, *range(30000, 30100)])
    s.wait_log(rf'user {BOB} may not come in')
    # JSON-RPC's is a Unix socket too.
    for uid, status in (ANN, 0), (BOB, 1):
        got = as_user(uid, uid, [], os.path.join(BIN, 'bulkhead'), 'status', '--rpc-socket',
                      s.rpc_path)
        assert (got.returncode != 0) == status, (uid, got)
    # A port has no users.
    assert s.get('/health').status == 200


def a_server_of_roots():
    with Allowed('--socket-allow', f'{ANN},@{GROUP}') as s:
        check(s)
        # The next front, too.
        pid = s.front
        os.kill(pid, signal.SIGKILL)
        until(lambda: s.front != pid)
        assert s.comes_in(ANN) and not s.comes_in(BOB)


def a_server_of_another():
    with Allowed('--socket-allow', str(ANN), '--socket-allow', f'@{GROUP}', owner=OWNER) as s:
        check(s)


def without_it_the_mode_decides():
    with Allowed() as s:
        assert s.comes_in(ANN) and s.comes_in(BOB)


def many_who_may_not():
    """A flood of them leaves one line a second, and others their turn."""
    with Allowed('--socket-allow', str(ANN)) as s:
        flood = ASK.replace('with socket', 'for i in range(300):\n  with socket')
        flood = flood.replace('\n    ', '\n      ')
        got = as_user(BOB, BOB, [], sys.executable, '-c', flood, s.http_path)
        assert got.stdout.split('\n')[:300] == ['turned away'] * 300, got
        assert s.comes_in(ANN)
        assert s.log().count('may not come in') < 30


def names_that_nobody_has():
    for word, why in ('nobody-here', 'no user'), ('@nobody-here', 'no group'), ('@', 'no group'), \
            ('0,,1', 'users and @groups'):
        s = Allowed('--socket-allow', word, wait=False, expect=2)
        s.wait()
        assert s.proc.returncode == 2 and why in s.log(), (word, s.proc.returncode, s.log())
    with Allowed('--socket-allow', 'root') as s:
        assert not s.comes_in(ANN)


cases(a_server_of_roots, a_server_of_another, without_it_the_mode_decides, many_who_may_not,
      names_that_nobody_has)
