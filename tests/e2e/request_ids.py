#!/usr/bin/env python3
"""Every answer has an X-Request-Id: the one that was sent, if it is one, or a drawn one."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import re

from bulkhead import Server, cases

DRAWN = re.compile(r'req_[0-9a-f]{24}\Z')
GOOD = 'a', 'req-1', 'A.b_c:d/e+f@g-9', 'x' * 128, '0'
BAD = 'x' * 129, 'x' * 1000, 'a b', 'a"b', 'a\\b', 'a%20b', 'é', '{}', '<a>', ''


def ident(s, *headers, method='GET', path='/health', body=None):
    with s.http() as h:
        h.request(method, path, body, ['Connection: close', *headers])
        if method == 'HEAD':
            return h.head()[1]['x-request-id']
        return h.reply().headers['x-request-id']


def a_good_one_comes_back(s):
    for good in GOOD:
        assert ident(s, f'X-Request-Id: {good}') == good
        assert ident(s, f'x-request-id:  {good} ') == good


def another_is_drawn(s):
    seen = {ident(s)}
    for bad in BAD:
        got = ident(s, f'X-Request-Id: {bad}')
        assert DRAWN.match(got), (bad, got)
        seen.add(got)
    got = ident(s, 'X-Request-Id: a', 'X-Request-Id: b')
    assert DRAWN.match(got), got
    assert len(seen) == len(BAD) + 1


def every_kind_of_answer_has_one(s):
    head = 'X-Request-Id: it'
    for method, path, body in (('HEAD', '/health', None), ('OPTIONS', '/v1/completions', None),
                               ('DELETE', '/health', None), ('GET', '/nowhere', None),
                               ('POST', '/v1/completions', {'prompt': 'a', 'max_tokens': 1}),
                               ('POST', '/v1/completions', b'no json'), ('GET', '/metrics', None)):
        assert ident(s, head, method=method, path=path, body=body) == 'it', (method, path)
    with s.http() as h:
        h.request('POST', '/v1/completions', {'prompt': 'a', 'max_tokens': 3, 'stream': True},
                  [head])
        assert h.head()[1]['x-request-id'] == 'it'
        assert list(h.events())[-1] == '[DONE]'
        # The next on the same connection has its own.
        h.request('GET', '/health')
        assert DRAWN.match(h.reply().headers['x-request-id'])
    # What could not be read has one too.
    with s.http() as h:
        h.send('GET / HTTP/1.1\r\nnonsense\r\n\r\n')
        got = h.reply()
        assert got.status == 400 and DRAWN.match(got.headers['x-request-id']), got


def anthropics_errors_say_it(s):
    got = s.post('/v1/messages', {}, ['X-Request-Id: mine'])
    assert got.status == 400 and got.json['request_id'] == 'mine', got


with Server() as server:
    cases(a_good_one_comes_back, another_is_drawn, every_kind_of_answer_has_one,
          anthropics_errors_say_it, args=(server,))
