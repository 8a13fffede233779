#!/usr/bin/env python3
"""rkllm.load_lora: adapters of each client's own names, chosen by each run, exactly resumed."""
import contextlib
import os
import shutil
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import MODEL, SANITIZE, Server, cases, made_model, refusal, until

N = 40 if SANITIZE else 120
PROMPT = 'Tell me about a lighthouse.'
MOST = 16  # adapters of one model


def load(rpc, path, name, **more):
    got = rpc.call('rkllm.load_lora', None, {'lora_adapter_path': path, 'lora_adapter_name': name,
                                             'scale': 1.0, **more})
    assert got['success'] is True, got


def infer(name=None, n=N, seed=3):
    lora = {} if name is None else {'lora_params': {'lora_adapter_name': name}}
    return {'seed': seed, 'max_new_tokens': n, **lora}


def say(rpc, name=None, **more):
    return rpc.run(PROMPT, **infer(name, **more))[0]


@contextlib.contextmanager
def client(s):
    with s.rpc() as rpc:
        rpc.init('', ignore_eos_token=True)
        yield rpc


def held(s):
    """How many files clients have attached to the model."""
    return s.status()['models'][0]['attached']


def chosen_by_name_and_scale(s, a, b):
    with client(s) as rpc:
        plain = say(rpc)
        load(rpc, a, 'a')
        load(rpc, b, 'b')
        load(rpc, b, 'half', scale=0.5)
        said = [plain] + [say(rpc, name) for name in ('a', 'b', 'half')]
        assert len(set(said)) == 4, said
        # Loaded is not applied; nor is the last one that ran.
        assert say(rpc) == say(rpc, '') == plain
        # By name, and without the handle's place.
        rpc.raw('{"jsonrpc":"2.0","id":"x","method":"rkllm.load_lora","params":'
                f'{{"lora_adapter_path":"{a}","lora_adapter_name":"c","scale":1}}}}\n')
        assert rpc.next('x')['success']
        rpc.call('rkllm.load_lora', {'lora_adapter_path': a, 'lora_adapter_name': 'd'})
        assert say(rpc, 'c') == say(rpc, 'd') == said[1]
        # The same name again: the other file from now on.
        load(rpc, b, 'a')
        assert say(rpc, 'a') == said[2]
        # What the server has of its own does the same.
        with Server('--lora', a, '--lora-scaled', f'{b}:0.5') as other, client(other) as its:
            load(its, a, 'mine')
            assert say(its, 'mine') == said[1]
            assert say(its) not in said, 'who names none has the server\'s'


def names_are_the_clients_own(s, a, b):
    with client(s) as one, client(s) as two:
        load(one, a, 'x')
        load(two, b, 'x')
        assert say(one, 'x') != say(two, 'x')
        load(two, a, 'y')
        assert say(one, 'x') == say(two, 'y')
        assert held(s) == 2, 'a file is there once'
        got = refusal(say, one, 'y')
        assert got.code == -32602 and 'loaded: x' in got.message, got
        assert got.data['field'] == 'lora_params.lora_adapter_name'
        two.call('rkllm.destroy', None)
        until(lambda: held(s) == 1)
        two.init('', ignore_eos_token=True)
        assert 'loaded: none' in refusal(say, two, 'x').message
        # Not over HTTP, by whatever id.
        got = s.post('/v1/completions', {'prompt': 'x', 'lora': [{'id': 16, 'scale': 1}]})
        assert got.status == 400, got
    until(lambda: held(s) == 0)


def a_client_goes_in_the_middle(s, a, _):
    with client(s) as other:
        for _ in range(3):
            with client(s) as rpc:
                load(rpc, a, 'a')
                run = rpc.start(PROMPT, **infer('a', n=900))
                for _ in range(3):
                    rpc.next(run)
            until(lambda: held(s) == 0)
        assert say(other)


def replaced_while_it_runs(s, a, b):
    with client(s) as rpc, client(s) as other:
        load(rpc, a, 'x')
        want = say(rpc, 'x', n=300)
        run = rpc.start(PROMPT, **infer('x', n=300))
        text = ''.join(rpc.next(run)['text'] or '' for _ in range(3))
        load(rpc, b, 'x')
        s.kill_worker()
        text += ''.join(r['text'] or '' for r in rpc.replies(run))
        assert text == want, 'it keeps what it began with'
        until(lambda: held(s) == 1)
        load(other, b, 'b')
        assert say(rpc, 'x') == say(other, 'b')


def killed_again_and_again(s, a, b):
    names = None, 'a', 'b', 'half'
    with client(s) as rpc:
        load(rpc, a, 'a')
        load(rpc, b, 'b')
        load(rpc, b, 'half', scale=0.5)
        jobs = [(name, seed) for seed in range(3) for name in names]
        want = [say(rpc, name, seed=seed) for name, seed in jobs]
        was = s.metric('resumes_differed_total')
        for kills in range(3):
            runs = [rpc.start(PROMPT, **infer(name, seed=seed)) for name, seed in jobs]
            for _ in range(kills):
                rpc.kept.setdefault(runs[kills], []).insert(0, {'result': rpc.next(runs[kills])})
                s.kill_worker(signal.SIGKILL)
            said = [''.join(r['text'] or '' for r in rpc.replies(run)) for run in runs]
            assert said == want, kills
        assert s.metric('resumes_differed_total') == was
        assert all(m['exact'] for m in s.status()['models'])


def as_many_as_there_may_be(s, *_):
    """They come when the context is made; each is applied, and all of them are there."""
    with contextlib.ExitStack() as stack:
        paths = [stack.enter_context(made_model('--lora', '8', '--base', MODEL, '--seed', str(i)))
                 for i in range(MOST + 1)]
        rpc, other = stack.enter_context(client(s)), stack.enter_context(client(s))
        for i in range(MOST):
            load(rpc, paths[i], f'n{i}')
        assert len({say(rpc, f'n{i}', n=20) for i in range(MOST)}) == MOST
        got = refusal(load, other, paths[MOST], 'more')
        assert got.code == -32002 and 'limit' in got.message, got
        got = refusal(load, rpc, paths[0], 'more')
        assert got.code == -32002 and got.data['field'] == 'lora_adapter_name', got
        s.kill_worker()
        assert say(rpc, f'n{MOST - 1}', n=20) and held(s) == MOST


def bad_files(s, a, _):
    """Of every kind: each is refused with words, and who streams beside it notices nothing."""
    with open(a, 'rb') as f:
        good = f.read()
    cut = {n: good[:n] for n in (1, 4, 24, 100, len(good) // 2, len(good) - 1)}
    flipped = {n: good[:n] + bytes([good[n] ^ 0x80]) + good[n + 1:] for n in (0, 4, 15, 23)}
    with client(s) as rpc, client(s) as beside, made_model('--preset', 'tiny-llama') as base, \
            made_model('--lora', '4', '--base', base) as foreign:
        run = beside.start(PROMPT, **infer(n=900))
        beside.next(run)
        pid = s.worker
        folder = os.path.join(s.dir, 'bad')
        os.mkdir(folder)
        for n, data in [*cut.items(), *((-n, d) for n, d in flipped.items())]:
            path = os.path.join(folder, f'{n}.gguf')
            with open(path, 'wb') as f:
                f.write(data)
            got = refusal(load, rpc, path, 'x')
            assert got.code == -32004 and path in got.message, (n, got)
            assert got.data['field'] == 'lora_adapter_path', got
        os.mkfifo(os.path.join(folder, 'fifo'))
        for path, words in (('/nowhere/x.gguf', 'no such file'), (folder, 'directory'),
                            (os.path.join(folder, 'fifo'), 'regular'), (MODEL, 'adapter'),
                            (foreign, 'model'), (base, 'cannot be used')):
            got = refusal(load, rpc, path, 'x')
            assert got.code == -32004 and words in got.message, (path, got)
        assert 'loaded: none' in refusal(say, rpc, 'x').message
        load(rpc, a, 'x')
        assert refusal(load, rpc, '/nowhere', 'x').code == -32004
        assert say(rpc, 'x', n=5), 'a load that fails leaves what was there'
        assert len(list(beside.replies(run))) > 800 and s.worker == pid


def bad_parameters(s, a, _):
    with client(s) as rpc:
        for field, params in (('lora_adapter', [None, 7]), ('lora_adapter_path', [{}]),
                              ('lora_adapter_path', [{'lora_adapter_name': 'x'}]),
                              ('lora_adapter_path', [{'lora_adapter_path': 7}]),
                              ('lora_adapter_name', [{'lora_adapter_path': a}]),
                              ('lora_adapter_name', [{'lora_adapter_path': a,
                                                      'lora_adapter_name': 'x' * 300}]),
                              ('scale', [{'lora_adapter_path': a, 'lora_adapter_name': 'x',
                                          'scale': 'much'}]),
                              ('scale', [{'lora_adapter_path': a, 'lora_adapter_name': 'x',
                                          'scale': 1e9}])):
            got = refusal(rpc.call, 'rkllm.load_lora', *params)
            assert got.code == -32602 and got.data['field'] == field, (params, got)
    with s.rpc() as rpc:
        assert refusal(load, rpc, a, 'x').code == -32000


def changed_while_it_is_used(s, a, b):
    """What a worker has read stays; the next worker does not get another by that name."""
    path = shutil.copy(a, os.path.join(s.dir, 'changing.gguf'))
    with client(s) as rpc:
        load(rpc, path, 'x')
        want = say(rpc, 'x')
        run = rpc.start(PROMPT, **infer('x', n=900))
        rpc.next(run)
        shutil.copy(b, path)
        assert say(rpc, 'x') == want
        s.kill_worker()
        got = refusal(lambda: list(rpc.replies(run)))
        assert got.code == -32004 and 'gone' in got.message, got
        got = refusal(say, rpc, 'x')
        assert got.code == -32004 and 'changed' in got.message, got
        load(rpc, path, 'x')
        load(rpc, b, 'b')
        assert say(rpc, 'x') == say(rpc, 'b')


def one_that_kills(a):
    """An evil file costs one worker; its sender hears of the crash, the others' streams go on."""
    with Server(faulty=True, clean=False) as s, client(s) as rpc, client(s) as beside:
        evil = os.path.join(s.dir, 'evil.gguf')
        with open(a, 'rb') as f, open(evil, 'wb') as to:
            to.write(f.read() + b'FAULT:read......')
        load(rpc, a, 'good')
        want = [say(rpc, 'good', n=200), say(beside, n=200)]
        runs = [(rpc, rpc.start(PROMPT, **infer('good', n=200))),
                (beside, beside.start(PROMPT, **infer(n=200)))]
        for one, run in runs:
            one.kept.setdefault(run, []).insert(0, {'result': one.next(run)})
        got = refusal(load, rpc, evil, 'evil')
        assert got.code == -32004 and 'the worker died while it read it' in got.message, got
        assert SANITIZE or 'SIGSEGV' in got.message, got
        crash = got.data['crash_id']
        assert s.obituary(crash)['phase'] == 'attach', s.obituary(crash)
        assert [''.join(r['text'] or '' for r in one.replies(run)) for one, run in runs] == want
        got = refusal(load, rpc, evil, 'evil')
        assert got.code == -32004 and crash in got.message and len(s.crashes()) == 1, got
        # Whatever comes: others, that are each another file.
        for i in range(8):
            with open(evil, 'r+b') as f:
                f.seek(-30, os.SEEK_END)
                f.write(bytes([i]))
            assert refusal(load, rpc, evil, 'evil').code == -32004
        assert [say(rpc, 'good', n=200), say(beside, n=200)] == want


with made_model('--lora', '4', '--base', MODEL, '--seed', '5') as first, \
        made_model('--lora', '4', '--base', MODEL, '--seed', '6') as second:
    with Server('--parallel', '16', '--restart-limit', '1000000') as server:
        cases(chosen_by_name_and_scale, names_are_the_clients_own, a_client_goes_in_the_middle,
              replaced_while_it_runs, killed_again_and_again, as_many_as_there_may_be, bad_files,
              bad_parameters, changed_while_it_is_used, args=(server, first, second))
    cases(one_that_kills, args=(first,))
