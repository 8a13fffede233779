#!/usr/bin/env python3
"""Users of a Unix socket are told apart by a server that is not root, too: its front lives in a
user namespace, where it sees none of them, so the keeper lets them in and says who they are."""
import os
import signal
import socket
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, Server, cases, until

OWNER, ANN, BOB = 23456, 23457, 23458
SCRIPT = 'tokens 4'


def skip(why):
    print(f'skipped: {why}')
    sys.exit(77)


def as_user(uid, *command, **more):
    return subprocess.run(['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups',
                           *command], capture_output=True, text=True, timeout=DEADLINE, **more)


if os.geteuid() != 0:
    skip('only root can be several users')
if as_user(OWNER, os.path.join(BIN, 'bulkhead'), 'serve', '--help').returncode != 0:
    skip(f'setpriv is not here, or others than root cannot reach {BIN}')


class Users(Server):
    """A server of OWNER's, whose sockets are open to all."""

    def __init__(self, *options, fake=SCRIPT):
        super().__init__('--socket-mode', '0666', *options, fake=fake, launch=self.give_away,
                         wrap=('setpriv', f'--reuid={OWNER}', f'--regid={OWNER}',
                               '--clear-groups'))

    def give_away(self, args, env):
        for name in ('', *os.listdir(self.dir)):
            os.chown(os.path.join(self.dir, name), OWNER, OWNER)
        os.chmod(self.dir, 0o755)
        return args, env

    def is_in_namespace(self):
        return 'user-ns' in self.status()['front']['jail']['layers']


ASK = '''
import json, socket, sys
body = json.dumps({"prompt": "x", "max_tokens": 4}).encode()
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall(b"POST /v1/completions HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n"
              b"Content-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
              % len(body) + body)
    print(s.makefile().readline().split()[1])
'''


def ask(s, uid):
    """The status of a request over HTTP."""
    got = as_user(uid, sys.executable, '-c', ASK, s.http_path)
    assert got.returncode == 0, got.stderr
    return int(got.stdout)


def each_has_a_rate():
    with Users('--client-rate', '2') as s:
        print('its front is in a user namespace:', s.is_in_namespace())
        assert [ask(s, ANN) for _ in range(3)] == [200, 200, 429]
        assert [ask(s, BOB) for _ in range(3)] == [200, 200, 429]
        assert ask(s, OWNER) == 200 and ask(s, 0) == 200
        # A front that is new takes over the doors, and everybody begins anew.
        front = s.front
        os.kill(front, signal.SIGKILL)
        assert ask(s, ANN) == 200
        assert s.front != front


def many_at_once():
    """More than may be under way; none is lost."""
    with Users() as s:
        asked = [s.rpc() for _ in range(200)]
        for r in asked:
            r.ping()
            r.close()
        assert s.metric('connections_total') >= 200


def operators_get_in_when_it_is_full():
    with Users('--max-clients', '8') as s:
        held = [socket.create_connection(s.tcp) for _ in range(8)]
        until(lambda: s.status()['front']['clients'] >= 8)
        for uid, status in (0, 0), (OWNER, 0), (ANN, 1):
            got = as_user(uid, os.path.join(BIN, 'bulkhead'), 'status', '--rpc-socket', s.rpc_path)
            assert (got.returncode != 0) == status, (uid, got)
        for h in held:
            h.close()


def obituaries_name_them():
    """Written by a helper in a namespace too."""
    with Users('--restart-limit', '100', fake=f'{SCRIPT}\nlife 1 at token:2 die SEGV') as s:
        assert ask(s, BOB) == 200
        requests = s.obituary()['requests']
        assert [r['client'].split(',')[0] for r in requests] == [f'HTTP uid {BOB}'], requests


cases(each_has_a_rate, many_at_once, operators_get_in_when_it_is_full, obituaries_name_them)
