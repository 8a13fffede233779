#!/usr/bin/env python3
"""The JSON-RPC socket on the real engine and the demo model, byte by byte."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, refusal, until

PROMPT = 'Tell me about a lighthouse.'
LONG = {'max_new_tokens': 300}


def request(ident, method, params=()):
    text = json.dumps({'jsonrpc': '2.0', 'method': method, 'params': params})
    return text if ident is None else f'{text[:-1]}, "id": {ident}}}'


def run_params(prompt, **infer):
    return [None, {'role': 'user', 'prompt_input': prompt}, infer, None]


def text_of(replies):
    return ''.join(r['text'] or '' for r in replies)


def loaded(server, **params):
    """A connection with the model; runs go on to their budget."""
    rpc = server.rpc()
    rpc.init('', ignore_eos_token=True, **params)
    return rpc


def idle(server):
    """Waits until nothing is computed any more."""
    with server.rpc() as rpc:
        until(lambda: rpc.call('bulkhead.status')['generations'] == 0)


# Each gets a running server.

def parameters_in_three_forms(server):
    infer = {'seed': 3, 'max_new_tokens': 12}
    said = []
    with server.rpc() as rpc:
        for params in ([None, {'model_path': server.model}, None], [{'model_path': server.model}],
                       {'param': {'model_path': server.model}}, {'model_path': server.model}):
            rpc.raw(request(1, 'rkllm.init', params))
            assert rpc.line()['result']['success'] is True
        for params in (run_params(PROMPT, **infer), [{'prompt_input': PROMPT}, infer],
                       {'rkllm_input': {'prompt_input': PROMPT}, 'rkllm_infer_params': infer},
                       {'prompt_input': PROMPT, **infer}):
            rpc.raw(request(2, 'rkllm.run', params))
            said.append(text_of(rpc.replies(2)))
    assert said[0] and len(set(said)) == 1, said


def ids_come_back_as_sent(server):
    with server.rpc() as rpc:
        for ident in '7', '-1', '1.0', '1e3', '9007199254740993', '"\\u00e9"', 'null':
            rpc.raw(request(ident, 'rkllm.get_constants'))
            line = rpc.file.readline().decode()
            assert line.startswith(f'{{"jsonrpc":"2.0","id":{ident},"result":{{'), line
    with loaded(server) as rpc:
        big = '12345678901234567890123'
        rpc.raw(request(big, 'rkllm.run', run_params(PROMPT, max_new_tokens=2)))
        for _ in range(3):
            assert f'"id":{big},'.encode() in rpc.file.readline()


def framing_needs_no_newline(server):
    both = request(1, 'rkllm.get_constants') + request(2, 'rkllm.get_constants')
    with server.rpc() as rpc:
        rpc.raw(both)
        assert [rpc.line()['id'], rpc.line()['id']] == [1, 2]
        for byte in both.encode():
            rpc.raw(bytes([byte]))
        assert [rpc.line()['id'], rpc.line()['id']] == [1, 2]


def batches_and_notifications(server):
    with loaded(server) as rpc:
        rpc.raw(f"[{request(1, 'rkllm.is_running')}, {request(None, 'rkllm.get_constants')}, 7,"
                f"{request(2, 'rkllm.run', run_params(PROMPT, max_new_tokens=4))}]")
        array = rpc.line()
        assert [r['id'] for r in array] == [1, None, 2], array
        assert array[1]['error']['code'] == -32600
        assert array[2]['result']['success'] is True
        assert len(list(rpc.replies(2))) == 5
        rpc.raw(request(None, 'rkllm.run', run_params(PROMPT, max_new_tokens=4)))
        rpc.raw(f"[{request(None, 'rkllm.abort')}]")
        rpc.ping()
    idle(server)


def async_says_so_first(server):
    with loaded(server) as rpc:
        ident = rpc.send('rkllm.run_async', *run_params(PROMPT, max_new_tokens=4))
        assert rpc.next(ident) == {'success': True, 'message': 'Async inference started'}
        assert len(list(rpc.replies(ident))) == 5


def the_last_reply_has_the_figures(server):
    with loaded(server) as rpc:
        replies = list(rpc.replies(rpc.start(PROMPT, max_new_tokens=9)))
    last = replies.pop()
    assert last['text'] is None and last['_callback_state'] == 2
    assert last['perf']['generate_tokens'] == 9 == len(replies)
    assert all(last['perf'].values()), last
    assert all(r['_callback_state'] in (0, 1) for r in replies)
    assert all((r['text'] is None) == (r['_callback_state'] == 1) for r in replies)


def runs_interleave(server):
    with loaded(server) as rpc:
        alone = [rpc.run(PROMPT, seed=seed, **LONG)[0] for seed in (1, 2)]
        first, second = (rpc.start(PROMPT, seed=seed, **LONG) for seed in (1, 2))
        order, texts, ends = [], {first: '', second: ''}, 0
        while ends < 2:
            got = rpc.line()
            order.append(got['id'])
            texts[got['id']] += got['result']['text'] or ''
            ends += got['result']['_callback_state'] == 2
    changes = sum(a != b for a, b in zip(order, order[1:]))
    assert changes > 100, f'{changes} changes in {len(order)} replies'
    # A second sequence may change bits of the logits, but not much of a text.
    assert all(len(t) > 300 for t in [*alone, *texts.values()])


def abort_ends_a_run(server):
    with loaded(server) as rpc:
        assert rpc.call('rkllm.is_running', None) == {'is_running': False, 'status_code': 0}
        assert rpc.call('rkllm.abort', None)['success'] is False
        run = rpc.start(PROMPT, max_new_tokens=100000)
        rpc.next(run)
        assert rpc.call('rkllm.is_running', None)['is_running'] is True
        assert rpc.call('rkllm.abort', None) == {
            'success': True, 'message': 'Task aborted successfully', 'status_code': 0}
        last = list(rpc.replies(run))[-1]
        assert last['_callback_state'] == 2 and last['perf']['generate_tokens'] > 0
        assert rpc.call('rkllm.is_running', None)['is_running'] is False
        assert len(rpc.run(PROMPT, max_new_tokens=5)[0]) > 0


def a_killed_worker_shows_nowhere(server):
    for temperature in 0, 0.8:
        with loaded(server, temperature=temperature) as rpc:
            whole, _ = rpc.run(PROMPT, seed=5, **LONG)
            for kill_at in 1, 64, 150:
                replies, run = [], rpc.start(PROMPT, seed=5, **LONG)
                for _ in range(kill_at):
                    replies.append(rpc.next(run))
                server.kill_worker()
                replies += rpc.replies(run)
                assert text_of(replies) == whole, f'temperature {temperature}, token {kill_at}'
                assert replies[-1]['perf']['generate_tokens'] == LONG['max_new_tokens']


def destroy_and_init_again(server):
    with server.rpc() as rpc:
        for method in 'run', 'run_async', 'abort', 'is_running', 'destroy':
            assert refusal(rpc.call, f'rkllm.{method}', None).code == -32000
        rpc.init('')
        assert rpc.call('rkllm.destroy', None)['success'] is True
        assert refusal(rpc.call, 'rkllm.destroy', None).code == -32000
        rpc.init('')
        assert rpc.run(PROMPT, max_new_tokens=3)[0]


def bad_models_are_named(server):
    bad = {'directory': server.dir, 'missing': os.path.join(server.dir, 'none.gguf'),
           'empty': os.path.join(server.dir, 'empty.gguf'),
           'no GGUF': os.path.join(server.dir, 'text.gguf'),
           'cut short': os.path.join(server.dir, 'short.gguf')}
    open(bad['empty'], 'w').close()
    with open(bad['no GGUF'], 'w') as f:
        f.write('once upon a time\n' * 1000)
    with open(server.model, 'rb') as whole, open(bad['cut short'], 'wb') as f:
        f.write(whole.read(300000))
    with loaded(server) as rpc:
        for what, path in bad.items():
            error = refusal(rpc.call, 'rkllm.init', None, {'model_path': path}, None)
            assert error.code == -32001, f'{what}: {error}'
            assert os.path.basename(path) in error.message, f'{what}: {error}'
        assert rpc.run(PROMPT, max_new_tokens=3)[0], 'the model that was loaded is gone'


def bad_input_hurts_nobody_else(server):
    with loaded(server) as other, server.rpc() as rpc:
        run = other.start(PROMPT, **LONG)
        for text, code in (('{"jsonrpc":"2.0","id":1,"method":"rkllm.run"', None),
                           (',"params":[nul]}', -32700), ('}\n', -32700), ('hello\n', -32700),
                           ('[' * 100 + '\n', -32002), ('"\xff"\n'.encode('latin-1'), -32700),
                           ('{"a":1,"a":2}\n', -32700), ('[]', -32600), ('5\n', -32600)):
            rpc.raw(text)
            if code is not None:
                got = rpc.line()
                assert got['id'] is None and got['error']['code'] == code, (text, got)
        rpc.init('')
        for params, field in (([{'prompt_input': 7}], 'prompt_input'),
                              ([{'input_type': 1, 'token_input': {'input_ids': [1, 2],
                                                                  'n_tokens': 1}}],
                               'token_input.n_tokens'),
                              ([{'prompt_input': 'x'}, {'max_new_tokens': 'x'}],
                               'max_new_tokens')):
            error = refusal(rpc.call, 'rkllm.run', *params)
            assert error.code == -32602 and error.data['field'] == field, error
            assert field in error.message
        ids = {'input_type': 1, 'token_input': {'input_ids': [1, 99999999], 'n_tokens': 2}}
        assert refusal(rpc.call, 'rkllm.run', ids).code == -32602
        error = refusal(rpc.call, 'rkllm.run', {'prompt_input': 'long ' * 5000})
        assert error.code == -32602, error
        assert refusal(rpc.call, 'rkllm.fly').code == -32601
        assert refusal(rpc.call, 'rkllm.load_lora', {}).code == -32602
        assert len(text_of(other.replies(run))) > 300


def half_close_gets_everything(server):
    with loaded(server) as rpc:
        run = rpc.start(PROMPT, **LONG)
        rpc.sock.shutdown(socket.SHUT_WR)
        assert len(list(rpc.replies(run))) == LONG['max_new_tokens'] + 1
        assert rpc.file.read() == b''


def a_slow_reader_loses_nothing(server):
    with loaded(server) as fast, server.rpc(rcvbuf=4096) as slow:
        slow.init('', ignore_eos_token=True)
        runs = [slow.start(PROMPT, max_new_tokens=1000) for _ in range(2)]
        server.wait_metric('generations_parked_total', 1)
        assert fast.run(PROMPT, max_new_tokens=50)[0]  # nobody else waits for it
        for run in runs:
            assert len(list(slow.replies(run))) == 1001
    idle(server)


def a_client_that_vanishes_is_forgotten(server):
    for _ in range(5):
        rpc = loaded(server)
        rpc.next(rpc.start(PROMPT, max_new_tokens=100000))
        rpc.close()
    idle(server)
    with server.rpc() as rpc:
        until(lambda: rpc.call('bulkhead.status')['front']['clients'] == 1)


def main():
    with Server('--out-high', '64K') as server:
        cases(parameters_in_three_forms, ids_come_back_as_sent, framing_needs_no_newline,
              batches_and_notifications, async_says_so_first, the_last_reply_has_the_figures,
              runs_interleave, abort_ends_a_run, a_killed_worker_shows_nowhere,
              destroy_and_init_again, bad_models_are_named, bad_input_hurts_nobody_else,
              half_close_gets_everything, a_slow_reader_loses_nothing,
              a_client_that_vanishes_is_forgotten, args=(server,))


main()
