#!/usr/bin/env python3
"""Every field of every request, wrong in every way: an error that names the field, the limit and
what was sent; the connection goes on, and so does everyone else."""
import json
import os
import re
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases

NOT_SHOWN = 'json_schema', 'stream_options', 'suffix'  # it is their being there that is wrong
HUGE = '1' * 400  # a number past double
BIG = 1 << 33
NO_NUMBER = ['"x"', '[]', '{}', 'true', HUGE, '1e999', '-1e999']
NO_WHOLE = NO_NUMBER + ['1.5', str(1 << 70)]
NO_TEXT = ['1', '[]', '{}', 'false']
NO_BOOL = ['"yes"', '[]', '{}', '2', '1.5']
NO_LIST = ['1', '"x"', '{}', 'true']
NO_OBJECT = ['1', '"x"', 'true']


def number(low, high, wrong=NO_NUMBER):
    return [*wrong, str(low - 1), str(high + 1)]


def whole(low, high):
    return number(low, high, NO_WHOLE)


SAMPLING = {
    'temperature': number(0, 100), 'top_p': number(0, 1), 'frequency_penalty': number(-100, 100),
    'presence_penalty': number(-100, 100), 'top_k': whole(-1, BIG), 'mirostat': whole(0, 2),
    'mirostat_tau': number(0, 100), 'mirostat_eta': number(0, 100),
    'repeat_penalty': number(0.01, 100)}


def tools(function):
    return f'[{{"type":"function","function":{{{function}}}}}]'


COMMON = {
    **SAMPLING, 'min_p': number(0, 1), 'typical_p': number(0, 1), 'top_n_sigma': number(-1, 1000),
    'xtc_probability': number(0, 1), 'xtc_threshold': number(0, 1),
    'dynatemp_range': number(0, 100), 'dynatemp_exponent': number(0, 100),
    'repeat_last_n': whole(-1, BIG), 'dry_multiplier': number(0, 100), 'dry_base': number(1, 100),
    'dry_allowed_length': whole(0, BIG), 'dry_penalty_last_n': whole(-1, BIG),
    'n': whole(1, 128), 'max_tokens': ['0', *whole(-1, BIG)], 'seed': NO_WHOLE,
    'stream': NO_BOOL, 'ignore_eos': NO_BOOL, 'model': NO_TEXT,
    'stop': ['1', '{}', '[1]', '[null]', '""', '[""]', json.dumps('x' * 300),
             json.dumps(['x'] * 100)],
    'logit_bias': ['1', '"x"', '{"x":1}', '{"5":"x"}', '{"5":1000}', '[[5]]', '[[5,1,2]]',
                   '[["x",1]]', '[[-5,1]]', '{"99999999":1}'],
    'grammar': [*NO_TEXT, '"root ::= ("', '"no root here"', '"root ::= nothing"'],
    'json_schema': [*NO_OBJECT, '[]', '{"type":"no such type"}', '{"$ref":"#/nowhere"}'],
    'response_format': [*NO_OBJECT, '[]', '{}', '{"type":"xml"}', '{"type":"json_schema"}',
                        '{"type":"json_schema","json_schema":{"schema":7}}'],
    'stream_options': ['{"include_usage":true}', '7'],
    'dry_sequence_breakers': ['1', '[1]', '[""]']}
COMPLETION = {
    **COMMON, 'prompt': ['1', '{}', 'null', '[]', '[1.5]', '[-1]', '[99999999]', '[1,"x"]', '[[]]',
                         '[[1],[99999999]]', '[{}]', json.dumps('long ' * 5000)],
    'logprobs': ['"x"', '[]', '-1', '21', '1.5'], 'echo': NO_BOOL, 'suffix': ['1', '"x"'],
    'best_of': ['0', '5']}
CHAT = {
    **COMMON, 'messages': [
        '1', '{}', 'null', '[]', '[1]', '[{}]', '[{"role":1,"content":"x"}]',
        '[{"role":"nobody","content":"x"}]', '[{"role":"user"}]', '[{"role":"user","content":7}]',
        '[{"role":"user","content":[{"type":"image_url"}]}]',
        '[{"role":"user","content":[{"type":"text"}]}]',
        json.dumps([{'role': 'user', 'content': 'long ' * 5000}])],
    'logprobs': ['"x"', '[]', '2'], 'top_logprobs': ['"x"', '21', '-1'],
    'max_completion_tokens': ['0', *whole(-1, BIG)], 'tools': [
        *NO_OBJECT, '[1]', '[{}]', '[{"type":"function"}]', '[{"type":"web_search"}]',
        tools('"name":""'), tools('"name":7'), tools('"name":"f","parameters":[]'),
        tools('"name":"f","parameters":{"type":"no such type"}'),
        tools('"name":"f","parameters":{"$ref":"#/nowhere"}'),
        json.dumps([json.loads(tools('"name":"f"'))[0]] * 1000)],
    'tool_choice': ['1', '"x"', '[]', '{}', '"required"',
                    '{"type":"function","function":{"name":"nobody"}}'],
    'parallel_tool_calls': NO_BOOL,
    'chat_template_kwargs': ['7', '"x"', '{"enable_thinking":"yes"}']}
PARAM = {
    **SAMPLING, 'max_context_len': whole(0, BIG), 'max_new_tokens': whole(-1, BIG),
    'n_keep': whole(-1, BIG), 'model_path': [*NO_TEXT, json.dumps('x' * 5000)],
    'skip_special_token': NO_BOOL, 'is_async': NO_BOOL,
    'img_start': NO_TEXT, 'extend_param': ['1', '"x"', '[]', '{"n_batch":"x"}',
                                          '{"base_domain_id":1.5}', '{"enabled_cpus_num":300}']}
INPUT = {
    'role': NO_TEXT, 'enable_thinking': NO_BOOL, 'input_type': whole(0, 3),
    'prompt_input': [*NO_TEXT, json.dumps('long ' * 5000)]}
INFER = {
    'mode': whole(0, 2), 'keep_history': number(0, 1, ['"x"', '[]', '1.5', HUGE]),
    'max_new_tokens': whole(-1, BIG),
    'sampling_params': ['1', '"x"', '[]', '{"top_p":7}', '{"temperature":"hot"}'],
    'lora_params': ['1', '"x"'], 'prompt_cache_params': ['1', '"x"']}
BODIES = {'no JSON': b'{"prompt":', 'nothing': b'', 'an array': b'[]', 'a number': b'7',
          'NUL': b'{"prompt":"a\0b"}', 'duplicate keys': b'{"prompt":"x","n":1,"n":2}',
          'bad UTF-8': b'{"prompt":"\xff"}', 'overlong UTF-8': b'{"prompt":"\xc0\xaf"}',
          'a surrogate': b'{"prompt":"\xed\xa0\x80"}', 'half a pair': b'{"prompt":"\\ud800"}',
          'too deep': b'{"prompt":' + b'[' * 1000 + b']' * 1000 + b'}', 'two': b'{} {}',
          'a comment': b'{"prompt":"x"/**/}', 'a comma': b'{"prompt":"x",}', 'NaN': b'{"n":NaN}'}


class Checks:
    def __init__(self):
        self.n, self.wrong = 0, []

    def error(self, what, field, sent, text, param):
        """An error's text must have the field in it, and what was sent, if that is short."""
        self.n += 1
        root = (param or '').split('.')[0].split('[')[0]
        if field not in text or (field != root and field not in (param or '')):
            self.wrong.append(f'{what}: does not name {field}: {text!r} ({param})')
        is_number = re.fullmatch(r'-?[0-9.]{1,12}', sent) and field not in NOT_SHOWN
        if is_number and sent not in text and f'{float(sent):g}' not in text:
            self.wrong.append(f'{what}: does not say what was sent: {text!r}')

    def end(self):
        print('\n'.join(self.wrong), flush=True)
        assert not self.wrong, f'{len(self.wrong)} of {self.n} errors are not as they should be'
        print(f'{self.n} errors')


def over_http(s, path, base, fields):
    checks, other = Checks(), s.stream(max_tokens=2000, ignore_eos=True, seed=1)
    with s.http() as h:
        for field, values in fields.items():
            rest = ''.join(f',{json.dumps(k)}:{json.dumps(v)}' for k, v in base.items()
                           if k != field)
            for value in values:
                body = f'{{"{field}":{value}{rest}}}'
                what = f'{path} {field}={value[:60]}'
                h.request('POST', path, body.encode())
                got = h.reply()
                if got.status != 400:
                    # An unknown model is another error; a number past double is no JSON.
                    checks.wrong.append(f'{what}: {got}')
                elif value in (HUGE, '1e999', '-1e999'):
                    checks.n += 1
                    if 'number' not in got.error['message']:
                        checks.wrong.append(f'{what}: {got.error}')
                else:
                    checks.error(what, field, value, got.error['message'], got.error['param'])
        h.request('POST', path, base)
        assert h.reply().status == 200, 'the connection does not go on'
    other.rest()
    assert other.done and other.finish == 'length', other.error
    checks.end()


def completions(s):
    over_http(s, '/v1/completions', {'prompt': 'x', 'max_tokens': 1}, COMPLETION)


def chats(s):
    over_http(s, '/v1/chat/completions', {'messages': [{'role': 'user', 'content': 'x'}],
                                          'max_tokens': 1}, CHAT)


def bodies(s):
    with s.http() as h:
        for path in '/v1/completions', '/v1/chat/completions':
            for what, body in BODIES.items():
                h.request('POST', path, body)
                got = h.reply()
                assert got.status == 400 and len(got.error['message']) > 20, (what, got)
        h.request('POST', '/v1/completions', {'prompt': 'x', 'model': 'none such'})
        got = h.reply()
        assert got.status == 404 and 'none such' in got.error['message'], got


def over_rpc(s):
    checks = Checks()
    with s.rpc() as other, s.rpc() as r:
        other.init('', ignore_eos_token=True)
        run = other.start('Once', max_new_tokens=2000)
        r.init('')

        def ask(method, field, value, params):
            r.raw(f'{{"jsonrpc":"2.0","id":5,"method":"{method}","params":{params}}}\n')
            what = f'{method} {field}={value[:60]}'
            if value in (HUGE, '1e999', '-1e999'):
                # Past double is no JSON, and so without an id.
                got = r.line()
                checks.n += 1
                if got.get('error', {}).get('code') != -32700:
                    checks.wrong.append(f'{what}: {got}')
                return
            try:
                r.next(5)
                checks.wrong.append(f'{what}: taken')
                r.call('rkllm.abort', None)
            except RpcError as e:
                if e.code != -32602:
                    checks.wrong.append(f'{what}: {e}')
                else:
                    checks.error(what, field, value, e.message, (e.data or {}).get('field'))
        for field, values in PARAM.items():
            for value in values:
                ask('rkllm.init', field, value, f'[null,{{"{field}":{value}}},null]')
        for field, values in INPUT.items():
            for value in values:
                rest = '' if field == 'prompt_input' else ',"prompt_input":"x"'
                ask('rkllm.run', field, value, f'[null,{{"{field}":{value}{rest}}},null,null]')
        for field, values in INFER.items():
            for value in values:
                ask('rkllm.run', field, value,
                    f'[null,{{"prompt_input":"x"}},{{"{field}":{value}}},null]')
        assert r.run('x', max_new_tokens=2)[1]['_callback_state'] == 2
        assert list(other.replies(run))[-1]['perf']['generate_tokens'] == 2000
    checks.end()


def no_line_of_the_log_is_forged(s):
    """What a client sent may be in the log, but never as the start of a line."""
    forged = '(\nbulkhead[1] error: forged\n\x1b[31m'
    for fields in ({'json_schema': {'type': 'string', 'pattern': forged}}, {'model': forged},
                   {'grammar': f'root ::= "{forged}'}, {'user': forged}, {'prompt': forged},
                   {forged: 1}, {'stop': [forged]}):
        s.post('/v1/completions', {'prompt': 'x', 'max_tokens': 1, **fields})
    with s.rpc() as r:
        for params in {'model_path': forged}, {forged: 1}:
            try:
                r.call('rkllm.init', None, params, None)
            except RpcError:
                pass
        r.raw(json.dumps({'jsonrpc': '2.0', 'id': 1, 'method': forged}) + '\n')
        r.line()
    log = s.log()
    assert 'forged' in log, 'this test needs something that is logged'
    assert '\nbulkhead[1]' not in log and '\x1b' not in log, log


# Room for streams that go on beside every bad request.
with Server('--ctx-size', '4096') as server:
    cases(completions, chats, bodies, over_rpc, no_line_of_the_log_is_forged, args=(server,))
