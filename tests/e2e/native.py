#!/usr/bin/env python3
"""llama-server's own completions and its code with a hole: what is said is what the other surfaces
say, in its form, streamed and whole; whoever dies meanwhile; wrong fields are refused."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Http, Server, cases, made_model

SHORT = {'prompt': 'Once upon a time', 'n_predict': 24, 'seed': 5}
MEMBERS = {'index', 'content', 'tokens', 'id_slot', 'stop', 'model', 'tokens_predicted',
           'tokens_evaluated', 'generation_settings', 'prompt', 'has_new_line', 'truncated',
           'stop_type', 'stopping_word', 'tokens_cached', 'timings'}
N = 30 if SANITIZE else 200


def ask(server, body, status=200, path='/completion'):
    got = server.post(path, body)
    assert got.status == status, (body, got)
    return got.json


def stream(server, body, path='/completion'):
    """Its events, as JSON."""
    with Http(server.tcp) as h:
        h.request('POST', path, dict(body, stream=True))
        status, headers = h.head()
        assert status == 200 and headers['content-type'] == 'text/event-stream', status
        return [json.loads(data) for data in h.events()]


def said(events):
    *texts, last = events
    assert last['stop'] is True and last['content'] == '' and last['tokens'] == []
    assert all(e['stop'] is False for e in texts)
    return ''.join(e['content'] for e in texts)


def the_same_as_openai(server):
    want = server.complete(SHORT['prompt'], max_tokens=24, seed=5)
    for path in '/completion', '/completions':
        got = ask(server, SHORT, path=path)
        assert got['content'] == want and set(got) == MEMBERS, set(got) ^ MEMBERS
        assert said(stream(server, SHORT, path)) == want
    assert got['tokens_predicted'] == 24 and got['tokens_evaluated'] == 5
    assert got['prompt'] == '<s>Once upon a time' and got['model'] == 'demo'
    assert (got['stop_type'], got['stopping_word'], got['truncated']) == ('limit', '', False)
    timings = got['timings']
    assert timings['prompt_n'] + timings['cache_n'] == 5 and timings['predicted_n'] == 24
    settings = got['generation_settings']
    assert settings['seed'] == 5 and settings['n_predict'] == 24 and settings['stream'] is False


def a_drawn_seed_is_told(server):
    """So that what was said can be had again; llama-server says that it was drawn."""
    first = ask(server, {'prompt': 'Once', 'n_predict': 24})
    seed = first['generation_settings']['seed']
    assert ask(server, {'prompt': 'Once', 'n_predict': 24, 'seed': seed})['content'] == \
        first['content']


def ends(server):
    text = ask(server, dict(SHORT, n_predict=60))['content']
    word = text.split()[4]
    got = ask(server, dict(SHORT, n_predict=60, stop=[word, 'never said']))
    assert got['stop_type'] == 'word' and got['stopping_word'] == word
    assert got['content'] == text[:text.index(word)]
    assert got['generation_settings']['stop'] == [word, 'never said']
    last = stream(server, dict(SHORT, n_predict=60, stop=[word]))[-1]
    assert last['stop_type'] == 'word' and last['stopping_word'] == word
    eos = ask(server, {'prompt': '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
                       'seed': 1, 'n_predict': 500})
    assert eos['stop_type'] == 'eos' and not eos['truncated'], eos['stop_type']
    full = ask(server, {'prompt': 'Once', 'ignore_eos': True, 'seed': 1})
    assert full['stop_type'] == 'limit' and full['truncated'] is True
    assert full['tokens_predicted'] + full['tokens_evaluated'] >= 1024
    assert full['has_new_line'] == ('\n' in full['content'])
    one = ask(server, dict(SHORT, n_predict=0))
    assert one['tokens_predicted'] == 1 and one['generation_settings']['n_predict'] == 0


def tokens_and_probabilities(server):
    body = dict(SHORT, n_probs=3, return_tokens=True)
    got = ask(server, body)
    probs = got['completion_probabilities']
    assert [p['id'] for p in probs] == got['tokens'] and len(probs) == 24
    text = server.post('/detokenize', {'tokens': got['tokens']}).json['content']
    assert text == got['content'] == ''.join(p['token'] for p in probs)
    for p in probs:
        assert len(p['top_logprobs']) == 3 and p['logprob'] <= 0
        assert bytes(p['bytes']).decode() == p['token']
        tops = [t['logprob'] for t in p['top_logprobs']]
        assert tops == sorted(tops, reverse=True)
    events = stream(server, body)
    assert [t for e in events for t in e['tokens']] == got['tokens']
    assert [p for e in events[:-1] for p in e['completion_probabilities']] == probs
    assert 'completion_probabilities' not in events[-1]
    assert ask(server, SHORT)['tokens'] == []


def forms_of_prompts(server):
    ids = server.post('/tokenize', {'content': SHORT['prompt'], 'add_special': True}).json['tokens']
    want = ask(server, SHORT)['content']
    for prompt in ids, [ids[0], SHORT['prompt']], {'prompt_string': SHORT['prompt']}, \
            [SHORT['prompt']]:
        assert ask(server, dict(SHORT, prompt=prompt))['content'] == want, prompt
    many = ask(server, dict(SHORT, prompt=[SHORT['prompt'], ids, 'The'], n_cmpl=2))
    assert [m['index'] for m in many] == list(range(6))
    assert many[0]['content'] == want
    assert len({m['content'] for m in many}) == 6, 'each choice has its own seed'
    greedy = ask(server, dict(SHORT, prompt=[SHORT['prompt'], ids], temperature=0))
    assert greedy[0]['content'] == greedy[1]['content']


def response_fields(server):
    body = dict(SHORT, response_fields=['content', 'generation_settings/seed',
                                        'timings/predicted_n', 'none', 'timings/none/none', ''])
    want = {'content': ask(server, SHORT)['content'], 'generation_settings/seed': 5,
            'timings/predicted_n': 24}
    assert ask(server, body) == want
    assert stream(server, body)[-1] == dict(want, content='')


def samplers(server):
    """What is not named is switched off; another order is not to be had."""
    hot = dict(SHORT, temperature=1.5, top_k=1, repeat_penalty=1.4)
    greedy = ask(server, dict(SHORT, temperature=0, repeat_penalty=1))['content']
    assert ask(server, dict(hot, samplers=['top_k', 'temperature']))['content'] == greedy
    assert ask(server, dict(hot, samplers='kt'))['content'] == greedy
    off = ask(server, dict(hot, samplers=['temperature']))
    assert off['content'] != greedy and off['generation_settings']['top_k'] == 0
    everything = ['penalties', 'dry', 'top_n_sigma', 'top_k', 'typ_p', 'top_p', 'min_p', 'xtc',
                  'temperature']
    assert ask(server, dict(hot, samplers=everything))['content'] == ask(server, hot)['content']
    error = ask(server, dict(hot, samplers=['temperature', 'top_k']), 501)['error']
    assert 'order' in error['message'] and error['type'] == 'not_supported_error'


def progress_and_timings(server):
    body = dict(SHORT, prompt='word ' * 150, return_progress=True, timings_per_token=True)
    events = stream(server, body)
    steps = [e['prompt_progress'] for e in events if 'prompt_progress' in e]
    assert len(steps) >= 4 and all(s['total'] == events[-1]['tokens_evaluated'] for s in steps)
    done = [s['processed'] for s in steps]
    assert done == sorted(done) and done[0] == steps[0]['cache'] and done[-1] == steps[0]['total']
    texts = [e for e in events[:-1] if 'prompt_progress' not in e]
    assert [e['timings']['predicted_n'] for e in texts] == [e['tokens_predicted'] for e in texts]
    plain = stream(server, dict(body, return_progress=False, timings_per_token=False))
    assert not any('prompt_progress' in e or 'timings' in e for e in plain[:-1])


def bent(server):
    """Grammars, schemas and biases bend it as they do elsewhere."""
    got = ask(server, dict(SHORT, grammar='root ::= "yes" | "no"'))
    assert got['content'] in ('yes', 'no') and got['stop_type'] == 'eos'
    assert got['generation_settings']['grammar'] == 'root ::= "yes" | "no"'
    schema = {'type': 'object', 'properties': {'a': {'type': 'integer'}}, 'required': ['a']}
    json.loads(ask(server, dict(SHORT, n_predict=200, json_schema=schema))['content'])
    first, = ask(server, dict(SHORT, n_predict=1, return_tokens=True))['tokens']
    got = ask(server, dict(SHORT, n_predict=1, return_tokens=True, logit_bias=[[first, False]]))
    assert got['tokens'] != [first]
    assert got['generation_settings']['logit_bias'] == [{'token': first, 'bias': None}]


def ignored(server):
    """What says only how it is computed."""
    want = ask(server, SHORT)['content']
    more = {'cache_prompt': False, 'id_slot': 3, 'n_cache_reuse': 5, 'n_keep': 4, 'n_discard': 2,
            'sse_ping_interval': 1, 'min_keep': 0, 'n_indent': 0, 'post_sampling_probs': False,
            'something': {'else': 1}, 'speculative.n_max': 3}
    assert ask(server, dict(SHORT, **more))['content'] == want


def refused(server):
    for status, word, body in (
            (400, 'prompt', {}), (400, 'prompt', {'prompt': 5}), (400, 'prompt', {'prompt': []}),
            (400, 'prompt', {'prompt': [[]]}), (400, 'prompt', {'prompt': [1, None]}),
            (400, 'token id', {'prompt': [1 << 20]}), (400, 'prompt_string', {'prompt': {'a': 1}}),
            (501, 'multimodal', {'prompt': {'prompt_string': 'a', 'multimodal_data': ['x']}}),
            (400, 'context', {'prompt': 'word ' * 3000}),
            (400, 'n_predict', {'prompt': 'a', 'n_predict': -2}),
            (400, 'n_predict', {'prompt': 'a', 'n_predict': 'x'}),
            (400, 'n_cmpl', {'prompt': 'a', 'n_cmpl': 0}),
            (400, 'n_probs', {'prompt': 'a', 'n_probs': 21}),
            (400, 'stop', {'prompt': 'a', 'stop': [5]}),
            (400, 'samplers', {'prompt': 'a', 'samplers': ['magic']}),
            (400, 'samplers', {'prompt': 'a', 'samplers': 5}),
            (400, 'response_fields', {'prompt': 'a', 'response_fields': [1]}),
            (400, 'response_fields', {'prompt': 'a', 'response_fields': 'content'}),
            (501, 'post_sampling_probs', {'prompt': 'a', 'post_sampling_probs': True}),
            (501, 'n_indent', {'prompt': 'a', 'n_indent': 4}),
            (501, 'min_keep', {'prompt': 'a', 'min_keep': 2}),
            (400, 'grammar', {'prompt': 'a', 'grammar': 'root ::= ('}),
            (404, 'none', {'prompt': 'a', 'model': 'none'})):
        for streamed in False, True:
            error = ask(server, dict(body, stream=streamed), status)['error']
            assert error['code'] == status and word in error['message'], (body, error)
            assert set(error) == {'code', 'message', 'type'}, error
    assert ask(server, SHORT, 404, '/completion?model=none')['error']['code'] == 404


def a_worker_dies_in_the_midst(server):
    body = dict(SHORT, n_predict=N, ignore_eos=True, return_progress=True, n_probs=1)
    want = stream(server, body)
    with Http(server.tcp) as h:
        h.request('POST', '/completion', dict(body, stream=True))
        assert h.head()[0] == 200
        got = []
        for data in h.events():
            got.append(json.loads(data))
            if len(got) in (5, 12):
                server.kill_worker()
    assert said(got) == said(want)
    assert [t for e in got for t in e['tokens']] == [t for e in want for t in e['tokens']]
    assert got[-1]['tokens_predicted'] == N and got[-1]['prompt'] == want[-1]['prompt']
    assert server.metric('generations_resumed_total') >= 1


# Code with a hole: the tokens of mkmodel --infill are bytes 1 to 5.

def holes(server):
    body = {'input_prefix': 'def f(x):\n', 'input_suffix': '  return y\n', 'n_predict': 6,
            'seed': 2}
    got = ask(server, body, path='/infill')
    assert got['prompt'] == '<s>\x01def f(x):\n\x02  return y\n\x03', got['prompt']
    assert set(got) == MEMBERS and got['tokens_predicted'] == 6
    assert said(stream(server, body, '/infill')) == got['content']
    assert ask(server, dict(body, prompt=got['prompt'][3:]))['content'] == got['content'], \
        'the prompt that it shows says the same'
    got = ask(server, dict(body, prompt='  y ='), path='/infill')
    assert got['prompt'] == '<s>\x01def f(x):\n  y =\x02  return y\n\x03', got['prompt']
    # What looks like a control token is text in the code.
    got = ask(server, dict(body, input_prefix='a</s>b'), path='/infill')
    assert got['tokens_evaluated'] > 8 and '\x01a</s>b\x02' in got['prompt']
    # The nearest three quarters before the hole, and the nearest quarter behind it.
    far = {'input_prefix': 'a ' * 3000 + 'END', 'input_suffix': 'BEGIN' + ' b' * 3000}
    got = ask(server, dict(body, **far), path='/infill')
    assert 'END\x02BEGIN' in got['prompt'] and got['tokens_evaluated'] < 512
    for word, more in (('input_prefix', {'input_prefix': None}),
                       ('input_prefix', {'input_prefix': 5}),
                       ('input_suffix', {'input_suffix': None}), ('prompt', {'prompt': ['a']}),
                       ('input_extra', {'input_extra': 'x'}),
                       ('input_extra', {'input_extra': [{}]}),
                       ('input_extra', {'input_extra': [{'text': 5}]}),
                       ('filename', {'input_extra': [{'text': 'a', 'filename': 5}]})):
        error = ask(server, dict(body, **more), 400, '/infill')['error']
        assert word in error['message'], (more, error)


def files_beside(server):
    body = {'input_prefix': 'P', 'input_suffix': 'S', 'n_predict': 1,
            'input_extra': [{'filename': 'a.py', 'text': 'one\n'}, {'text': 'two\n'}]}
    got = ask(server, body, path='/infill')['prompt']
    return got


def holes_and_files():
    # A context with room for other files: theirs is what is behind the first 2048 tokens.
    with made_model('--infill', '2', '--ctx', '4096') as model:
        with Server('--ctx-size', '4096', models=[model]) as server:
            assert files_beside(server) == '\x04myproject\n\x05a.py\none\n\x05tmp\ntwo\n' \
                '\x05filename\n<s>\x01P\x02S\x03'
    with made_model('--infill', '1', '--ctx', '4096') as model:
        with Server('--ctx-size', '4096', models=[model]) as server:
            snip = '\n\n--- snippet ---\n\n'
            assert files_beside(server) == f'{snip}one\n{snip}two\n<s>\x01P\x02S\x03'
    with made_model('--infill', '1') as model:
        with Server(models=[model]) as server:
            holes(server)


def suffix_first():
    with made_model('--infill', '1') as model:
        with Server('--spm-infill', models=[model]) as server:
            got = ask(server, {'input_prefix': 'P', 'input_suffix': 'S', 'prompt': 'M',
                               'n_predict': 1}, path='/infill')
            assert got['prompt'] == '<s>\x02S\x01PM\x03', got['prompt']


def no_holes(server):
    error = ask(server, {'input_prefix': 'a', 'input_suffix': 'b'}, 501, '/infill')['error']
    assert 'Infill is not supported' in error['message'], error
    assert error['type'] == 'not_supported_error'


with Server('--parallel', '4', '--threads', '1', '--threads-batch', '1') as its_server:
    cases(the_same_as_openai, a_drawn_seed_is_told, ends, tokens_and_probabilities,
          forms_of_prompts, response_fields, samplers, progress_and_timings, bent, ignored,
          refused, no_holes, a_worker_dies_in_the_midst, args=(its_server,))
cases(holes_and_files, suffix_first)
