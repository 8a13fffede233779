#!/usr/bin/env python3
"""Tool calls over OpenAI's API: offered, called, answered; and exactly resumed at every event."""
import json
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, Stream, cases, made_model
from streams import ADD, SCHEMA, STORY, tool

PATH = '/v1/chat/completions'
EVERY = 7 if SANITIZE else 2  # events between kills


def ask(s, **fields):
    got = s.post(PATH, {**ADD, 'seed': 1, **fields})
    assert got.status == 200, got
    return got.json['choices'][0]


def added(events):
    """The message that the deltas of a stream add up to."""
    message, calls = {'content': '', 'reasoning_content': ''}, []
    for delta in (c['delta'] for e in events for c in e['choices']):
        for key in message:
            message[key] += delta.get(key) or ''
        for call in delta.get('tool_calls', []):
            if call['index'] == len(calls):
                calls.append({'id': call['id'], 'type': call['type'], 'function': {
                    'name': call['function']['name'], 'arguments': ''}})
            calls[call['index']]['function']['arguments'] += call['function']['arguments']
    return message['content'] or None, calls


def is_call(choice, name='add'):
    call, = choice['message']['tool_calls']
    assert choice['finish_reason'] == 'tool_calls' and call['type'] == 'function', choice
    assert call['function']['name'] == name and len(call['id']) == 24, call
    args = json.loads(call['function']['arguments'])
    assert sorted(args) == ['a', 'b'] and all(type(v) is int for v in args.values()), args
    return call


def a_call(s):
    whole = ask(s)
    is_call(whole)
    assert whole['message']['content'] is None, whole
    stream = Stream(s.tcp, PATH, {**ADD, 'seed': 1})
    content, calls = added(list(stream))
    assert stream.finish == 'tool_calls'
    assert (content, calls) == (None, whole['message']['tool_calls'])


def the_answer_to_a_call(s):
    """It reaches the prompt; what the demo model makes of it is another matter."""
    call, n_prompt = is_call(ask(s)), []
    for answer in '15', 'a longer answer, of more tokens':
        turns = [{'role': 'assistant', 'content': None, 'tool_calls': [call]},
                 {'role': 'tool', 'tool_call_id': call['id'], 'content': answer}]
        got = s.post(PATH, {**ADD, 'messages': ADD['messages'] + turns, 'temperature': 0}).json
        assert got['choices'][0]['message']['content'], got
        n_prompt.append(got['usage']['prompt_tokens'])
    assert n_prompt[0] < n_prompt[1], n_prompt
    # The same seed, another turn: another id.
    again = ask(s, messages=ADD['messages'] + turns + ADD['messages'], tool_choice='required')
    if 'tool_calls' in again['message']:
        assert again['message']['tool_calls'][0]['id'] != call['id']


def the_choice(s):
    is_call(ask(s, tool_choice='required', temperature=0))
    tools = [tool('subtract', 'a', 'b'), tool('add', 'a', 'b')]
    is_call(ask(s, tools=tools, tool_choice={'type': 'function', 'function': {'name': 'subtract'}}),
            'subtract')
    got = ask(s, tool_choice='none')
    assert 'tool_calls' not in got['message'] and got['finish_reason'] == 'stop', got
    got = ask(s, tools=[], tool_choice='none')
    assert 'tool_calls' not in got['message'], got


def no_call(s):
    """A story: it streams token by token although tools are there."""
    body = {**ADD, 'seed': 1, 'messages': [{'role': 'user', 'content': STORY}]}
    stream = Stream(s.tcp, PATH, {**body, 'max_tokens': 100, 'ignore_eos': True})
    events = list(stream)
    assert stream.finish == 'length'
    assert len(stream.texts) > 60, stream.texts  # whole words; blanks come with the next one
    whole = s.post(PATH, {**body, 'max_tokens': 100, 'ignore_eos': True}).json['choices'][0]
    assert added(events) == (whole['message']['content'], [])


def a_schema_beside_tools(s):
    got = ask(s, messages=[{'role': 'user', 'content': STORY}], max_tokens=400,
              response_format={'type': 'json_schema', 'json_schema': {
                  'name': 'numbers', 'schema': SCHEMA}})
    assert len(json.loads(got['message']['content'])) == 12, got


def a_call_that_is_cut_off(s):
    """What there is of its arguments is given, and that it was too long."""
    got = ask(s, max_tokens=20, tool_choice='required', temperature=0)
    assert got['finish_reason'] == 'length', got
    assert got['message']['tool_calls'][0]['function']['name'] == 'add', got


def killed_at_events(s):
    """Its ids and arguments are those of the undisturbed run, each once."""
    for fields in {}, {'tool_choice': 'required', 'temperature': 1.5}, {'n': 2}:
        body = {**ADD, 'seed': 3, **fields}
        want = [e['choices'] for e in Stream(s.tcp, PATH, body)]
        for at in range(0, len(want), EVERY):
            got = []
            for event in Stream(s.tcp, PATH, body):
                if len(got) == at:
                    s.kill_worker(signal.SIGKILL)
                got.append(event['choices'])
            if body.get('n'):
                got, want = (sorted(x, key=lambda c: c[0]['index']) for x in (got, want))
            assert got == want, (fields, at)


def a_template_without_tools(s):
    with made_model('--preset', 'tiny-llama') as path, Server(models=[path]) as other:
        got = other.post(PATH, ADD)
        assert got.status == 501 and got.error['param'] == 'tools', got
        assert 'shows no tools' in got.error['message'], got


with Server('--restart-limit', '1000000') as server:
    cases(a_call, the_answer_to_a_call, the_choice, no_call, a_schema_beside_tools,
          a_call_that_is_cut_off, killed_at_events, a_template_without_tools, args=(server,))
