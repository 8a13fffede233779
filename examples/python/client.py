#!/usr/bin/env python3
"""Asks a model over the RKLLM socket and prints the answer as it comes.

One connection: init, run, and rkllm.abort on Ctrl-C. A request is a line of JSON; so is each reply,
which has the id of its request. A run has many. Only the standard library is needed.
"""
import argparse
import itertools
import json
import os
import signal
import socket
import sys

REFUSED, NO_SERVER, ABORTED = 1, 3, 128 + signal.SIGINT
# _callback_state of a reply to run; 1, of half a character, has no text.
NORMAL, WAITING, FINISH, ERROR = range(4)


class Refused(Exception):
    """The server's error reply."""

    def __init__(self, error):
        data = f' {json.dumps(error["data"])}' if error.get('data') else ''
        super().__init__(f'error {error["code"]}: {error["message"]}{data}')
        self.code, self.message, self.data = error['code'], error['message'], error.get('data')


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.lines = self.sock.makefile('rb')
        self.ids = itertools.count(1)

    def send(self, method, *params):
        """Sends a request; gives its id. The handle's place comes first."""
        ident = next(self.ids)
        self.sock.sendall(json.dumps({'jsonrpc': '2.0', 'id': ident, 'method': method,
                                      'params': [None, *params]}).encode() + b'\n')
        return ident

    def reply(self, ident):
        """The next reply with that id: its result. Others, as abort's, are skipped."""
        for line in self.lines:
            if not line.endswith(b'\n'):
                break
            got = json.loads(line)
            if got['id'] not in (ident, None):  # null: the server could not read it
                continue
            if 'error' in got:
                raise Refused(got['error'])
            return got['result']
        raise ConnectionError('the server went away')

    def call(self, method, *params):
        return self.reply(self.send(method, *params))

    def stream(self, ident):
        """The replies of a run, the last one included."""
        while True:
            got = self.reply(ident)
            yield got
            if got['_callback_state'] in (FINISH, ERROR):
                return


def ask(client, args):
    """Prints the answer; gives the exit status."""
    client.call('rkllm.init', {'model_path': args.model})
    infer = {'mode': 0, 'max_new_tokens': args.max_tokens}
    if args.seed is not None:
        infer['seed'] = args.seed
    run = client.send('rkllm.run', {'role': 'user', 'input_type': 0,
                                    'prompt_input': args.prompt}, infer)
    aborted = []

    def on_interrupt(*_):
        """Only asks for the end: the run's last reply comes all the same."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends us at once
        aborted.append(client.send('rkllm.abort'))

    signal.signal(signal.SIGINT, on_interrupt)
    for got in client.stream(run):
        sys.stdout.write(got['text'] or '')
        sys.stdout.flush()
    print(flush=True)
    if aborted:
        print('client: aborted', file=sys.stderr)
        return ABORTED
    if got['_callback_state'] == ERROR:
        print('client: the run failed', file=sys.stderr)
        return REFUSED
    return 0


def main():
    p = argparse.ArgumentParser(
        description='Asks a model over the RKLLM socket. Ctrl-C ends the answer.',
        epilog='Exit status: 0 all of it came, 1 the server refused, 2 usage, 3 no server, or it '
               'went away, 130 aborted.')
    p.add_argument('-s', '--socket', metavar='PATH', help='where the server listens '
                   '(RKLLM_UDS_PATH, or /tmp/rkllm.sock)',
                   default=os.environ.get('RKLLM_UDS_PATH') or '/tmp/rkllm.sock')
    p.add_argument('-m', '--model', metavar='FILE', default='',
                   help="the model; none: the server's default one")
    p.add_argument('-n', '--max-tokens', metavar='N', type=int, default=256,
                   help='the longest answer (256)')
    p.add_argument('--seed', metavar='N', type=int, help='draw the same answer again')
    p.add_argument('prompt')
    args = p.parse_args()
    try:
        return ask(Client(args.socket), args)
    except Refused as why:
        print(f'client: {why}', file=sys.stderr)
        return REFUSED
    except OSError as why:
        print(f'client: {args.socket}: {why.strerror or why}', file=sys.stderr)
        return NO_SERVER
    except KeyboardInterrupt:  # before there was an answer to abort
        return ABORTED


sys.exit(main())
