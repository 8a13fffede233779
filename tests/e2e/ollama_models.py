#!/usr/bin/env python3
"""What Ollama's clients see of several models: listed, loaded when asked for, hidden, unusable."""
import os
import shutil
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import MODEL, Server, cases, made_model, until

PRESET = """
[secret]
model = {folder}/shown.gguf
hidden = true
[named]
model = {folder}/shown.gguf
alias = big:7b
"""


def names(s, path='/api/tags'):
    return sorted(m['name'] for m in s.get(path).json['models'])


def what_is_not_loaded_is_known(folder):
    shutil.copy(MODEL, os.path.join(folder, 'shown.gguf'))
    with open(os.path.join(folder, 'broken.gguf'), 'wb') as f:
        f.write(b'GGUF' + b'\xff' * 60)
    with Server('--models-dir', folder, models=[]) as s:
        # The probe has its time: what is unusable goes, what is not gets its details.
        until(lambda: names(s) == ['shown:latest'])
        [listed] = s.get('/api/tags').json['models']
        until(lambda: s.get('/api/tags').json['models'][0]['details']['family'] == 'llama')
        assert listed['size'] == os.path.getsize(MODEL), listed
        assert names(s, '/api/ps') == []
        shown = s.post('/api/show', {'model': 'shown'}).json
        assert shown['details']['quantization_level'] == 'Q8_0', shown
        assert s.post('/api/generate', {'model': 'shown'}).json['done_reason'] == 'load'
        assert names(s, '/api/ps') == ['shown:latest']
        got = s.post('/api/generate', {'model': 'shown:latest', 'prompt': 'Tell me a story.',
                                       'stream': False, 'options': {'num_predict': 5}})
        assert got.status == 200 and got.json['eval_count'] == 5, got
        broken = s.post('/api/generate', {'model': 'broken', 'prompt': 'x'})
        assert broken.status >= 400 and list(broken.json) == ['error'], broken
        broken = s.post('/api/generate', {'model': 'broken'})
        assert broken.status >= 400 and list(broken.json) == ['error'], broken


def names_with_tags_and_hidden_ones(folder):
    shutil.copy(MODEL, os.path.join(folder, 'shown.gguf'))
    preset = os.path.join(folder, 'preset.ini')
    with open(preset, 'w') as f:
        f.write(PRESET.format(folder=folder))
    with Server('--models-preset', preset, models=[]) as s:
        assert names(s) == ['named:latest'], names(s)
        for name in 'named', 'named:latest', 'big:7b', 'secret':
            got = s.post('/api/chat', {'model': name, 'stream': False,
                                       'messages': [{'role': 'user', 'content': 'Hi.'}],
                                       'options': {'num_predict': 2}})
            assert got.status == 200 and got.json['model'] == name, (name, got)
        for name in 'big', 'big:latest', 'named:7b':
            assert s.post('/api/show', {'model': name}).status == 404, name


def keep_alive_0_unloads(folder):
    shutil.copy(MODEL, os.path.join(folder, 'one.gguf'))
    ask = {'model': 'one', 'prompt': 'Tell me a story.', 'options': {'num_predict': 5}}
    with Server('--models-dir', folder, '--sleep-idle-seconds', '600', models=[]) as s:
        for streams in True, False:
            got = s.post('/api/generate', dict(ask, stream=streams))
            assert got.status == 200 and names(s, '/api/ps') == ['one:latest'], got
            [running] = s.get('/api/ps').json['models']
            assert not running['expires_at'].startswith('2262'), running
            got = s.post('/api/generate', dict(ask, stream=streams, keep_alive=0))
            assert got.status == 200 and b'"eval_count":5' in got.body, got
            until(lambda: names(s, '/api/ps') == [])
        # The next one loads it again, and one that says nothing unloads it.
        assert s.post('/api/chat', {'model': 'one'}).json['done_reason'] == 'load'
        assert names(s, '/api/ps') == ['one:latest']
        got = s.post('/api/chat', {'model': 'one', 'keep_alive': '0s'})
        assert got.json['done_reason'] == 'unload', got
        until(lambda: names(s, '/api/ps') == [])
        got = s.post('/api/generate', {'model': 'one', 'keep_alive': 0})
        assert got.json['done_reason'] == 'unload', got


def code_goes_between_prompt_and_suffix(_):
    options = {'temperature': 0, 'num_predict': 12, 'repeat_penalty': 1.0, 'ignore_eos': True}
    ask = {'prompt': 'def f(x):', 'suffix': 'return y', 'stream': False, 'options': options}
    with made_model('--infill', '2') as hole:
        with Server(models=[hole, MODEL]) as s:
            got = s.post('/api/generate', dict(ask, model='made'))
            assert got.status == 200 and got.json['eval_count'] == 12, got
            same = s.post('/infill', {'model': 'made', 'input_prefix': ask['prompt'],
                                      'input_suffix': ask['suffix'], 'n_predict': 12,
                                      'temperature': 0, 'min_p': 0, 'top_p': 0.9,
                                      'ignore_eos': True}).json
            assert got.json['response'] == same['content'], (got, same)
            assert 'insert' in s.post('/api/show', {'model': 'made'}).json['capabilities']
            refused = s.post('/api/generate', dict(ask, model='demo'))
            assert refused.status >= 400 and 'infill' in refused.json['error'].lower(), refused


def keys_are_asked_for_in_its_form(folder):
    path = os.path.join(folder, 'keys')
    with open(path, 'w') as f:
        f.write('name=alice models=other key=sk-a\nsk-b\nname=bob models=demo key=sk-c\n')
    os.chmod(path, 0o600)
    asks = [('/api/chat', {'messages': [{'role': 'user', 'content': 'Hi.'}], 'stream': False,
                           'options': {'num_predict': 2}}),
            ('/api/generate', {}), ('/api/generate', {'keep_alive': 0}),
            ('/api/embed', {'input': 'a'})]
    with Server('--api-key-file', path) as s:
        for where, body in asks:
            for key, status in ('', 401), ('sk-no', 401), ('sk-a', 403), ('sk-b', 200):
                headers = [f'Authorization: Bearer {key}'] if key else []
                got = s.post(where, dict(body, model='demo'), headers=headers)
                assert got.status == status, (where, key, got)
                assert status == 200 or list(got.json) == ['error'], (where, key, got)
        # A key for some models may use them, and takes them from nobody.
        some, all_ = [[f'Authorization: Bearer {key}'] for key in ('sk-c', 'sk-b')]
        where, body = asks[0]
        got = s.post(where, dict(body, model='demo', keep_alive=0), headers=some)
        assert got.status == 200, got
        with s.http() as h:
            h.request('GET', '/api/ps', headers=all_)
            assert len(h.reply().json['models']) == 1
        got = s.post('/api/generate', {'model': 'demo', 'keep_alive': 0}, headers=some)
        assert got.status == 403 and 'unloads none' in got.json['error'], got


for case in what_is_not_loaded_is_known, names_with_tags_and_hidden_ones, keep_alive_0_unloads, \
        code_goes_between_prompt_and_suffix, keys_are_asked_for_in_its_form:
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as place:
        cases(case, args=(place,))
