#!/usr/bin/env python3
"""kill -9 of the worker under many streams at once: each stream's bytes are those of its lone run.

Requests that differ in length, sampling and protocol are recorded one by one, undisturbed, from a
server of their own. Then they run together, joining at random places, and the worker is killed at
random places; the events that each client saw must be the recorded ones. The worker checks the
hashes of its logits at each resume: not one may differ. Fast streams run beside: they may say
something else, but their tokens are all there.

KILLS in all (16), STREAMS at once (12); SEED repeats the choice of places. MODEL is another than
the demo model, OPTIONS more of the server's.
"""
import os
import random
import sys
import threading
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server

KILLS = int(os.environ.get('KILLS') or (4 if SANITIZE else 16))
STREAMS = int(os.environ.get('STREAMS') or 12)
SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
OPTIONS = ['--restart-limit', '1000000', '--threads', '1', '--resume', 'exact',
           *os.environ.get('OPTIONS', '').split()]
MODEL = os.environ.get('MODEL')
PROMPTS = ['Tell me a long story about a ship that would not sink.', 'Once',
           'The fox, the bear and the otter went down to the river one morning, because ' * 4]
SCHEMA = {'type': 'object', 'properties': {'a': {'type': 'string'}, 'b': {'type': 'integer'}}}


def request(i):
    """The i-th stream; always the same."""
    fields = {'prompt': PROMPTS[i % 3], 'seed': 100 + i, 'temperature': 0 if i % 4 == 0 else 0.8,
              'max_tokens': 40 + 23 * i % 130, 'ignore_eos': i % 5 != 3}
    if i % 5 == 3:
        fields['json_schema'] = SCHEMA
    if i % 6 == 4:
        fields.update(mirostat=2, repeat_penalty=1.1)
    return fields


class Client(threading.Thread):
    """One stream; what it saw, and why that is not all."""

    def __init__(self, server, fields, on_event=lambda: None):
        super().__init__(daemon=True)
        self.server, self.fields, self.on_event = server, fields, on_event
        self.texts, self.finish, self.error = [], None, None

    def run(self):
        try:
            stream = self.server.stream(**self.fields)
            for event in stream:
                self.error = stream.error
                for choice in event.get('choices', ()):
                    self.texts.append(choice.get('text'))
                    self.on_event()
            self.finish = stream.finish
            if not stream.done:
                self.error = self.error or 'cut off'
            stream.http.close()
        except (AssertionError, OSError, EOFError) as why:
            self.error = repr(why)


def recorded(server):
    """Each alone, and once more: it must at least repeat."""
    found = []
    for i in range(STREAMS):
        clients = [Client(server, request(i)) for _ in range(2)]
        for c in clients:
            c.run()
            assert c.error is None, c.error
        assert clients[0].texts == clients[1].texts, f'stream {i} does not even repeat'
        found.append(clients[0])
    return found


class Killer:
    """Kills after so many events of all streams together."""

    def __init__(self, server, rng):
        self.server, self.rng, self.lock = server, rng, threading.Lock()
        self.left, self.kills = rng.randrange(60), 0

    def saw_one(self):
        with self.lock:
            self.left -= 1
            if self.left > 0 or self.kills == KILLS:
                return
            self.left = self.rng.randrange(20, 200)
            self.kills += self.server.kill_any_worker()


def play(server, killer, rng):
    """A round: every stream, and two fast ones, in any order."""
    order = list(range(STREAMS)) + [None, None]
    rng.shuffle(order)
    clients = []
    for i in order:
        fields = request(i) if i is not None else \
            {'prompt': PROMPTS[0], 'max_tokens': 90, 'ignore_eos': True, 'resume': 'fast'}
        clients.append((i, Client(server, fields, killer.saw_one)))
        clients[-1][1].start()
        if rng.random() < 0.4:
            threading.Event().wait(rng.random() * 0.1)
    for _, c in clients:
        c.join(300)
        assert not c.is_alive(), 'a stream hangs'
    return clients


def judge(want, clients):
    """How many differ, and how many have errors."""
    differing = errors = 0
    for i, c in clients:
        if c.error is not None:
            print(f'stream {i}: {c.error}', flush=True)
            errors += 1
        elif i is None:
            errors += c.finish != 'length'
        elif (c.texts, c.finish) != (want[i].texts, want[i].finish):
            at = len(os.path.commonprefix([c.texts, want[i].texts]))
            print(f'stream {i} differs from event {at}: {c.texts[at:at + 5]} '
                  f'{want[i].texts[at:at + 5]}', flush=True)
            differing += 1
    return differing, errors


def main():
    rng = random.Random(SEED)
    models = [MODEL] if MODEL else None
    with Server(*OPTIONS, models=models) as s:
        want = recorded(s)
    differing = errors = streams = 0
    with Server(*OPTIONS, models=models) as s:
        killer = Killer(s, rng)
        while killer.kills < KILLS:
            clients = play(s, killer, rng)
            streams += len(clients)
            more = judge(want, clients)
            differing, errors = differing + more[0], errors + more[1]
        agreed, differed = (int(s.metric(f'resumes_{x}_total')) for x in ('agreed', 'differed'))
        resumed = int(s.metric('generations_resumed_total'))
    print(f'{killer.kills} kills under {streams} streams, {STREAMS + 2} at once: {resumed} '
          f'resumed, {agreed} with the hashes of before, {differed} with others; {differing} '
          f'streams differing, {errors} with errors', flush=True)
    if differing or errors or differed or not agreed:
        raise SystemExit('a stream was not what it should be')


print(f'SEED={SEED}', flush=True)
main()
