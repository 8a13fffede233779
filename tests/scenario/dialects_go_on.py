#!/usr/bin/env python3
"""In every dialect: a worker's death changes no event, who waits hears of it, errors have its form."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Http, Server, cases
from dialects import ASKS, error_of, events

TOKENS = 8
DEATHS = ['submit die KILL', 'started die SEGV', 'token:1 die ABRT', 'token:5 die BUS',
          f'token:{TOKENS} die KILL', 'last die SEGV']


def deaths_change_nothing():
    script = [f'life {i} at {death}' for i, death in enumerate(DEATHS, 1)]
    for name in ASKS:
        with Server(fake=f'tokens {TOKENS}') as s:
            quiet = events(s.tcp, name, seed=7)
        with Server('--restart-limit', '1000', fake='\n'.join([f'tokens {TOKENS}', *script])) as s:
            assert events(s.tcp, name, seed=7) == quiet, name
            assert s.lives() == len(DEATHS) + 1, name
        assert sum('7:' in str(event) for event in quiet) >= TOKENS, quiet


# What is in the first chunk of a stream that has to wait, and the last event of one that fails.
WAITS = {'completion': b': keep-alive\n\n', 'chat': b': keep-alive\n\n',
         'anthropic': b'event: ping\ndata: {"type":"ping"}\n\n', 'responses': b': keep-alive\n\n'}


def who_waits_hears_of_it():
    for name, (path, body) in ASKS.items():
        with Server('--keepalive-interval', '100ms', fake='''
                tokens 2
                slots 1
                at token:1 hold''') as s:
            first = s.stream(seed=1).until(1)
            with Http(s.tcp) as h:
                h.request('POST', path, {**body, 'stream': True})
                assert h.head()[0] == 200
                for _ in range(2):
                    got = h.chunk()
                    assert got == WAITS[name], (name, got)
                s.go()
                assert len(list(iter(h.chunk, b''))) > 2
            first.rest()


def a_failure_in_mid_stream():
    """A deadline passes: the text that came stays, and one last event says why."""
    last = {
        'completion': lambda event, data: event == '' and data['error']['code'] == 'timeout',
        'chat': lambda event, data: event == '' and data['error']['code'] == 'timeout',
        'anthropic': lambda event, data: event == data['type'] == 'error' and
        data['error']['type'] == 'timeout_error',
        'responses': lambda event, data: event == data['type'] == 'response.failed' and
        data['response']['status'] == 'failed' and
        data['response']['error']['code'] == 'timeout',
    }
    for name in ASKS:
        with Server(fake='''
                tokens 4
                at token:2 hold''') as s:
            got = events(s.tcp, name, seed=3, timeout_ms=300)
            s.go()
            assert last[name](*got[-1]), (name, got[-1])
            assert any('3:1' in str(data) for _, data in got), (name, got)


def refusals_have_the_form():
    with Server(fake='tokens 2') as s:
        for name, (path, body) in ASKS.items():
            for wrong, status in (({'model': 'nobody'}, 404), ({'temperature': 'hot'}, 400),
                                  ({'lora': 7}, 400)):
                got = s.post(path, {**body, 'stream': True, **wrong})
                assert got.status == status and error_of(name, got), (name, wrong, got)
            got = s.get(path)
            assert got.status == 405 and error_of(name, got), (name, got)
            got = s.post(path, b'{')
            assert got.status == 400 and error_of(name, got), (name, got)


cases(deaths_change_nothing, who_waits_hears_of_it, a_failure_in_mid_stream,
      refusals_have_the_form)
