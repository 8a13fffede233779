#!/usr/bin/env python3
"""API keys: who comes in, what each may do, and that no key is ever said again."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import json
import signal

from bulkhead import Server, cases, until

OPEN = '/', '/health', '/v1/health'
CLOSED = '/v1/models', '/models', '/metrics', '/lora-adapters', '/v1/models/demo', '/nowhere'
SECRETS = 'sk-alice-1', 'sk-alice-2', 'sk-bob', 'sk-plain', 'sk-slow', 'sk-new'
FILE = """# who may ask
sk-plain
name=alice key=sk-alice-1 key=sk-alice-2
name=bob key=sk-bob models=other,third
name=slow key=sk-slow rate=2
"""


def bearer(key):
    return [f'Authorization: Bearer {key}']


def ask(s, headers, path='/v1/completions', **fields):
    return s.post(path, dict(fields, prompt='Once', max_tokens=2, temperature=0), headers)


def get(s, path, headers=()):
    with s.http() as h:
        h.request('GET', path, headers=['Connection: close', *headers])
        return h.reply()


class Keyed(Server):
    """One with FILE in its folder."""

    def __init__(self, *options, text=FILE, mode=0o600, **more):
        import tempfile
        self.folder = tempfile.TemporaryDirectory(prefix='bulkhead-keys-')
        self.file = os.path.join(self.folder.name, 'keys')
        self.write(text, mode)
        super().__init__('--api-key-file', self.file, *options, **more)

    def write(self, text, mode=0o600):
        with open(self.file + '.new', 'w') as f:
            f.write(text)
        os.chmod(self.file + '.new', mode)
        os.rename(self.file + '.new', self.file)

    def hup(self, *expected):
        """Has it read the file again; waits for what it says."""
        before = [self.log().count(text) for text in expected]
        self.proc.send_signal(signal.SIGHUP)
        until(lambda: all(self.log().count(text) > n for text, n in zip(expected, before)))

    def stop(self):
        super().stop()
        said = self.log() + self.out()
        assert not [s for s in SECRETS if s in said], 'a key is in the log'


def those_without_a_key_see_what_is_open():
    with Keyed() as s:
        for path in OPEN:
            assert get(s, path).status == 200, path
        for path in CLOSED:
            got = get(s, path)
            assert got.status == 401, (path, got)
            assert got.headers['www-authenticate'] == 'Bearer', got.headers
            assert got.error['type'] == 'authentication_error', got
            # OpenAI's form has a word for it, llama-server's the number.
            assert got.error['code'] in ('invalid_api_key', 401), got
        assert get(s, '/v1/models').error['code'] == 'invalid_api_key'
        for headers in bearer('no'), bearer(''), ['x-api-key: no'], \
                ['Authorization: Basic c2stYm9i'], \
                bearer('sk-bo'), bearer('sk-bobb'), ['x-api-key: ' + 'k' * 2000], \
                bearer('sk-bob') + bearer('sk-bob'), ['Authorization: Bearer']:
            got = ask(s, headers)
            assert got.status == 401, (headers, got)
        assert s.get('/v1/chat/completions').status == 401
        # The same on the Unix socket; there JSON-RPC asks for none.
        from bulkhead import Http
        with Http(s.http_path) as h:
            h.request('GET', '/v1/models')
            assert h.reply().status == 401
        with s.rpc() as r:
            r.ping()


def each_form_of_a_key_opens():
    with Keyed('--api-key', 'sk-one,sk-two') as s:
        for headers in bearer('sk-plain'), ['authorization: bearer sk-alice-2'], \
                ['x-api-key: sk-alice-1'], \
                ['Authorization: sk-plain'], bearer('sk-one'), ['X-Api-Key: sk-two'], \
                bearer('no') + ['x-api-key: sk-plain']:
            got = ask(s, headers)
            assert got.status == 200, (headers, got)
        assert get(s, '/v1/models', bearer('sk-plain')).json['data'][0]['id'] == 'demo'
        text = get(s, '/metrics', bearer('sk-plain')).body.decode()
        for name, n in ('line-2', 5), ('alice', 2), ('option-1', 1), ('option-2', 1), ('bob', 0):
            assert f'bulkhead_key_requests_total{{key="{name}"}} {n}\n' in text, (name, text)
        assert 'bulkhead_key_tokens_total{key="alice"} 4\n' in text, text
        assert not [k for k in SECRETS if k in text]


def errors_are_in_the_protocols_form():
    with Keyed() as s:
        got = ask(s, [], '/v1/messages')
        assert got.status == 401 and got.json['type'] == 'error', got
        assert got.error['type'] == 'authentication_error', got
        assert got.json['request_id'] == got.headers['x-request-id'], got


def a_body_is_not_waited_for():
    """Who has no key is told before he has sent what he wants to."""
    with Keyed() as s, s.http() as h:
        h.send('POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n'
               'Expect: 100-continue\r\n\r\n')
        got = h.reply()
        assert got.status == 401 and got.headers['connection'] == 'close', got
        h.send('x' * 100000)
        assert h.is_closed()
    with Keyed() as s, s.http() as h:  # one that is whole leaves the connection open
        for status, headers in (401, bearer('no')), (200, bearer('sk-plain')), (401, []):
            h.request('POST', '/v1/completions', {'prompt': 'a', 'max_tokens': 1}, headers)
            assert h.reply().status == status


def a_key_has_its_models_and_its_rate():
    with Keyed() as s:
        got = ask(s, bearer('sk-bob'))
        assert got.status == 403 and got.error['type'] == 'permission_error', got
        assert 'bob' in got.error['message'] and 'demo' in got.error['message'], got
        assert get(s, '/metrics', bearer('sk-bob')).status == 403
        assert get(s, '/v1/models', bearer('sk-bob')).status == 200
        assert [ask(s, bearer('sk-slow')).status for _ in range(3)] == [200, 200, 429]
        got = ask(s, bearer('sk-slow'))
        assert 1 <= int(got.headers['retry-after']) <= 60, got
        # Whoever has another key is another client, from the same address.
        assert ask(s, bearer('sk-alice-1')).status == 200
        # What a key has used up stays so when the file is read again.
        s.hup('API keys: of 4 names')
        assert ask(s, bearer('sk-slow')).status == 429


def a_file_is_read_again():
    with Keyed() as s:
        with s.http() as h:
            def try_both():
                for key in 'sk-bob', 'sk-new':
                    h.request('GET', '/v1/models', headers=bearer(key))
                    yield h.reply().status
            assert list(try_both()) == [200, 401]
            s.write('sk-new\n')
            s.hup('API keys: of 1 names')
            until(lambda: list(try_both()) == [401, 200])
            # A bad one changes nothing, and says which line.
            for text, why in ('sk-a\nkey=b rate=many\n', 'keys:2: rate'), ('', 'has no key'), \
                    ('# none\n', 'has no key'), ('a b\n', 'keys:1: a key has no spaces'):
                s.write(text)
                s.hup(why)
                assert list(try_both()) == [401, 200]
            os.unlink(s.file)
            s.hup('No such file')
            assert list(try_both()) == [401, 200]
        # A front that comes after has them too.
        pid = s.front
        os.kill(pid, signal.SIGKILL)
        until(lambda: s.front != pid)
        until(lambda: get(s, '/v1/models', bearer('sk-new')).status == 200)
        assert get(s, '/v1/models', bearer('sk-bob')).status == 401


def a_stream_outlives_its_key():
    with Keyed(fake='tokens 20\nat token:3 hold') as s:
        with s.http() as h:
            h.request('POST', '/v1/completions', {'prompt': 'a', 'stream': True, 'max_tokens': 20},
                      bearer('sk-alice-1'))
            assert h.head()[0] == 200
            events = h.events()
            next(events)
            s.write('sk-new\n')
            s.hup('API keys: of 1 names')
            assert ask(s, bearer('sk-alice-1')).status == 401
            s.go()
            *_, last = events
            assert last == '[DONE]', last
        text = get(s, '/metrics', bearer('sk-new')).body.decode()
        assert 'alice' not in text, text


def files_that_cannot_be_used_end_the_start():
    for text, mode, status, why in ('a b\n', 0o600, 2, 'keys:1:'), ('', 0o600, 3, 'has no key'), \
            ('sk-plain\n', 0o622, 3, 'everybody may write'):
        s = Keyed(text=text, mode=mode, wait=False, expect=status)
        s.wait()
        assert s.proc.returncode == status and why in s.log(), (s.proc.returncode, s.log())
    with Keyed(mode=0o604) as s:
        assert 'everybody on this machine may read' in s.log()


def who_killed_a_worker_is_known_by_name():
    with Keyed(fake='tokens 20\nlife 1 at token:1 die KILL') as s:
        got = ask(s, bearer('sk-alice-1') + ['X-Request-Id: the-one'])
        assert got.status == 200, got
        suspects = json.dumps(s.obituary()['requests'])
        assert 'key alice, request the-one' in suspects, suspects


cases(those_without_a_key_see_what_is_open, each_form_of_a_key_opens,
      errors_are_in_the_protocols_form, a_body_is_not_waited_for, a_key_has_its_models_and_its_rate,
      a_file_is_read_again, a_stream_outlives_its_key, files_that_cannot_be_used_end_the_start,
      who_killed_a_worker_is_known_by_name)
