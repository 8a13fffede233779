#!/usr/bin/env python3
"""Real models that make room for each other: every text is what it is without the others."""
import os
import shutil
import sys
import tempfile
import threading
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import MODEL, Server, cases, until

PROMPTS = 'Once upon a time', 'The ship', 'Tell me'
NAMES = 'a', 'b', 'c'
folder = tempfile.mkdtemp(prefix='bulkhead-test-')


def ask(s, name, prompt, seed):
    return s.complete(prompt, model=name, seed=seed, max_tokens=24, temperature=1.0)


def texts_alone():
    with Server('-np', '4') as s:
        return {(p, n): ask(s, '', p, n) for n, p in enumerate(PROMPTS)}


def in_turn(s, want):
    for name in NAMES * 3:
        for n, p in enumerate(PROMPTS):
            assert ask(s, name, p, n) == want[p, n], (name, p)


def all_at_once(s, want):
    wrong = []

    def client(k):
        try:
            for i in range(6):
                n = (i + k) % len(PROMPTS)
                got = ask(s, NAMES[(i * k) % len(NAMES)], PROMPTS[n], n)
                if got != want[PROMPTS[n], n]:
                    wrong.append(got)
        except BaseException as why:
            wrong.append(why)
    threads = [threading.Thread(target=client, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong, wrong


def they_make_room():
    want = texts_alone()
    for name in NAMES:
        shutil.copy(MODEL, os.path.join(folder, name + '.gguf'))
    with Server('--models-dir', folder, '--models-max', '1', '-np', '4', '--room-patience', '500ms',
                models=()) as s:
        in_turn(s, want)
        # What was found out of a file when it was loaded first holds when it is loaded again.
        assert all(m['exact'] for m in s.status()['models'] if m['state'] == 'up')
        all_at_once(s, want)
        until(lambda: s.status()['generations'] == 0)
        assert sum(m['state'] == 'up' for m in s.status()['models']) == 1
        assert not s.crashes()


def one_sleeps_and_wakes():
    want = texts_alone()
    with Server('--sleep-idle-seconds', '1', '-np', '4') as s:
        for n, p in enumerate(PROMPTS):
            assert ask(s, '', p, n) == want[p, n]
            until(lambda: s.get('/v1/models').json['data'][0]['status']['value'] == 'sleeping')
            assert s.get('/health').json == {'status': 'ok'}
        assert not s.crashes()


try:
    cases(they_make_room, one_sleeps_and_wakes)
finally:
    shutil.rmtree(folder)
