#!/usr/bin/env python3
"""The command: serve, run, status, their help and their errors, as a person meets them."""
import ctypes
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
import shutil
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, MODEL, SANITIZE, Server, cases, children, until

folder = tempfile.mkdtemp(prefix='bulkhead-test-')
NOWHERE = os.path.join(folder, 'none.sock')
ENV = {k: v for k, v in os.environ.items() if not k.startswith(('RKLLM_', 'LLAMA_', 'BULKHEAD_'))}
EXE = os.path.join(BIN, 'bulkhead')


def command(*args, env=None, **options):
    if 'input' not in options:
        options['stdin'] = subprocess.DEVNULL
    return subprocess.run([EXE, *args], capture_output=True, text=True, timeout=2 * DEADLINE,
                          env=dict(ENV, **(env or {})), **options)


def run(*args, **options):
    return command('run', '--rpc-socket', options.pop('socket', NOWHERE), *args, **options)


# Whoever outlives its parent becomes our child, not that of pid 1.
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0


def nothing_is_left():
    left = children(os.getpid())
    assert not left, f'its server stays: {left}'
    assert not os.path.exists(NOWHERE)


def help_everywhere():
    for args in ['--help'], ['help'], ['serve', '--help'], ['run', '-h'], ['status', '--help'], \
            ['serve', '--help-all']:
        got = command(*args)
        assert got.returncode == 0 and 'usage' in got.stdout.lower() and not got.stderr, (args, got)
    for args in ['--version'], ['version'], ['serve', '--version']:
        got = command(*args)
        assert got.returncode == 0 and re.search(r'\d+\.\d+', got.stdout), (args, got)
    every = command('serve', '--help-all').stdout
    for option in '--model', '--ctx-size', '--parallel', '--threads', '--port', '--rpc-socket', \
            '--drain-timeout', '--max-clients', '--restart-limit', '--config':
        assert option in every, option


def bad_options():
    for args, want in (
            (['fly'], 'fly'), ([], 'usage'), (['serve', '--fly'], '--fly'),
            (['serve', '--port'], '--port'), (['serve', '--port', 'x'], '--port'),
            (['serve', '--port', '70000'], '65535'), (['serve', '-c', '-5'], '16777216'),
            (['serve', '--parallel', '300'], '256'), (['serve', '--drain-timeout', '5y'], '5y'),
            (['serve', '--config', '/none.ini'], '/none.ini'),
            (['serve', '--chat-template-file', '/none'], '/none'),
            (['serve', '--no-http', '--no-rpc'], ''), (['run', '--temp', 'hot', 'x'], 'hot'),
            (['run', '--fly', 'x'], '--fly'), (['status', '--fly'], '--fly'),
            (['status', '--rpc-socket', NOWHERE], NOWHERE)):
        got = command(*args)
        assert 0 < got.returncode < 128, (args, got)
        assert want in (got.stderr or got.stdout), (args, got)
        assert len(got.stderr.splitlines()) <= 3 or want == 'usage', (args, got)
    got = command('serve', '-m', MODEL, env={'LLAMA_ARG_PORT': 'x'})
    assert got.returncode == 2 and 'LLAMA_ARG_PORT' in got.stderr, got


def exit_statuses():
    every = command('serve', '--help-all').stdout
    table = every[every.index('Exit status:'):]
    for status in 0, 1, 2, 3, 4, 5, 130:
        assert re.search(rf'^ +{status}  \w', table, re.M), table
    bad = os.path.join(folder, 'bad.gguf')
    with open(bad, 'w') as f:
        f.write('GGUF but no more')
    quiet = '--port', '0', '--no-rpc'
    with Server() as s:
        for want, args in (
                (2, ['--fly']), (3, ['-m', '/none.gguf']), (3, ['--config', '/none.ini']),
                (3, ['--models-dir', '/none']), (3, ['--libexec', '/none']),
                (3, ['-m', folder]), (3, ['--lora', '/none.gguf']),
                (2, ['--lora-scaled', MODEL]), (2, ['--lora-scaled', f'{MODEL}:nan']),
                (2, ['--host', 'nowhere']),
                (2, ['--http-socket', NOWHERE, '--socket-group', 'nobody knows']),
                (2, ['--http-socket', NOWHERE, '--socket-group', '4294967296']),
                (4, ['--port', str(s.port)]),
                (4, ['--host', '192.0.2.1']), (4, ['--rpc', '--rpc-socket', s.rpc_path]),
                (4, ['--http-socket', '/none/x.sock']), (5, ['-m', bad])):
            got = command('serve', *quiet, *args)
            assert got.returncode == want, (want, args, got)
            assert len([line for line in got.stderr.splitlines()
                        if ' error: ' in line]) == 1, (args, got.stderr)


def run_with_a_private_server():
    one, again = (run('-m', MODEL, '--seed', '1', '--max-tokens', '40', 'Once') for _ in range(2))
    assert one.returncode == 0 and len(one.stdout) > 20, one
    # A sanitizer's build leaves layers of the jail out, and says so.
    said = [line for line in one.stderr.splitlines() if not SANITIZE or ' jail of ' not in line]
    assert one.stdout == again.stdout and said == [], one.stderr
    piped = run('-m', MODEL, '--seed', '1', '--max-tokens', '40', input='Once\n')
    assert piped.stdout == one.stdout, piped
    nothing_is_left()


def run_with_a_running_server():
    with Server() as s:
        direct = run('-s', '1', '-n', '20', 'Once', socket=s.rpc_path)
        assert direct.returncode == 0 and direct.stdout, direct
        assert s.metric('generations_total') == 1
        # The reader goes away: it ends, quietly, and so does the work.
        p = subprocess.Popen([EXE, 'run', '-n', '3000', '--rpc-socket', s.rpc_path, 'Once'],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=ENV)
        p.stdout.read(10)
        p.stdout.close()
        p.wait(DEADLINE)
        assert p.stderr.read() == b''
        p.stderr.close()
        with s.rpc() as r:
            until(lambda: r.call('bulkhead.status')['generations'] == 0)


def interrupted_at_terminal():
    """The status of a run that gets a Ctrl-C once it has begun to say something."""
    master, slave = pty.openpty()
    p = subprocess.Popen([EXE, 'run', '-m', MODEL, '-n', '4000', '--temp', '0.9', '--rpc-socket',
                          NOWHERE, 'Once upon a time'], stdin=slave, stdout=slave,
                         stderr=slave, env=ENV, preexec_fn=lambda: (
                             os.setsid(), os.dup2(slave, 0),
                             __import__('fcntl').ioctl(0, __import__('termios').TIOCSCTTY, 0)))
    os.close(slave)
    said = b''
    while len(said) < 20:
        said += os.read(master, 1000)
    os.write(master, b'\x03')
    try:
        while os.read(master, 1000):
            pass
    except OSError:
        pass  # the terminal is closed
    os.close(master)
    return p.wait(DEADLINE)


def ctrl_c():
    """The first one ends the answer, and nothing is left."""
    # On a busy machine an answer may be over before.
    status = next(filter(None, (interrupted_at_terminal() for _ in range(20))), 0)
    assert status == 128 + signal.SIGINT, status
    nothing_is_left()


def a_killed_run_takes_its_server_along():
    p = subprocess.Popen([EXE, 'run', '-m', MODEL, '-n', '4000', '--rpc-socket', NOWHERE, 'Once'],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, env=ENV)

    def socket():
        # While it loads: later a fast machine may be done with the answer.
        for keeper in children(p.pid):
            with open(f'/proc/{keeper}/cmdline') as f:
                return re.search(r'\0serve\0.*--rpc-socket\0([^\0]+)', f.read())
    private = os.path.dirname(until(socket).group(1))
    p.kill()
    p.wait()
    p.stdout.close()
    until(lambda: not children(os.getpid()))
    # Empty: the keeper has removed its sockets. It goes with the next run.
    assert os.listdir(private) == []
    long_ago = time.time() - 3600
    os.utime(private, (long_ago, long_ago))
    p = subprocess.Popen([EXE, 'run', '-m', MODEL, '-n', '4000', '--rpc-socket', NOWHERE, 'Once'],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, env=ENV)
    private = [private, os.path.dirname(until(socket).group(1))]
    assert p.stdout.read(1)
    assert not any(map(os.path.exists, private)), private
    p.kill()
    p.wait()
    p.stdout.close()
    until(lambda: not children(os.getpid()))


def status():
    with Server() as s:
        with s.stream(max_tokens=50, ignore_eos=True).http:
            pass
        stream = s.stream(max_tokens=3000, ignore_eos=True).until(1)
        got = s.status()
        assert got['keeper']['pid'] == s.pid and got['front']['pid'] == s.front
        [model] = got['models']
        assert model['pid'] == s.worker and model['name'] == 'demo' and model['state'] == 'up'
        assert model['running'] >= 1 and model['queued'] == 0 and model['slots'] >= 1
        assert got['uptime_s'] >= 0 and not model['last_death']
        s.kill_worker()
        stream.until(len(stream.texts) + 200)
        [model] = until(lambda: [m for m in s.status()['models'] if m['last_death']])
        assert 'SIGKILL' in model['last_death'] and model['restarts'] == 1, model
        until(lambda: s.status()['models'][0]['state'] == 'up')
        text = command('status', '--rpc-socket', s.rpc_path)
        assert text.returncode == 0, text
        for word in str(s.pid), str(s.front), str(s.worker), 'demo', 'SIGKILL', s.rpc_path:
            assert word in text.stdout, (word, text.stdout)
        stream.http.close()


def config_file_and_environment():
    ini = os.path.join(folder, 'bulkhead.ini')
    with open(ini, 'w') as f:
        f.write('ctx-size = 512\nparallel = 3\n')
    with Server('--config', ini, env={'LLAMA_ARG_N_PARALLEL': '5'}) as s:
        [model] = s.status()['models']
        assert (model['n_ctx'], model['slots']) == (512, 5), model
    with Server('--config', ini, '-np', '7', '-t', '2', '-tb', '1', '--alias', 'mine',
                env={'LLAMA_ARG_N_PARALLEL': '5'}) as s:
        [model] = s.status()['models']
        assert (model['slots'], model['name']) == (7, 'mine'), model
        assert (model['threads'], model['threads_batch']) == (2, 1), model
        assert s.complete(model='mine', max_tokens=3)


try:
    cases(help_everywhere, bad_options, exit_statuses, run_with_a_private_server,
          run_with_a_running_server, ctrl_c, a_killed_run_takes_its_server_along, status,
          config_file_and_environment)
finally:
    shutil.rmtree(folder)
