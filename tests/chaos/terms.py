#!/usr/bin/env python3
"""SIGTERM after any event of a server's life: it ends with status 0, and nothing of it is left.

    terms.py [TERMS]            lives in all (40; long form: CHAOS_TERMS, 2000)

An event is a line of the log, a line that a client gets, or something that the story below does. A
first life goes to its end and is recorded; each other one gets a SIGTERM after its n-th event, for
n spread over all of them. In some a second one follows some events later, in some all of its
processes get it at once, as from a service manager. CHAOS_SEED=s CHAOS_ONE=n repeats the n-th.
"""
import json
import os
import random
import selectors
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import (DEADLINE, LIBC, SANITIZE, Connection, Server, children, fake_text, piece,
                      until)
from chaos import SEED, number, quiet

TERMS = int(sys.argv[1]) if len(sys.argv) > 1 else number('CHAOS_TERMS', 40, 12)
ONE = number('CHAOS_ONE', -1)
TOKENS = 12
PR_SET_CHILD_SUBREAPER = 36
GONE = ConnectionError, FileNotFoundError, BrokenPipeError


class Client(Connection):
    """What a client gets, line by line; its text must be what the fake worker says."""

    def __init__(self, life, name, where, data, seed):
        super().__init__(where)
        self.name, self.seed, self.text, self.n, self.is_over = name, seed, '', 0, False
        life.clients.append(self)
        life.hear(self.sock.fileno(), self)
        self.raw(data)

    def line(self, line):
        text = line.removeprefix(b'data: ')
        self.is_over |= text == b'[DONE]'
        if text[:1] != b'{':
            return
        got = json.loads(text)
        result = got.get('result')
        self.text += piece(got) if result is None else result.get('text') or ''
        self.n += 1
        self.is_over |= 'error' in got or (result or {}).get('_callback_state') == 2

    def end(self):
        self.is_over = True


class Log:
    name = 'log'

    def __init__(self, server):
        self.file = open(server.log_path, 'ab', buffering=0)

    def line(self, line):
        self.file.write(line + b'\n')

    def end(self):
        self.file.close()


class Life:
    """A server and its story; at: the events after which there is a SIGTERM."""

    def __init__(self, at=(), to_all=False, delay=0):
        self.at, self.to_all, self.delay = list(at), to_all, delay
        self.events, self.clients, self.kills, self.terms = [], [], 0, 0
        self.sel, self.rest = selectors.DefaultSelector(), {}
        pipe, to = os.pipe()
        self.server = Server('--drain-timeout', '2s', '--restart-limit', '50', wait=False, log=to,
                             fake=f'tokens {TOKENS}\npause 2', env=quiet())
        os.close(to)
        self.log = pipe
        self.hear(pipe, Log(self.server))

    def hear(self, fd, who):
        self.rest[fd] = b''
        self.sel.register(fd, selectors.EVENT_READ, who)

    def event(self, name):
        self.events.append(name)
        while self.at and len(self.events) >= self.at[0]:
            self.at.pop(0)
            time.sleep(self.delay)
            self.term()

    def term(self):
        self.terms += 1
        self.server.proc.send_signal(signal.SIGTERM)
        for pid in children(self.server.pid) if self.to_all else ():
            self.kill(pid, signal.SIGTERM)

    def kill(self, pid, signo):
        try:
            os.kill(pid, signo)
        except (ProcessLookupError, TypeError):
            return
        self.kills += 1
        self.event(f'kill: {signal.Signals(signo).name}')

    def stream(self, seed):
        body = json.dumps({'prompt': 'x', 'seed': seed, 'stream': True})
        return Client(self, f'stream {seed}', self.server.http_path,
                      'POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json'
                      f'\r\nContent-Length: {len(body)}\r\n\r\n{body}', seed)

    def rpc(self, model, seed):
        calls = (('init', None, {'model_path': model}, None),
                 ('run', None, {'role': 'user', 'input_type': 0, 'prompt_input': 'x'},
                  {'mode': 0, 'keep_history': 0, 'seed': seed}, None))
        return Client(self, f'run {seed}', self.server.rpc_path, ''.join(
            json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': f'rkllm.{m}', 'params': p}) + '\n'
            for m, *p in calls), seed)

    def turn(self):
        """False once the keeper is gone and all it said is read."""
        for key, _ in self.sel.select(1):
            try:
                got = os.read(key.fd, 1 << 16)
            except GONE:
                got = b''
            *lines, self.rest[key.fd] = (self.rest[key.fd] + got).split(b'\n')
            for line in lines:
                key.data.line(line)
                if line.strip():
                    self.event(f'{key.data.name}: {line.decode()[:60]}')
            if not got:
                self.sel.unregister(key.fd)
                key.data.end()
                self.event(f'{key.data.name}: end')
        return self.log in self.sel.get_map()

    def live(self, story):
        end, condition = time.monotonic() + 2 * DEADLINE, lambda: True
        while self.turn():
            assert time.monotonic() < end, f'it does not end: {self.events[-5:]}'
            try:
                while story and condition():
                    condition = next(story)
            except (StopIteration, *GONE):
                story = None
                if self.terms == 0:
                    self.term()
        for c in self.clients:
            c.close()
        os.close(self.log)

    def judge(self):
        """Nothing but status 0, no process, no socket file, no death but those that were meant."""
        assert self.server.wait() == 0, self.server.proc.returncode
        until(lambda: not children(os.getpid()))  # orphans become ours
        left = [name for name in os.listdir(self.server.dir) if '.sock' in name]
        assert not left, left
        for c in self.clients:
            assert fake_text(TOKENS, c.seed).startswith(c.text), (c.name, c.text)
        assert self.to_all or len(self.server.crashes()) <= self.kills, self.server.crashes()


def child(server, name):
    """One that lives just now, or None."""
    return next((p for p, n in children(server.pid).items() if n == f'bulkhead-{name}'), None)


def story(life):
    """Yields what has to be true before it goes on."""
    s = life.server
    yield lambda: any('listening: http' in e for e in life.events)
    first, run = life.stream(1), life.rpc(s.model, 2)
    yield lambda: first.n >= 3
    life.kill(child(s, 'worker'), signal.SIGKILL)
    yield lambda: first.n >= 6
    life.kill(child(s, 'worker'), signal.SIGSEGV)
    yield lambda: first.is_over and run.is_over
    other = life.rpc(s.script('other.gguf', f'load 20\ntokens {TOKENS}'), 3)
    bad = life.rpc(s.script('bad.gguf', 'load 5\nat load die SEGV'), 4)
    life.kills += 2  # of the bad file
    yield lambda: other.n >= 3 and bad.is_over
    third = life.stream(5)
    yield lambda: third.n >= 2
    life.kill(child(s, 'front'), signal.SIGKILL)
    yield lambda: third.is_over
    fourth, last = life.stream(6), life.stream(7)
    yield lambda: fourth.n >= 4
    life.event('drain')
    life.term()
    yield lambda: last.n >= 6
    life.kill(child(s, 'worker'), signal.SIGKILL)
    yield lambda: False


def one(*how):
    life = Life(*how)
    with life.server:
        try:
            life.live(story(life))
            life.judge()
        except BaseException:
            where = [life.events[n - 1:n] for n in how[0]] if how else life.events[-5:]
            print(f'CHAOS_SEED={SEED}, {how}: {where}', flush=True)
            raise
    return life.events


def main():
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    recorded = one()
    print(f'CHAOS_SEED={SEED}: {len(recorded)} events', flush=True)
    places = set()
    for i in range(TERMS) if ONE < 0 else [ONE]:
        rng = random.Random(SEED + i)
        n = 1 + i * len(recorded) // TERMS
        again = [n + rng.randrange(12)] if i % 3 == 2 else []
        one([n, *again], i % 4 == 3, rng.random() * 0.003 if i % 2 else 0)
        places.add(n)
    print(f'{TERMS if ONE < 0 else 1} ends after {len(places)} of {len(recorded)} events: each '
          f'with status 0, nothing left')


main()
