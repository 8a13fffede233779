#!/usr/bin/env python3
"""The same JSON-RPC and HTTP on both engines: llama, and rkllm on our own librkllmrt.so. One model
file by two names, so where the answers must agree they are compared."""
import contextlib
import os
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, MODEL, RpcError, Server, cases, made_model
from embeddings_in import Table, embed, images

LIBRARY = os.path.join(BIN, '..', 'lib', 'rkllmrt', '{}', 'librkllmrt.so')
GREEDY = {'sampling_params': {'top_k': 1, 'temperature': 1.0, 'repeat_penalty': 1.0}}
IDS = [5, 6, 7, 8, 9, 10]

if not os.path.exists(LIBRARY.format('1.3')):
    sys.exit(77)

FOLDER = tempfile.mkdtemp(prefix='bulkhead-test-')


@contextlib.contextmanager
def wanted(code):
    """An error of that code; what is given gets its field."""
    found = []
    try:
        yield found
    except RpcError as why:
        assert why.code == code, why
        found.append((why.data or {}).get('field'))
    else:
        raise AssertionError(f'no error {code}')


def on_both(fn, version='1.3', model=MODEL, n_ctx=512, options=()):
    """What fn(rpc, server, name) gives on each engine."""
    got = []
    board, demo = [os.path.join(FOLDER, name) for name in ('board.rkllm', 'demo.gguf')]
    for link in board, demo:
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(model, link)
    with Server('--rkllm-library', LIBRARY.format(version), '-c', str(n_ctx), '--threads', '1',
                *options, models=[board, demo]) as s:
        archs = {m['name']: m['arch'] for m in s.status()['models']}
        assert archs == {'board': 'rkllm', 'demo': 'llama'}, archs
        for name in archs:
            with s.rpc() as r:
                # The library is told at init, once for all, to have it so.
                r.init(name, skip_special_token=True, max_context_len=0)
                got.append(fn(r, s, name))
    return got


def agree(fn, version='1.3', **options):
    board, demo = on_both(fn, version, **options)
    if isinstance(board, list) and len(board) == len(demo):
        for i, (one, other) in enumerate(zip(board, demo)):
            assert one == other, f'[{i}]: rkllm: {one}\nllama: {other}'
    assert board == demo, f'rkllm: {board}\nllama: {demo}'
    return board


def kill(s, name):
    """The worker of that model, if there is one just now."""
    pid = s.worker_of(name)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def replies(r, params, **infer):
    """(text, token, state) of each reply, and the counts of the last."""
    ident = r.send('rkllm.run', None, params, dict(GREEDY, **infer), None)
    all_of_it = list(r.replies(ident))
    perf = all_of_it[-1]['perf']
    assert perf['memory_usage_mb'] > 0 and perf['prefill_time_ms'] > 0, perf
    return ([(x['text'], x['token_id'], x['_callback_state']) for x in all_of_it[:-1]],
            all_of_it[-1]['_callback_state'], perf['prefill_tokens'], perf['generate_tokens'])


def prompts_and_tokens():
    def fn(r, s, name):
        return (replies(r, {'role': 'user', 'prompt_input': 'Once upon a time'}, max_new_tokens=40),
                replies(r, {'input_type': 1, 'token_input': {'input_ids': IDS}}, max_new_tokens=20),
                replies(r, {'prompt_input': 'Tell me of a fox.'}, max_new_tokens=300))
    got = agree(fn)
    assert len(got[0][0]) == 40 and got[0][3] == 40, got[0]


def chats():
    def fn(r, s, name):
        got = s.post('/v1/chat/completions', {
            'model': name, 'max_tokens': 30, 'temperature': 0,
            'messages': [{'role': 'user', 'content': 'Once upon a time'}]}).json
        return got['choices'][0]['message']['content'], got['choices'][0]['finish_reason'], \
            got['usage']['completion_tokens'], got['usage']['prompt_tokens']
    agree(fn)


def stop_strings():
    def fn(r, s, name):
        got = s.post('/v1/chat/completions', {
            'model': name, 'max_tokens': 60, 'temperature': 0, 'stop': [' lighthouse', 'xyz'],
            'messages': [{'role': 'user', 'content': 'Once upon a time'}]}).json
        return got['choices'][0]['message']['content'], got['choices'][0]['finish_reason']
    got = agree(fn)
    assert got[1] == 'stop' and 'lighthouse' not in got[0], got


def rows():
    def fn(r, s, name):
        got = []
        for params in ({'input_type': 1, 'token_input': {'input_ids': IDS * 30}},
                       {'prompt_input': 'Tell me of a fox.'}):
            for mode, what, values in (1, 'last_hidden_layer', 'hidden_states'), \
                    (2, 'logits', 'logits'):
                data, last = r.replies(r.send('rkllm.run', None, params, {'mode': mode}, None))
                assert last['_callback_state'] == 2, last
                assert len(data[what][values]) > 1000
                got.append(data[what])
        return got
    for version in '1.3', '1.2':
        agree(fn, version)


def conversations():
    def fn(r, s, name):
        def say(text, role='user'):
            ident = r.send('rkllm.run', None, {'role': role, 'prompt_input': text},
                           dict(GREEDY, keep_history=1, max_new_tokens=16), None)
            return ''.join(x['text'] or '' for x in r.replies(ident))
        said = [say('Tell me of a fox.'), say('And then?')]
        kill(s, name)
        said.append(say('And then?'))
        assert r.call('rkllm.clear_kv_cache', None, 0, None, None)['success']
        said.append(say('Tell me of a fox.'))
        assert said[0] == said[3] and said[1] != said[0], said
        return said
    for version in '1.3', '1.2':
        agree(fn, version)


def templates():
    def fn(r, s, name):
        r.call('rkllm.set_chat_template', None, 'Be brief. ', 'Q: ', ' A:')
        return replies(r, {'prompt_input': 'Who lives here?'}, max_new_tokens=20)
    for version in '1.3', '1.2':
        agree(fn, version)


def function_tools():
    def fn(r, s, name):
        r.call('rkllm.set_function_tools', None, 'Help.',
               '[{"name":"get_weather","parameters":{}}]',
               'tool_response')
        got = [replies(r, {'role': role, 'prompt_input': text}, max_new_tokens=20, keep_history=1)
               for role, text in (('user', 'Is it warm in Paris?'), ('tool', '{"warm":true}'))]
        with s.rpc() as other:  # whose template is the model's own
            other.init(name, skip_special_token=True, max_context_len=0)
            got.append(replies(other, {'prompt_input': 'Is it warm in Paris?'}, max_new_tokens=20))
        return got
    agree(fn)


def adapters():
    with made_model('--lora', '8', '--base', MODEL, '--seed', '3') as path:
        def fn(r, s, name):
            for scale, called in (1.0, 'whole'), (0.25, 'quarter'):
                assert r.call('rkllm.load_lora', None, {
                    'lora_adapter_path': path, 'lora_adapter_name': called,
                    'scale': scale})['success']
            got = [replies(r, {'prompt_input': 'Once upon a time'}, max_new_tokens=20,
                           lora_params={'lora_adapter_name': called} if called else None)
                   for called in ('whole', None, 'quarter', 'whole')]
            kill(s, name)
            got.append(replies(r, {'prompt_input': 'Once upon a time'}, max_new_tokens=20,
                               lora_params={'lora_adapter_name': 'whole'}))
            assert got[0] == got[3] == got[4] and got[0] != got[1] != got[2] != got[0], got
            # With an adapter of random weights two tokens are soon as likely, to the last bits.
            return [run[0][:5] for run in got]
        agree(fn)


def long_text(r, moments, act):
    """What 150 tokens say, while something is done after some of the replies."""
    ident = r.send('rkllm.run', None, {'prompt_input': 'Once upon a time'},
                   dict(GREEDY, max_new_tokens=150), None)
    texts = []
    for got in r.replies(ident):
        texts.append(got['text'] or '')
        if len(texts) in moments:
            act()
    return ''.join(texts)


def killed_in_the_midst():
    """The stream goes on; greedy, it is even the same."""
    def fn(r, s, name):
        return long_text(r, (5, 40), lambda: kill(s, name))
    for version in '1.3', '1.2':
        agree(fn, version)


def embeddings():
    """Rows that say what tokens say, at an image's marks too; through deaths and conversations."""
    with made_model('--preset', 'tiny-llama', '--type', 'f32') as path:
        table = Table(path)
        ids = [300 + 7 * i for i in range(30)]

        def fn(r, s, name):
            # 1.2.x has an image's marks of init alone.
            r.init(name, skip_special_token=True, max_context_len=0, img_start='<s>',
                   img_end='</s>', img_content='<pad>')
            got = [replies(r, source, max_new_tokens=12, keep_history=keep)
                   for keep in (0, 1) for source in (
                       embed(table.rows(ids), 30),
                       images('Look at <image>: what?', table.rows(ids[:6]), n_image_tokens=6,
                              image_width=28, image_height=28),
                       images('<image> or <image>',
                              table.rows(ids[:12]), n_image_tokens=6, n_image=2),
                       images('Look at <s><pad></s>.', table.rows(ids[:8]), n_image_tokens=8),
                       {'prompt_input': 'And what is that?'})]
            kill(s, name)
            got.append(replies(r, {'prompt_input': 'Where was it?'}, max_new_tokens=12,
                               keep_history=1))
            for mode in 1, 2:
                data, last = r.replies(r.send('rkllm.run', None, embed(table.rows(ids), 30),
                                              {'mode': mode}, None))
                # Of weights that are floats, products differ in their last bits.
                data = data['last_hidden_layer' if mode == 1 else 'logits']
                rows = data.pop('hidden_states' if mode == 1 else 'logits')
                assert len(rows) == 30 * data.pop('embd_size' if mode == 1 else 'vocab_size')
                got.append((data, [round(x, 2) for x in rows[:64]], last['_callback_state']))
            assert r.call('rkllm.clear_kv_cache', None, 0, None, None)['success']
            assert r.call('rkllm.get_kv_cache_size', None)['cache_sizes'] == [0]
            return [(run[0][:8], *run[1:2]) if len(run) == 4 else run for run in got]
        for version in '1.3', '1.2':
            agree(fn, version, model=path)


def embeddings_killed():
    with made_model('--preset', 'tiny-llama', '--type', 'f32') as path:
        table = Table(path)

        def fn(r, s, name):
            ident = r.send('rkllm.run', None, embed(table.rows(range(300, 330)), 30),
                           dict(GREEDY, max_new_tokens=60), None)
            texts = []
            for got in r.replies(ident):
                texts.append(got['text'] or '')
                if len(texts) == 5:
                    kill(s, name)
            return ''.join(texts)[:20]
        for version in '1.3', '1.2':
            agree(fn, version, model=path)


def prompt_caches():
    """Written by one engine, each is a file that the same engine begins with."""
    def fn(r, s, name):
        path = os.path.join(FOLDER, f'{name}.cache')
        text = {'prompt_input': 'Once upon a time there was a lighthouse. ' * 12}
        got = [replies(r, text, max_new_tokens=20, prompt_cache_params={
            'save_prompt_cache': 1, 'prompt_cache_path': path})]
        assert os.path.getsize(path) > 1000
        assert r.call('rkllm.load_prompt_cache', None, path)['success']
        for _ in range(2):
            got.append(replies(r, text, max_new_tokens=20))
            assert got[0][0] == got[-1][0] and got[-1][2] < got[0][2], got
            kill(s, name)
        assert r.call('rkllm.release_prompt_cache', None)['success']
        got.append(replies(r, text, max_new_tokens=20))
        assert got[3] == got[0], got
        os.unlink(path)
        return [run[0] for run in got]
    for version in '1.3', '1.2':
        agree(fn, version, options=('--prompt-cache-dir', FOLDER))


def cross_attention():
    """Our library, too, has no model for it: there it is the run that is told so."""
    arrays = {'encoder_k_cache': [1.5] * 8, 'encoder_v_cache': [2.5] * 8, 'encoder_mask': [0, 1],
              'encoder_pos': [0, 1], 'num_tokens': 2}

    def fn(r, s, name):
        with wanted(-32602) as why:
            r.call('rkllm.set_cross_attn_params', None, dict(arrays, num_tokens=3))
        with wanted(-32005):
            r.call('rkllm.set_cross_attn_params', None, arrays)
            replies(r, {'prompt_input': 'Hi'}, max_new_tokens=2)
        r.init(name, skip_special_token=True, max_context_len=0)
        return why, replies(r, {'prompt_input': 'Hi'}, max_new_tokens=8)
    for version in '1.3', '1.2':
        agree(fn, version)


def kv_cache():
    """Of token ids, whose number both know: sizes, a range that is cut out, all of it."""
    def fn(r, s, name):
        got = []

        def say(ids):
            got.append(replies(r, {'input_type': 1, 'token_input': {'input_ids': ids}},
                               max_new_tokens=12, keep_history=1)[0])
            got.append(r.call('rkllm.get_kv_cache_size', None)['cache_sizes'])
        say(IDS)
        assert got[-1] == [len(IDS) + len(got[0])], got
        say([11, 12])
        assert r.call('rkllm.clear_kv_cache', None, 0, [2], [5])['success']
        got.append(r.call('rkllm.get_kv_cache_size', None)['cache_sizes'])
        say([11, 12])
        kill(s, name)
        say(IDS)
        with wanted(-32602) as why:
            r.call('rkllm.clear_kv_cache', None, 0, [5], [4000])
        got.append(why)
        assert r.call('rkllm.clear_kv_cache', None, 1, None, None)['success']
        say(IDS)
        assert got[0] == got[-2], got
        return got
    for version in '1.3', '1.2':
        agree(fn, version)


def sampling():
    """The nine numbers, as far as an answer with them can be repeated."""
    def fn(r, s, name):
        return [replies(r, {'prompt_input': 'Tell me of a fox.'}, max_new_tokens=40,
                        sampling_params=dict(top_k=1, **more))
                for more in ({'repeat_penalty': 1.3}, {'frequency_penalty': 0.7},
                             {'presence_penalty': 1.5}, {'repeat_penalty': 1.1, 'top_p': 0.3})] + [
            replies(r, {'prompt_input': 'Tell me of a fox.'}, max_new_tokens=40,
                    sampling_params={'temperature': 0, 'repeat_penalty': 1})]
    for version in '1.3', '1.2':
        got = agree(fn, version)
        assert got[0][0] != got[4][0], got


def hung_in_the_midst():
    def fn(r, s, name):
        return long_text(r, (5,), lambda: os.kill(s.worker_of(name), signal.SIGSTOP))
    agree(fn, options=('--hang-timeout', '700ms', '--load-timeout', '10s'))


def several_inputs():
    """n_batch: a conversation each, one after the other where there is one slot."""
    def fn(r, s, name):
        r.init(name, skip_special_token=True, max_context_len=0, extend_param={'n_batch': 2})
        got = []
        for _ in range(2):
            ident = r.send('rkllm.run', None, [{'prompt_input': 'Tell me of a fox.'},
                                               {'prompt_input': 'Once upon a time'}],
                           dict(GREEDY, max_new_tokens=12, keep_history=1), None)
            texts = ['', '']
            for x in r.replies(ident):
                if x['text'] is not None:
                    texts[x['batch_index']] += x['text']
            got.append(texts)
        return got
    for version in '1.3', '1.2':
        agree(fn, version)


def aborted():
    def fn(r, s, name):
        ident = r.send('rkllm.run', None, {'prompt_input': 'Once upon a time'},
                       dict(GREEDY, max_new_tokens=15000), None)
        next(r.replies(ident))
        running = r.call('rkllm.is_running', None)
        done = r.call('rkllm.abort', None)
        states = {x['_callback_state'] for x in r.replies(ident)}
        return running, done, 2 in states, r.call('rkllm.is_running', None), \
            r.call('rkllm.abort', None)['success']
    # One of random weights hardly ever ends by itself.
    with made_model('--preset', 'tiny-llama', '--ctx', '16384', '--layers', '8') as path:
        for version in '1.3', '1.2':
            agree(fn, version, model=path, n_ctx=16000)


def errors():
    """Each is refused by the same code, with the field named."""
    def fn(r, s, name):
        got = []
        for params, infer in (
                ({'input_type': 1, 'token_input': {'input_ids': []}}, {}),
                ({'input_type': 1, 'token_input': {'input_ids': [1], 'n_tokens': 2}}, {}),
                ({'input_type': 1, 'token_input': {'input_ids': [1] * 5000}}, {}),
                ({'input_type': 9}, {}), ({}, {}), ({'prompt_input': 7}, {}),
                (embed([0.5] * 60, 2), {}), (embed([0.5] * 60, 7), {}),
                (embed(['x'] * 4, 2), {}),
                (images('<image>', [0.5] * 60, n_image_tokens=3), {}),
                (images('<image>', [0.5] * 60, n_image_tokens=3, n_image=0), {}),
                ({'prompt_input': 'x'}, {'mode': 3}),
                ({'prompt_input': 'x'}, {'lora_params': {'lora_adapter_name': 'none'}})):
            try:
                r.next(r.send('rkllm.run', None, params, infer, None))
                raise AssertionError(f'taken: {params} {infer}')
            except RpcError as why:
                got.append((why.code, (why.data or {}).get('field')))
        return got
    for version in '1.3', '1.2':
        agree(fn, version)


try:
    cases(prompts_and_tokens, chats, stop_strings, rows, conversations, templates, function_tools,
          adapters, embeddings, embeddings_killed, prompt_caches, cross_attention,
          kv_cache, sampling, several_inputs, killed_in_the_midst, hung_in_the_midst, aborted,
          errors)
finally:
    shutil.rmtree(FOLDER)
