#!/usr/bin/env python3
"""Each call of the system for a request fails once in the front: there is an answer, or an end.

For each kind of request, over and over in the same server, its first, second ... allocation fails,
until it makes no more; then its first send, and so on. An error will do, and a connection that is
closed; silence will not, nor an answer that is less than the whole one and does not say so.
Undisturbed it then goes well again.
"""
import errno
import json
import os
import re
import struct
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Http, Rpc, RpcError, until
from inject import NAMES, Faulty, check_end, wait_ready

SILENCE = 3  # seconds
OTHERWISE = re.compile(r'"(id|created)":("[a-z]+-\w+"|\d{9,}),?')  # in each reply


class Refused(Exception):
    """There is an answer, and it is an error."""


FAULTS = {'malloc': errno.ENOMEM, 'send': errno.ENOBUFS, 'recv': errno.ENOMEM,
          'accept4': errno.ENOMEM, 'epoll_ctl': errno.ENOMEM, 'sendmsg': errno.ENOBUFS,
          'recvmsg': errno.ENOMEM}


class Armed(Faulty):
    """The front's n-th call of that name from now on fails."""

    def __init__(self, name, error):
        self.name = name
        super().__init__('front', {'INJECT': f'{name}:0:once:{error}'}, lives=1000)
        # A channel that fails takes its worker along.
        self.may_die_of = ['ABRT', 'KILL']

    def arm(self, n):
        for place, value in (NAMES.index(self.name), 0), (len(NAMES) + 1, n):
            os.pwrite(self.counts.fileno(), struct.pack('I', value), 4 * place)

    def n_calls(self):
        return self.calls()[self.name]

    def http(self):
        return Http(self.http_path, timeout=SILENCE)

    def rpc(self):
        return Rpc(self.rpc_path, timeout=SILENCE)


def kind(name, fn, *args, **fields):
    def ask(s):
        return fn(s, *args, **fields)
    ask.__name__ = name
    return ask


def answer(h, want=200):
    got = h.reply()
    if got.status != 200 and got.error['message'] == 'out of memory' or got.status == 500:
        raise Refused(got.error['message'])
    assert got.status == want, got
    return OTHERWISE.sub('', got.body.decode())


def get(s, path, want=200):
    """What is counted, or a clock's, is another each time."""
    with s.http() as h:
        h.request('GET', path)
        return re.sub(r'\d+', '', answer(h, want))


def post(s, body, want=200, times=1):
    with s.http() as h:
        for _ in range(times):
            h.request('POST', '/v1/completions', body)
        return [answer(h, want) for _ in range(times)]


def stream(s, path='/v1/completions', **fields):
    body = dict(fields, seed=1, stream=True, stream_options={'include_usage': True})
    with s.http() as h:
        h.request('POST', path, body)
        status, headers = h.head()
        if status != 200:
            raise Refused(h.file.read(int(headers['content-length'])))
        events = list(h.events())
    if '"error"' in events[-1]:
        raise Refused(events[-1])
    assert events[-1] == '[DONE]', events[-1]
    return [OTHERWISE.sub('', e) for e in events]


def calls(s):
    """Those that are answered at once, in one write; a notification among them."""
    def result(ident):
        return re.sub(r'\d+', '', str(r.next(ident)))
    with s.rpc() as r:
        ids = [r.send('rkllm.createDefaultParam'), r.send('rkllm.get_constants', None)]
        r.raw('{"jsonrpc":"2.0","method":"rkllm.createDefaultParam"}\n')
        ids.append(r.send('bulkhead.status'))
        return [result(ident) for ident in ids]


def wrong_calls(s):
    with s.rpc() as r:
        r.raw('{"jsonrpc":"2.0","id":1,"method":"no.such.method"}\n'
              '{"jsonrpc":"2.0","id":2,"method":"rkllm.run","params":[7]}\n{"jsonrpc"::}\n')
        errors = [r.line()['error'] for _ in range(3)]
        for error in errors:
            if error['message'] == 'out of memory':
                raise RpcError(error)
        return errors


def batch(s):
    with s.rpc() as r:
        r.raw(json.dumps([{'jsonrpc': '2.0', 'id': i, 'method': 'rkllm.createDefaultParam'}
                          for i in range(3)]) + '\n')
        got = r.line()
        if not isinstance(got, list):
            raise RpcError(got['error'])
        for one in got:
            if 'error' in one:
                raise RpcError(one['error'])
        return got


def run(s):
    with s.rpc() as r:
        r.init(s.model)
        said = r.run('Once', seed=1)
        return said[0], r.call('rkllm.destroy', None)


def no_such_model(s):
    with s.rpc() as r:
        try:
            r.init('/no/such/file.gguf')
        except RpcError as e:
            if e.code != -32001:
                raise
            return e.message


KINDS = [
    kind('GET /health', get, '/health'), kind('GET /metrics', get, '/metrics'),
    kind('GET /v1/models', get, '/v1/models'), kind('GET /', get, '/'),
    kind('no such path', get, '/no/such/path', 404), kind('no JSON', post, b'{"prompt":', 400),
    kind('no such model', post, {'prompt': 'x', 'model': 'none'}, 404),
    kind('four choices', post, {'prompt': ['a', 'b'], 'seed': 1, 'n': 2}),
    kind('two requests at once', post, {'prompt': 'a', 'seed': 1}, times=2),
    kind('stream', stream, prompt='Once'), kind('echo', stream, prompt='Once', echo=True),
    kind('logprobs', stream, prompt='Once', logprobs=2),
    kind('chat', stream, '/v1/chat/completions', messages=[{'role': 'user', 'content': 'x'}]),
    calls, wrong_calls, batch, run, no_such_model]


def is_told(s, ask, want):
    """Whether the answer is whole; else it is an error or an end."""
    try:
        got = ask(s)
    except (Refused, RpcError, EOFError, ConnectionError):
        return False
    assert want in (None, got), f'{got} instead of {want}'
    return True


def sweep(s, ask):
    """(calls, what was wrong)."""
    s.arm(0)
    want, n, bad = ask(s), 0, []
    while True:
        n += 1
        s.arm(n)
        try:
            is_told(s, ask, want)
        except Exception as why:
            bad.append(f'{ask.__name__}: {s.name} {n}: {why!r}'[:2000])
            print(bad[-1], flush=True)
        if s.n_calls() < n:
            return n - 1, bad
        s.arm(0)
        until(lambda: is_told(s, ask, want), 5)


def one(name, error):
    calls, bad, s = 0, [], Armed(name, error)
    try:
        assert wait_ready(s)
        for ask in KINDS:
            n, wrong = sweep(s, ask)
            calls += n
            bad += wrong
        check_end(s, True)
    except BaseException:
        s.kill()
        raise
    s.remove()
    print(f'{name}: {calls} calls by {len(KINDS)} kinds of requests, {len(bad)} bad', flush=True)
    return bad


if any([one(name, error) for name, error in FAULTS.items()]):
    raise SystemExit(1)
