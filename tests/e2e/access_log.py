#!/usr/bin/env python3
"""A line of the log for each request, as text and as JSON, that says enough and never too much."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import json
import re
import socket
import struct

from bulkhead import Server, cases, until

PROMPT = 'Once there was a SECRET'
NAMES = ('time id key peer method path model status in out prompt tokens queued_ms first_ms '
         'total_ms end').split()


def lines(s, n):
    """The first n lines of requests, each as a dict of texts."""
    def enough():
        found = re.findall(r'bulkhead-front\[\d+\] access: (.*)\n', s.log())
        return found if len(found) >= n else None
    got = [dict(word.split('=', 1) for word in line.split(' ')) for line in until(enough)]
    assert len(got) == n, got
    for line in got:
        assert list(line) == NAMES, line
        assert re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z', line['time']), line
    return got


def line_of(s, n):
    return lines(s, n)[-1]


def each_request_has_a_line():
    with Server('--access-log', '--api-key', 'sk-very-secret') as s:
        key = ['Authorization: Bearer sk-very-secret', 'X-Request-Id: one']
        got = s.post('/v1/completions?key=QUERY', {'prompt': PROMPT, 'max_tokens': 5}, key)
        assert got.status == 200
        said = line_of(s, 1)
        usage = got.json['usage']
        assert said['id'] == 'one' and said['key'] == 'option-1', said
        assert said['method'] == 'POST' and said['path'] == '/v1/completions', said
        assert said['model'] == 'demo' and said['status'] == '200' and said['end'] == 'whole', said
        assert said['prompt'] == str(usage['prompt_tokens']), said
        assert said['tokens'] == str(usage['completion_tokens']), said
        assert said['peer'].startswith('127.0.0.1:'), said
        assert int(said['in']) > 100 and int(said['out']) > len(got.body), said
        assert int(said['queued_ms']) <= int(said['first_ms']) <= int(said['total_ms']), said
        # A stream; a refusal; what is no HTTP; a Unix socket.
        with s.http() as h:
            h.request('POST', '/v1/completions', {'prompt': PROMPT, 'max_tokens': 3, 'stream': True,
                                                  'stream_options': {'include_usage': True}}, key)
            assert h.head()[0] == 200
            *_, usage, last = h.events()
            assert last == '[DONE]'
        assert line_of(s, 2)['tokens'] == str(json.loads(usage)['usage']['completion_tokens'])
        assert s.get('/v1/models?a=QUERY').status == 401
        said = line_of(s, 3)
        assert said['status'] == '401' and said['key'] == '-' and said['model'] == '-', said
        with s.http() as h:
            h.send('nonsense\r\n\r\n')
            assert h.reply().status == 400
        said = line_of(s, 4)
        assert said['status'] == '400' and said['path'] == '-' and said['method'] == '-', said
        from bulkhead import Http
        with Http(s.http_path) as h:
            h.request('GET', '/health')
            h.reply()
        assert line_of(s, 5)['peer'].startswith('uid%20'), said
        # What would break the line does not.
        assert s.get('/%0a/=x/%22/' + 'y' * 300).status == 401
        said = line_of(s, 6)
        assert said['path'].startswith('/%0a/%3Dx/%22/yyy') and len(said['path']) < 210, said
    for secret in 'SECRET', 'QUERY', 'sk-very-secret', 'upon':
        assert secret not in s_log, secret


def who_goes_is_seen():
    with Server('--access-log', fake='tokens 20\nat token:3 hold') as s:
        stream = s.stream(max_tokens=20).until(3)
        stream.http.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        stream.http.close()
        said = line_of(s, 1)
        assert said['end'] == 'gone' and said['status'] == '200' and said['tokens'] == '3', said
        assert int(said['out']) > 100, said
    with Server('--access-log', '--total-timeout', '500ms', fake='tokens 20\nat token:3 hold') as s:
        s.stream(max_tokens=20).rest()
        said = line_of(s, 1)
        assert said['end'] == 'failed' and said['tokens'] == '3', said


def as_json():
    with Server('--access-log', '--log-format', 'json') as s:
        s.complete(max_tokens=3, temperature=0)
        assert s.get('/nowhere').status == 404
        until(lambda: s.log().count('"level":"access"') == 2)
        said = [json.loads(line) for line in s.log().splitlines()]
        for line in said:
            assert isinstance(line['pid'], int) and line['process'].startswith('bulkhead'), line
            assert line['time'].endswith('Z'), line
        assert any('listening' in line.get('text', '') for line in said), said
        one, two = (line for line in said if line['level'] == 'access')
        assert one['status'] == 200 and one['tokens'] == 3 and one['key'] is None, one
        assert one['path'] == '/v1/completions' and one['model'] == 'demo', one
        assert two['status'] == 404 and two['first_ms'] is None, two


def none_by_itself():
    with Server() as s:
        s.get('/health')
        assert 'access:' not in s.log()


def nobody_waits_for_its_reader():
    """A log that nobody reads costs lines, not requests."""
    r, w = os.pipe()
    with Server('--access-log', log=w, wait=False) as s:
        os.close(w)
        head = b''
        while not re.search(rb'http://[^\s/]*:(\d+)\n', head):
            got = os.read(r, 4096)
            assert got, head
            head += got
        s.port = int(re.search(rb'http://[^\s/]*:(\d+)\n', head).group(1))
        with s.http() as h:
            for _ in range(5000):
                h.request('GET', '/health', headers=['X-Request-Id: ' + 'x' * 128])
                assert h.reply().status == 200
        os.close(r)


s_log = ''
stop = Server.stop


def keep_log(self):
    global s_log
    stop(self)
    s_log = self.log()


Server.stop = keep_log
cases(each_request_has_a_line, who_goes_is_seen, as_json, none_by_itself,
      nobody_waits_for_its_reader)
