#!/usr/bin/env python3
"""Front and worker live in their jail from the start and after each restart, and status says what
holds; --jail off leaves it away; the worker's /proc entry agrees."""
import os
import socket
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import DEADLINE, SANITIZE, Server, cases, until


def field(pid, name):
    with open(f'/proc/{pid}/status') as f:
        return next(line.split()[1] for line in f if line.startswith(name + ':'))


def check(s):
    st = s.status()
    for process in st['front'], st['models'][0]:
        layers, missing = process['jail']['layers'], process['jail']['missing']
        assert 'no-new-privs' in layers and 'no-capabilities' in layers, process['jail']
        said = {text.split(' (')[0] for text in layers + missing}
        assert {'seccomp', 'landlock (ABI'.split(' (')[0], 'mount-ns'} <= said, said
        pid = process['pid']
        assert field(pid, 'NoNewPrivs') == '1'
        assert int(field(pid, 'CapPrm'), 16) == 0 == int(field(pid, 'CapEff'), 16)
        assert (field(pid, 'Seccomp') == '2') == ('seccomp' in layers)
        if 'unprivileged-uid' in layers:
            assert field(pid, 'Uid') == '65534'
            assert int(field(pid, 'CapBnd'), 16) == 0
        if 'mount-ns' in layers and os.geteuid() == 0:
            assert os.listdir(f'/proc/{pid}/root/') == []
        if 'net-ns' in layers and os.geteuid() == 0:
            assert os.readlink(f'/proc/{pid}/ns/net') != os.readlink('/proc/self/ns/net')
        assert SANITIZE or 'seccomp' in layers, 'no filter here: is libseccomp allowed?'


def from_start_to_restart():
    with Server() as s:
        check(s)
        assert s.complete(max_tokens=4)
        s.kill_worker()
        assert s.complete(max_tokens=4)
        check(s)
        was = s.front
        os.kill(was, 9)
        until(lambda: s.front != was)
        s.wait_log('starting another')
        assert s.complete(max_tokens=4)
        check(s)
        assert s.log().count('jail of bulkhead-worker') == 1


def off():
    with Server('--jail', 'off') as s:
        assert s.status()['front']['jail']['layers'] == ['no-new-privs']
        assert field(s.worker, 'Seccomp') == '0'
        s.wait_log('--jail off')
        assert s.complete(max_tokens=4)


def stranger_at_a_full_server():
    """Whether a client is the operator is asked when there is no room; the front lives on."""
    if os.geteuid() != 0:
        return
    with Server('--max-clients', '8', '--socket-mode', '0666') as s:
        os.chmod(s.dir, 0o755)
        front = s.front
        held = [socket.create_connection(s.tcp) for _ in range(8)]
        knock = ('import os, socket, sys; os.setuid(1234); '
                 's = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)')
        for _ in range(3):
            subprocess.run([sys.executable, '-c', knock, s.rpc_path], timeout=DEADLINE)
        for h in held:
            h.close()
        assert s.complete(max_tokens=4)
        assert s.front == front, 'the front has died'


cases(from_start_to_restart, off, stranger_at_a_full_server)
