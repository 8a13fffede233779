#!/usr/bin/env python3
"""A client that goes away in mid-stream frees its slot; one that only half-closes does not."""
import os
import socket
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text

HOLD = 'tokens 5\nslots 1\nlife 1 at token:2 hold'


# A client that has gone and one that has only finished sending look alike until something is sent.
SOON = ('--keepalive-interval', '100ms')


def over_http():
    with Server(*SOON, fake=HOLD) as s:
        s.stream(seed=1).until(2).http.close()
        s.wait_metric('generations_cancelled_total', 1)
        s.wait_log('GEN_CANCEL')
        s.go()
        assert s.complete(seed=2) == fake_text(5, 2), 'the only slot is still taken'
        assert s.lives() == 1


def over_rpc():
    with Server(fake=HOLD) as s:
        r = s.rpc()
        r.init(s.model)
        run = r.start('Once')
        for _ in range(2):
            r.next(run)
        r.close()
        s.wait_metric('generations_cancelled_total', 1)
        s.go()
        assert s.complete(seed=2) == fake_text(5, 2)


def while_it_waits_for_a_slot():
    with Server(*SOON, fake=HOLD) as s:
        first = s.stream(seed=1).until(2)
        waiting = s.http()
        waiting.request('POST', '/v1/completions', {'prompt': 'x', 'stream': True})
        s.wait_metric('generations_total', 2)
        waiting.close()
        s.wait_metric('generations_cancelled_total', 1)
        s.go()
        assert first.rest() == fake_text(5, 1)


def not_when_half_closed():
    with Server(fake=HOLD) as s:
        stream = s.stream(seed=1).until(2)
        stream.http.sock.shutdown(socket.SHUT_WR)
        s.go()
        assert stream.rest() == fake_text(5, 1) and stream.done


def by_a_worker_that_is_deaf():
    """The front waits for the last word, but not with its client's slot in the protocol."""
    with Server(fake='tokens 50\npause 5\nslots 1\ndeaf cancel') as s:
        s.stream(seed=1).until(2).http.close()
        assert s.complete(seed=2) == fake_text(50, 2)


cases(over_http, over_rpc, while_it_waits_for_a_slot, not_when_half_closed,
      by_a_worker_that_is_deaf)
