#!/usr/bin/env python3
"""kill -9 of the worker at random places of a stream: not one byte may differ.

For JSON-RPC and HTTP, at temperature 0 and 0.8: one undisturbed recording, then streams of the
same request, one at a time, in which the worker is killed again and again. A kill counts once the
front says that it resumed a generation because of it, and only if every event of that stream was
then the recording's. KILLS is the number that must count in each combination (200), KILLS_A_STREAM
how many are tried in one stream (4); SEED repeats the choice of places.
"""
import concurrent.futures
import os
import random
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

    def pieces(self, on_sent=None):
        stream = self.server.stream(PROMPT, on_sent=on_sent, **self.fields)
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

    def pieces(self, on_sent=lambda: None):
        run = self.rpc.start(PROMPT, **self.infer)
        on_sent()
        for reply in self.rpc.replies(run):
            yield reply['text'] or ''
        assert reply['_callback_state'] == 2, reply
        assert reply['perf']['generate_tokens'] == TOKENS, reply


class Tally:
    def __init__(self, name):
        self.name = name
        self.kills = self.resumed = self.differing = self.errors = self.streams = 0
        self.pauses, self.places = [], set()

    def line(self):
        pauses = sorted(self.pauses) or [0]
        return (f'{self.name}: {self.kills} kills in {self.streams} streams, {self.resumed} '
                f'resumed, {self.differing} differing, {self.errors} client errors; kill to next '
                f'token: median {1000 * statistics.median(pauses):.0f} ms, max '
                f'{1000 * pauses[-1]:.0f} ms; after {len(self.places)} different tokens')


def offsets(rng):
    """Events after which to kill in one stream; one of them where it hurts most."""
    edges = [0, 1, TOKENS - 1, TOKENS] + [at + d for at in range(CHUNK, TOKENS, CHUNK)
                                          for d in (-1, 0, 1)]
    return sorted({rng.choice(edges), *(rng.randrange(TOKENS + 1) for _ in range(A_STREAM - 1))})


class Killer:
    """Kills when the client has seen enough, and finds out when it saw the next token.

    What had come before the kill is still to be read after it, so the pause is the longest between
    two events from there to the next kill, and the place is where it was.
    """

    def __init__(self, server, at):
        self.server, self.at = server, at
        self.kills, self.pauses = 0, []
        self.last = self.killed = None

    def saw(self, n):
        now = time.monotonic()
        if self.killed is not None:
            self.pauses[-1] = max(self.pauses[-1], (now - max(self.last, self.killed), n))
        self.last = now
        if self.at and n >= self.at[0]:
            self.at.pop(0)
            self.kill(n)

    def kill(self, n):
        if self.server.kill_any_worker():
            self.kills += 1
            self.killed = time.monotonic()
            self.pauses.append((0, n))


def disturbed(server, way, at, tally):
    """The pieces of one stream with the worker killed at those offsets."""
    killer, got = Killer(server, at), []
    before = server.metric('generations_resumed_total')
    for piece in way.pieces(lambda: killer.saw(0)):
        got.append(piece)
        killer.saw(len(got))
    resumed = int(server.metric('generations_resumed_total') - before)
    tally.kills += killer.kills
    tally.resumed += resumed
    # A kill that came too late for this stream made no pause in it.
    for pause, place in sorted(killer.pauses)[len(killer.pauses) - min(resumed, killer.kills):]:
        tally.pauses.append(pause)
        tally.places.add(place)
    return got


def combination(server, way, temperature, rng):
    tally = Tally(f'{way.name}, temperature {temperature}')
    expected = list(way.pieces())
    assert len(''.join(expected)) > TOKENS, expected
    assert list(way.pieces()) == expected, 'it does not even repeat undisturbed'
    while tally.resumed < KILLS and not tally.errors:
        try:
            got = disturbed(server, way, offsets(rng), tally)
        except (AssertionError, RpcError, EOFError, OSError) as why:
            print(f'{tally.name}: {why!r}', flush=True)
            tally.errors += 1
            continue
        tally.streams += 1
        if got != expected:
            tally.differing += 1
            first = len(os.path.commonprefix([got, expected]))
            print(f'{tally.name}: differs from event {first} of {len(expected)}: '
                  f'{got[first:first + 5]} {expected[first:first + 5]}', flush=True)
    print(tally.line(), flush=True)
    return tally.differing + tally.errors


def protocol(Way, seed):
    """One protocol with a server of its own, so that both can go at once."""
    rng = random.Random(seed)
    with Server('--restart-limit', '1000000', '--threads', '1', '--chunk', str(CHUNK)) as s:
        return sum(combination(s, Way(s, t), t, rng) for t in (0, 0.8))


print(f'SEED={SEED}, {KILLS} kills for each', flush=True)
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    failed = sum(pool.map(protocol, (OverHttp, OverRpc), (SEED, SEED + 1)))
if failed:
    raise SystemExit(f'{failed} streams were not what they should be')
