#!/usr/bin/env python3
"""kill -9 of the keeper, whatever its children are doing: nobody is left.

    orphans.py [KILLS]          in all (60; long form: 1000)

Each round brings a server to one of the places below, kills its keeper and waits until every child
of it is gone. A stopped process sees no channel's end: that one dies because its parent did.
"""
import contextlib
import itertools
import os
import random
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, children, is_alive, until

KILLS = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get('KILLS') or
            (10 if SANITIZE else 60))
DEAF = 'deaf term\ndeaf abort\n'


def loading(s):
    until(lambda: s.lives() >= 1)


def streaming(s):
    return s.stream(seed=1).until(2)


def worker_stopped(s):
    stream = streaming(s)
    s.kill_worker(signal.SIGSTOP)
    return stream


def both_stopped(s):
    stream = worker_stopped(s)
    os.kill(s.front, signal.SIGSTOP)
    return stream


def being_aborted(s):
    stream = s.http()
    stream.request('POST', '/v1/completions', {'prompt': 'x', 'stream': True})
    s.wait_log('hang: no progress')
    return stream


def restarting(s):
    stream = streaming(s)
    s.kill_worker()
    return stream


def many_at_once(s):
    return [s.stream(seed=i).until(1) for i in range(4)]


# place -> script, options, whether the server is ready before it
PLACES = {
    loading: ('load 60000', (), False),
    streaming: ('tokens 5\nat token:2 hold', (), True),
    worker_stopped: ('tokens 5\nat token:2 hold', (), True),
    both_stopped: ('tokens 5\nat token:2 hold', (), True),
    being_aborted: (DEAF + 'at submit spin', ('--hang-timeout', '200ms'), True),
    restarting: ('tokens 5\nat token:2 hold', (), True),
    many_at_once: ('tokens 500\npause 1', (), True),
}


def dies(place, rng):
    script, options, is_ready = PLACES[place]
    with Server(*options, fake=script, expect=None, wait=is_ready) as s:
        held = place(s)
        if rng.random() < 0.5:
            time.sleep(rng.random() / 100)
        pids = dict(s.children())
        pids.update(children(s.pid))
        assert pids, 'it has no children'
        os.kill(s.pid, signal.SIGKILL)
        until(lambda: not any(map(is_alive, pids)))
        for one in held if isinstance(held, list) else [held]:
            with contextlib.suppress(AttributeError):
                getattr(one, 'http', one).close()
        return len(pids)


seed = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
print(f'SEED={seed}', flush=True)
rng, killed = random.Random(seed), 0
for _, place in zip(range(KILLS), itertools.cycle(PLACES)):
    killed += dies(place, rng)
print(f'{KILLS} keepers killed with {killed} children, in {len(PLACES)} places: none is left')
