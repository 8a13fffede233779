#!/usr/bin/env python3
"""What browsers are told: nothing, unless --cors-origins names whose pages may read answers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases

PAGE = 'https://app.example'


def headers(s, origin, *more, method='GET', path='/health', body=None):
    with s.http() as h:
        h.request(method, path, body,
                  ['Connection: close', *([f'Origin: {origin}'] if origin else []), *more])
        got = h.reply()
    return got.status, {k: v for k, v in got.headers.items()
                        if k.startswith('access-') or k == 'vary'}


def nothing_is_said_by_itself():
    with Server() as s:
        assert headers(s, PAGE) == (200, {})
        status, got = headers(s, 'http://localhost:3000', 'Access-Control-Request-Method: POST',
                              method='OPTIONS', path='/v1/completions')
        assert (status, got) == (204, {}), got


def named_origins_may():
    with Server('--cors-origins', f'{PAGE}, http://b.example:8000',
                '--cors-headers', 'x-a, authorization') as s:
        status, got = headers(s, PAGE)
        assert got['access-control-allow-origin'] == PAGE and got['vary'] == 'Origin', got
        assert 'access-control-allow-credentials' not in got
        assert 'X-Request-Id' in got['access-control-expose-headers']
        for other in ('https://evil.example', 'http://app.example', PAGE + '.evil.example', 'null',
                      None):
            assert headers(s, other) == (200, {'vary': 'Origin'}), other
        status, got = headers(s, 'http://b.example:8000', 'Access-Control-Request-Method: POST',
                              'Access-Control-Request-Headers: authorization, x-b',
                              method='OPTIONS', path='/v1/chat/completions')
        assert status == 204 and 'POST' in got['access-control-allow-methods'], got
        assert got['access-control-allow-headers'] == 'x-a, authorization', got


def all_may():
    with Server('--cors-origins', '*', '--api-key', 'k') as s:
        assert headers(s, PAGE)[1]['access-control-allow-origin'] == '*'
        # A browser asks without the key; whatever it wants to send is named.
        status, got = headers(s, PAGE, 'Access-Control-Request-Method: POST',
                              'Access-Control-Request-Headers: authorization,content-type',
                              method='OPTIONS', path='/v1/completions')
        assert status == 204, status
        assert got['access-control-allow-headers'] == 'authorization,content-type', got
        # It may read why it was refused, too.
        status, got = headers(s, PAGE, path='/v1/models')
        assert status == 401 and got['access-control-allow-origin'] == '*', got
        # And a stream.
        with s.http() as h:
            h.request('POST', '/v1/completions', {'prompt': 'a', 'max_tokens': 2, 'stream': True},
                      [f'Origin: {PAGE}', 'Authorization: Bearer k'])
            assert h.head()[1]['access-control-allow-origin'] == '*'


def with_credentials_the_origin_is_named():
    with Server('--cors-origins', 'localhost', '--cors-credentials') as s:
        status, got = headers(s, 'http://127.0.0.1:5173')
        assert got['access-control-allow-origin'] == 'http://127.0.0.1:5173', got
        assert got['access-control-allow-credentials'] == 'true', got
        assert headers(s, 'http://localhost.evil.example')[1] == {'vary': 'Origin'}


cases(nothing_is_said_by_itself, named_origins_may, all_may, with_credentials_the_origin_is_named)
