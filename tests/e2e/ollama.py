#!/usr/bin/env python3
"""Ollama's surface, as bytes: lines, their members, and what is refused."""
import os
import re
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import json
from bulkhead import Server, Http, cases, until

MESSAGES = [{'role': 'user', 'content': 'Tell me a story.'}]
SUM = [{'role': 'user', 'content': 'Use the tool to add 2 and 3.'}]
TOOLS = [{'type': 'function', 'function': {
    'name': name, 'description': f'Does {name}.', 'parameters': {
        'type': 'object', 'required': ['a', 'b'],
        'properties': {'a': {'type': 'integer'}, 'b': {'type': 'integer'}}}}}
    for name in ('add', 'subtract')]
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$')
COSTS = ('total_duration', 'load_duration', 'prompt_eval_count', 'prompt_eval_duration',
         'eval_count', 'eval_duration')


def lines(reply):
    assert reply.status == 200, reply
    assert reply.body.endswith(b'\n'), reply
    return [json.loads(line) for line in reply.body.decode().splitlines()]


def bare(line):
    """A line without what is another in each run."""
    return {k: v for k, v in line.items() if k not in COSTS and k != 'created_at'}


def check_last(last):
    assert last['done'] is True and last['done_reason'] in ('stop', 'length'), last
    for name in COSTS:
        assert isinstance(last[name], int) and last[name] >= 0, last
    spent = last['load_duration'] + last['prompt_eval_duration'] + last['eval_duration']
    assert last['total_duration'] >= spent, last
    assert last['eval_count'] > 0 and last['prompt_eval_count'] > 0, last


def a_chat_is_lines(s):
    ask = {'model': 'demo', 'messages': MESSAGES, 'options': {'seed': 1, 'num_predict': 40}}
    got = s.post('/api/chat', ask)
    assert got.headers['content-type'] == 'application/x-ndjson', got.headers
    *parts, last = lines(got)
    for part in parts:
        assert list(part) == ['model', 'created_at', 'message', 'done'], part
        assert part['model'] == 'demo' and part['done'] is False, part
        assert TIME.match(part['created_at']), part
        assert part['message']['role'] == 'assistant' and part['message']['content'], part
    check_last(last)
    assert last['message'] == {'role': 'assistant', 'content': ''}, last
    whole = s.post('/api/chat', dict(ask, stream=False))
    assert whole.headers['content-type'] == 'application/json', whole.headers
    check_last(whole.json)
    assert whole.json['message'] == {
        'role': 'assistant', 'content': ''.join(p['message']['content'] for p in parts)}, whole
    assert last['eval_count'] == whole.json['eval_count'] <= 40


def a_prompt_is_a_chat_of_one(s):
    ask = {'model': 'demo', 'prompt': 'Tell me a story.',
           'options': {'seed': 1, 'num_predict': 30}}
    *parts, last = lines(s.post('/api/generate', ask))
    for part in parts:
        assert list(part) == ['model', 'created_at', 'response', 'done'], part
    check_last(last)
    text = ''.join(p['response'] for p in parts)
    chat = s.post('/api/chat', {'model': 'demo', 'messages': MESSAGES, 'stream': False,
                                'options': ask['options']}).json
    assert text == chat['message']['content']
    assert s.post('/api/generate', dict(ask, stream=False)).json['response'] == text
    system = s.post('/api/generate', dict(ask, stream=False, system='Be brief.')).json
    assert system['prompt_eval_count'] > last['prompt_eval_count']


def a_raw_prompt_is_taken_as_it_is(s):
    options = {'seed': 3, 'num_predict': 20, 'temperature': 0, 'repeat_penalty': 1.0}
    raw = s.post('/api/generate', {'model': 'demo', 'prompt': 'Once upon a time', 'raw': True,
                                   'stream': False, 'options': options}).json
    plain = s.complete('Once upon a time', seed=3, max_tokens=20, temperature=0)
    assert raw['response'] == plain, (raw, plain)


def options_rule_the_answer(s):
    def say(**options):
        got = s.post('/api/generate', {'model': 'demo', 'prompt': 'Tell me a story.',
                                       'stream': False,
                                       'options': dict({'num_predict': 30}, **options)})
        assert got.status == 200, got
        return got.json
    free = say(temperature=0)['response']
    assert say(temperature=0)['response'] == free
    assert say(top_k=1)['response'] == free
    assert say(seed=1)['response'] == say(seed=1)['response'] != say(seed=2)['response']
    short = say(temperature=0, num_predict=5)
    assert short['eval_count'] == 5 and short['done_reason'] == 'length', short
    word = free.split(' ')[3]
    stopped = say(temperature=0, stop=[' ' + word])
    assert stopped['response'] == free[:free.index(' ' + word)], (stopped, free)
    assert stopped['done_reason'] == 'stop', stopped
    # Words on the machine mean nothing here.
    assert say(temperature=0, num_gpu=99, num_thread=3, num_ctx=4096)['response'] == free


def a_call_is_whole(s):
    ask = {'model': 'demo', 'messages': SUM, 'tools': TOOLS,
           'options': {'temperature': 0, 'seed': 1, 'num_predict': 100, 'repeat_penalty': 1.0}}
    whole = s.post('/api/chat', dict(ask, stream=False)).json
    calls = whole['message']['tool_calls']
    assert calls[0]['function']['name'] == 'add', calls
    assert set(calls[0]['function']['arguments']) == {'a', 'b'}, calls
    *parts, last = lines(s.post('/api/chat', ask))
    streamed = [c for p in parts for c in p['message'].get('tool_calls', [])]
    assert streamed == calls, (streamed, calls)
    assert last['done_reason'] == whole['done_reason'] == 'stop'
    # Its answer goes back in.
    more = s.post('/api/chat', dict(ask, stream=False, messages=[
        *SUM, whole['message'], {'role': 'tool', 'tool_name': 'add', 'content': '5'}]))
    assert more.status == 200 and more.json['done'], more
    # One that is cut short is none.
    cut = s.post('/api/chat', dict(ask, stream=False, options=dict(
        ask['options'], num_predict=whole['eval_count'] - 12))).json
    assert cut['done_reason'] == 'length' and 'tool_calls' not in cut['message'], cut


def a_format_is_obeyed(s):
    schema = {'type': 'object', 'required': ['age', 'kind'], 'additionalProperties': False,
              'properties': {'age': {'type': 'integer', 'minimum': 0, 'maximum': 99},
                             'kind': {'enum': ['cat', 'dog']}}}
    for path, ask, text in (
            ('/api/chat', {'messages': MESSAGES}, lambda j: j['message']['content']),
            ('/api/generate', {'prompt': 'A pet.'}, lambda j: j['response'])):
        got = s.post(path, dict(ask, model='demo', stream=False, format=schema,
                                options={'seed': 1, 'num_predict': 200})).json
        pet = json.loads(text(got))
        assert set(pet) == {'age', 'kind'} and pet['kind'] in ('cat', 'dog'), pet
        got = s.post(path, dict(ask, model='demo', stream=False, format='json',
                                options={'seed': 1, 'num_predict': 300})).json
        if got['done_reason'] == 'stop':
            assert isinstance(json.loads(text(got)), dict), got
        else:
            assert text(got).lstrip().startswith('{'), got


def logprobs_come_along(s):
    got = s.post('/api/generate', {'model': 'demo', 'prompt': 'Once', 'raw': True, 'stream': False,
                                   'logprobs': True, 'top_logprobs': 2,
                                   'options': {'temperature': 0, 'num_predict': 6}}).json
    assert len(got['logprobs']) == 6, got
    for one in got['logprobs']:
        assert one['logprob'] <= 0 and len(one['top_logprobs']) == 2, one
    assert ''.join(one['token'] for one in got['logprobs']) == got['response'], got
    parts = lines(s.post('/api/generate', {'model': 'demo', 'prompt': 'Once', 'raw': True,
                                           'logprobs': True, 'options': {'num_predict': 6}}))
    assert sum(len(p.get('logprobs', [])) for p in parts) == 6, parts


def length(vector):
    return sum(x * x for x in vector) ** 0.5


def texts_become_vectors(s):
    one = s.post('/api/embed', {'model': 'demo:latest', 'input': 'Once'}).json
    assert list(one) == ['model', 'embeddings', 'total_duration', 'load_duration',
                         'prompt_eval_count'], one
    assert one['model'] == 'demo:latest' and len(one['embeddings']) == 1, one
    assert abs(length(one['embeddings'][0]) - 1) < 1e-4, one
    two = s.post('/api/embed', {'model': 'demo', 'input': ['Once', 'The end.']}).json
    assert two['embeddings'][0] == one['embeddings'][0] != two['embeddings'][1], two
    assert two['prompt_eval_count'] > one['prompt_eval_count'] > 0, two
    openai = s.post('/v1/embeddings', {'model': 'demo', 'input': 'Once'}).json
    assert openai['data'][0]['embedding'] == one['embeddings'][0]
    # The older endpoint has one vector, as the model made it.
    old = s.post('/api/embeddings', {'model': 'demo', 'prompt': 'Once'}).json
    assert list(old) == ['embedding'], old
    size = length(old['embedding'])
    assert all(abs(a / size - b) < 1e-4 for a, b in zip(old['embedding'], one['embeddings'][0]))
    for path, body, status, word in (
            ('/api/embed', {'model': 'nix', 'input': 'a'}, 404, "'nix' not found"),
            ('/api/embed', {'input': 'a'}, 400, 'model is required'),
            ('/api/embed', {'model': 'demo'}, 400, 'input'),
            ('/api/embeddings', {'model': 'demo'}, 400, 'prompt'),
            ('/api/embed', {'model': 'demo', 'input': 'word ' * 3000}, 400, 'context'),
            ('/api/embed', {'model': 'demo', 'input': 'a', 'dimensions': 3}, 400, 'dimensions')):
        got = s.post(path, body)
        assert got.status == status and word in got.json['error'], (path, got)


def nothing_said_loads(s):
    for path, member in (('/api/chat', 'message'), ('/api/generate', 'response')):
        got = s.post(path, {'model': 'demo', 'keep_alive': '5m'})
        assert got.status == 200, got
        assert got.json['done'] and got.json['done_reason'] == 'load', got
        assert member in got.json, got
        assert s.post(path, {'model': 'nix'}).status == 404


def models_are_shown(s):
    [listed] = s.get('/api/tags').json['models']
    assert listed['name'] == listed['model'] == 'demo:latest', listed
    assert TIME.match(listed['modified_at']) and len(listed['digest']) == 64, listed
    assert listed['size'] == os.path.getsize(s.model), listed
    assert listed['details']['format'] == 'gguf', listed
    assert listed['details']['family'] == 'llama', listed
    assert listed['details']['quantization_level'] == 'Q8_0', listed
    assert listed['details']['parameter_size'] == '1.05M', listed
    [running] = s.get('/api/ps').json['models']
    assert running['digest'] == listed['digest'] and running['context_length'] == 1024, running
    for name in 'demo', 'demo:latest':
        shown = s.post('/api/show', {'model': name}).json
        assert shown['details'] == listed['details'], shown
        assert shown['model_info']['general.architecture'] == 'llama', shown
        assert shown['model_info']['llama.context_length'] == 1024, shown
        assert 'completion' in shown['capabilities'] and 'tools' in shown['capabilities'], shown
    assert s.post('/api/show', {'name': 'demo'}).status == 200
    assert re.match(r'\d+\.\d+\.\d+$', s.get('/api/version').json['version'])
    with s.http() as h:
        h.request('HEAD', '/')
        assert h.head()[0] == 200


def refusals_say_what(s):
    for method, path, body, status, word in (
            ('POST', '/api/chat', {'model': 'nix', 'messages': MESSAGES}, 404,
             "model 'nix' not found"),
            ('POST', '/api/generate', {'model': 'nix', 'prompt': 'a'}, 404, "'nix' not found"),
            ('POST', '/api/show', {'model': 'nix'}, 404, "model 'nix' not found"),
            ('POST', '/api/show', {}, 400, 'model is required'),
            ('POST', '/api/show', b'', 400, 'JSON object'),
            ('POST', '/api/show', b'[1]', 400, 'object'),
            ('POST', '/api/show', b'{', 400, 'no JSON'),
            ('POST', '/api/chat', {'messages': MESSAGES}, 400, 'model is required'),
            ('POST', '/api/chat', b'{"a":', 400, 'no JSON'),
            ('POST', '/api/chat', {'model': 'demo', 'messages': [
                {'role': 'user', 'content': 'word ' * 9000}]}, 400, 'context'),
            ('POST', '/api/generate', {'model': 'demo', 'prompt': 'a', 'images': ['aGk=']}, 400,
             'images'),
            ('POST', '/api/generate', {'model': 'demo', 'prompt': 'a', 'context': [1]}, 400,
             'context'),
            ('POST', '/api/pull', {'model': 'nix'}, 501, '--models-dir'),
            ('POST', '/api/push', {'model': 'demo'}, 501, '--models-dir'),
            ('POST', '/api/create', {'model': 'x', 'from': 'demo'}, 501, '--models-dir'),
            ('POST', '/api/copy', {'source': 'demo', 'destination': 'x'}, 501, '--models-dir'),
            ('DELETE', '/api/delete', {'model': 'demo'}, 501, '--models-dir'),
            ('POST', '/api/blobs/sha256:00', b'abc', 501, '--models-dir'),
            ('GET', '/api/nix', None, 404, 'nothing is served'),
            ('GET', '/api/chat', None, 405, 'other methods')):
        with s.http() as h:
            h.request(method, path, body)
            got = h.reply()
        assert got.status == status, (path, got)
        assert list(got.json) == ['error'] and word in got.json['error'], (path, got)
    assert lines(s.post('/api/pull', {'model': 'demo'})) == [{'status': 'success'}]


def a_death_changes_no_line(s):
    ask = {'model': 'demo', 'messages': MESSAGES,
           'options': {'seed': 5, 'num_predict': 300, 'ignore_eos': True}}
    calm = [bare(line) for line in lines(s.post('/api/chat', ask))]
    with Http(s.tcp) as h:
        h.request('POST', '/api/chat', ask)
        assert h.head()[0] == 200
        text, killed = b'', False
        for data in iter(h.chunk, b''):
            text += data
            if not killed and text.count(b'\n') >= 20:
                s.kill_worker()
                killed = True
    assert killed
    assert [bare(json.loads(line)) for line in text.decode().splitlines()] == calm


def a_client_that_goes_ends_the_work(s):
    before = s.metric('generations_cancelled_total')
    with Http(s.tcp) as h:
        h.request('POST', '/api/generate', {'model': 'demo', 'prompt': 'Tell me a story.',
                                            'options': {'num_predict': 900, 'ignore_eos': True}})
        assert h.head()[0] == 200
        h.chunk()
    until(lambda: s.metric('generations_cancelled_total') > before)


with Server() as server:
    cases(a_chat_is_lines, a_prompt_is_a_chat_of_one, a_raw_prompt_is_taken_as_it_is,
          options_rule_the_answer, a_call_is_whole, a_format_is_obeyed, logprobs_come_along,
          texts_become_vectors, nothing_said_loads, models_are_shown, refusals_say_what,
          a_death_changes_no_line, a_client_that_goes_ends_the_work, args=(server,))
