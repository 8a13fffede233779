#!/usr/bin/env python3
"""A worker that stops getting on is ended and its streams go on; one that is only slow is not."""
import os
import signal
import subprocess
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SLOW, Server, cases, fake_text, is_alive, stat_of, until

TOKENS = 8
HANG = 500 * SLOW
OPTIONS = ('--hang-timeout', f'{HANG}ms', '--load-timeout', '1s', '--restart-limit', '1000')
# Where, and how: each alone in the life that it is written for.
HANGS = ['submit stall', 'started stall', 'frame:1 stall', 'token:1 spin', 'token:4 stall',
         'frame:6 spin', 'last spin']


def script(*lines):
    return '\n'.join([f'tokens {TOKENS}', *lines])


def wherever_it_is():
    lines = [f'life {i} at {hang}' for i, hang in enumerate(HANGS, 1)]
    with Server(*OPTIONS, fake=script(*lines)) as s:
        assert s.stream(seed=7).rest() == fake_text(TOKENS, 7)
        assert s.lives() == len(HANGS) + 1, s.lives()
        s.wait_log('hang: no progress for [0-9]+ ms in phase submit', 1)
        s.wait_log('hang: no progress for [0-9]+ ms in phase decode; killed by SIGABRT', 4)


def one_that_ignores_being_told():
    with Server(*OPTIONS, fake=script('life 1 deaf abort', 'life 1 deaf term',
                                      'life 1 at token:3 spin')) as s:
        assert s.stream(seed=2).rest() == fake_text(TOKENS, 2)
        s.wait_log('hang: .*; killed by SIGKILL')


def one_that_is_stopped():
    """A stopped process takes no SIGABRT: SIGKILL comes after 2 s."""
    with Server(*OPTIONS, fake=script('life 1 at token:3 hold')) as s:
        stream = s.stream(seed=3).until(3)
        pid = s.kill_worker(signal.SIGSTOP)
        start = time.monotonic()
        until(lambda: not is_alive(pid))
        assert time.monotonic() - start > 2, 'it was given no time for its last words'
        assert stream.rest() == fake_text(TOKENS, 3)


def one_that_was_stopped_while_idle():
    """Its page says that all is well; the front knows better, once there is work."""
    with Server(*OPTIONS, fake=script()) as s:
        assert s.complete(seed=4) == fake_text(TOKENS, 4)
        until(lambda: stat_of(s.worker)[1] == 'S')  # its page says so only after its last frame
        pid = s.kill_worker(signal.SIGSTOP)
        time.sleep(4 * HANG / 1000)
        assert is_alive(pid) and 'hang' not in s.log(), 'it hurt nobody yet'
        assert s.complete(seed=5) == fake_text(TOKENS, 5)
        s.wait_log('hang: no progress for [0-9]+ ms in phase idle')


def the_front():
    with Server(*OPTIONS, fake=script('pause 10')) as s:
        pid = s.front
        os.kill(pid, signal.SIGSTOP)
        until(lambda: not is_alive(pid))
        s.wait_log('the front .* died: hang: no progress for [0-9]+ ms')
        assert s.front != pid
        assert s.complete(seed=6) == fake_text(TOKENS, 6)
        assert s.lives() == 1, 'its worker stays loaded'


def one_that_loads():
    with Server(*OPTIONS, fake=script('life 1 at load spin')) as s:
        assert s.complete(seed=6) == fake_text(TOKENS, 6)
        s.wait_log('hang: it should have been ready or gone; killed by SIGABRT')


def not_one_that_is_slow_by_its_own_measure():
    with Server(*OPTIONS, fake=script('p99 1000', f'at token:2 nap {5 * HANG}')) as s:
        assert s.stream(seed=8).rest() == fake_text(TOKENS, 8)
        assert s.lives() == 1, s.log()


def not_one_that_said_how_long_it_takes():
    with Server(*OPTIONS, fake=script('at submit announce 1000', f'at submit nap {4 * HANG}',
                                      'at started announce 1000',
                                      f'at started nap {4 * HANG}')) as s:
        assert s.stream(seed=8).rest() == fake_text(TOKENS, 8)
        assert s.lives() == 1, s.log()


def not_one_that_a_slow_reader_holds_up():
    """Parked, or its channel full: it waits for others."""
    with Server(*OPTIONS, '--out-high', '64K', fake='tokens 4000\nsize 4000') as s:
        stream = s.stream(seed=9, rcvbuf=4096)
        s.wait_metric('generations_parked_total', 1)
        time.sleep(4 * HANG / 1000)
        assert s.lives() == 1 and 'hang' not in s.log(), s.log()
        stream.http.close()


def not_when_the_keeper_itself_was_away():
    with Server(*OPTIONS, fake=script('life 1 pause 50')) as s:
        stream = s.stream(seed=3).until(1)
        os.kill(s.pid, signal.SIGSTOP)
        time.sleep(4 * HANG / 1000)
        os.kill(s.pid, signal.SIGCONT)
        assert stream.rest() == fake_text(TOKENS, 3)
        assert s.lives() == 1 and 'hang' not in s.log(), s.log()


def not_one_that_gets_no_processor():
    """The time that it waits for one that others have is not its own."""
    with Server(*OPTIONS, fake=script('life 1 at token:3 spin')) as s:
        if not os.path.exists(f'/proc/{s.worker}/schedstat'):
            print('SKIPPED: the kernel does not say who waits for a processor')
            return
        core = min(os.sched_getaffinity(0))
        # In sessions of their own, as it is: those may get equal shares.
        others = [subprocess.Popen([sys.executable, '-c', 'while True: pass'],
                                   start_new_session=True,
                                   preexec_fn=lambda: os.sched_setaffinity(0, {core}))
                  for _ in range(5)]
        try:
            os.sched_setaffinity(s.worker, {core})
            stream = s.stream(seed=6).until(2)
            start = time.monotonic()
            s.wait_log('hang: no progress for [0-9]+ ms in phase decode')
            assert time.monotonic() - start > 2 * HANG / 1000
        finally:
            for p in others:
                p.kill()
                p.wait()
        assert stream.rest() == fake_text(TOKENS, 6)


def never_if_so_wanted():
    with Server('--hang-timeout', '0', fake=script('at token:2 hold')) as s:
        stream = s.stream(seed=3).until(2)
        pid = s.kill_worker(signal.SIGSTOP)
        time.sleep(2)
        assert is_alive(pid)
        os.kill(pid, signal.SIGCONT)
        s.go()
        assert stream.rest() == fake_text(TOKENS, 3)
        assert s.lives() == 1


cases(wherever_it_is, one_that_ignores_being_told, one_that_is_stopped,
      one_that_was_stopped_while_idle, the_front, one_that_loads,
      not_one_that_is_slow_by_its_own_measure, not_one_that_said_how_long_it_takes,
      not_one_that_a_slow_reader_holds_up, not_one_that_gets_no_processor,
      not_when_the_keeper_itself_was_away, never_if_so_wanted)
