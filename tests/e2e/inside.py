#!/usr/bin/env python3
"""What llama-server tells of a model and its slots: /props, /slots, and its names in /metrics."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import MODEL, Server, cases, made_model, until


def props(server):
    got = server.get('/props').json
    params = got['default_generation_settings']['params']
    assert got['default_generation_settings']['n_ctx'] == 1024
    assert params['temperature'] == 0.8 and params['top_k'] == 40 and params['n_predict'] == -1
    assert params['samplers'][0] == 'penalties' and params['lora'] == []
    assert got['total_slots'] == 2 and got['model_alias'] == 'demo'
    assert got['model_path'] == MODEL and got['model_ftype'] == 'Q8_0'
    assert '{%' in got['chat_template'] and got['chat_template_caps']['supports_tools'] is True
    assert (got['bos_token'], got['eos_token']) == ('<s>', '<|im_end|>')
    assert got['modalities'] == {'vision': False, 'video': False, 'audio': False}
    assert got['is_sleeping'] is False
    assert got['uses'] == {'generate': True, 'embed': True, 'rerank': False, 'infill': False,
                           'pooling': 'none'}
    assert server.get('/props?model=demo').json == got


def of_nobody(server):
    for path in '/props?model=none', '/slots?model=none', '/lora-adapters?model=none':
        got = server.get(path)
        assert got.status == 404 and got.error['code'] == 404, got
        assert got.error['type'] == 'not_found_error'
    refused = server.post('/props', {'a': 1})
    assert refused.status == 501 and refused.error['type'] == 'not_supported_error', refused
    for action in 'save', 'restore', 'erase':
        got = server.post(f'/slots/0?action={action}', {'filename': 'x'})
        assert got.status == 501 and 'slots action' in got.error['message'], got


def slots(server):
    idle = server.get('/slots').json
    assert idle == [{'id': i, 'n_ctx': 1024, 'speculative': False, 'is_processing': False}
                    for i in (0, 1)], idle
    assert server.get('/slots?fail_on_no_slot=1').status == 200
    first = server.stream('Once', max_tokens=900, ignore_eos=True, seed=7, top_k=5).until(3)
    busy = server.get('/slots').json
    assert [s['is_processing'] for s in busy] == [True, False] and len(busy) == 2
    one = busy[0]
    assert one['params']['seed'] == 7 and one['params']['top_k'] == 5
    assert one['params']['n_predict'] == 900 and one['params']['ignore_eos'] is True
    assert one['n_prompt_tokens'] == 2 and one['id_task'] > 0
    token, = one['next_token']
    assert token['n_decoded'] >= 3 and token['n_decoded'] + token['n_remain'] == 900
    assert server.get('/slots?fail_on_no_slot=1').status == 200
    second = server.stream('Once', max_tokens=900, ignore_eos=True).until(3)
    full = server.get('/slots?fail_on_no_slot=1')
    assert full.status == 503 and full.error == {
        'code': 503, 'message': 'no slot available', 'type': 'unavailable_error'}, full
    assert all(s['is_processing'] for s in server.get('/slots').json)
    # What takes none counts for none.
    assert server.post('/tokenize', {'content': 'x'}).status == 200
    first.rest(), second.rest()
    until(lambda: server.get('/slots').json == idle)


def metrics(server):
    """llama-server's names, beside ours."""
    def look():
        text = server.get('/metrics').body.decode()
        found = dict(re.findall(r'^llamacpp:(\w+) ([0-9.e+-]+)$', text, re.M))
        for name in found:
            assert re.search(rf'^# TYPE llamacpp:{name} (counter|gauge)$', text, re.M), name
        return {k: float(v) for k, v in found.items()}
    before = look()
    assert set(before) >= {
        'prompt_tokens_total', 'prompt_tokens_cached_total', 'prompt_seconds_total',
        'tokens_predicted_total', 'tokens_predicted_seconds_total', 'n_tokens_max',
        'prompt_tokens_seconds', 'predicted_tokens_seconds', 'requests_processing',
        'requests_deferred', 'n_decode_total', 'n_busy_slots_per_decode'}, sorted(before)
    server.complete('Once upon a time', max_tokens=20, ignore_eos=True)
    after = look()
    assert after['tokens_predicted_total'] == before['tokens_predicted_total'] + 20
    assert after['prompt_tokens_total'] + after['prompt_tokens_cached_total'] == \
        before['prompt_tokens_total'] + before['prompt_tokens_cached_total'] + 5
    assert after['prompt_seconds_total'] > before['prompt_seconds_total']
    assert after['tokens_predicted_seconds_total'] > before['tokens_predicted_seconds_total']
    assert after['n_decode_total'] >= before['n_decode_total'] + 19
    assert after['n_tokens_max'] >= 25 and after['requests_processing'] == 0
    assert after['predicted_tokens_seconds'] > 0 and after['n_busy_slots_per_decode'] >= 1
    server.post('/embeddings', {'input': 'Once upon a time'})
    assert look()['tokens_predicted_total'] == after['tokens_predicted_total']


def others():
    """A model that embeds, and one that fills holes, say so."""
    with made_model('--preset', 'tiny-bert') as bert, made_model('--infill', '2') as hole:
        with Server(models=[bert]) as server:
            got = server.get('/props').json
            assert got['default_generation_settings']['n_ctx'] == 512
            assert got['uses'] == {'generate': False, 'embed': True, 'rerank': False,
                                   'infill': False, 'pooling': 'mean'}
        with Server(models=[hole]) as server:
            assert server.get('/props').json['uses']['infill'] is True


def not_loaded():
    """To look does not load."""
    with made_model('--preset', 'tiny-llama') as path:
        with Server('--models-dir', os.path.dirname(path)) as server:
            got = server.get('/props?model=made').json
            assert got['is_sleeping'] is True and got['total_slots'] == 0
            assert server.get('/slots?model=made').json == []
            workers = [n for n in server.children().values() if n == 'bulkhead-worker']
            assert len(workers) == 1, 'the demo model has one'


with Server('--parallel', '2') as its_server:
    cases(props, of_nobody, slots, metrics, args=(its_server,))
cases(others, not_loaded)
