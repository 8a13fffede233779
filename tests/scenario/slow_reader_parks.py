#!/usr/bin/env python3
"""A client that does not read parks its own stream and loses nothing; others never notice."""
import contextlib
import os
import socket
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import LIBC, Server, cases, fake_text, settled

TOKENS, SIZE = 2000, 2000
SYS_PIDFD_GETFD = 438


def text_of(seed):
    return ''.join(f'{seed}:{k}'.ljust(SIZE - 1, '.') + ' ' for k in range(TOKENS))


def standstill(s):
    """Waits until no token is generated any more; gives their number."""
    return settled(lambda: s.metric('tokens_total'))


def parks_and_goes_on():
    with Server('--out-high', '64K', fake=f'tokens {TOKENS}\nsize {SIZE}') as s:
        slow = s.stream(seed=1, rcvbuf=4096)
        with s.rpc(rcvbuf=4096) as r:
            r.init(s.model, max_new_tokens=-1)
            run = r.start('Once')
            s.wait_metric('generations_parked_total', 2)
            assert standstill(s) < 2 * TOKENS, 'it was never stopped'
            s.wait_log('GEN_PARK', 2)
            assert s.complete(seed=2) == text_of(2), 'the fast one was hurt'
            assert slow.rest() == text_of(1), 'something was lost'
            assert sum(bool(x['text']) for x in r.replies(run)) == TOKENS


def is_dropped_in_the_end():
    with Server('--out-high', '64K', '--stall-timeout', '300ms',
                fake=f'tokens {TOKENS}\nsize {SIZE}') as s:
        slow = s.stream(seed=1, rcvbuf=4096)
        s.wait_metric('generations_cancelled_total', 1)
        try:
            slow.rest()
            raise AssertionError('it was served to the end')
        except (EOFError, ConnectionError):
            pass


def kernel_is_as_patient():
    """TCP_USER_TIMEOUT ends a connection that reads nothing: not before --stall-timeout may."""
    with Server('--stall-timeout', '10m', fake='tokens 1') as s, s.http() as h:
        h.request('GET', '/health')
        assert h.reply().status == 200
        pidfd, found = os.pidfd_open(s.front), []
        for fd in map(int, os.listdir(f'/proc/{s.front}/fd')):
            ours = LIBC.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
            with contextlib.suppress(OSError, ValueError), socket.socket(fileno=ours) as copy:
                copy.getpeername()
                if copy.family == socket.AF_INET:
                    found.append(copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        os.close(pidfd)
        if not found:
            print('SKIPPED: may not look at the sockets of the front')
        assert found in ([600000], []), found


def deaf_worker_is_bounded():
    """It goes on although it was told to park: the client's buffer has a ceiling."""
    with Server('--out-high', '4K', fake=f'tokens {TOKENS}\nsize {SIZE}\ndeaf park') as s:
        with s.http(rcvbuf=4096) as slow:
            slow.request('POST', '/v1/completions', {'prompt': 'x', 'stream': True})
            s.wait_metric('generations_cancelled_total', 1)
        assert s.complete(seed=2, max_tokens=1) == text_of(2)[:SIZE]


def worker_is_faster_than_anybody():
    """It sends without a pause: a client that reads loses nothing."""
    with Server('--out-high', '64K', fake='tokens 10000\ncontext 20000\nsize 1000') as s:
        assert s.stream(seed=1).rest().replace('.', '') == fake_text(10000, 1)


cases(parks_and_goes_on, is_dropped_in_the_end, kernel_is_as_patient, deaf_worker_is_bounded,
      worker_is_faster_than_anybody)
