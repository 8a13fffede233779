#!/usr/bin/env python3
"""extend_param.n_batch: one run of several inputs, each with its conversation."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, refusal

TEXTS = 'Tell me about a fox.', 'A crow on a bridge.', 'Good night.'


def loaded(server, n_batch):
    rpc = server.rpc()
    rpc.init('', temperature=0, extend_param={'n_batch': n_batch})
    return rpc


def inputs(texts):
    return [{'role': 'user', 'prompt_input': text} for text in texts]


def run(rpc, texts, method='rkllm.run', **infer):
    """The text of each, and the last reply of all."""
    ident = rpc.send(method, None, inputs(texts), {'max_new_tokens': 20, **infer}, None)
    if method == 'rkllm.run_async':
        assert rpc.next(ident)['success'] is True
    said = [''] * len(texts)
    for reply in rpc.replies(ident):
        if reply['_callback_state'] == 2:
            assert 'batch_index' not in reply
            return said, reply
        said[reply['batch_index']] += reply['text'] or ''


def size(rpc):
    return rpc.call('rkllm.get_kv_cache_size', None)['cache_sizes']


def each_says_what_it_says_alone(server):
    with loaded(server, 1) as rpc:
        alone = [rpc.run(text, max_new_tokens=20) for text in TEXTS]
    with loaded(server, 3) as rpc:
        for method in 'rkllm.run', 'rkllm.run_async':
            said, last = run(rpc, TEXTS, method)
            assert said == [text for text, _ in alone]
            for count in 'prefill_tokens', 'generate_tokens':
                assert last['perf'][count] == sum(r['perf'][count] for _, r in alone)
        server.kill_worker()
        assert run(rpc, TEXTS)[0] == said


def each_has_its_conversation(server):
    with loaded(server, 3) as rpc:
        assert size(rpc) == [0, 0, 0]
        run(rpc, TEXTS, keep_history=1)
        was = size(rpc)
        assert len(set(was)) > 1 and min(was) > 5
        run(rpc, ['And then?'] * 3, keep_history=1)
        grown = size(rpc)
        assert all(a < b for a, b in zip(was, grown))
        rpc.call('rkllm.clear_kv_cache', None, 0, [0, 2, 3], [4, 2, 4])
        assert size(rpc) == [grown[0] - 4, grown[1], grown[2] - 1]
        for bad in ([0], [4]), ([0] * 4, [1] * 4), ([0, 0, 0], [1, 1, 9999]):
            error = refusal(rpc.call, 'rkllm.clear_kv_cache', None, 0, *bad)
            assert error.code == -32602, error
        assert size(rpc) == [grown[0] - 4, grown[1], grown[2] - 1]
        rpc.call('rkllm.clear_kv_cache', None, 0, None, None)
        assert size(rpc) == [0, 0, 0]


def rows_of_each(server):
    with loaded(server, 2) as rpc:
        ident = rpc.send('rkllm.run', None, inputs(TEXTS[:2]), {'mode': 1}, None)
        rows = {}
        for reply in rpc.replies(ident):
            if reply['_callback_state'] == 0:
                hidden = reply['last_hidden_layer']
                assert len(hidden['hidden_states']) == hidden['embd_size'] * hidden['num_tokens']
                rows[reply['batch_index']] = hidden['num_tokens']
        assert sorted(rows) == [0, 1] and min(rows.values()) > 3


def one_end_for_all(server):
    with loaded(server, 3) as rpc:
        ident = rpc.send('rkllm.run', None, inputs(TEXTS), {'max_new_tokens': 900}, None)
        rpc.next(ident)
        rpc.call('rkllm.abort', None)
        assert list(rpc.replies(ident))[-1]['_callback_state'] == 2
        assert rpc.call('rkllm.is_running', None)['is_running'] is False
        # One that cannot be done ends the others.
        for bad in [{'input_type': 1, 'token_input': {'input_ids': [99999]}}, {'prompt_input': 7}]:
            ident = rpc.send('rkllm.run', None, [*inputs(TEXTS[:2]), bad],
                             {'max_new_tokens': 900}, None)
            error = refusal(list, rpc.replies(ident))
            assert error.code == -32602 and error.message.startswith('input 2: '), error
            rpc.ping()
        assert run(rpc, TEXTS)[0][0]


def as_many_as_n_batch(server):
    with loaded(server, 3) as rpc:
        for texts in TEXTS[:2], TEXTS + TEXTS, ():
            error = refusal(run, rpc, texts)
            assert error.code == -32602 and error.data['field'] == 'rkllm_input', error
        error = refusal(rpc.run, 'Alone.')
        assert error.code == -32602 and 'n_batch' in str(error), error
        error = refusal(run, rpc, TEXTS, prompt_cache_params={
            'save_prompt_cache': 1, 'prompt_cache_path': 'x'})
        assert error.code == -32602, error
    error = refusal(loaded, server, 200)
    assert error.code == -32602 and '--client-queue-max' in error.message, error
    with loaded(server, 1) as rpc:
        assert run(rpc, TEXTS[:1])[0][0]


if __name__ == '__main__':
    with Server() as the_server:
        cases(each_says_what_it_says_alone, each_has_its_conversation, rows_of_each,
              one_end_for_all, as_many_as_n_batch, args=(the_server,))
