#!/usr/bin/env python3
"""The rkllm engine: the real daemon and worker on a librkllmrt.so of the tests (fake/rkllm)."""
import glob
import os
import re
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, MODEL, Rpc, RpcError, SANITIZE, Server, cases, settled, until


def library(version='1.3.0'):
    return os.path.join(BIN, f'fake-rkllm-{version}', 'librkllmrt.so')


FOLDER = tempfile.mkdtemp(prefix='bulkhead-test-')
BOTH = '1.2.3', '1.3.0'


def model(script='', name='board.rkllm'):
    path = os.path.join(FOLDER, name)
    with open(path, 'w') as f:
        f.write(script + '\n')
    return path


def serve(script='', version='1.3.0', options=(), **more):
    return Server('--rkllm-library', library(version), *options, models=[model(script)], **more)


def counted(n, start=0):
    return ''.join(f'{k} ' for k in range(start, n))


def chat(s, content, **fields):
    return s.post('/v1/chat/completions',
                  dict(fields, messages=[{'role': 'user', 'content': content}]))


def init_and_run():
    for version in BOTH:
        with serve(version=version) as s, s.rpc() as r:
            r.init('board')
            all_of_it = list(r.replies(r.start('tokens 5')))
            assert [x['text'] for x in all_of_it] == [*(f'{k} ' for k in range(5)), None], all_of_it
            assert [x['token_id'] for x in all_of_it[:5]] == list(range(1000, 1005))
            perf = all_of_it[-1]['perf']
            assert perf['prefill_tokens'] == len('tokens 5') and perf['generate_tokens'] == 5, perf
            assert perf['prefill_time_ms'] == 1.5 and perf['generate_time_ms'] == 2.5, perf
            m = s.status()['models'][0]
            assert m['arch'] == 'rkllm' and m['slots'] == 1 and not m['exact'], m
            assert m['desc'] == f'RKLLM {version}' and version in m['identity'], m
            # The next is not moved by the one before.
            assert r.run('tokens 3')[0] == counted(3)


def http_chat():
    for version in BOTH:
        with serve(version=version) as s:
            got = chat(s, 'tokens 4')
            assert got.status == 200, got
            choice = got.json['choices'][0]
            assert choice['message']['content'] == counted(4), got
            assert choice['finish_reason'] == 'stop', got
            assert got.json['usage'] == {'prompt_tokens': 8, 'completion_tokens': 4,
                                         'total_tokens': 12,
                                         'prompt_tokens_details': {'cached_tokens': 0}}, got
            got = chat(s, 'tokens 40', max_tokens=7)
            assert got.json['choices'][0]['message']['content'] == counted(7), got
            assert got.json['choices'][0]['finish_reason'] == 'length', got


def tokens_in():
    with serve() as s, s.rpc() as r:
        r.init('board')
        ident = r.send('rkllm.run', None, {'input_type': 1, 'token_input': {
            'input_ids': [5, 6, 1000, 1001]}}, {'max_new_tokens': 3}, None)
        texts = [x['text'] for x in r.replies(ident)]
        assert texts == ['2 ', '3 ', '4 ', None], texts
        got = s.post('/v1/completions', {'prompt': [5, 6, 1003], 'max_tokens': 2})
        assert got.json['choices'][0]['text'] == '4 5 ', got
        assert got.json['usage']['prompt_tokens'] == 3, got


def characters_are_whole():
    """A byte a token: what is not whole yet is a reply of state 1 without text."""
    with serve() as s, s.rpc() as r:
        r.init('board')
        all_of_it = list(r.replies(r.start('text aé€😀')))
        states = [x['_callback_state'] for x in all_of_it]
        assert states == [0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 2], states
        assert [x['text'] for x in all_of_it if x['_callback_state'] == 0] == ['a', 'é', '€', '😀']
        assert [x['token_id'] for x in all_of_it[:-1]] == list(range(1000, 1010))


def stop_strings():
    with serve() as s:
        got = chat(s, 'text one ST two STOP three', stop=['STOP'])
        assert got.json['choices'][0]['message']['content'] == 'one ST two ', got
        assert got.json['choices'][0]['finish_reason'] == 'stop', got
        # And the library is free again.
        assert chat(s, 'tokens 2').json['choices'][0]['message']['content'] == counted(2)


def parameters():
    with serve(options=('-c', '300')) as s, s.rpc() as r:
        r.init('board', max_context_len=200)
        said = r.run('params tokens 1', sampling_params={'top_k': 7, 'temperature': 0.5},
                     max_new_tokens=9)[0]
        assert said.startswith('k=7 t=0.50 ctx=300 new=9 think=0 role=user '), said
        said = chat(s, 'params tokens 1', temperature=0).json['choices'][0]['message']['content']
        assert said.startswith('k=1 t=1.00 ctx=300 new=300 think=1 role=user'), said
    # Before 1.3.0 a sampler is init's: for another one the model is loaded anew.
    with serve(version='1.2.3') as s, s.rpc() as r:
        r.init('board')
        for k, loads in (40, 1), (7, 2), (7, 2), (40, 3):
            said = r.run('params tokens 1', sampling_params={'top_k': k, 'temperature': 0.8})[0]
            assert said.startswith(f'k={k} t=0.80 ctx=512 new=512 think=0 role=user '), said
            assert f'loads={loads} ' in said, said
        s.wait_log('has to be told then how to sample')
        # What a conversation had is given to it again.
        assert say(r, 'tokens 4')[0] == counted(4)
        said = say(r, 'params tokens 1', sampling_params={'top_k': 9})[0]
        assert said.startswith('k=9 ') and kv(said) == 8 + 4 + 15, said


def refusals():
    """What the library has not, where leaving it out would change the answer."""
    with serve() as s, s.rpc() as r:
        for field, value, name in (
                ('min_p', 0.2, 'min_p'), ('logit_bias', {'5': 1}, 'logit_bias'),
                ('grammar', 'root ::= "x"', 'grammar'), ('logprobs', True, 'logprobs'),
                ('typical_p', 0.5, 'typical_p'), ('ignore_eos', True, 'ignore_eos'),
                ('response_format', {'type': 'json_object'}, 'response_format')):
            got = chat(s, 'tokens 1', **{field: value})
            assert got.status == 501 and name in got.error['message'], (field, got)
        got = s.post('/v1/chat/completions', {'messages': [
            {'role': 'user', 'content': 'a'}, {'role': 'assistant', 'content': 'b'},
            {'role': 'user', 'content': 'c'}]})
        assert got.status == 501 and 'one message' in got.error['message'], got
        r.init('board')
        try:
            r.next(r.send('rkllm.run', None, {'role': 'system', 'prompt_input': 'x'}, None))
            raise AssertionError('role system was taken')
        except RpcError as why:
            assert why.code == -32005 and 'role' in why.message, why
        assert r.run('tokens 1')[0] == counted(1)


def numbers(n, first=1):
    """Rows of 4 numbers, that count up by quarters."""
    return [first + k / 4 for k in range(4 * n)]


def say_all(r, params, **infer):
    return ''.join(x['text'] or '' for x in r.replies(r.send('rkllm.run', None, params, infer,
                                                            None)))


def embeddings():
    """Rows come to the library as they were sent, of any length that divides them."""
    for version in BOTH:
        with serve(version=version) as s, s.rpc() as r:
            r.init('board')
            rows = {'input_type': 2, 'embed_input': {'embed': numbers(3, 5), 'n_tokens': 3}}
            said = say_all(r, rows)
            assert 'embed=3:5..7.75 ' in said and said.endswith('1 2 3 4 '), said
            # Kept, and given to it again in another worker.
            before = say_all(r, rows, keep_history=1)
            s.kill_worker()
            said = say(r, 'params tokens 2')[0]
            assert f'kv={3 + 5 + len("params tokens 2")} ' in said, (before, said)
            data, last = r.replies(r.send('rkllm.run', None, rows, {'mode': 1}, None))
            assert data['last_hidden_layer']['num_tokens'] == 3, data
            # Some models add to each row; but a conversation has rows of one length.
            longer = {'input_type': 2, 'embed_input': {'embed': numbers(6), 'n_tokens': 3}}
            assert 'embed=3:' in say_all(r, longer)
            try:
                say_all(r, longer, keep_history=1)
                raise AssertionError('longer rows were taken')
            except RpcError as why:
                assert why.code == -32602 and 'another length' in why.message, why
            assert say(r, 'tokens 2')[0] == counted(2)  # it goes on
            for embed, n, field in ((numbers(3), 5, 'embed_input.embed'), ([1.5], 0, None),
                                    (numbers(3), 6, 'embed_input.embed'),
                                    (numbers(300), 600, None)):
                try:
                    say_all(r, {'input_type': 2, 'embed_input': {'embed': embed, 'n_tokens': n}})
                    raise AssertionError(f'{n} were taken')
                except RpcError as why:
                    assert why.code == -32602, why
                    assert field in (None, why.data['field']), why


def images():
    """And what stands around them, which before 1.3.0 init is told."""
    for version in BOTH:
        with serve(version=version) as s, s.rpc() as r, s.rpc() as other:
            r.init('board', img_start='<s>', img_end='</s>', img_content='<pad>')
            other.init('board', img_start='<t>', img_end='</t>', img_content='<x>')
            for client, around in ((r, '<s><pad></s>'), (other, '<t><x></t>'), (r, '<s><pad></s>')):
                said = say_all(client, {'input_type': 3, 'multimodal_input': {
                    'prompt': 'params tokens 3 <image><image>', 'image_embed': numbers(4),
                    'n_image_tokens': 2, 'n_image': 2, 'image_width': 28, 'image_height': 14}})
                assert f'images=4:28x14:{around}:1..4.75 ' in said, said
                assert said.endswith('1 2 '), said
            if version != '1.3.0':
                assert 'loads=1 ' not in said, said
            # In a conversation, and in another worker.
            assert 'images=2:' in say_all(r, {'input_type': 3, 'multimodal_input': {
                'prompt': 'params tokens 1 <image>', 'image_embed': numbers(2),
                'n_image_tokens': 2}}, keep_history=1)
            s.kill_worker()
            n = len('params tokens 1 <image>') + 2 + 1 + len('params tokens 1 and')
            assert f'kv={n} ' in say(r, 'params tokens 1 and')[0]
            for prompt, field in (('<image><image>', 'prompt'), ('none', 'prompt')):
                try:
                    say_all(r, {'input_type': 3, 'multimodal_input': {
                        'prompt': prompt, 'image_embed': numbers(2), 'n_image_tokens': 2}})
                    raise AssertionError(f'{prompt} was taken')
                except RpcError as why:
                    assert why.code == -32602, why
                    assert why.data['field'] == f'multimodal_input.{field}', why


def cross_attention():
    """An encoder's numbers arrive with each run of that client, and with no other's."""
    given = {'encoder_k_cache': [k / 2 for k in range(6)], 'num_tokens': 3,
             'encoder_v_cache': [9 - k / 4 for k in range(6)], 'encoder_mask': [0, 0, -1e30],
             'encoder_pos': [7, 8, 9]}
    wanted = 'cross=3:0..2.5:9..7.75:0..-1e+30:7..9 '
    for version in BOTH:
        with serve(version=version) as s, s.rpc() as r, s.rpc() as other:
            r.init('board')
            other.init('board')
            assert r.call('rkllm.set_cross_attn_params', None, given) == {
                'success': True, 'num_tokens': 3,
                'message': 'Cross-attention parameters set successfully'}
            for _ in range(2):
                assert wanted in r.run('params tokens 2')[0]
                assert 'cross' not in other.run('params tokens 2')[0]
            assert wanted in r.run('params tokens 9 crash 4')[0]
            for name, bad in (('encoder_k_cache', [1] * 5), ('encoder_v_cache', [1] * 9),
                              ('encoder_mask', [0]), ('encoder_pos', [1, 2, -3]),
                              ('num_tokens', 4), ('encoder_pos', [1, 2, 0.5])):
                try:
                    r.call('rkllm.set_cross_attn_params', None, {**given, name: bad})
                    raise AssertionError(f'{name} was taken')
                except RpcError as why:
                    assert why.code == -32602, why
                    assert name == 'num_tokens' or why.data['field'] == name, why
            r.init('board')
            assert 'cross' not in r.run('params tokens 2')[0]
    with serve(version='1.2.1') as s, s.rpc() as r:  # which has no such call
        r.init('board')
        try:
            r.call('rkllm.set_cross_attn_params', None, given)
            raise AssertionError('it was taken')
        except RpcError as why:
            assert why.code == -32005, why


def prompt_caches():
    folder = os.path.join(FOLDER, 'caches')
    os.makedirs(folder)
    option = '--prompt-cache-dir', folder
    save = {'save_prompt_cache': 1, 'prompt_cache_path': 'mine'}
    with serve(options=option) as s, s.rpc() as r:
        r.init('board')
        said = r.run('params tokens 9', prompt_cache_params=save)[0]
        assert 'cache=0 ' in said and said.endswith('7 8 '), said
        assert os.listdir(folder) == ['mine']
        fds = f'/proc/{s.worker}/fd'

        def held():
            try:
                return [x for x in os.listdir(fds) if 'cache' in os.readlink(f'{fds}/{x}')]
            except FileNotFoundError:  # closed just now
                return ['?']
        for i in range(40):  # a worker has places for 32
            r.run('tokens 1', prompt_cache_params={**save, 'prompt_cache_path': f'more{i % 2}'})
        until(lambda: not held())
    # Its worker dies when all was said and nothing written: nobody waits for that.
    with serve(options=option, version='1.2.3') as s, s.rpc() as r:
        r.init('board')
        try:
            r.run('tokens 20 crash 9', max_new_tokens=9, prompt_cache_params={
                **save, 'prompt_cache_path': 'never'})
            raise AssertionError('it was saved')
        except RpcError as why:
            assert why.code == -32004 and 'died before' in why.message, why
        assert r.run('tokens 2')[0] == counted(2)
    assert not os.path.exists(os.path.join(folder, 'never'))
    with serve(options=option) as s, s.rpc() as r, s.rpc() as other:  # in another life
        r.init('board')
        other.init('board')
        assert r.call('rkllm.load_prompt_cache', None, 'mine')['success']
        for _ in range(2):
            assert 'cache=15 ' in r.run('params tokens 1')[0]
            assert 'cache=0 ' in other.run('params tokens 1')[0]
        assert 'cache=15 ' in r.run('params tokens 9 crash 4')[0]
        assert r.call('rkllm.release_prompt_cache', None)['success']
        assert 'cache=0 ' in r.run('params tokens 1')[0]

    def refused(name, word, **more):
        with serve(options=option, **more) as s, s.rpc() as r:
            r.init('board')
            try:
                r.call('rkllm.load_prompt_cache', None, name)
                raise AssertionError('it was taken')
            except RpcError as why:
                assert why.code == -32004 and word in why.message, why
            assert r.run('tokens 2')[0] == counted(2)
    refused('mine', 'another model', script='print other')
    refused('mine', 'another version', version='1.2.3')
    with open(os.path.join(folder, 'mine'), 'rb') as f:
        data = f.read()
    for name, bad in ('cut', data[:-2]), ('odd', b'GGUF' * 99), ('changed', data[:-1] + b'x'):
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(bad)
    refused('cut', 'damaged')
    refused('odd', 'no prompt cache')
    refused('changed', 'damaged')


def lacking_calls():
    """What this library does not export is said, and the worker lives on."""
    folder = os.path.join(FOLDER, 'lacking')
    os.makedirs(folder)
    with open(os.path.join(folder, 'x'), 'w') as f:
        f.write('a cache')

    def refused(call):
        try:
            got = call()
        except RpcError as why:
            assert why.code == -32005 and 'has no rkllm_' in why.message, why
            return
        raise AssertionError(f'taken: {got}')
    with serve(version='1.2.1', options=('--prompt-cache-dir', folder)) as s, s.rpc() as r:
        r.init('board')
        refused(lambda: r.call('rkllm.load_prompt_cache', None, 'x'))
        assert r.run('tokens 2')[0] == counted(2)
        assert s.status()['models'][0]['restarts'] == 0


def say(r, text, role='user', **infer):
    """A turn's text, and its last reply."""
    all_of_it = list(r.replies(r.send(
        'rkllm.run', None, {'role': role, 'prompt_input': text}, {'keep_history': 1, **infer},
        None)))
    return ''.join(x['text'] or '' for x in all_of_it), all_of_it[-1]


def kv(said):
    """How many tokens the library had before it answered."""
    return int(re.search(r'kv=(\d+)', said).group(1))


def conversations():
    """The library keeps one; what it has lost is given to it again, word for word."""
    prompts = 'tokens 4 héllo', 'params tokens 2', 'params tokens 1 and more'
    first, second = len(prompts[0].encode()) + 4, len(prompts[1]) + 2
    with serve() as s, s.rpc() as one, s.rpc() as two:
        one.init('board')
        two.init('board')
        for fault in 'none', 'other', 'alone', 'kill':
            assert one.call('rkllm.clear_kv_cache', None, 0, None, None)['success']
            assert say(one, prompts[0])[0] == counted(4)
            if fault == 'other':
                assert say(two, 'tokens 3')[0] == counted(3)
            if fault == 'alone':
                assert one.run('tokens 3')[0] == counted(3)
            if fault == 'kill':
                s.kill_worker()
            said = say(one, prompts[1])[0]
            assert kv(said) == first + len(prompts[1]), (fault, said)
            said = say(one, prompts[2], role='tool')[0]
            assert kv(said) == first + second + len(prompts[2]), (fault, said)
            assert 'role=tool' in said, said
        # A worker that dies in a turn: the conversation, the prompt, what was delivered.
        assert say(one, 'tokens 20 crash 7')[0] == counted(20)
        said = say(one, 'params tokens 1')[0]
        assert kv(said) > first + second + len(prompts[2]) + 20 + len('params tokens 1'), said
        assert one.call('rkllm.get_kv_cache_size', None)['cache_sizes'][0] > 0
        # In the middle of a text nobody can go on.
        one.call('rkllm.clear_kv_cache', None, 0, [1], [3])
        try:
            say(one, 'tokens 1')
            raise AssertionError('a cut text was taken')
        except RpcError as why:
            assert why.code == -32005 and 'keep_history' in why.message, why
        one.call('rkllm.clear_kv_cache', None, 0, None, None)
        assert kv(say(one, 'params tokens 1')[0]) == len('params tokens 1')


def templates():
    """Of a client's own; the model's own comes back by loading it anew."""
    with serve() as s, s.rpc() as one, s.rpc() as two:
        one.init('board')
        two.init('board')
        one.call('rkllm.set_chat_template', None, 'Be brief.', 'params <', '> tokens 1')
        said = one.run('Hi')[0]
        assert 'system=Be brief.' in said and 'loads=1' in said, said
        assert kv(said) == len('params <Hi> tokens 1'), said
        said = one.run('Hi')[0]
        assert 'system=Be brief.' in said and 'loads=1' in said, said
        said = two.run('params tokens 1')[0]
        assert 'system=- ' in said and 'loads=2' in said, said
        got = s.post('/v1/completions', {'prompt': 'params tokens 1'}).json
        assert 'system= ' in got['choices'][0]['text'], got
        assert s.status()['models'][0]['restarts'] == 0


def function_tools():
    tools = '[{"name":"f"}]'
    with serve() as s, s.rpc() as one, s.rpc() as two:
        one.init('board')
        two.init('board')
        assert one.call('rkllm.set_function_tools', None, 'Help.', tools, 'MARK')['success']
        for role in 'user', 'tool':
            said = say(one, 'params tokens 1', role=role)[0]
            assert 'system=Help.+[{"type":"function","fun+MARK loads=1' in said, said
            assert f'role={role} ' in said, said
        assert 'system=- loads=2' in two.run('params tokens 1')[0]
        two.call('rkllm.set_chat_template', None, 'Own', '', '')
        assert 'system=Own loads=2' in two.run('params tokens 1')[0]
        # The other's conversation goes on with its tools, after a template and a death.
        said = say(one, 'params tokens 1')[0]
        assert 'system=Help.+[{"type":"function","fun+MARK loads=3' in said, said
        assert kv(said) > 2 * len('params tokens 1'), said
        assert say(one, 'tokens 9 crash 4')[0] == counted(9)
        got = s.post('/v1/chat/completions', {
            'messages': [{'role': 'user', 'content': 'x'}],
            'tools': [{'type': 'function', 'function': {'name': 'f'}}]})
        assert got.status == 501 and 'tools' in got.error['message'], got


def lora():
    good, bad = os.path.join(FOLDER, 'good.rkllm'), os.path.join(FOLDER, 'bad.rkllm')
    for path, text in (good, 'LORA and so on'), (bad, 'no such thing'):
        with open(path, 'w') as f:
            f.write(text)
    with serve() as s, s.rpc() as r:
        r.init('board')
        for path, name in (good, 'fine'), (bad, 'broken'):
            assert r.call('rkllm.load_lora', None, {
                'lora_adapter_path': path, 'lora_adapter_name': name,
                'scale': 0.5})['success']
        said = r.run('params tokens 1', lora_params={'lora_adapter_name': 'fine'})[0]
        assert re.search(r'lora=\d+@0.5 ', said), said
        assert 'lora=- ' in r.run('params tokens 1')[0]
        try:
            r.run('tokens 1', lora_params={'lora_adapter_name': 'broken'})
            raise AssertionError('a bad adapter was taken')
        except RpcError as why:
            assert why.code == -32004, why
        # It is there again after the model was loaded anew, and in another worker.
        r.call('rkllm.set_function_tools', None, '', '[{"name":"f"}]', '')
        said = r.run('params tokens 1', lora_params={'lora_adapter_name': 'fine'})[0]
        r.call('rkllm.set_chat_template', None, '', '', '')
        said = r.run('params tokens 1', lora_params={'lora_adapter_name': 'fine'})[0]
        assert re.search(r'loads=2 lora=\d+@0.5 ', said), said
        s.kill_worker()
        said = r.run('params tokens 9 crash 4', lora_params={'lora_adapter_name': 'fine'})[0]
        assert re.search(r'lora=\d+@0.5 cache=0 1 2 3 4 5 6 7 8 $', said), said


def more_adapters_than_the_library_takes():
    """It unloads none, and has places for 64."""
    path = os.path.join(FOLDER, 'many.rkllm')

    def load(r, text, scale):
        with open(path, 'w') as f:
            f.write(text)
        assert r.call('rkllm.load_lora', None, {
            'lora_adapter_path': path, 'lora_adapter_name': 'x', 'scale': scale})['success']
        return r.run('params tokens 1', lora_params={'lora_adapter_name': 'x'})[0]
    with serve() as s, s.rpc() as r:
        r.init('board')
        pid = s.worker
        for i in range(70):  # what is none has no place
            try:
                load(r, f'no {i}', 1)
                raise AssertionError('a bad adapter was taken')
            except RpcError as why:
                assert why.code == -32004, why
        for i in range(1, 70):
            said = load(r, f'LORA {i}', i)
            loads = 1 if i <= 64 else 2
            assert re.search(rf'loads={loads} lora=\d+@{i} ', said), said
        assert s.worker == pid


def rows():
    """Modes 1 and 2: what the library gives in one piece goes out in many."""
    with serve(options=('-c', '40000')) as s, s.rpc() as r:
        r.init('board', max_context_len=40000)
        for mode, width, what, values, size in (
                (1, 4, 'last_hidden_layer', 'hidden_states', 'embd_size'),
                (2, 8, 'logits', 'logits', 'vocab_size')):
            for n in 3, 30000:
                ident = r.send('rkllm.run', None, {'input_type': 1, 'token_input': {
                    'input_ids': [7] * n}}, {'mode': mode}, None)
                data, last = r.replies(ident)
                assert data[what][size] == width and data[what]['num_tokens'] == n, data[what][size]
                assert data[what][values] == [i / 4 for i in range(n * width)]
                assert last['_callback_state'] == 2, last
            data, last = r.replies(r.start('twelve bytes', mode=mode))
            assert data[what]['num_tokens'] == 12 and len(data[what][values]) == 12 * width, data
        # Nobody knows beforehand how long a text is: neither does who goes on.
        ident = r.start('x' * 30000, mode=2)
        until(lambda: s.status()['models'][0]['running'] == 1)
        s.kill_worker()
        data, last = r.replies(ident)
        assert data['logits']['logits'] == [i / 4 for i in range(240000)]
        assert r.run('tokens 2')[0] == counted(2)


def abort():
    with serve() as s, s.rpc() as r:
        r.init('board')
        ident = r.start('tokens 100000', max_new_tokens=0)
        next(r.replies(ident))
        assert r.call('rkllm.is_running', None)['is_running']
        assert r.call('rkllm.abort', None)['success']
        last = list(r.replies(ident))[-1]
        assert last['_callback_state'] == 2, last
        # One whose callback is never called.
        ident = r.start('endless')
        until(lambda: s.status()['models'][0]['running'] == 1)
        assert r.call('rkllm.abort', None)['success']
        assert [x['_callback_state'] for x in r.replies(ident)] == [2]
        assert r.run('tokens 2')[0] == counted(2)


def the_second_waits():
    with serve() as s, s.rpc() as one, s.rpc() as two:
        one.init('board')
        two.init('board')
        first = one.start('endless')
        until(lambda: s.status()['models'][0]['running'] == 1)
        second = two.start('tokens 3')
        until(lambda: s.status()['models'][0]['queued'] == 1)
        assert one.call('rkllm.abort', None)['success']
        assert [x['_callback_state'] for x in one.replies(first)] == [2]
        assert ''.join(x['text'] or '' for x in two.replies(second)) == counted(3)


def crash_in_the_midst():
    """The stream goes on with the next token; no text is lost that was held back."""
    for version in BOTH:
        with serve(version=version) as s, s.rpc() as r:
            r.init('board')
            assert r.run('tokens 20 crash 7')[0] == counted(20)
            assert s.status()['models'][0]['restarts'] == 1
            # Held back at the crash: the start of a stop string, of a character.
            got = chat(s, 'crash 9 text one ST€ two', stop=['STOP'])
            assert got.json['choices'][0]['message']['content'] == 'one ST€ two', got
            assert s.status()['models'][0]['restarts'] == 2
            got = chat(s, 'crash 0 tokens 3')
            assert got.status == 200 or 'crash' in got.error['message'], got


def killed_again_and_again():
    with serve(options=('--restart-limit', '50')) as s, s.rpc() as r:
        r.init('board')
        ident = r.start('tokens 3000', max_new_tokens=3000)
        texts = []
        for got in r.replies(ident):
            texts.append(got['text'] or '')
            if len(texts) in (50, 400, 1000):
                s.kill_any_worker()
        assert ''.join(texts) == counted(len(texts) - 1), texts[:30]
        assert s.status()['models'][0]['restarts'] >= 2


def resume_without_clear():
    """A library that lacks a call which only a second resume in one life wants."""
    with serve(version='1.2.1') as s, s.rpc() as r:
        r.init('board')
        assert r.run('tokens 9 crash 3')[0] == counted(9)


def hang_is_found():
    with serve(options=('--hang-timeout', '500ms', '--load-timeout', '2s')) as s, s.rpc() as r:
        r.init('board')
        assert r.run('tokens 20')[0] == counted(20)
        assert r.run('tokens 12 hang 5')[0] == counted(12)
        m = s.status()['models'][0]
        assert m['restarts'] == 1, m
        s.wait_log('no progress|hang')


def slow_reader_parks():
    """Who reads nothing stops the library, and nobody takes that for a hang."""
    with serve(options=('--hang-timeout', '500ms', '--load-timeout', '2s', '--out-high', '4K',
                        '-c', '60000')) as s, s.rpc(rcvbuf=4096) as r, s.rpc() as other:
        r.init('board', max_context_len=60000)
        ident = r.start('tokens 8000', max_new_tokens=8000)
        next(r.replies(ident))
        seen = settled(lambda: s.status()['models'][0]['tokens'], pause=0.3)
        assert seen < 7000, seen
        assert ''.join(x['text'] or '' for x in r.replies(ident)) == counted(8000, 1)
        assert s.status()['models'][0]['restarts'] == 0
        other.ping()


def error_in_a_run():
    with serve() as s, s.rpc() as r:
        r.init('board')
        ident = r.start('tokens 9 error 4')
        texts = []
        try:
            for got in r.replies(ident):
                texts.append(got['text'])
            raise AssertionError(f'no error: {texts}')
        except RpcError as why:
            assert why.code == -32603 and 'librkllmrt' in why.message, why
        assert texts == [f'{k} ' for k in range(4)], texts
        assert r.run('tokens 2')[0] == counted(2)


def init_error(options=(), script='', lib=None, path=None):
    """The error of an init, and the log."""
    option = ('--rkllm-library', lib) if lib else ()
    with Server(*option, *options) as s, s.rpc() as r:
        try:
            r.init(path or model(script, 'bad.rkllm'))
        except RpcError as why:
            return why, s.log()
        raise AssertionError('it was loaded')


def clear_errors():
    why, _ = init_error(lib='/nonexistent/librkllmrt.so')
    assert why.code == -32001 and '/nonexistent/librkllmrt.so: no such file' in why.message, why
    why, _ = init_error()
    assert why.code == -32001 and '--rkllm-library' in why.message, why
    assert '/usr/lib/librkllmrt.so' in why.message, why
    why, _ = init_error(lib=MODEL)
    assert 'cannot be loaded' in why.message, why
    why, _ = init_error(lib=library('1.3.1'))
    assert 'version 1.3.1' in why.message and '--rkllm-version' in why.message, why
    why, _ = init_error(lib=library(), options=('--rkllm-version', '1.4'))
    assert 'must be one of 1.2.1, 1.2.2, 1.2.3 and 1.3.0, not "1.4"' in why.message, why
    mute = os.path.join(FOLDER, 'mute.so')
    with open(library(), 'rb') as f, open(mute, 'wb') as to:
        to.write(f.read().replace(b'RKLLM SDK', b'ABCDE FGH'))
    why, _ = init_error(lib=mute)
    assert 'does not say which version' in why.message, why
    other = glob.glob(os.path.join(BIN, '..', 'lib', 'bulkhead', 'libggml-base*'))[0]
    why, _ = init_error(lib=other, options=('--rkllm-version', '1.3.0'))
    assert 'has no rkllm_createDefaultParam' in why.message, why


def said_version_counts():
    with Server('--rkllm-library', library('1.3.1'), '--rkllm-version', '1.3.0',
                models=[model()]) as s:
        assert chat(s, 'tokens 2').json['choices'][0]['message']['content'] == counted(2)


def init_fails():
    """What the library prints is the reason, on either stream."""
    for script, words in (
            ('print E RKNN: [1] failed to open rknpu module, need to insmod rknpu dirver!\nfail',
             ('no NPU', 'dev/', 'failed to open rknpu module')),
            ('warn W rkllm: Warning: Your rknpu driver version is too low, please upgrade to '
             '0.9.7\n'
             'print E rkllm: matmul failed\nfail', ('driver is too old', 'matmul failed')),
            ('print E rkllm: model target_platform is RK3576, but this is RK3588\nfail',
             ('another chip', 'RK3576')),
            ('print E RKNN: invalid rknn llm model magic\nfail', ('version', 'magic')),
            ('warn something odd\nfail', ('no reason that is known', 'something odd')),
            ('fail', ('rkllm_init failed (-1)',))):
        for version in BOTH:
            why, log = init_error(script=script, lib=library(version))
            assert why.code == -32001, why
            for word in words:
                assert word in why.message, (word, why)
    assert 'rkllm-runtime version' in log, log


def init_crashes_or_hangs():
    why, _ = init_error(script='crash', lib=library())
    assert why.code == -32001 and 'died' in why.message, why
    why, _ = init_error(script='hang', lib=library(), options=('--load-timeout', '1s'))
    assert why.code == -32001, why


def jail():
    """Nothing but the model and the system's libraries can be opened, no network."""
    other = model('x', 'x.rkllm')
    with serve('\n'.join(f'open {path}' for path in (
            MODEL, other, '/etc/hostname', '/tmp', '/usr/lib')) + '\nsocket') as s:
        assert chat(s, 'tokens 2').status == 200
        held = s.status()['models'][0]['jail']['layers']
        missing = s.status()['front']['jail']['missing']
        log = s.log()
    if SANITIZE or not any(x.startswith('landlock') for x in held):
        return
    for path in MODEL, other, '/etc/hostname', '/tmp':
        assert f'open {path}: Permission denied' in log, log
    assert 'open /usr/lib: opened' in log, log
    assert 'socket: Operation not permitted' in log, log
    if not missing:  # what is left out for the NPU is no gap
        with serve(options=('--jail', 'require')) as s:
            assert chat(s, 'tokens 2').status == 200


def beside_gguf():
    """Each file has its engine, also where they are one file by two names."""
    link = os.path.join(FOLDER, 'linked.gguf')
    path = model('GGUF', 'two.rkllm')
    os.path.lexists(link) or os.symlink(MODEL, link)
    with Server('--rkllm-library', library(), models=[link, path]) as s:
        models = {m['name']: m for m in s.status()['models']}
        assert models['linked']['arch'] == 'llama' and models['two']['arch'] == 'rkllm', models
        got = chat(s, 'tokens 3', model='two')
        assert got.json['choices'][0]['message']['content'] == counted(3), got
        assert s.complete('Once', model='linked', max_tokens=3)
    folder = os.path.join(FOLDER, 'dir')
    os.makedirs(folder)
    shutil.copy(path, os.path.join(folder, 'three.rkllm'))
    with Server('--rkllm-library', library(), '--models-dir', folder, models=[]) as s:
        assert chat(s, 'tokens 3', model='three').status == 200


def front_dies():
    """What ran for the old front is ended; the next one's waits for that."""
    with serve() as s:
        with s.rpc() as r:
            r.init('board')
            r.start('endless')
            until(lambda: s.status()['models'][0]['running'] == 1)
            os.kill(s.front, signal.SIGKILL)
        s.wait_log('Server started successfully|ready', times=1)
        until(lambda: usable(s))


def usable(s):
    try:
        with Rpc(s.rpc_path) as r:
            r.init('board')
            return r.run('tokens 2')[0] == counted(2)
    except (OSError, EOFError):
        return False


try:
    cases(init_and_run, http_chat, tokens_in, characters_are_whole, stop_strings, parameters,
          refusals, embeddings, images, cross_attention, prompt_caches, lacking_calls,
          conversations, templates, function_tools,
          lora, more_adapters_than_the_library_takes, rows, abort, the_second_waits,
          crash_in_the_midst, killed_again_and_again,
          resume_without_clear, hang_is_found, slow_reader_parks, error_in_a_run, clear_errors,
          said_version_counts, init_fails, init_crashes_or_hangs, jail, beside_gguf, front_dies)
finally:
    shutil.rmtree(FOLDER)
