#!/usr/bin/env python3
"""The clients of examples/, each against the server: what a user would do with them first."""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, MODEL, SOURCE, Server, cases, until

EXAMPLES = os.path.join(SOURCE, 'examples')
CLIENTS = {
    'c': [os.path.join(BIN, 'example-client')],
    'python': [sys.executable, os.path.join(EXAMPLES, 'python', 'client.py')],
    'node': ['node', os.path.join(EXAMPLES, 'node', 'client.mjs')],
}
REFUSED, USAGE, NO_SERVER, ABORTED = 1, 2, 3, 130
PROMPT = 'Tell me about "café" and a lighthouse.\n'
HELD = 'tokens 5\nat token:2 hold'  # two tokens, and no more


def environment(**more):
    return {**{k: v for k, v in os.environ.items() if k != 'RKLLM_UDS_PATH'}, **more}


def ask(client, *args, **env):
    return subprocess.run([*client, *args], env=environment(**env), timeout=DEADLINE,
                          capture_output=True, text=True)


def begin(client, server):
    """A client that has printed what a held run has to say so far."""
    p = subprocess.Popen([*client, '--socket', server.rpc_path, PROMPT], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=environment())
    got = b''
    while not re.fullmatch(rb'(\d+):0 \1:1 ', got):  # the seed is drawn
        piece = os.read(p.stdout.fileno(), 4096)
        assert piece, (got, p.stderr.read())
        got += piece
    return p


def finish(p):
    out, err = p.communicate(timeout=DEADLINE)
    return p.returncode, out.decode(), err.decode()


def all_say_what_the_server_says(clients):
    with Server() as server, server.rpc() as rpc:
        rpc.init('')
        text = rpc.run(PROMPT, seed=3, max_new_tokens=60)[0]
        assert len(text) > 60, text
        for model in '', MODEL:
            for name, client in clients.items():
                got = ask(client, '-m', model, '-n', '60', '--seed', '3', PROMPT,
                          RKLLM_UDS_PATH=server.rpc_path)
                assert (got.returncode, got.stdout, got.stderr) == (0, text + '\n', ''), (name, got)


def ctrl_c_aborts(clients):
    for client in clients.values():
        with Server(fake=HELD) as server:
            p = begin(client, server)
            p.send_signal(signal.SIGINT)
            code, out, err = finish(p)
            assert (code, out, err) == (ABORTED, '\n', 'client: aborted\n'), (code, out, err)
            until(lambda: server.metric('generations') == 0)


def catches(pid, signo):
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'SigCgt:\s*(\w+)', f.read()).group(1), 16) >> signo - 1 & 1


def a_second_ctrl_c_does_not_wait(clients):
    for client in clients.values():
        with Server(fake=HELD) as server:
            p, front = begin(client, server), server.front
            os.kill(front, signal.SIGSTOP)  # nobody answers
            try:
                p.send_signal(signal.SIGINT)
                until(lambda: not catches(p.pid, signal.SIGINT))
                p.send_signal(signal.SIGINT)
                assert finish(p)[0] == -signal.SIGINT
            finally:
                os.kill(front, signal.SIGCONT)


def errors_are_told(clients):
    with Server() as server:
        for client in clients.values():
            to = ['--socket', server.rpc_path]
            got = ask(client, *to, '--max-tokens', '999999999', PROMPT)
            assert got.returncode == REFUSED and got.stdout == '', got
            assert got.stderr.startswith('client: error -32602: max_new_tokens'), got
            assert re.search(r'{"field": ?"max_new_tokens"}$', got.stderr.strip()), got
            got = ask(client, *to, '--model', '/no/such.gguf', PROMPT)
            assert got.returncode == REFUSED, got
            assert got.stderr.startswith('client: error -32001: '), got


def no_server_is_told(clients):
    with Server() as server:
        path = server.rpc_path
    for client in clients.values():
        got = ask(client, '--socket', path, PROMPT)
        assert got.returncode == NO_SERVER and got.stdout == '', got
        assert got.stderr.startswith('client: ') and path in got.stderr, got
        assert len(got.stderr.splitlines()) == 1, got


def a_server_that_goes_is_told(clients):
    for client in clients.values():
        with Server(fake=HELD) as server:
            p = begin(client, server)
            os.kill(server.front, signal.SIGKILL)
            code, out, err = finish(p)
            assert code == NO_SERVER and err.startswith('client: '), (code, out, err)
            assert 'the server went away' in err and len(err.splitlines()) == 1, err


def help_and_usage(clients):
    for client in clients.values():
        got = ask(client, '--help')
        assert got.returncode == 0 and got.stderr == '', got
        for word in '--socket', '--model', '--max-tokens', 'RKLLM_UDS_PATH', '130':
            assert word in got.stdout, (word, got)
        for args in [], ['--nonsense', PROMPT], ['-n', 'many', PROMPT], [PROMPT, PROMPT]:
            got = ask(client, *args)
            assert got.returncode == USAGE and got.stdout == '' and got.stderr, (args, got)


def main():
    cases(all_say_what_the_server_says, ctrl_c_aborts, a_second_ctrl_c_does_not_wait,
          errors_are_told, no_server_is_told, a_server_that_goes_is_told, help_and_usage,
          args=(CLIENTS,))


main()
