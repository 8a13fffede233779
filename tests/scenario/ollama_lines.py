#!/usr/bin/env python3
"""Ollama's lines while a request waits, when a worker dies, and when the answer must end early."""
import json
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text, until


def ask(**options):
    return {'model': 'fake:latest', 'prompt': 'x', 'raw': True, 'options': options}


def said(text):
    return ''.join(json.loads(line)['response'] for line in text.decode().splitlines())


def waiting_is_a_blank_before_a_line():
    """A line of its own would be broken JSON to clients that read lines."""
    with Server('--keepalive-interval', '100ms', fake='''
            tokens 4
            slots 1
            at token:2 hold''') as s:
        first = s.stream(seed=1).until(2)
        with s.http() as h:
            h.request('POST', '/api/generate', ask(seed=2))
            status, headers = h.head()
            assert status == 200 and headers['content-type'] == 'application/x-ndjson', headers
            for _ in range(3):
                assert h.chunk() == b' '
            s.go()
            text = b''.join(iter(h.chunk, b''))
            assert said(text) == fake_text(4, 2), text
            assert all(json.loads(line) for line in text.decode().splitlines()), text
        assert first.rest() == fake_text(4, 1)


def deaths_are_pauses():
    deaths = ['submit die KILL', 'started die SEGV', 'frame:1 die ABRT', 'token:3 die BUS',
              'token:7 exit 0', 'last die SEGV']
    script = '\n'.join(['tokens 8', *(f'life {i} at {d}' for i, d in enumerate(deaths, 1))])
    for streams in True, False:
        with Server('--restart-limit', '1000', fake=script) as s:
            got = s.post('/api/generate', dict(ask(seed=7), stream=streams))
            assert got.status == 200, got
            assert said(got.body) == fake_text(8, 7), got
            assert json.loads(got.body.decode().splitlines()[-1])['eval_count'] == 8, got
            assert s.lives() == len(deaths) + 1


def an_error_is_the_last_line():
    with Server(fake='''
            tokens 8
            at token:3 hold''') as s:
        with s.http() as h:
            h.request('POST', '/api/generate', ask(seed=1, timeout_ms=2000))
            assert h.head()[0] == 200
            *lines, last = b''.join(iter(h.chunk, b'')).decode().splitlines()
            assert len(lines) == 3, lines
            assert list(json.loads(last)) == ['error'] and 'timeout' in last, last
            # The connection is as good as before.
            s.go()
            h.request('GET', '/api/version')
            assert h.reply().status == 200


def a_refusal_of_the_worker_has_its_status():
    with Server(fake='''
            tokens 4
            at prompt:bad fail no such thing''') as s:
        got = s.post('/api/generate', dict(ask(), prompt='bad'))
        assert got.status == 400 and list(got.json) == ['error'], got
        assert 'no such thing' in got.json['error'], got


def keep_alive_0_ends_nobody_elses():
    with Server(fake='''
            tokens 8
            at token:3 hold''') as s:
        with s.http() as h:
            h.request('POST', '/api/generate', ask(seed=1))
            assert h.head()[0] == 200
            text = h.chunk()
            while text.count(b'\n') < 3:
                text += h.chunk()
            mine = s.post('/api/generate', dict(ask(num_predict=2), stream=False, keep_alive=0))
            assert mine.status == 200 and mine.json['eval_count'] == 2, mine
            busy = s.post('/api/generate', {'model': 'fake', 'keep_alive': 0})
            assert busy.status == 429 and 'in use' in busy.json['error'], busy
            s.go()
            text += b''.join(iter(h.chunk, b''))
        assert said(text) == fake_text(8, 1), text
        assert s.lives() == 1
        # With nobody there it is unloaded, also behind an answer.
        for body in {'model': 'fake', 'keep_alive': 0}, dict(ask(), keep_alive=0):
            assert s.post('/api/generate', body).status == 200
            until(lambda: s.get('/api/ps').json['models'] == [])


def thought_words_and_calls():
    """Each in its line; a call in one, however many pieces it came in."""
    chat = {'model': 'fake', 'messages': [{'role': 'user', 'content': 'x'}], 'options': {'seed': 7}}
    called = [{'id': 'id7', 'function': {'index': 0, 'name': 'act',
                                         'arguments': {'said': '7:5 7:6 7:7 '}}}]
    with Server(fake='''
            tokens 8
            think 3
            call 6''') as s:
        got = s.post('/api/chat', chat)
        *lines, last = [json.loads(line) for line in got.body.decode().splitlines()]
        said = [{k: v for k, v in line['message'].items() if k != 'role'} for line in lines]
        assert said == [
            *({'content': '', 'thinking': f'7:{i} '} for i in range(3)),
            *({'content': f'7:{i} '} for i in (3, 4)),
            {'content': '', 'tool_calls': called}], said
        assert last['done'] and last['done_reason'] == 'stop', last
        whole = s.post('/api/chat', dict(chat, stream=False)).json
        assert whole['message'] == {
            'role': 'assistant', 'content': '7:3 7:4 ', 'thinking': '7:0 7:1 7:2 ',
            'tool_calls': called}, whole
        got = s.post('/api/generate', {'model': 'fake', 'prompt': 'x', 'stream': False,
                                       'options': {'seed': 7}}).json
        assert got['thinking'] == '7:0 7:1 7:2 ' and got['response'] == '7:3 7:4 ', got
        # As it is means as it is.
        assert 'thinking' not in s.post('/api/generate', dict(ask(seed=7), stream=False)).json


cases(waiting_is_a_blank_before_a_line, deaths_are_pauses, an_error_is_the_last_line,
      a_refusal_of_the_worker_has_its_status, keep_alive_0_ends_nobody_elses,
      thought_words_and_calls)
