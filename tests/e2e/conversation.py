#!/usr/bin/env python3
"""keep_history and what belongs to it, on the real engine: turns, templates, tools, the KV cache
that is cleared and cut, a context that is full; through worker deaths."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, made_model, refusal

TOOLS = [{'name': 'get_weather', 'description': 'Weather of a city.', 'parameters': {
    'type': 'object', 'properties': {'city': {'type': 'string'}}, 'required': ['city']}}]


def loaded(server, **params):
    rpc = server.rpc()
    rpc.init('', temperature=0, **params)
    return rpc


def say(rpc, text, role='user', **infer):
    """The text of a turn, and its last reply."""
    ident = rpc.send('rkllm.run', None, {'role': role, 'prompt_input': text},
                     {'keep_history': 1, 'max_new_tokens': 12, **infer}, None)
    replies = list(rpc.replies(ident))
    return ''.join(r['text'] or '' for r in replies), replies[-1]['perf']


def size(rpc):
    return rpc.call('rkllm.get_kv_cache_size', None)['cache_sizes']


def clear(rpc, *params):
    return rpc.call('rkllm.clear_kv_cache', *params)


def a_turn_goes_on_from_the_last(server):
    with loaded(server) as rpc:
        assert size(rpc) == [0]
        _, first = say(rpc, 'Tell me about a lighthouse.')
        n = first['prefill_tokens'] + first['generate_tokens']
        assert size(rpc) == [n]
        # Only what is new is computed, and the last token, which was drawn but not decoded.
        _, second = say(rpc, 'And then?')
        assert size(rpc) == [n - 1 + second['prefill_tokens'] + second['generate_tokens']]
        assert 1 < second['prefill_tokens'] < n
        # A run that stands alone neither sees it nor changes it.
        was = size(rpc)
        assert say(rpc, 'Tell me about a lighthouse.', keep_history=0)[1] is not None
        assert size(rpc) == was


def conversations_are_their_clients(server):
    with loaded(server) as one, loaded(server) as other:
        texts = [say(one, 'A fox.'), say(other, 'A crow.')]
        assert texts[0][0] != texts[1][0]
        apart = [say(c, 'And then?')[0] for c in (one, other)]
    with loaded(server) as rpc:
        say(rpc, 'A crow.')
        assert say(rpc, 'And then?')[0] == apart[1]


def cleared_whole_it_begins_anew(server):
    with loaded(server) as rpc:
        first = say(rpc, 'Tell me about a lighthouse.')[0]
        say(rpc, 'And then?')
        got = clear(rpc, None, 0, None, None)
        assert got['success'] is True and got['keep_system_prompt'] == 0
        assert size(rpc) == [0]
        assert say(rpc, 'Tell me about a lighthouse.')[0] == first


def a_template_of_the_clients(server):
    with loaded(server) as rpc:
        got = rpc.call('rkllm.set_chat_template', None, 'You are a fox. ', 'Q: ', ' A:')
        assert (got['success'], got['system_prompt'], got['prompt_prefix'],
                got['prompt_postfix']) == (True, 'You are a fox. ', 'Q: ', ' A:')
        own = say(rpc, 'Who are you?', keep_history=0)
        with loaded(server) as raw:
            raw.call('rkllm.set_chat_template', '', '', '')
            same = say(raw, 'You are a fox. Q: Who are you? A:', keep_history=0)
        assert own[0] == same[0] and own[1]['prefill_tokens'] == same[1]['prefill_tokens']
        # The system prompt stays where only it is to stay.
        say(rpc, 'Who are you?')
        whole = size(rpc)[0]
        clear(rpc, 1)
        kept = size(rpc)[0]
        assert 2 < kept < whole, (kept, whole)
        assert say(rpc, 'Who are you?')[0] == own[0]
        assert size(rpc) == [whole]
        # A second turn has no second system prompt.
        assert say(rpc, 'And?')[1]['prefill_tokens'] < kept + 12


def ranges_are_cut_out(server):
    with loaded(server) as rpc:
        say(rpc, 'Tell me about a lighthouse.')
        n = size(rpc)[0]
        clear(rpc, None, 0, [n - 5], [n])
        assert size(rpc) == [n - 5]
        clear(rpc, 0, [2], [4])
        assert size(rpc) == [n - 7]
        assert say(rpc, 'And then?', max_new_tokens=1)[1]['generate_tokens'] == 1
        assert size(rpc)[0] > n - 6
        for params in ((0, [3], [2]), (0, [0], [9999]), (0, [0], None), (0, [-1], [2]), (0, [], []),
                       (0, ['x'], [2]), (2, None, None)):
            error = refusal(clear, rpc, *params)
            assert error.code == -32602, error


def one_turn_at_a_time(server):
    with loaded(server) as rpc:
        ident = rpc.send('rkllm.run', None, {'prompt_input': 'Go on.'},
                         {'keep_history': 1, 'max_new_tokens': 400}, None)
        rpc.next(ident)
        error = refusal(say, rpc, 'And then?')
        assert error.code == -32002 and 'keep_history' in str(error), error
        error = refusal(clear, rpc, 0)
        assert error.code == -32002, error
        rpc.call('rkllm.abort', None)
        said = ''.join(r['text'] or '' for r in rpc.replies(ident))
        # What was said counts.
        n = size(rpc)[0]
        assert n > 0
        say(rpc, 'And then?')
        assert size(rpc)[0] > n, said


def tools_are_shown(server):
    with loaded(server) as rpc:
        plain = say(rpc, 'What is the weather in Paris?', keep_history=0)[1]
        got = rpc.call('rkllm.set_function_tools', None, 'You help.', json.dumps(TOOLS), 'tool')
        assert (got['success'], got['system_prompt'], json.loads(got['tools']),
                got['tool_response_str']) == (True, 'You help.', TOOLS, 'tool')
        text, shown = say(rpc, 'What is the weather in Paris?', max_new_tokens=40)
        assert shown['prefill_tokens'] > plain['prefill_tokens'] + 20
        n = size(rpc)[0]
        say(rpc, '[{"temperature": 21}]', role='tool')
        assert size(rpc)[0] > n, text
        # In OpenAI's form they are the same.
        rpc.call('rkllm.set_function_tools', 'You help.',
                 json.dumps([{'type': 'function', 'function': TOOLS[0]}]), '')
        again = say(rpc, 'What is the weather in Paris?', keep_history=0, max_new_tokens=40)
        assert again[0] == text
        for bad in ('', '{}', '[]', '[7]', 7, None):
            error = refusal(rpc.call, 'rkllm.set_function_tools', None, '', bad, '')
            assert error.code == -32602 and 'tools' in str(error), error
    with made_model('--preset', 'tiny-llama') as path, Server(models=[path]) as other:
        with loaded(other) as rpc:
            rpc.call('rkllm.set_function_tools', None, '', json.dumps(TOOLS), 'tool')
            error = refusal(say, rpc, 'Hello.')
            assert error.code == -32005 and error.data['field'] == 'tools', error


def cross_attention_is_refused(server):
    arrays = {'encoder_k_cache': [0.0] * 8, 'encoder_v_cache': [0.0] * 8,
              'encoder_mask': [1.0, 1.0], 'encoder_pos': [0, 1], 'num_tokens': 2}
    with loaded(server) as rpc:
        error = refusal(rpc.call, 'rkllm.set_cross_attn_params', None, arrays)
        assert error.code == -32005, error
        for name, bad in (('encoder_k_cache', [0.0] * 7), ('encoder_v_cache', [0.0] * 6),
                          ('encoder_mask', [1.0]), ('encoder_pos', [0, 1, 2]), ('num_tokens', 0),
                          ('encoder_mask', None)):
            error = refusal(rpc.call, 'rkllm.set_cross_attn_params', {**arrays, name: bad})
            assert error.code == -32602, (name, error)


def a_full_context_goes_on(server):
    """It keeps the first tokens and loses old ones, in a run and between turns."""
    with made_model('--preset', 'tiny-llama', '--ctx', '256') as path:
        with Server('-c', '256', models=[path]) as small:
            for n_keep in (0, 8, -1):
                with small.rpc() as rpc:
                    rpc.init('', ignore_eos_token=True, n_keep=n_keep, max_context_len=256)
                    _, perf = say(rpc, 'On and on.', max_new_tokens=700, seed=1)
                    assert perf['generate_tokens'] == 700
                    assert 0 < size(rpc)[0] <= 256, size(rpc)
                    for _ in range(6):
                        _, perf = say(rpc, 'And then? ' * 8, max_new_tokens=30, seed=1)
                        assert perf['generate_tokens'] == 30
                        assert size(rpc)[0] <= 256


def deaths_change_nothing(server):
    def talk(rpc, kill):
        said = []
        for text in 'Tell me about a lighthouse.', 'And then?', 'Who was it?':
            ident = rpc.send('rkllm.run', None, {'prompt_input': text},
                             {'keep_history': 1, 'max_new_tokens': 40, 'seed': 5,
                              'sampling_params': {'temperature': 0.9}}, None)
            first = rpc.next(ident)
            if kill:
                server.kill_worker()
            said.append((first['text'] or '') +
                        ''.join(r['text'] or '' for r in rpc.replies(ident)))
            if kill:
                server.kill_worker()
        return said, size(rpc)

    with loaded(server) as rpc:
        calm = talk(rpc, False)
    with loaded(server) as rpc:
        assert talk(rpc, True) == calm


if __name__ == '__main__':
    with Server() as the_server:
        cases(a_turn_goes_on_from_the_last, conversations_are_their_clients,
              cleared_whole_it_begins_anew, a_template_of_the_clients, ranges_are_cut_out,
              one_turn_at_a_time, tools_are_shown, cross_attention_is_refused,
              a_full_context_goes_on, deaths_change_nothing, args=(the_server,))
