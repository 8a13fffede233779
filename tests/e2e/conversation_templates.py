#!/usr/bin/env python3
"""keep_history with chat templates of other models: llama.cpp's own collection, beside its sources.

A turn is rendered alone and put behind what was said. Where a template shows every turn in the same
way, that is what it makes of the whole conversation, token for token; others drop what was thought
before, or have instructions in the last turn only. `all` as an argument takes every template.
"""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server
from templates import template_files

SAME = ('meta-llama-Llama-3.1-8B-Instruct', 'Qwen-Qwen2.5-7B-Instruct', 'google-gemma-2-2b-it',
        'microsoft-Phi-3.5-mini-instruct', 'ibm-granite-granite-4.0', 'GLM-4.6', 'MiMo-VL',
        'NousResearch-Hermes-3-Llama-3.1-8B-tool_use')
OTHERS = 'Qwen-Qwen3-0.6B', 'openai-gpt-oss-120b', 'Kimi-K2-Thinking', 'google-gemma-4-31B-it'
ASKED = 'Tell me a story.', 'And then?'
N = 8


def say(rpc, text, role='user'):
    ident = rpc.send('rkllm.run', None, {'role': role, 'prompt_input': text},
                     {'keep_history': 1, 'max_new_tokens': N}, None)
    return ''.join(r['text'] or '' for r in rpc.replies(ident))


def size(rpc):
    return rpc.call('rkllm.get_kv_cache_size', None)['cache_sizes'][0]


def whole(s, answer):
    """Tokens of the conversation, rendered as one."""
    got = s.post('/v1/chat/completions', {
        'messages': [{'role': 'user', 'content': ASKED[0]},
                     {'role': 'assistant', 'content': answer},
                     {'role': 'user', 'content': ASKED[1]}],
        'max_tokens': 1, 'chat_template_kwargs': {'enable_thinking': False}})
    assert got.status == 200, got
    return got.json['usage']['prompt_tokens']


def try_one(path):
    name = os.path.basename(path)[:-6]
    with Server('--chat-template-file', path, '--ctx-size', '8192', '--parallel', '2', '--threads',
                '1') as s, s.rpc() as rpc:
        rpc.init('', temperature=0, ignore_eos_token=True, max_context_len=8192)
        answer = say(rpc, ASKED[0])
        first = size(rpc)
        say(rpc, ASKED[1])
        both = size(rpc)
        n, m = both - N, whole(s, answer)
        assert both > first + N + 2, (name, first, both)
        assert name not in SAME or n == m, (name, n, m)
        try:  # what a tool has answered
            say(rpc, '[21]', 'tool')
            assert size(rpc) > both + N
        except RpcError as error:
            assert error.code == -32602 and error.data['field'] == 'prompt_input', error
        return f'{name}: {n} tokens, {m} as one'


for template in template_files(SAME + OTHERS):
    print(try_one(template), flush=True)
