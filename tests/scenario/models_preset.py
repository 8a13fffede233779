#!/usr/bin/env python3
"""--models-preset: sections are models with settings of their own, aliases, tags, hidden ones."""
import os
import shutil
import subprocess
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, RpcError, Server, cases, fake_text, until

folder = tempfile.mkdtemp(prefix='bulkhead-test-')


def write(name, text):
    path = os.path.join(folder, name)
    with open(path, 'w') as f:
        f.write(text)
    return path


def listed(s):
    return {m['id']: m for m in s.get('/v1/models').json['data']}


def slots(s, name):
    return {m['name']: m['slots'] for m in s.status()['models']}[name]


def settings_of_their_own():
    one = write('one.gguf', 'GGUF\ntokens 3\n')
    two = write('two.gguf', 'GGUF\ntokens 4\n')
    ini = write('p.ini', f'''version = 1
[*]
np = 2
[first]
model = {one} ; which
alias = uno, eins
tags = small,fast
parallel = 3
[second]
m = {two}
[third]
LLAMA_ARG_MODEL = {two}
hidden = true
LLAMA_ARG_N_PARALLEL = 5
''')
    with Server('--models-preset', ini, models=(), fake_worker=True) as s:
        models = listed(s)
        assert set(models) == {'first', 'second'}, models
        assert models['first']['aliases'] == ['uno', 'eins'], models
        assert models['first']['tags'] == ['small', 'fast'], models
        assert models['first']['status']['value'] == 'unloaded', models
        assert models['second']['source'] == 'preset' and models['second']['path'] == two, models
        for name, tokens in ('first', 3), ('uno', 3), ('eins', 3), ('second', 4), ('third', 4):
            assert s.complete(model=name, seed=1) == fake_text(tokens, 1), name
        assert slots(s, 'first') == 3 and slots(s, 'second') == 2 and slots(s, 'third') == 5
        assert s.get('/v1/models/eins').json['id'] == 'first'
        assert s.get('/v1/models/third').json['id'] == 'third'
        with s.rpc() as r:
            r.init('eins')
            assert r.run('x', seed=7)[0] == fake_text(3, 7)
            r.call('rkllm.destroy', None)
        got = s.post('/v1/completions', {'model': 'four', 'prompt': 'x'})
        assert got.status == 404, got
        # One process for each; the two of one file are two.
        workers = [n for n in s.children().values() if n == 'bulkhead-worker']
        assert len(workers) == 3, s.children()


def the_command_line_wins():
    one = write('one.gguf', 'GGUF\ntokens 3\n')
    ini = write('p.ini', f'[*]\nnp = 2\n[first]\nm = {one}\nnp = 3\n'
                         '[mine]\nnp = 4\nalias = meins\n')
    with Server('--models-preset', ini, '-np', '7', '--alias', 'mine,my',
                '--tags', 'own,first', fake='tokens 2') as s:
        assert s.complete(model='first', seed=1) == fake_text(3, 1)
        assert slots(s, 'first') == 7 and slots(s, 'mine') == 7
        for name in 'mine', 'my', 'meins':
            assert s.complete(model=name, seed=1) == fake_text(2, 1)
        assert listed(s)['mine']['aliases'] == ['my', 'meins']
        assert listed(s)['mine']['tags'] == ['own', 'first']


def load_on_startup():
    one = write('one.gguf', 'GGUF\ntokens 3\n')
    bad = write('bad.gguf', 'GGUF\nat load fail no such thing\n')
    ini = write('p.ini', f'[first]\nm = {one}\nload-on-startup = true\n'
                         f'[bad]\nm = {bad}\nload-on-startup = true\n[later]\nm = {one}\n')
    with Server('--models-preset', ini, models=(), fake_worker=True) as s:
        until(lambda: listed(s)['first']['status']['value'] == 'loaded')
        until(lambda: 'no such thing' in s.log())
        until(lambda: listed(s)['bad']['status']['value'] == 'unloaded')
        assert listed(s)['later']['status']['value'] == 'unloaded'
        assert s.get('/health').status == 200


def a_section_for_a_file_of_the_folder():
    models = os.path.join(folder, 'models')
    os.makedirs(models, exist_ok=True)
    write('models/a.gguf', 'GGUF\ntokens 3\n')
    write('models/b.gguf', 'GGUF\ntokens 3\n')
    ini = write('p.ini', '[a]\nnp = 3\nalias = A\n[gone]\nnp = 4\n')
    with Server('--models-dir', models, '--models-preset', ini, '--models-max', '0', models=(),
                fake_worker=True) as s:
        assert set(listed(s)) == {'a', 'b'}
        assert s.complete(model='A', seed=1) == fake_text(3, 1)
        assert slots(s, 'a') == 3
        assert f'{ini}:4: "gone" has no model =' in s.log(), s.log()


def what_is_wrong_is_told():
    one = write('one.gguf', 'GGUF\n')
    for text, code, why in (
            ('[a]\nctxsize = 1\n', 2, 'p.ini:2: ctxsize: no such setting'),
            ('[a]\nport = 1\n', 2, "p.ini:2: port: is the server's"),
            ('[a]\nhf-repo = a/b\n', 2, 'p.ini:2: hf-repo: models of Hugging Face'),
            (f'[a]\nm = {one}\n[b]\nm = {one}\nalias = a\n', 2, '"a" of model b is what model a'),
            (f'[a]\nm = {one}\nchat-template-file = /none\n', 3, '/none'),
            (''.join(f'[m{i}]\nm = {one}\nload-on-startup = 1\n' for i in range(5)), 2,
             '5 models are to be loaded at start'),
            (None, 3, 'no.ini')):
        ini = write('p.ini', text) if text else os.path.join(folder, 'no.ini')
        got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'serve', '--models-preset', ini,
                              '--port', '0', '--no-rpc'], capture_output=True, text=True,
                             timeout=DEADLINE)
        assert got.returncode == code and why in got.stderr, (text, got)
        assert len(got.stderr.splitlines()) == 1, got.stderr


def nothing_in_it_is_run():
    mark = os.path.join(folder, 'ran')
    one = write('one.gguf', 'GGUF\ntokens 3\n')
    ini = write('p.ini', f'[$(touch {mark})]\nm = {one}\n[`touch {mark}`]\nm = $(touch {mark})\n'
                         f'alias = |touch {mark}\n')
    with Server('--models-preset', ini, models=(), fake_worker=True) as s:
        assert s.complete(model=f'$(touch {mark})', seed=1) == fake_text(3, 1)
        got = s.post('/v1/completions', {'model': f'|touch {mark}', 'prompt': 'x'})
        assert got.status >= 400 and 'no such file' in got.error['message'], got
    assert not os.path.exists(mark)


try:
    cases(settings_of_their_own, the_command_line_wins, load_on_startup,
          a_section_for_a_file_of_the_folder, what_is_wrong_is_told, nothing_in_it_is_run)
finally:
    shutil.rmtree(folder)
