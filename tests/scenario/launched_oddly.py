#!/usr/bin/env python3
"""No argument at all, nothing but defaults, a second thread, no /proc: it serves all the same."""
import os
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, SANITIZE, Rpc, Server, cases
from launch import FAKE, by_environment, can, execve, serves

BULKHEAD = os.path.join(BIN, 'bulkhead')
# Becomes what follows, without /proc.
HIDE = 'mount -t tmpfs none /proc && '


def argc_0(args, env):
    """Through a process that calls execve(2) with an empty argv, or none."""
    args, env = by_environment(args, env)
    code = ('import sys; sys.path.insert(0, sys.argv[1]); import os, launch; '
            'launch.execve(sys.argv[2], eval(sys.argv[3]), dict(os.environ))')
    lib = os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib')
    return [sys.executable, '-c', code, lib, args[0], env.pop('EMPTY')], env


def no_arguments_at_all():
    for empty in '[]', 'None':  # Linux makes one empty string of both since 5.18
        env = {'EMBED_CASE': 'as-is', 'EMPTY': empty}
        with Server(fake=FAKE, exe='embed', env=env, launch=argc_0) as s:
            serves(s)
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open('/dev/null', os.O_RDWR), 2)
            execve(BULKHEAD, eval(empty), {})
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2


def from_a_second_thread():
    with Server(fake=FAKE, exe='embed', env={'EMBED_CASE': 'thread'}) as s:
        serves(s)
        s.kill_worker()
        serves(s)


def with_the_defaults():
    """Run where /tmp and the network are ours alone."""
    server = subprocess.Popen([os.path.join(BIN, 'embed')], env={'EMBED_CASE': 'all-null'},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    assert server.stdout.readline() == 'Server started successfully\n'
    with Rpc('/tmp/rkllm.sock') as r:
        r.init('')
        assert r.run('Once', max_new_tokens=5)[1]['_callback_state'] == 2
    server.terminate()
    said = server.communicate(timeout=DEADLINE)[1]
    assert server.returncode == 0 and 'argv is NULL' in said and 'envp is NULL' in said, said


def nothing_but_defaults():
    if BIN.startswith('/tmp') or not can('unshare', '-rmn', 'mount', '-t', 'tmpfs', 'x', '/tmp'):
        return
    subprocess.run(['unshare', '-rmn', 'sh', '-c', 'mount -t tmpfs x /tmp && exec "$@"', 'sh',
                    sys.executable, os.path.realpath(__file__), 'with the defaults'],
                   check=True, timeout=4 * DEADLINE)


def hidden_proc():
    if SANITIZE or not can('unshare', '-rm', 'sh', '-c', HIDE + 'true'):
        return

    def hidden(command):
        def launch(args, env):
            env = dict(env, PATH=BIN + ':' + env['PATH'])
            return ['unshare', '-rm', 'bash', '-c', HIDE + command, 'bash', *args[1:]], env
        return launch
    for command in (f'exec {BULKHEAD} "$@"',  # argv[0] has it
                    'exec bulkhead "$@"',     # PATH
                    f'mount --bind {BIN}/.. /usr/local && exec -a nowhere {BULKHEAD} "$@"'):
        with Server(launch=hidden(command)) as s:
            assert s.complete(max_tokens=5)
    got = subprocess.run(['unshare', '-rm', 'bash', '-c',
                          f'{HIDE} exec -a nowhere {BULKHEAD} serve --port 0 --no-rpc'],
                         capture_output=True, text=True, timeout=DEADLINE)
    assert got.returncode == 3 and '--libexec' in got.stderr, got
    assert len(got.stderr.splitlines()) == 1, got


if sys.argv[1:]:
    with_the_defaults()
else:
    cases(no_arguments_at_all, from_a_second_thread, nothing_but_defaults, hidden_proc)
