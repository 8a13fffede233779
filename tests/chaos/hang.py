#!/usr/bin/env python3
"""A worker that is stopped in the middle of a stream: found in time, and not one byte may differ.

    hang.py [STOPS]             how many must count, for each way (20; long form: 1000)

STOPS in the environment does the same; SEED repeats the choice of places. A stop counts once the
front resumed a generation for it. A stopped process takes no SIGABRT, so that each costs 2 s beside
--hang-timeout; a worker that spins dies of SIGABRT at once. A request whose grammar keeps the
worker busy for longer than anybody's life is answered with an error, and those beside it go on.
"""
import os
import random
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import DEADLINE, SANITIZE, SLOW, Server, cases, is_alive, until

STOPS = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get('STOPS') or
            (4 if SANITIZE else 20))
SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
HANG = 500 * SLOW
ABORT = 2000  # from SIGABRT to SIGKILL
TOKENS = 400
OPTIONS = ('--restart-limit', '1000000', '--threads', '1', '--hang-timeout', f'{HANG}ms')
# Each rule has two ways to begin with each other: the search for a rule that begins with itself
# takes all paths.
RULES = 34
POISON = '\n'.join(['root ::= r0', *(f'r{i} ::= r{i + 1} | r{i + 1}' for i in range(RULES)),
                    f'r{RULES} ::= "a"'])


def pieces(s, on_piece=lambda n: None, **fields):
    stream = s.stream('Tell me a long story.', max_tokens=TOKENS, ignore_eos=True, seed=42,
                      temperature=0.8, **fields)
    n = 0
    for event in stream:
        if event['choices']:
            n += 1
            on_piece(n)
    assert stream.error is None and stream.done, stream.error
    return stream.texts


class Stopper:
    """Stops the worker after so many events, and sees how long it lives on.

    If it had said its last word already, nobody misses it: it may go on.
    """

    def __init__(self, s, at):
        self.s, self.at, self.lived = s, at, []

    def saw(self, n):
        if n != self.at:
            return
        pid = self.s.kill_worker(signal.SIGSTOP)
        start = time.monotonic()
        until(lambda: not is_alive(pid) or self.is_over(), DEADLINE + ABORT / 1000, 0.1)
        if is_alive(pid):
            os.kill(pid, signal.SIGCONT)
        else:
            self.lived.append(time.monotonic() - start)

    def is_over(self):
        return all(m['running'] == 0 for m in self.s.status()['models'])


def stopped():
    rng = random.Random(SEED)
    with Server(*OPTIONS) as s:
        expected = pieces(s)
        counted, tried, lived = 0, 0, []
        while counted < STOPS:
            before = s.metric('generations_resumed_total')
            stopper = Stopper(s, rng.randrange(1, TOKENS))
            got = pieces(s, stopper.saw)
            assert got == expected, f'differs after {stopper.at}: {got}'
            counted += int(s.metric('generations_resumed_total') - before)
            lived += stopper.lived
            tried += 1
            assert tried < 5 * STOPS + 20, 'too few of them hit'
        # Looks come four times within the deadline, and a loaded machine is late.
        print(f'{counted} stops in {tried} streams: none differs; killed after '
              f'{1000 * min(lived):.0f} to {1000 * max(lived):.0f} ms')
        assert min(lived) * 1000 > HANG + ABORT - 100, lived


def stopped_in_company():
    """Whatever else they say, each gets all of its tokens."""
    with Server(*OPTIONS, '--parallel', '4') as s:
        for _ in range(max(1, STOPS // 20)):
            streams = [s.stream('x', max_tokens=TOKENS, ignore_eos=True, seed=i,
                                stream_options={'include_usage': True}).until(2 + i)
                       for i in range(4)]
            s.kill_worker(signal.SIGSTOP)
            for stream in streams:
                stream.rest()
                assert stream.done and stream.error is None, stream.error
                assert stream.usage['completion_tokens'] == TOKENS


def busy_for_ever():
    with Server(*OPTIONS) as s:
        expected = pieces(s)
        stream = s.stream('Tell me a long story.', max_tokens=TOKENS, ignore_eos=True, seed=42,
                          temperature=0.8).until(3)
        got = s.post('/v1/completions', {'prompt': 'x', 'max_tokens': 5, 'grammar': POISON})
        assert got.status >= 500, got
        assert 'worker' in got.error['message'], got
        text = stream.rest()
        assert stream.done and stream.error is None, stream.error
        assert len(text) > TOKENS
        s.wait_log('no progress for [0-9]+ ms in phase submit; killed by SIGABRT')
        assert pieces(s) == expected


print(f'SEED={SEED}', flush=True)
cases(stopped, stopped_in_company, busy_for_ever)
