#!/usr/bin/env python3
"""Whatever its parent left it (descriptors, signals, limits, folders), whatever a model is."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, SANITIZE, Http, Server, cases, until
from launch import FAKE, serves

folder = tempfile.mkdtemp(prefix='bulkhead-test-')
EXE = os.path.join(BIN, 'bulkhead')


def refuses(status, *args, says='', **options):
    """It ends at once, with that status and one line about why."""
    got = subprocess.run([EXE, 'serve', '--no-rpc', '--port', '0', *args], text=True,
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, **options)
    errors = [line for line in got.stderr.splitlines() if ' error: ' in line]
    assert got.returncode == status and len(errors) == 1 and says in errors[0], (args, got)


def path(name):
    return os.path.join(folder, name)


def models_that_are_none():
    os.mkfifo(path('fifo.gguf'))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path('socket.gguf'))
    os.symlink(path('loop.gguf'), path('loop.gguf'))
    with open(path('sparse.gguf'), 'wb') as f:
        f.truncate(1 << 40)
    with open(path('header.gguf'), 'wb') as f:
        f.write(b'GGUF')
        f.truncate(1 << 40)
    os.mkdir(path('folder.gguf'))
    with open(path('secret.gguf'), 'w') as f:
        f.write('GGUF')
    os.chmod(path('secret.gguf'), 0)
    for name, why in (('fifo', 'not a regular file'), ('socket', ''), ('loop', ''),
                      ('sparse', 'not a GGUF file'), ('folder', 'directory')):
        refuses(3, '-m', path(f'{name}.gguf'), says=why)
    for device in '/dev/null', '/dev/zero', '/dev/tty':
        refuses(3, '-m', device)
    if not os.access(path('secret.gguf'), os.R_OK):
        refuses(3, '-m', path('secret.gguf'), says='not readable')
    refuses(5, '-m', path('header.gguf'))
    shutil.rmtree(folder)
    os.mkdir(folder)


def files_that_are_fifos():
    """Nobody writes to it: to open it would be to wait for ever. But `--config <(...)` is one."""
    os.mkfifo(path('fifo'))
    for option in '--chat-template-file', '--lora':
        refuses(3, option, path('fifo'), says=path('fifo'))
    os.unlink(path('fifo'))


def in_shell(script):
    """Runs it through a shell that does something first."""
    return ('sh', '-c', script + '; exec "$@"', 'sh')


def is_well(s):
    """Not yet, as long as its model loads."""
    with Http(s.http_path) as h:
        h.request('GET', '/health')
        return h.reply().status == 200


def standard_descriptors_closed():
    for closed in '<&-', '2>&-', '<&- 2>&-':
        with Server(fake=FAKE, wrap=('sh', '-c', f'exec "$@" {closed}', 'sh')) as s:
            if '2' in closed:  # its log says the port
                s.port = None
                assert is_well(s)
            else:
                serves(s)
            for fd in [0] * ('<' in closed) + [2] * ('2' in closed):
                assert os.readlink(f'/proc/{s.pid}/fd/{fd}') == '/dev/null'
    with Server(fake=FAKE, wait=False, wrap=('sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh')) as s:
        until(lambda: os.path.exists(s.http_path))
        until(lambda: is_well(s))
        s.children()


def full_disk():
    """The log and the standard output go to a disk that is full."""
    for to in '2>/dev/full', '>/dev/full':
        with Server(fake=FAKE, wait=False, wrap=('sh', '-c', f'exec "$@" {to}', 'sh')) as s:
            until(lambda: os.path.exists(s.http_path))
            with Http(s.http_path) as h:
                for _ in range(3):
                    h.request('POST', '/v1/completions', {'prompt': 'x', 'seed': 1})
                    assert until(h.reply).status == 200
            s.children()


def odd_signals():
    for mask in True, False:
        code = ('import signal, os, sys\n'
                'if sys.argv[1] == "True":\n'
                '    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n'
                'for s in 1, 13, 15, 17: signal.signal(s, signal.SIG_IGN)\n'
                'os.execvp(sys.argv[2], sys.argv[2:])')
        with Server(fake=FAKE, wrap=(sys.executable, '-c', code, str(mask))) as s:
            serves(s)
            s.kill_worker()
            serves(s)


def odd_surroundings():
    for script in ('umask 0777', 'unset HOME PATH', 'ulimit -c unlimited', 'ulimit -n 1048576',
                   f'mkdir {folder}/gone && cd {folder}/gone && rmdir {folder}/gone',
                   'export LC_ALL=tr_TR.UTF-8 TMPDIR=/none'):
        with Server(fake=FAKE, wrap=in_shell(script + ' 2>/dev/null')) as s:
            serves(s)
    with Server(fake=FAKE, wrap=('nohup',)) as s:
        serves(s)
    # No file may have a byte, a progress page neither: it ends, but not by a signal.
    with Server(fake=FAKE, wait=False, expect=None, wrap=in_shell('ulimit -f 0')) as s:
        until(lambda: s.proc.poll() is not None)
        # A sanitizer writes a file of its own before main().
        assert s.proc.returncode > 0 or SANITIZE, s.proc.returncode
    with Server(fake=FAKE, launch=lambda args, env: (args, {})) as s:
        serves(s)


def few_descriptors():
    """So few that it cannot serve: a line and a status; a few more: it serves."""
    for n in range(3, 64, 4):
        with Server(fake=FAKE, wait=False, expect=None, wrap=in_shell(f'ulimit -n {n}')) as s:
            until(lambda: s.proc.poll() is not None or 'Server started' in s.out())
            if s.proc.poll() is not None:
                assert s.proc.returncode in range(1, 128), (n, s.proc.returncode, s.log())
                assert s.log().strip(), n
            else:
                assert Http(s.http_path).sock
                s.term()
                assert s.wait() == 0


def relative_path():
    with open(path('m.gguf'), 'w') as f:
        f.write('GGUF\ntokens 5\n')
    with Server('-m', 'm.gguf', '--models-max', '0', fake=FAKE,
                wrap=in_shell(f'cd {folder}')) as s:
        serves(s)
        assert s.complete(model='m', seed=1)


try:
    cases(models_that_are_none, files_that_are_fifos, standard_descriptors_closed, full_disk,
          odd_signals, odd_surroundings, few_descriptors, relative_path)
finally:
    shutil.rmtree(folder)
