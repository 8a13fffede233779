#!/usr/bin/env python3
"""What a model thinks comes apart from what it says, in every dialect, if its template can tell."""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server
from dialects import ASKS, SAY, events
from templates import template_files

# The second one's prompt ends inside of what the model thinks; the demo model never ends that.
QWEN, DEEPSEEK = template_files(('Qwen-Qwen3-0.6B', 'deepseek-ai-DeepSeek-R1-Distill-Qwen-32B'))
CHAT = '/v1/chat/completions'
LIMITS = {'chat': 'max_tokens', 'anthropic': 'max_tokens', 'responses': 'max_output_tokens'}


def message(s, **fields):
    got = s.post(CHAT, {'messages': SAY, 'seed': 1, 'max_tokens': 24, 'ignore_eos': True, **fields})
    assert got.status == 200, got
    return got.json['choices'][0]['message']


def thinks(s):
    text = message(s, reasoning_format='none')
    assert len(text['content']) > 20 and 'reasoning_content' not in text, text
    apart = message(s)
    assert apart['content'] == '', apart
    assert apart['reasoning_content'].strip() == text['content'].strip(), (apart, text)
    # Closed by the prompt: all is content.
    said = message(s, chat_template_kwargs={'enable_thinking': False})
    assert said['content'] and 'reasoning_content' not in said, said
    off = message(s, reasoning_effort='none')
    assert off == said, (off, said)
    got = s.post(CHAT, {'messages': SAY, 'reasoning_format': 'deepseek-legacy'})
    assert got.status == 400 and got.error['param'] == 'reasoning_format', got


def in_every_dialect(s):
    kinds = {'chat': 'reasoning_content', 'anthropic': 'thinking_delta',
             'responses': 'response.reasoning_text.delta'}
    for name, limit in LIMITS.items():
        fields = {'seed': 1, limit: 24}
        quiet = events(s.tcp, name, **fields)
        pieces = [data for _, data in quiet if kinds[name] in str(data)]
        assert len(pieces) > 10, (name, quiet)

        def kill(got, at=len(quiet) // 2):
            if len(got) == at:
                s.kill_worker(signal.SIGKILL)
        again = events(s.tcp, name, kill, **fields)
        assert without_cached(again) == without_cached(quiet), (name, again, quiet)


def without_cached(value):
    """What was in the KV cache already depends on what ran before."""
    counts = ('cached_tokens', 'cache_read_input_tokens', 'input_tokens')
    if isinstance(value, dict):
        return {k: without_cached(v) for k, v in value.items() if k not in counts}
    return [without_cached(v) for v in value] if isinstance(value, (list, tuple)) else value


def in_ollamas_lines(s):
    ask = {'model': 'demo', 'messages': SAY, 'stream': False, 'options': {
        'seed': 1, 'num_predict': 24, 'ignore_eos': True}}
    thought = s.post('/api/chat', ask).json['message']
    assert thought['content'] == '' and len(thought['thinking']) > 20, thought
    off = s.post('/api/chat', dict(ask, think=False)).json['message']
    assert off['content'] and 'thinking' not in off, off
    one = s.post('/api/generate', {'model': 'demo', 'prompt': SAY[0]['content'], 'stream': False,
                                   'options': ask['options']}).json
    assert one['thinking'] == thought['thinking'] and one['response'] == '', one
    assert 'thinking' in s.post('/api/show', {'model': 'demo'}).json['capabilities']
    told = [*SAY, {'role': 'assistant', 'content': 'Once.', 'thinking': 'Hm.'}, *SAY]
    assert s.post('/api/chat', dict(ask, messages=told)).status == 200


def thought_goes_back(s):
    """What was thought before is the template's to show."""
    told = [*SAY, {'role': 'assistant', 'content': 'Once.', 'reasoning_content': 'Hm.'}, *SAY]
    assert message(s, messages=told)
    blocks = [{'type': 'thinking', 'thinking': 'Hm.', 'signature': ''},
              {'type': 'text', 'text': 'Once.'}]
    got = s.post(ASKS['anthropic'][0], {'max_tokens': 4, 'messages': [
        *SAY, {'role': 'assistant', 'content': blocks}, *SAY]})
    assert got.status == 200, got
    items = [{'type': 'reasoning', 'id': 'rs_1', 'summary': [],
              'content': [{'type': 'reasoning_text', 'text': 'Hm.'}]},
             {'role': 'assistant', 'content': [{'type': 'output_text', 'text': 'Once.'}]}]
    got = s.post(ASKS['responses'][0], {'max_output_tokens': 4, 'input': [*SAY, *items, *SAY]})
    assert got.status == 200, got


def schema_after_thinking(s):
    """The schema rules the answer; the thinking before it is free."""
    schema = {'type': 'object', 'properties': {'kind': {'enum': ['cat', 'dog']}},
              'required': ['kind'], 'additionalProperties': False}
    got = message(s, max_tokens=80, temperature=0, response_format={
        'type': 'json_schema', 'json_schema': {'schema': schema}})
    assert got['content'].strip()[:1] in ('{', '') and (got['content'] or got['reasoning_content'])


with Server('--chat-template-file', DEEPSEEK, '--ctx-size', '2048', '--restart-limit', '1000') as s:
    thinks(s)
    in_every_dialect(s)
    in_ollamas_lines(s)
    thought_goes_back(s)
    schema_after_thinking(s)
with Server('--chat-template-file', QWEN, '--ctx-size', '2048') as s:
    assert message(s)['content'], 'it does not begin to think by itself'
    thought_goes_back(s)
    schema_after_thinking(s)
