#!/usr/bin/env python3
"""kill -9 of the worker at random places of a stream: not one byte may differ.

For JSON-RPC and HTTP, at temperature 0 and 0.8: one undisturbed recording, then streams of the
same request, one at a time, in which the worker is killed again and again. A kill counts once the
front says that it resumed a generation because of it, and only if every event of that stream was
then the recording's. KILLS is the number that must count in each combination (200), KILLS_A_STREAM
how many are tried in one stream (4); SEED repeats the choice of places.
"""
import os
import random
import signal
import statistics
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, RpcError, Server

KILLS = int(os.environ.get('KILLS') or (10 if SANITIZE else 200))
A_STREAM = int(os.environ.get('KILLS_A_STREAM') or 4)
SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
TOKENS = 200
CHUNK = 64
PROMPT = 'Tell me a long story about a ship that would not sink.'


class OverHttp:
    name = 'http'

    def __init__(self, server, temperature):
        self.server = server
        self.fields = dict(temperature=temperature, seed=42, max_tokens=TOKENS, ignore_eos=True)

    def pieces(self):
        stream = self.server.stream(PROMPT, **self.fields)
        self.prompt_tokens = 0
        for event in stream:
            for choice in event['choices']:
                yield choice.get('text') or ''
        assert stream.error is None, stream.error
        assert stream.done and stream.finish == 'length', stream.finish
        stream.http.close()


class OverRpc:
    name = 'rpc'

    def __init__(self, server, temperature):
        self.rpc = server.rpc()
        self.rpc.init(server.model, max_new_tokens=TOKENS, ignore_eos_token=True)
        self.infer = {'seed': 42, 'sampling_params': {'temperature': temperature}}

    def pieces(self):
        for reply in self.rpc.replies(self.rpc.start(PROMPT, **self.infer)):
            yield reply['text'] or ''
        assert reply['_callback_state'] == 2, reply
        assert reply['perf']['generate_tokens'] == TOKENS, reply


class Tally:
    def __init__(self, name):
        self.name = name
        self.kills = self.resumed = self.differing = self.errors = self.streams = 0
        self.gaps, self.places = [], set()

    def line(self):
        gaps = sorted(self.gaps) or [0]
        return (f'{self.name}: {self.kills} kills in {self.streams} streams, {self.resumed} '
                f'resumed, {self.differing} differing, {self.errors} client errors; kill to next '
                f'token: median {1000 * statistics.median(gaps):.0f} ms, max '
                f'{1000 * gaps[-1]:.0f} ms; {len(self.places)} different places')


def places(rng):
    """Offsets in events for one stream; some of them where it hurts most."""
    edges = [0, 1, TOKENS - 1, TOKENS] + [at + d for at in range(CHUNK, TOKENS, CHUNK)
                                          for d in (-1, 0, 1)]
    chosen = [rng.randrange(TOKENS + 1) for _ in range(A_STREAM - 1)] + [rng.choice(edges)]
    return sorted(set(chosen))


def kill(server, tally):
    """Kills the worker if there is one; a stream may be faster than its restart."""
    for pid, name in server.children().items():
        if name == 'bulkhead-worker':
            os.kill(pid, signal.SIGKILL)
            tally.kills += 1
            return True
    return False


def disturbed(server, way, at, tally):
    """One stream with the worker killed at those offsets; its pieces."""
    got, killed = [], None
    if at and at[0] == 0:
        at.pop(0)
        killed = time.monotonic() if kill(server, tally) else None
    for piece in way.pieces():
        if killed is not None:
            tally.gaps.append(time.monotonic() - killed)
            killed = None
        got.append(piece)
        if at and len(got) >= at[0]:
            at.pop(0)
            tally.places.add(len(got))
            killed = time.monotonic() if kill(server, tally) else None
    return got


def combination(server, way, temperature, rng):
    tally = Tally(f'{way.name}, temperature {temperature}')
    expected = list(way.pieces())
    assert len(''.join(expected)) > TOKENS, expected
    assert list(way.pieces()) == expected, 'it does not even repeat undisturbed'
    while tally.resumed < KILLS:
        before = server.metric('generations_resumed_total')
        try:
            got = disturbed(server, way, places(rng), tally)
        except (AssertionError, RpcError, EOFError, OSError) as why:
            print(f'{tally.name}: {why!r}', flush=True)
            tally.errors += 1
            break
        if got != expected:
            tally.differing += 1
            first = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b),
                         min(len(got), len(expected)))
            print(f'{tally.name}: differs from event {first} of {len(expected)}: '
                  f'{got[first:first + 5]} {expected[first:first + 5]}', flush=True)
        tally.streams += 1
        tally.resumed += int(server.metric('generations_resumed_total') - before)
    print(tally.line(), flush=True)
    return tally


print(f'SEED={SEED}, {KILLS} kills for each', flush=True)
failed = 0
with Server('--restart-limit', '1000000', '--threads', '1', '--chunk', str(CHUNK)) as s:
    rng = random.Random(SEED)
    for Way in OverHttp, OverRpc:
        for temperature in 0, 0.8:
            tally = combination(s, Way(s, temperature), temperature, rng)
            failed += tally.differing + tally.errors
if failed:
    raise SystemExit(f'{failed} streams were not what they should be')
