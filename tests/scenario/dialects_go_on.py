#!/usr/bin/env python3
"""In every dialect: a death changes no event, who waits hears of it, errors have its form."""
import json
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Http, Server, cases, fake_text
from dialects import ASKS, SAY, error_of, events, plain

TOKENS = 8
DEATHS = ['submit die KILL', 'started die SEGV', 'token:1 die ABRT', 'token:5 die BUS',
          f'token:{TOKENS} die KILL', 'last die SEGV']


def deaths_change_nothing():
    """Text alone; and what it thinks, says and calls, one after the other."""
    script = [f'life {i} at {death}' for i, death in enumerate(DEATHS, 1)]
    for kinds in [], ['think 3', 'call 6']:
        settings = [f'tokens {TOKENS}', *kinds]
        for name in ASKS:
            with Server(fake='\n'.join(settings)) as s:
                quiet = events(s.tcp, name, seed=7)
            with Server('--restart-limit', '1000', fake='\n'.join(settings + script)) as s:
                assert events(s.tcp, name, seed=7) == quiet, name
                assert s.lives() == len(DEATHS) + 1, name
            assert sum('7:' in str(event) for event in quiet) >= TOKENS, quiet


CALLED = {'said': '7:5 7:6 7:7 '}


def chat_parts(s):
    got = events(s.tcp, 'chat', seed=7)
    deltas = [data['choices'][0]['delta'] for _, data in got[:-2] if data['choices']]
    said = ''.join(next(iter(d), '-')[0] for d in deltas)  # role, reasoning..., content, tool_calls
    assert said == 'r' + 'rrr' + 'cc' + 'tttttt' + '-', (said, deltas)
    whole = s.post(ASKS['chat'][0], {'messages': SAY, 'seed': 7}).json['choices'][0]
    message = whole['message']
    assert message['reasoning_content'] == '7:0 7:1 7:2 ' and message['content'] == '7:3 7:4 '
    call, = message['tool_calls']
    assert json.loads(call['function']['arguments']) == CALLED and call['id'] == 'id7', call
    assert whole['finish_reason'] == 'tool_calls', whole


def anthropic_parts(s):
    got = events(s.tcp, 'anthropic', seed=7)
    said = [data['index'] if event.startswith('content_block') else event for event, data in got]
    # thinking: start, 3 deltas, signature, stop; text: start, 2, stop; call: start, 5, stop.
    assert said == ['message_start', *[0] * 6, *[1] * 4, *[2] * 7, 'message_delta',
                    'message_stop'], said
    starts = [data['content_block']['type'] for event, data in got if event.endswith('start')
              if 'content_block' in data]
    assert starts == ['thinking', 'text', 'tool_use'], starts
    pieces = ''.join(data['delta'].get('partial_json', '') for event, data in got
                     if event == 'content_block_delta')
    assert json.loads(pieces) == CALLED, pieces
    assert got[-2][1]['delta']['stop_reason'] == 'tool_use', got[-2]
    whole = s.post(ASKS['anthropic'][0], {**ASKS['anthropic'][1], 'seed': 7}).json
    assert whole['content'] == [
        {'type': 'thinking', 'thinking': '7:0 7:1 7:2 ', 'signature': ''},
        {'type': 'text', 'text': '7:3 7:4 '},
        {'type': 'tool_use', 'id': 'id7', 'name': 'act', 'input': CALLED}], whole
    cut = s.post(ASKS['anthropic'][0], {**ASKS['anthropic'][1], 'seed': 7, 'max_tokens': 7}).json
    assert cut['content'][2]['input'] == {} and cut['stop_reason'] == 'max_tokens', cut


def responses_parts(s):
    got = events(s.tcp, 'responses', seed=7)
    said = [event.removeprefix('response.') for event, _ in got]
    assert said == [
        'created', 'in_progress',
        'output_item.added', 'content_part.added', *['reasoning_text.delta'] * 3,
        'reasoning_text.done', 'content_part.done', 'output_item.done',
        'output_item.added', 'content_part.added', *['output_text.delta'] * 2,
        'output_text.done', 'content_part.done', 'output_item.done',
        'output_item.added', *['function_call_arguments.delta'] * 5,
        'function_call_arguments.done', 'output_item.done', 'completed'], said
    assert [data['sequence_number'] for _, data in got] == list(range(len(got)))
    assert [data['output_index'] for _, data in got if 'output_index' in data] == \
        [0] * 8 + [1] * 7 + [2] * 8
    last = got[-1][1]['response']
    assert last['output'] == [data['item'] for event, data in got
                              if event == 'response.output_item.done']
    assert [item['type'] for item in last['output']] == ['reasoning', 'message', 'function_call']
    assert json.loads(last['output'][2]['arguments']) == CALLED, last
    whole = plain(s.post(ASKS['responses'][0], {**ASKS['responses'][1], 'seed': 7}).json)
    assert whole == last, (whole, last)


def parts_are_told_apart():
    with Server(fake=f'tokens {TOKENS}\nthink 3\ncall 6') as s:
        chat_parts(s)
        anthropic_parts(s)
        responses_parts(s)
        got = s.post(ASKS['chat'][0], {'messages': SAY, 'seed': 7, 'reasoning_format': 'none'})
        message = got.json['choices'][0]['message']
        assert message['content'] == fake_text(TOKENS, 7) and 'tool_calls' not in message, message


# What is in the first chunk of a stream that has to wait, and the last event of one that fails.
WAITS = {'completion': b': keep-alive\n\n', 'chat': b': keep-alive\n\n',
         'anthropic': b'event: ping\ndata: {"type":"ping"}\n\n', 'responses': b': keep-alive\n\n'}


def who_waits_hears_of_it():
    for name, (path, body) in ASKS.items():
        with Server('--keepalive-interval', '100ms', fake='''
                tokens 2
                slots 1
                at token:1 hold''') as s:
            first = s.stream(seed=1).until(1)
            with Http(s.tcp) as h:
                h.request('POST', path, {**body, 'stream': True})
                assert h.head()[0] == 200
                for _ in range(2):
                    got = h.chunk()
                    assert got == WAITS[name], (name, got)
                s.go()
                assert len(list(iter(h.chunk, b''))) > 2
            first.rest()


def a_failure_in_mid_stream():
    """A deadline passes: the text that came stays, and one last event says why."""
    last = {
        'completion': lambda event, data: event == '' and data['error']['code'] == 'timeout',
        'chat': lambda event, data: event == '' and data['error']['code'] == 'timeout',
        'anthropic': lambda event, data: event == data['type'] == 'error' and
        data['error']['type'] == 'timeout_error',
        'responses': lambda event, data: event == data['type'] == 'response.failed' and
        data['response']['status'] == 'failed' and
        data['response']['error']['code'] == 'timeout',
    }
    for name in ASKS:
        with Server(fake='''
                tokens 4
                at token:2 hold''') as s:
            got = events(s.tcp, name, seed=3, timeout_ms=300)
            s.go()
            assert last[name](*got[-1]), (name, got[-1])
            assert any('3:1' in str(data) for _, data in got), (name, got)


def refusals_have_the_form():
    with Server(fake='tokens 2') as s:
        for name, (path, body) in ASKS.items():
            for wrong, status in (({'model': 'nobody'}, 404), ({'temperature': 'hot'}, 400),
                                  ({'lora': 7}, 400)):
                got = s.post(path, {**body, 'stream': True, **wrong})
                assert got.status == status and error_of(name, got), (name, wrong, got)
            got = s.get(path)
            assert got.status == 405 and error_of(name, got), (name, got)
            got = s.post(path, b'{')
            assert got.status == 400 and error_of(name, got), (name, got)


def what_is_kept_has_a_limit():
    """A response's last event says all of it again: so long as that is up to 2 MiB."""
    for tokens, end in (30, 'response.completed'), (40, 'response.failed'):
        with Server('--ctx-size', '4096', fake=f'tokens {tokens}\nsize 60000') as s:
            got = events(s.tcp, 'responses', seed=3)
            said = ''.join(data['delta'] for event, data in got if event.endswith('text.delta'))
            assert got[-1][0] == end and len(said) >= 30 * 60000, (got[-1][0], len(said))
            if end.endswith('failed'):
                assert 'too large' in got[-1][1]['response']['error']['message'], got[-1]
            else:
                assert got[-1][1]['response']['output'][0]['content'][0]['text'] == said


cases(deaths_change_nothing, parts_are_told_apart, who_waits_hears_of_it, a_failure_in_mid_stream,
      refusals_have_the_form, what_is_kept_has_a_limit)
