#!/usr/bin/env python3
"""/models/load, /models/unload, /models/sse, ?autoload= and sleeping, as llama-server has them."""
import json
import os
import shutil
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text, refusal, until

folder = tempfile.mkdtemp(prefix='bulkhead-test-')


def fresh(**models):
    shutil.rmtree(folder)
    os.mkdir(folder)
    for name, text in models.items():
        with open(os.path.join(folder, name + '.gguf'), 'w') as f:
            f.write('GGUF\n' + text + '\n')


def router(*options, **more):
    return Server('--models-dir', folder, '--keepalive-interval', '200ms', *options,
                  **dict(dict(models=(), fake_worker=True), **more))


def word(s, name):
    return s.get('/models/' + name).json['status']['value']


def n_workers(s):
    return list(s.children().values()).count('bulkhead-worker')


def go(name):
    open(os.path.join(folder, name + '.gguf.go'), 'w').close()


class Events:
    """What /models/sse tells, as (model, event, status)."""

    def __init__(self, s):
        self.http = s.http()
        self.http.request('GET', '/models/sse')
        self.status, self.headers = self.http.head()
        self.source = self.http.events()

    def next(self):
        e = json.loads(next(self.source))
        return e['model'], e['event'], e.get('data', {}).get('status')

    def progress(self):
        """Of each event until one has none."""
        while True:
            data = json.loads(next(self.source))['data']
            if 'progress' not in data:
                return
            assert data['progress']['current'] in data['progress']['stages'], data
            yield data['status'], data['progress']['value']

    def until(self, model, status):
        while self.next() != (model, 'model_status', status):
            pass


def load_and_unload():
    fresh(a='tokens 2', b='tokens 2')
    with router() as s:
        events = Events(s)
        assert events.status == 200 and events.headers['content-type'] == 'text/event-stream'
        got = s.post('/models/load', {'model': 'a'})
        assert got.status == 200 and got.json == {'success': True}, got
        assert events.next() == ('a', 'model_status', 'loading')
        assert events.next() == ('a', 'model_status', 'loaded')
        got = s.post('/models/load', {'model': 'a'})
        assert got.status == 400 and 'already running' in got.error['message'], got
        got = s.post('/models/unload', {'model': 'a'})
        assert got.status == 200 and got.json == {'success': True}, got
        assert events.next() == ('a', 'model_status', 'unloaded')
        until(lambda: n_workers(s) == 0)
        got = s.post('/models/unload', {'model': 'a'})
        assert got.status == 400 and 'not running' in got.error['message'], got
        for path in '/models/load', '/models/unload':
            got = s.post(path, {'model': 'nobody'})
            assert got.status == 404 and 'nobody' in got.error['message'], got
            for body in {}, {'model': 7}, {'model': ''}, [], b'{', b'':
                assert s.post(path, body).status == 400, body
        assert s.complete(model='a', seed=1) == fake_text(2, 1)
        events.until('a', 'loaded')
        assert s.metric('models_let_go_total') == 1
        loads = r'bulkhead_model_loads_total{model="a"} 2'
        assert loads in s.get('/metrics').body.decode()


def how_far_it_is():
    fresh(a='load 1200\ntokens 2')
    with router() as s:
        events = Events(s)
        s.post('/models/load', {'model': 'a'})
        assert events.next() == ('a', 'model_status', 'loading')
        told = list(events.progress())
        assert told and all(word == 'loading' and 0 < value <= 1 for word, value in told), told
        assert word(s, 'a') == 'loaded'


def unloaded_while_it_streams():
    fresh(a='tokens 4\nlife 1 at token:2 hold', b='tokens 2')
    with router() as s:
        a = s.stream(model='a', seed=1).until(2)
        assert s.post('/models/unload', {'model': 'a'}).status == 200
        # What comes now is for the next worker; what runs goes on.
        later = s.stream(model='a', seed=2)
        assert word(s, 'a') == 'loaded'
        go('a')
        assert a.rest() == fake_text(4, 1) and a.done and a.error is None
        assert later.rest() == fake_text(4, 2)
        assert os.path.exists(os.path.join(folder, 'a.gguf.life2'))


def unloaded_and_it_does_not_end():
    fresh(a='tokens 4\nat token:2 hold')
    with router('--unload-timeout', '300ms') as s:
        a = s.stream(model='a', seed=1).until(2)
        assert s.post('/models/unload', {'model': 'a'}).status == 200
        a.rest()
        assert 'unloaded' in a.error['message'], a.error
        assert '--unload-timeout' in a.error['message'], a.error
        until(lambda: word(s, 'a') == 'unloaded')
        until(lambda: n_workers(s) == 0)


def a_section_says_how_long():
    fresh(a='tokens 4\nat token:2 hold')
    preset = os.path.join(folder, 'preset.ini')
    with open(preset, 'w') as f:
        f.write('version = 1\n[a]\nstop-timeout = 300ms\n')
    with router('--unload-timeout', '1h', '--models-preset', preset) as s:
        a = s.stream(model='a', seed=1).until(2)
        assert s.post('/models/unload', {'model': 'a'}).status == 200
        a.rest()
        assert 'unloaded' in a.error['message'], a.error


def who_listens_stops_no_server():
    fresh(a='tokens 2')
    with router() as s:
        events = Events(s)
        s.term()
        assert list(events.source) == [] and events.http.is_closed()


def unloaded_while_it_loads():
    fresh(a='load 60000')
    with router() as s:
        waiting = s.stream(model='a', seed=1)
        r = s.rpc()
        ident = r.send('bulkhead.load', 'a')
        until(lambda: word(s, 'a') == 'loading')
        assert s.post('/models/unload', {'model': 'a'}).status == 200
        waiting.rest()
        assert 'unloaded' in waiting.error['message'], waiting.error
        assert 'unloaded' in refusal(r.next, ident).message
        until(lambda: n_workers(s) == 0 and word(s, 'a') == 'unloaded')


def a_request_that_loads_nothing():
    fresh(a='tokens 2')
    body = {'model': 'a', 'prompt': 'x', 'seed': 1}
    with router() as s:
        got = s.post('/v1/completions?autoload=false', body)
        assert got.status == 400 and 'not loaded' in got.error['message'], got
        assert n_workers(s) == 0
        assert s.post('/v1/completions?autoload=true', body).status == 200
        assert s.post('/v1/completions?autoload=0', body).status == 200
    with router('--no-models-autoload') as s:
        for path in '/v1/completions', '/tokenize?x=1', '/v1/embeddings':
            got = s.post(path, dict(body, content='x', input='x'))
            assert got.status == 400 and 'not loaded' in got.error['message'], got
        assert s.post('/v1/completions?autoload=1', body).status == 200
        assert s.post('/models/unload', {'model': 'a'}).status == 200
        until(lambda: word(s, 'a') == 'unloaded')
        s.post('/models/load', {'model': 'a'})
        until(lambda: word(s, 'a') == 'loaded')
        assert s.post('/v1/completions', body).status == 200


def what_is_idle_sleeps():
    fresh(a='tokens 2', b='tokens 2')
    with router('--sleep-idle-seconds', '1', models=None, fake='tokens 3') as s:
        for model, n in ('fake', 3), ('a', 2):
            assert s.complete(model=model, seed=1) == fake_text(n, 1)
        with s.rpc() as r:
            r.init('b')
            until(lambda: word(s, 'a') == word(s, 'fake') == 'sleeping')
            until(lambda: n_workers(s) == 1)
            # Looking wakes nobody; who has it keeps it.
            for path in '/health', '/v1/models', '/metrics':
                assert s.get(path).status == 200
            assert word(s, 'a') == 'sleeping' and word(s, 'b') == 'loaded'
            for model, n in ('fake', 3), ('a', 2):
                assert s.complete(model=model, seed=2) == fake_text(n, 2)
            assert r.run('x', seed=5)[0] == fake_text(2, 5)
        until(lambda: word(s, 'b') == 'sleeping')
        assert not s.crashes()


def by_json_rpc():
    fresh(a='tokens 2', bad='at load fail no such tensor')
    with router() as s, s.rpc() as r:
        assert r.call('bulkhead.load', 'a') == {'success': True}
        assert word(s, 'a') == 'loaded'
        assert r.call('bulkhead.load', 'a') == {'success': True}
        r.init('a')
        assert r.call('bulkhead.unload', 'a') == {'success': True}
        until(lambda: word(s, 'a') == 'unloaded')
        # The client that has it has it loaded again.
        assert r.run('x', seed=5)[0] == fake_text(2, 5)
        assert 'no such tensor' in refusal(r.call, 'bulkhead.load', 'bad').message
        for name, code in ('none', -32001), (5, -32602):
            for method in 'bulkhead.load', 'bulkhead.unload':
                assert refusal(r.call, method, name).code in (code, -32602), name
        assert 'not running' in refusal(r.call, 'bulkhead.unload', 'bad').message
        # A file that a client named is no one's to unload.
        own = s.script('own.gguf', 'tokens 3')
        r.init(own)
        assert 'rkllm.destroy' in refusal(r.call, 'bulkhead.unload', 'own').message
        assert r.run('x', seed=5)[0] == fake_text(3, 5)


try:
    cases(load_and_unload, how_far_it_is, unloaded_while_it_streams, unloaded_and_it_does_not_end,
          a_section_says_how_long, who_listens_stops_no_server, unloaded_while_it_loads,
          a_request_that_loads_nothing, what_is_idle_sleeps, by_json_rpc)
finally:
    shutil.rmtree(folder)
