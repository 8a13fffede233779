#!/usr/bin/env python3
"""Mutated requests over both protocols: each is answered as its protocol says, or its connection is
closed; keeper and front stay the processes they were, and a stream beside has its bytes.

    bad_requests.py [--json] [http] [rpc]        both without one

CHAOS_REQUESTS: mutants of each protocol; CHAOS_SEED, CHAOS_ONE: sends that one mutant alone and
prints what came. The canary streams from a model of its own, so that nothing else is in its worker.
"""
import argparse
import json
import os
import random
import re
import selectors
import sys
import threading
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import badrequests
from bulkhead import DEADLINE, MODEL, SLOW, Connection, Server, until
from chaos import SEED, compare, measure, number, print_table, progress
from streams import Recorded

MUTANTS = number('CHAOS_REQUESTS', 6000, 1500)
TOGETHER = 24
GROWTH_KIB = 2048  # buffers of connections that came at once
COLUMNS = ('protocol', 'mutants', 'answers', 'accepted', 'refused', 'closed', 'wrong answers',
           'worker deaths', 'canaries', 'seconds')
OPTIONS = ('--request-timeout', '500ms', '--idle-timeout', '500ms', '--ctx-size', '128',
           '--threads', '1', '--parallel', '16', '--restart-limit', '1000000', '--models-max', '4')


class Wrong(Exception):
    """An answer that no client should have to read."""


def check_json(data, what):
    try:
        return json.loads(data.decode())
    except ValueError as why:
        raise Wrong(f'{what}: {why}: {data[:300]!r}') from why


def http_answers(data):
    """The statuses of the replies; checks the form of each."""
    reader, found = Recorded(data), []
    while reader.file.tell() < len(data):
        at = reader.file.tell()
        head = data[at:data.find(b'\r\n\r\n', at) + 2]
        if not re.fullmatch(rb'HTTP/1\.[01] \d{3} [\x20-\x7e]*\r\n'
                            rb'([!-9;-~]+: ?[\x20-\x7e\x80-\xff]*\r\n)*', head):
            raise Wrong(f'head: {head[:300]!r}')
        if head.startswith(b'HTTP/1.1 100'):
            reader.head()
            continue
        try:
            found.append(http_answer(reader, data))
        except (EOFError, ValueError, KeyError) as why:
            raise Wrong(f'{why!r}: {data[at:at + 300]!r}') from why
    return found


def http_answer(reader, data):
    mark = reader.file.tell()
    status, headers = reader.head()
    kind = headers.get('content-type', '')
    if kind.startswith('text/event-stream'):
        # Without chunks, HTTP/1.0 streams until the connection ends.
        events = reader.events() if 'transfer-encoding' in headers else [
            line[6:].decode() for line in reader.file.read().split(b'\n')
            if line.startswith(b'data: ')]
        for event in events:
            if event != '[DONE]':
                check_json(event.encode(), 'event')
        return status
    if headers.get('transfer-encoding') == 'chunked':
        body = b''.join(iter(reader.chunk, b''))
    else:
        n, body_at = int(headers.get('content-length', 0)), reader.file.tell()
        # The answer to HEAD has a length and no body.
        if body_at == len(data) or data.startswith(b'HTTP/1.1 ', body_at):
            n = 0
        body = reader.file.read(n)
        if len(body) < n:
            raise Wrong(f'cut short: {data[mark:mark + 300]!r}')
    if kind.startswith('application/json') and body:
        got = check_json(body, 'body')
        if status >= 400 and not got['error']['message']:
            raise Wrong(f'no message: {body!r}')
    return status


def rpc_answers(data):
    """Codes of errors, 0 for results; checks the form of each line."""
    if data and not data.endswith(b'\n'):
        raise Wrong(f'cut short: {data[-300:]!r}')
    found = []
    for line in data.split(b'\n')[:-1]:
        got = check_json(line, 'line')
        for one in got if isinstance(got, list) else [got]:
            ok = isinstance(one, dict) and one.get('jsonrpc') == '2.0' and 'id' in one and \
                ('result' in one) != ('error' in one)
            if not ok or 'error' in one and not (one['error']['message'] and isinstance(
                    one['error']['code'], int)):
                raise Wrong(f'no JSON-RPC: {line[:300]!r}')
            found.append(one['error']['code'] if 'error' in one else 0)
    return found


class Client:
    """One mutant on a connection of its own, read until the server closes it."""

    def __init__(self, where, data, half, number):
        # Whoever sends nothing and says nothing may stay; these are not to.
        self.out, self.got, self.half, self.number = data or b'x', bytearray(), half, number
        self.conn = Connection(where)
        self.conn.sock.setblocking(False)
        self.begun, self.was_reset = time.monotonic(), False

    def turn(self, mask):
        """True when it is over."""
        sock = self.conn.sock
        try:
            if mask & selectors.EVENT_WRITE and self.out:
                self.out = self.out[sock.send(self.out[:65536]):]
                if not self.out and self.half:
                    sock.shutdown(1)
            if mask & selectors.EVENT_READ:
                got = sock.recv(1 << 18)
                self.got += got
                return not got
        except BlockingIOError:
            pass
        except OSError:
            self.was_reset = True
            return True
        return False

    def wants(self):
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.out else 0)


class Tally:
    def __init__(self):
        self.answers = self.accepted = self.refused = self.closed = self.wrong = 0

    def take(self, client, is_http):
        try:
            found = (http_answers if is_http else rpc_answers)(bytes(client.got))
        except Wrong as why:
            # What was on its way when the server reset the connection is gone.
            if not client.was_reset:
                self.wrong += 1
                print(f'seed {SEED}, number {client.number}: {why}', flush=True)
            return
        good = sum(200 <= c < 300 if is_http else c == 0 for c in found)
        self.answers += len(found)
        self.accepted += good
        self.refused += len(found) - good
        self.closed += not found


def send_all(server, name, n):
    """n mutants, TOGETHER at a time. A seed and a number make the mutant."""
    is_http, tally, sel = name == 'http', Tally(), selectors.DefaultSelector()
    make = badrequests.http if is_http else badrequests.rpc
    where, number, open_ones = server.tcp if is_http else server.rpc_path, 0, 0
    while number < n or open_ones:
        while number < n and open_ones < TOGETHER:
            data = make(random.Random(f'{SEED} {name} {number}'))
            client = Client(where, data, not is_http, number)
            sel.register(client.conn.sock, client.wants(), client)
            number, open_ones = number + 1, open_ones + 1
        for key, mask in sel.select(1):
            client = key.data
            if client.turn(mask):
                sel.unregister(key.fileobj)
                client.conn.close()
                tally.take(client, is_http)
                open_ones -= 1
            elif key.events != client.wants():
                sel.modify(key.fileobj, client.wants(), client)
        late = [c.data for c in sel.get_map().values()
                if time.monotonic() - c.data.begun > 2 * DEADLINE]
        if late:
            raise AssertionError(f'seed {SEED}, number {late[0].number}: neither answered nor '
                                 f'closed in {2 * DEADLINE} s; so far {bytes(late[0].got)[-300:]}')
        progress(f'{name}: {number} of {n}, {tally.wrong} wrong')
    return tally


class Canary(threading.Thread):
    """Streams again and again beside everything else."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.n, self.is_over, self.wrong = server, 0, False, None
        self.want = self.text()

    def text(self):
        stream = self.server.stream('Once upon a time', model='canary', max_tokens=100, seed=5,
                                    ignore_eos=True, temperature=0.8)
        text = stream.rest()
        assert stream.done and stream.error is None, stream.error
        return text

    def run(self):
        while not self.is_over and not self.wrong:
            try:
                if self.text() != self.want:
                    self.wrong = 'it differs'
            except Exception as why:
                self.wrong = repr(why)
            self.n += 1
            time.sleep(0.1 * SLOW)

    def end(self):
        self.is_over = True
        self.join()
        assert self.wrong is None, f'seed {SEED}: the stream beside: {self.wrong}'


def at_rest(rpc, server):
    """What keeper and front have when only that connection is left, the front and two workers."""
    until(lambda: (s := rpc.call('bulkhead.status'))['generations'] == 0
          and s['front']['clients'] == 1 and len(s['models']) == 2
          and len(server.children()) == 3)
    return measure(server)


def protocol(name):
    start = time.monotonic()
    with Server(*OPTIONS, models=[MODEL]) as s:
        canary_model = os.path.join(s.dir, 'canary.gguf')
        with open(MODEL, 'rb') as f, open(canary_model, 'wb') as out:
            out.write(f.read())
        with s.rpc(timeout=None) as keeps_it_loaded:
            keeps_it_loaded.init(canary_model)
            canary = Canary(s)
            canary.start()
            warm = send_all(s, name, MUTANTS // 5)
            canary.end()
            before = at_rest(keeps_it_loaded, s)
            canary = Canary(s)
            canary.start()
            tally = send_all(s, name, MUTANTS)
            canary.end()
            compare(before, at_rest(keeps_it_loaded, s), GROWTH_KIB)
            deaths = sum(m['restarts'] for m in s.status()['models'])
    return [name, MUTANTS, tally.answers, tally.accepted, tally.refused, tally.closed,
            tally.wrong + warm.wrong, deaths, canary.n, f'{time.monotonic() - start:.0f}']


def one(name, number):
    """That mutant, and what comes of it."""
    make = badrequests.http if name == 'http' else badrequests.rpc
    data = make(random.Random(f'{SEED} {name} {number}'))
    print(data)
    with Server(*OPTIONS) as s:
        client = Client(s.tcp if name == 'http' else s.rpc_path, data, name == 'rpc', number)
        client.conn.sock.setblocking(True)
        client.conn.sock.settimeout(DEADLINE)
        while not client.turn(client.wants()):
            pass
        print(bytes(client.got))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--json', action='store_true')
    parser.add_argument('protocol', nargs='*', choices=['http', 'rpc', []])
    args = parser.parse_args()
    names = args.protocol or ['http', 'rpc']
    if 'CHAOS_ONE' in os.environ:
        one(names[0], int(os.environ['CHAOS_ONE']))
        return
    print(f'CHAOS_SEED={SEED} CHAOS_REQUESTS={MUTANTS}', file=sys.stderr, flush=True)
    rows = [protocol(name) for name in names]
    progress('')
    print_table(COLUMNS, rows, args.json)
    wrong = sum(r[COLUMNS.index('wrong answers')] for r in rows)
    if wrong:
        raise SystemExit(f'seed {SEED}: {wrong} answers are not of their protocol')


main()
