#!/usr/bin/env python3
"""kill -9 of the worker under many streams: each gets all of its tokens, once, and a last word.

That the text is the undisturbed one is promised for one stream at a time only; here every stream
must complete with exactly the events, tokens and usage that it asked for.
"""
import json
import os
import random
import selectors
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import DEADLINE, SANITIZE, Server, piece

STREAMS, TOKENS = 16, 200
ROUNDS = int(os.environ.get('ROUNDS') or (2 if SANITIZE else 6))
SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))


class Client:
    """A streaming request whose bytes are taken as they come."""

    def __init__(self, server, i):
        self.http = server.http()
        self.http.request('POST', '/v1/completions', {
            'prompt': f'Story {i}:', 'seed': i, 'max_tokens': TOKENS, 'ignore_eos': True,
            'temperature': 0.8, 'stream': True, 'stream_options': {'include_usage': True}},
            ['Connection: close'])
        self.data = b''

    def read(self):
        got = self.http.sock.recv(65536)
        self.data += got
        return bool(got)

    def check(self):
        events = [line[6:] for line in self.data.decode().split('\n') if line.startswith('data: ')]
        assert events[-1].strip() == '[DONE]', events[-1:]
        events = [json.loads(e) for e in events[:-1]]
        assert not any('error' in e for e in events), events[-1]
        assert events[-1]['usage']['completion_tokens'] == TOKENS, events[-1]
        reasons = [c['finish_reason'] for e in events for c in e['choices'] if c['finish_reason']]
        assert reasons == ['length'], reasons
        return ''.join(map(piece, events))


def round_of(s, rng):
    clients = [Client(s, i) for i in range(STREAMS)]
    sel = selectors.DefaultSelector()
    for c in clients:
        sel.register(c.http.sock, selectors.EVENT_READ, c)
    marks = sorted(rng.randrange(STREAMS * TOKENS) for _ in range(5))
    end, kills = time.monotonic() + 4 * DEADLINE, 0
    while sel.get_map():
        assert time.monotonic() < end, 'not finished in time'
        for key, _ in sel.select(1):
            if not key.data.read():
                sel.unregister(key.fileobj)
        seen = sum(c.data.count(b'"text"') for c in clients)
        if marks and seen >= marks[0]:
            marks.pop(0)
            kills += s.kill_any_worker()
    texts = [c.check() for c in clients]
    for c in clients:
        c.http.close()
    assert len(set(texts)) > STREAMS * 3 / 4, 'clients got the same text'
    return kills


print(f'SEED={SEED}', flush=True)
with Server('--restart-limit', '1000000', '--parallel', str(STREAMS)) as s:
    rng = random.Random(SEED)
    kills = sum(round_of(s, rng) for _ in range(ROUNDS))
    print(f'{ROUNDS} rounds of {STREAMS} streams of {TOKENS} tokens, {kills} kills, '
          f'{s.metric("generations_resumed_total"):.0f} resumed: none lost or repeated a token')
