#!/usr/bin/env python3
"""Tools with chat templates of other models: llama.cpp's own collection, beside its sources.

Whatever a model's form of calling is, an answer comes, or an error that says what the template
cannot do; what is required is called where the demo model manages to; and killed in the middle, the
answer is the same. `all` as an argument takes every template, not only one of each kind.
"""
import json
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, Stream
from streams import ADD
from templates import template_files

PATH = '/v1/chat/completions'
KINDS = (
    'Qwen-Qwen3-0.6B', 'meta-llama-Llama-3.1-8B-Instruct', 'openai-gpt-oss-120b',
    'meetkai-functionary-medium-v3.2', 'muse-glimmer', 'Kimi-K2-Instruct', 'MiniMax-M2',
    'deepseek-ai-DeepSeek-V3.2', 'mistralai-Mistral-Nemo-Instruct-2407', 'google-gemma-2-2b-it',
    'google-gemma-4-31B-it', 'Qwen3-Coder', 'CohereForAI-c4ai-command-r-plus-tool_use')
CALLED = {'Qwen-Qwen3-0.6B', 'meta-llama-Llama-3.1-8B-Instruct'}  # by the demo model


def ask(s, **fields):
    """The choice, or the text of an error that is about tools."""
    got = s.post(PATH, {**ADD, 'seed': 1, 'max_tokens': 120, **fields})
    if got.status == 200:
        return got.json['choices'][0]
    assert got.status in (400, 501) and got.error['param'] == 'tools', got
    return got.error['message']


def streamed(s, at=None, **fields):
    """The deltas; the worker is killed before the at-th."""
    deltas = []
    stream = Stream(s.tcp, PATH, {**ADD, 'seed': 1, 'max_tokens': 120, **fields})
    for event in stream:
        if len(deltas) == at:
            s.kill_worker(signal.SIGKILL)
        deltas.append([(c['delta'], c['finish_reason']) for c in event['choices']])
    assert stream.done and not stream.error, stream.error
    return deltas


def try_one(path):
    name = os.path.basename(path)[:-6]
    with Server('--chat-template-file', path, '--ctx-size', '8192', '--parallel', '4', '--threads',
                '1', '--restart-limit', '1000000') as s:
        said = [ask(s), ask(s, tool_choice='required'), ask(s, tool_choice='none')]
        if all(isinstance(c, str) for c in said):
            return f'{name}: {said[0]}'
        for choice in said:
            for call in isinstance(choice, dict) and choice['message'].get('tool_calls') or ():
                assert call['function']['name'] == 'add', call
                if choice['finish_reason'] == 'tool_calls':
                    json.loads(call['function']['arguments'])
        if name in CALLED:
            assert said[1]['finish_reason'] == 'tool_calls', said[1]
        for fields in {}, {'tool_choice': 'required'}:
            if isinstance(said[bool(fields)], str):
                continue
            want = streamed(s, **fields)
            for at in {1, len(want) // 2}:
                assert streamed(s, at, **fields) == want, (name, fields, at)
        assert s.metric('worker_deaths_total') > 0
        return f'{name}: ' + ', '.join(
            c if isinstance(c, str) else c['finish_reason'] for c in said)


for template in template_files(KINDS):
    print(try_one(template), flush=True)
