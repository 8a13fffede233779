#!/usr/bin/env python3
"""20 models, room for 4, 64 clients that ask at random while all else changes: workers are killed,
models loaded and unloaded, their files replaced, others added and removed, and all of it read anew.

    router.py [REQUESTS]        in all (1500; long form: CHAOS_ROUTED)

Every request is answered once: with the text that it must have, or, where a client had its model
unloaded under it, with an error that says so. None is answered later than its deadline, and there
are never more workers than there is room for.
"""
import collections
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import chaos
from bulkhead import DEADLINE, SANITIZE, Server, children, fake_text, until

REQUESTS = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get('CHAOS_ROUTED') or
               (300 if SANITIZE else 1500))
MODELS, ROOM, CLIENTS = 20, 4, 64
WAIT_MS = 1000 * DEADLINE
# What may be said instead of an answer: an unload by request; a file whose first worker was
# killed twice before it was ready.
EXCUSES = 'was unloaded', 'died 2 times'


class World:
    def __init__(self, server):
        self.server = server
        self.lock = threading.Lock()
        self.left, self.over = REQUESTS, threading.Event()
        self.count, self.slowest, self.wrong = collections.Counter(), 0.0, []

    def next(self):
        with self.lock:
            self.left -= 1
            return REQUESTS - self.left if self.left >= 0 else None

    def note(self, what, seconds=0.0):
        with self.lock:
            self.count[what] += 1
            self.slowest = max(self.slowest, seconds)

    def complain(self, what):
        with self.lock:
            self.wrong.append(what)
        self.over.set()


def n_tokens(i):
    return 2 + i % 5


def judge(w, i, seed, text, error, seconds):
    if error is None and text == fake_text(n_tokens(i), seed):
        w.note('whole', seconds)
    elif error is not None and any(e in error for e in EXCUSES):
        w.note('excused', seconds)
    else:
        w.complain(f'model {i}, seed {seed}: {text!r}, {error!r}')
    if 1000 * seconds > WAIT_MS + 5000:
        w.complain(f'model {i}: {seconds:.1f} s')


def ask(w, rng, seed):
    """One request, in one of the ways that clients have."""
    i, start = rng.randrange(MODELS), time.monotonic()
    fields = {'model': f'm{i}', 'seed': seed, 'queue_timeout_ms': WAIT_MS}
    way = rng.random()
    if way < 0.6:
        got = w.server.post('/v1/completions', dict(fields, prompt='x'))
        text = got.json['choices'][0]['text'] if got.status == 200 else None
        error = None if got.status == 200 else got.error['message']
        return judge(w, i, seed, text, error, time.monotonic() - start)
    try:
        stream = w.server.stream(**fields)
    except AssertionError as refused:
        return judge(w, i, seed, None, str(refused), time.monotonic() - start)
    if way < 0.7:  # goes before it has all
        with contextlib.suppress(StopIteration):
            stream.until(rng.randrange(1, 3))
        stream.http.close()
        return w.note('left')
    text = stream.rest()
    error = stream.error and stream.error['message']
    judge(w, i, seed, text, error, time.monotonic() - start)


def client(w, number):
    rng = random.Random(f'{chaos.SEED} {number}')
    try:
        while not w.over.is_set() and (seed := w.next()) is not None:
            ask(w, rng, seed)
    except BaseException as why:
        w.complain(f'client {number}: {type(why).__name__}: {why}')


def workers(s):
    return [pid for pid, name in children(s.pid).items() if name == 'bulkhead-worker']


def killer(w):
    rng = random.Random(f'{chaos.SEED} killer')
    while not w.over.wait(rng.random() * 0.1):
        there = workers(w.server)
        if len(there) > ROOM:
            w.complain(f'{len(there)} workers')
        if there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(there), signal.SIGKILL)
            w.note('killed')


def reload(w, rng, folder):
    """One file is replaced by another that says the same, one comes or goes."""
    i = rng.randrange(MODELS)
    write(folder, i, 'new')
    os.rename(os.path.join(folder, 'new'), os.path.join(folder, f'm{i}.gguf'))
    extra = os.path.join(folder, 'extra.gguf')
    if os.path.exists(extra):
        os.unlink(extra)
    else:
        shutil.copy(os.path.join(folder, 'm0.gguf'), extra)
    got = w.server.get('/models?reload=1')
    if got.status != 200 or len(got.json['data']) < MODELS:
        w.complain(f'reload: {got}')
    w.note('reloaded')


def operator(w, folder):
    rng = random.Random(f'{chaos.SEED} operator')
    while not w.over.wait(rng.random() * 0.3):
        verb = rng.choice(('load', 'unload', 'reload'))
        if verb == 'reload':
            reload(w, rng, folder)
            continue
        got = w.server.post('/models/' + verb, {'model': f'm{rng.randrange(MODELS)}'})
        if got.status not in (200, 400):
            w.complain(f'{verb}: {got}')
        w.note(verb + 'ed')


def write(folder, i, name):
    with open(os.path.join(folder, name), 'w') as f:
        f.write(f'GGUF\ntokens {n_tokens(i)}\npause {i % 4}\nload {5 * (i % 3)}\n')


def play(s, folder):
    w = World(s)
    askers = [threading.Thread(target=client, args=(w, n), daemon=True) for n in range(CLIENTS)]
    others = [threading.Thread(target=killer, args=(w,), daemon=True),
              threading.Thread(target=operator, args=(w, folder), daemon=True)]
    for t in askers + others:
        t.start()
    for t in askers:
        while t.is_alive() and not w.wrong:
            t.join(0.5)
    w.over.set()
    for t in others:
        t.join(DEADLINE)
    print(f'{dict(w.count)}, slowest {w.slowest:.2f} s', flush=True)
    assert not w.wrong, f'seed {chaos.SEED}: {w.wrong[:5]}'
    assert w.count['whole'] + w.count['excused'] + w.count['left'] == REQUESTS
    assert w.count['whole'] > REQUESTS / 2
    until(lambda: s.status()['generations'] == 0)
    # And it serves on, each of them.
    for i in range(MODELS):
        assert s.complete(model=f'm{i}', seed=7) == fake_text(n_tokens(i), 7)


def main():
    print(f'seed {chaos.SEED}', flush=True)
    folder = tempfile.mkdtemp(prefix='bulkhead-test-')
    try:
        for i in range(MODELS):
            write(folder, i, f'm{i}.gguf')
        with Server('--models-dir', folder, '--models-max', str(ROOM), '--room-patience', '500ms',
                    '--restart-limit', '1000000', '--retry-interval', '100ms', '--queue-max',
                    '4096', '--keepalive-interval', '200ms', models=(), fake_worker=True) as s:
            play(s, folder)
    finally:
        shutil.rmtree(folder)


main()
