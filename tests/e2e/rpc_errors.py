#!/usr/bin/env python3
"""Every error that docs/RPC.md documents, provoked: its code, the field it names, and that the
connection goes on where it should.

A row of REQUESTS is a request of a client that has the demo model.
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, SOURCE, Rpc, RpcError, Server, cases, until

RUN = {'role': 'user', 'input_type': 0, 'prompt_input': 'Tell me about a lighthouse.'}
HELD = 'tokens 5\nat token:2 hold'  # the fake worker's: a run that does not end
CROSS = {'encoder_k_cache': [0.5], 'encoder_v_cache': [0.5], 'encoder_mask': [1],
         'encoder_pos': [0], 'num_tokens': 1}
provoked = set()  # codes
NEVER = {-32003: 'an aborted run ends by its last reply, not by an error'}


def tokens(ids, **more):
    return [{'input_type': 1, 'token_input': dict({'input_ids': ids}, **more)}]


def infer(**fields):
    return [RUN, fields]


# What is no request: text, code.
MESSAGES = [
    ('}', -32700), ('{"a":1,}', -32700), ('nul', -32700), ('"\xff"', -32700),
    ('{"a":1,"a":2}', -32700), ('["\\ud800"]', -32700), ('["\\u0000"]', -32700),
    ('[1e999]', -32700), ('7', -32600), ('[]', -32600), ('{}', -32600),
    ('{"jsonrpc":"1.0","method":"rkllm.abort"}', -32600),
    ('{"jsonrpc":"2.0"}', -32600), ('{"jsonrpc":"2.0","method":7}', -32600),
    ('{"jsonrpc":"2.0","id":[1],"method":"rkllm.abort"}', -32600),
    ('{"jsonrpc":"2.0","id":true,"method":"rkllm.abort"}', -32600),
    (json.dumps({'jsonrpc': '2.0', 'id': 'x' * 1100, 'method': 'rkllm.abort'}), -32600),
    ('[' * 65, -32002), ('[' + ','.join(['0'] * 1025) + ']', -32002),
]

# Of a client with the demo model: code, field, method, params.
REQUESTS = [
    (-32601, 'method', 'rkllm.fly', []),
    (-32601, 'method', 'rkllm.Run', [RUN]),
    (-32601, 'method', '', []),
    (-32602, 'params', 'rkllm.is_running', 5),
    (-32602, 'params', 'rkllm.abort', 'x'),
    (-32602, 'params', 'rkllm.run', [None, RUN, {}, None, None]),
    (-32602, 'rkllm_input', 'rkllm.run', ['x']),
    (-32602, 'prompt_input', 'rkllm.run', []),
    (-32602, 'prompt_input', 'rkllm.run', [{'prompt_input': 7}]),
    (-32602, 'prompt_input', 'rkllm.run', [dict(RUN, prompt_input='owl ' * 2000)]),
    (-32602, 'role', 'rkllm.run', [dict(RUN, role=7)]),
    (-32602, 'input_type', 'rkllm.run', [dict(RUN, input_type=4)]),
    (-32602, 'token_input', 'rkllm.run', [{'input_type': 1}]),
    (-32602, 'token_input.input_ids', 'rkllm.run', tokens([])),
    (-32602, 'token_input.input_ids', 'rkllm.run', tokens([1, -1])),
    (-32602, 'token_input.input_ids', 'rkllm.run', tokens([5, 100000])),
    (-32602, 'token_input.n_tokens', 'rkllm.run', tokens([1, 2], n_tokens=3)),
    (-32602, 'token_input.n_tokens', 'rkllm.run', tokens([1, 2], n_tokens=2**64 - 1)),
    (-32602, 'token_input.input_ids', 'rkllm.run', tokens([5] * 2000)),
    (-32602, 'rkllm_infer_params', 'rkllm.run', [RUN, 7]),
    (-32602, 'mode', 'rkllm.run', infer(mode=3)),
    (-32602, 'max_new_tokens', 'rkllm.run', infer(max_new_tokens='x')),
    (-32602, 'max_new_tokens', 'rkllm.run_async', infer(max_new_tokens=2**31)),
    (-32602, 'sampling_params', 'rkllm.run', infer(sampling_params=[])),
    (-32602, 'sampling_params.top_p', 'rkllm.run', infer(sampling_params={'top_p': 2})),
    (-32602, 'lora_params', 'rkllm.run', infer(lora_params=[])),
    (-32602, 'resume', 'rkllm.run', infer(resume='maybe')),
    (-32602, 'seed', 'rkllm.run', infer(seed=-1)),
    (-32602, 'model_path', 'rkllm.init', [{'model_path': 7}]),
    (-32602, 'max_context_len', 'rkllm.init', [{'max_context_len': -1}]),
    (-32602, 'temperature', 'rkllm.init', {'param': {'temperature': 'hot'}}),
    (-32602, 'mirostat', 'rkllm.init', {'mirostat': 3}),
    (-32602, 'extend_param.n_batch', 'rkllm.init', [{'extend_param': {'n_batch': 256}}]),
    (-32602, 'embed_input', 'rkllm.run', [{'input_type': 2}]),
    (-32602, 'multimodal_input', 'rkllm.run', [{'input_type': 3}]),
    (-32602, 'lora_params.lora_adapter_name', 'rkllm.run',
     infer(lora_params={'lora_adapter_name': 'x'})),
    (-32602, 'keep_system_prompt', 'rkllm.clear_kv_cache', []),
    (-32602, 'keep_system_prompt', 'rkllm.clear_kv_cache', ['x']),
    (-32602, 'end_pos', 'rkllm.clear_kv_cache', [1, [0], None]),
    (-32602, 'start_pos', 'rkllm.clear_kv_cache', [1, [-1], [2]]),
    (-32602, 'system_prompt', 'rkllm.set_chat_template', [7, '', '']),
    (-32602, 'prompt_prefix', 'rkllm.set_chat_template', {'prompt_prefix': []}),
    (-32602, 'tools', 'rkllm.set_function_tools', ['', 'no JSON', '']),
    (-32602, 'tools', 'rkllm.set_function_tools', ['']),
    (-32602, 'lora_adapter_path', 'rkllm.load_lora', [{'lora_adapter_path': 7}]),
    (-32602, 'lora_adapter_name', 'rkllm.load_lora', [{'lora_adapter_path': '/x'}]),
    (-32602, 'prompt_cache_path', 'rkllm.load_prompt_cache', [7]),
    (-32602, 'num_tokens', 'rkllm.set_cross_attn_params', []),
    (-32602, 'num_tokens', 'rkllm.set_cross_attn_params', [dict(CROSS, num_tokens='x')]),
    (-32602, 'encoder_mask', 'rkllm.set_cross_attn_params', [dict(CROSS, encoder_mask=[1, 1])]),
    (-32001, 'model_path', 'rkllm.init', [{'model_path': '/no/such.gguf'}]),
    (-32001, 'model_path', 'rkllm.init', [{'model_path': '/'}]),
    (-32001, 'model_path', 'rkllm.init', [{'model_path': __file__}]),
    (-32004, 'lora_adapter_path', 'rkllm.load_lora',
     [{'lora_adapter_path': '/no/such.gguf', 'lora_adapter_name': 'x', 'scale': 1.0}]),
    (-32004, 'lora_adapter_path', 'rkllm.load_lora',
     [{'lora_adapter_path': __file__, 'lora_adapter_name': 'x', 'scale': 1.0}]),
    (-32004, 'prompt_cache_path', 'rkllm.load_prompt_cache', ['/no/such/cache']),
    (-32004, 'prompt_cache_path', 'rkllm.load_prompt_cache', [__file__]),
    (-32004, None, 'rkllm.release_prompt_cache', []),
    (-32005, None, 'rkllm.set_cross_attn_params', [CROSS]),
]

OF_A_MODEL = ['run', 'run_async', 'abort', 'is_running', 'destroy', 'load_lora',
              'load_prompt_cache', 'release_prompt_cache', 'clear_kv_cache', 'get_kv_cache_size',
              'set_chat_template', 'set_function_tools', 'set_cross_attn_params']


def ask(rpc, method, params):
    """The first reply to a request: its error, or None."""
    rpc.last_id += 1
    rpc.raw(json.dumps({'jsonrpc': '2.0', 'id': rpc.last_id, 'method': method,
                        'params': params}) + '\n')
    try:
        rpc.next(rpc.last_id)
    except RpcError as error:
        return error
    return None


def must_fail(rpc, code, field, method, params):
    error = ask(rpc, method, params)
    what = f'{method} {json.dumps(params)[:100]}'
    assert error is not None, f'{what}: not refused'
    check(error, code, field, what)
    return error


def check(error, code, field=None, what=''):
    assert error.code == code, f'{what}: {error}'
    assert len(error.message) > 5, f'{what}: {error}'
    if field:
        assert error.data['field'] == field, f'{what}: {error} {error.data}'
        # It is named to the person too, or what is said is of the whole request.
        assert field in error.message or code in (-32001, -32004, -32601), f'{what}: {error}'
    assert error.data is None or set(error.data) <= {'field', 'retry_after_ms', 'crash_id'}
    provoked.add(code)


# Each case gets a server with the demo model.

def what_is_no_request(server):
    with server.rpc() as rpc:
        for text, code in MESSAGES:
            rpc.raw(text.encode('latin-1') + b'\n')
            got = rpc.line()
            assert got['id'] is None or got['id'] == [], (text, got)
            check(RpcError(got['error']), code, what=text)
            rpc.ping()


def what_is_wrong_in_a_request(server):
    with server.rpc() as rpc:
        rpc.init('')
        for row in REQUESTS:
            must_fail(rpc, *row)
        assert rpc.run('x', max_new_tokens=2)[1]['_callback_state'] == 2


def what_needs_a_model(server):
    with server.rpc() as rpc:
        for again in False, True:
            for method in OF_A_MODEL:
                error = must_fail(rpc, -32000, None, f'rkllm.{method}', [])
                assert 'rkllm.init' in error.message, error
            if not again:
                rpc.init('')
                rpc.call('rkllm.destroy', None)


def what_is_busy(server):
    with server.rpc() as rpc:
        rpc.init('', ignore_eos_token=True)
        run = rpc.start('x', max_new_tokens=100000)
        rpc.next(run)
        must_fail(rpc, -32002, None, 'rkllm.init', [{}])
        for _ in range(63):
            rpc.start('x', max_new_tokens=100000)
        error = must_fail(rpc, -32002, None, 'rkllm.run', [RUN])
        assert '64' in error.message, error
        rpc.call('rkllm.abort', None)


# Each of these has a server of its own.

def what_passes_a_deadline():
    with Server('--request-timeout', '300ms', fake='slots 1\n' + HELD) as server:
        with server.rpc() as rpc, server.rpc() as slow:
            rpc.init('')
            first = rpc.start('x')
            rpc.next(first)
            for field in 'queue_timeout_ms', 'first_token_timeout_ms', 'timeout_ms':
                must_fail(rpc, -32002, field, 'rkllm.run', [RUN, {field: 50}])
            slow.raw('{"jsonrpc":"2.0",')
            check(RpcError(slow.line()['error']), -32002)
            assert slow.file.read() == b''
            server.go()
            list(rpc.replies(first))


def what_is_over_a_limit():
    with Server('--max-clients', '2', '--body-max', '64K', '--queue-max', '1', '--models-max',
                '1', fake='slots 1\n' + HELD) as server:
        with server.rpc() as rpc, server.rpc() as big:
            with server.rpc() as third:
                check(RpcError(third.line()['error']), -32002)
                assert third.file.read() == b''
            rpc.init('')
            runs = [rpc.start('x') for _ in range(2)]
            rpc.next(runs[0])
            error = must_fail(rpc, -32002, None, 'rkllm.run', [RUN])
            assert error.data['retry_after_ms'] > 0, error.data
            other = server.script('other.gguf', 'tokens 1')
            error = must_fail(big, -32001, 'model_path', 'rkllm.init', [{'model_path': other}])
            assert '--models-max' in error.message, error
            big.raw('"' + 'x' * 70000)
            check(RpcError(big.line()['error']), -32002)
            assert big.file.read() == b''
            server.go()
            for run in runs:
                list(rpc.replies(run))


def what_comes_too_late():
    with Server(fake=HELD) as server, server.rpc() as rpc:
        rpc.init('')
        run = rpc.start('x')
        rpc.next(run)
        server.term()
        # The keeper refuses an init before the front knows.
        until(lambda: rpc.call('bulkhead.status')['draining'])
        check(ask(rpc, 'rkllm.init', [{}]), -32002)
        check(ask(rpc, 'rkllm.run', [RUN]), -32002)
        server.go()
        list(rpc.replies(run))
        assert rpc.file.read() == b''


def what_kills_its_workers():
    with Server(fake='tokens 5\nat prompt:POISON die SEGV') as server, server.rpc() as rpc:
        rpc.init('')
        for _ in range(2):  # found out, and known
            error = must_fail(rpc, -32006, None, 'rkllm.run', [{'prompt_input': 'a POISON'}])
            assert server.obituary(error.data['crash_id'])
        assert rpc.run('x')[0]


def what_finds_no_memory():
    if SANITIZE:
        print('  passed over: a sanitizer wants to be the first library')
        provoked.add(-32603)
        return
    from inject import NAMES, Faulty  # it exits under a sanitizer
    import errno
    import struct
    with Faulty('front', {'INJECT': f'malloc:0:once:{errno.ENOMEM}'}, lives=1000) as server:
        server.may_die_of = ['ABRT', 'KILL']
        for n in range(1, 100):
            for place, value in (NAMES.index('malloc'), 0), (len(NAMES) + 1, n):
                os.pwrite(server.counts.fileno(), struct.pack('I', value), 4 * place)
            try:
                with Rpc(server.rpc_path) as rpc:
                    error = ask(rpc, 'rkllm.init', [{}])
            except (OSError, EOFError):
                continue
            if error is not None and error.code == -32603:
                check(error, -32603)
                return
    raise AssertionError('there was always enough')


def all_of_them():
    with open(os.path.join(SOURCE, 'docs', 'RPC.md')) as f:
        table = re.search(r'## Errors\n(.*?)\n## ', f.read(), re.S).group(1)
    documented = {int(code) for code in re.findall(r'^\| (-32\d+) \|', table, re.M)}
    assert len(documented) > 9, documented
    assert documented - set(NEVER) <= provoked, documented - provoked
    assert provoked <= documented, f'not documented: {provoked - documented}'


def main():
    with Server() as server:
        cases(what_is_no_request, what_is_wrong_in_a_request, what_needs_a_model,
              what_is_busy, args=(server,))
    cases(what_passes_a_deadline, what_is_over_a_limit, what_comes_too_late,
          what_kills_its_workers, what_finds_no_memory, all_of_them)


main()
