#!/usr/bin/env python3
"""A last message of the assistant's is the beginning of the answer, which goes on with it."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, Stream
from dialects import SAY
from streams import ADD
from templates import template_files

CHAT = '/v1/chat/completions'
BEGUN = 'Once upon a time there was a big'


def begun(text):
    return [*SAY, {'role': 'assistant', 'content': text}]


def message(s, **fields):
    got = s.post(CHAT, {'messages': SAY, 'seed': 1, 'max_tokens': 24, 'temperature': 0, **fields})
    assert got.status == 200, got
    return got.json['choices'][0]['message']


def goes_on_with_its_own(s):
    """What the model has said is gone on with as if it had not been stopped."""
    whole = message(s, max_tokens=40)['content']
    head = ' '.join(whole.split(' ')[:8])
    rest = message(s, messages=begun(head))['content']
    assert len(rest) > 10 and whole.startswith(head + rest), (head, rest, whole)
    got = s.post('/v1/messages', {'messages': begun(head), 'max_tokens': 24, 'temperature': 0})
    assert got.json['content'] == [{'type': 'text', 'text': rest}], got
    items = [*SAY, {'role': 'assistant', 'content': [{'type': 'output_text', 'text': head}]}]
    got = s.post('/v1/responses', {'input': items, 'max_output_tokens': 24, 'temperature': 0})
    assert got.json['output'][0]['content'][0]['text'] == rest, got


def is_not_said_again(s, **fields):
    """Nor where the answer is taken apart, streamed or not."""
    fields = {'messages': begun(BEGUN), 'seed': 1, 'max_tokens': 24, 'temperature': 0, **fields}
    whole = message(s, **fields)
    assert whole['content'] and 'Once upon' not in whole['content'], whole
    assert 'reasoning_content' not in whole, whole
    assert Stream(s.tcp, CHAT, fields).rest() == whole['content']


def what_it_called_is_over(s):
    """Behind calls there is an answer of its own."""
    call = {'id': 'a', 'type': 'function',
            'function': {'name': 'add', 'arguments': '{"a":1,"b":2}'}}
    turns = [{'role': 'assistant', 'content': '', 'tool_calls': [call]}]
    assert message(s, **{**ADD, 'messages': ADD['messages'] + turns})


with Server('--ctx-size', '2048') as s:
    goes_on_with_its_own(s)
    is_not_said_again(s, tools=ADD['tools'])
    what_it_called_is_over(s)
for path in template_files(('deepseek-ai-DeepSeek-R1-Distill-Qwen-32B', 'Qwen-Qwen3-0.6B')):
    with Server('--chat-template-file', path, '--ctx-size', '2048') as s:
        is_not_said_again(s)
