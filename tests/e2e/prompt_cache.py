#!/usr/bin/env python3
"""Prompt caches: saved by a run, begun with in a later life, checked, and kept in their folder."""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import stat
import struct
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import MODEL, SANITIZE, RpcError, Server, cases, is_alive, made_model, refusal, until

N = 40
CHUNK = 64
IDS = [(7 * i) % 450 + 20 for i in range(400)]
HEAD = struct.Struct('<QIIIIQQ')


@contextlib.contextmanager
def server(folder, *options, model=None, **more):
    with Server('--prompt-cache-dir', folder, *options, models=[model or MODEL], **more) as s:
        yield s


@contextlib.contextmanager
def client(s, model=''):
    with s.rpc() as rpc:
        rpc.init(model, ignore_eos_token=True, max_context_len=512)
        yield rpc


def start(rpc, ids, save=None, n=N, **more):
    if save:
        more['prompt_cache_params'] = {'save_prompt_cache': 1, 'prompt_cache_path': save}
    return rpc.send('rkllm.run', {'input_type': 1, 'token_input': {'input_ids': ids}},
                    {'seed': 3, 'max_new_tokens': n, **more})


def finish(rpc, ident):
    """The tokens, and how many of the prompt were computed."""
    replies = list(rpc.replies(ident))
    return [r['token_id'] for r in replies], replies[-1]['perf']['prefill_tokens']


def run(rpc, ids, *args, **more):
    return finish(rpc, start(rpc, ids, *args, **more))


def load(rpc, path):
    got = rpc.call('rkllm.load_prompt_cache', None, path)
    assert got['success'] is True and got['cache_path'] == path, got


def release(rpc):
    assert rpc.call('rkllm.release_prompt_cache', None)['success'] is True


def saved(s, name, ids, **more):
    """A file in the server's folder."""
    with client(s) as rpc:
        run(rpc, ids, name, **more)


@contextlib.contextmanager
def folder_with(name='x', ids=IDS[:150]):
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder:
        with server(folder) as s:
            saved(s, name, ids)
        yield folder


def in_the_next_life():
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder:
        with server(folder) as s, client(s) as rpc:
            want, n = run(rpc, IDS[:150])
            assert n == 150
            assert run(rpc, IDS[:150], 'x') == (want, 150), 'to be saved changes nothing'
            more = [run(rpc, IDS[:n])[0] for n in (128, 129, 200, 399)]
            other = run(rpc, IDS[:100] + IDS[200:260])[0]
        path = os.path.join(folder, 'x')
        assert os.listdir(folder) == ['x'] and stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with server(folder) as s, client(s) as rpc:
            load(rpc, 'x')
            assert run(rpc, IDS[:150]) == (want, 150 - 128)
            # As far as it goes, in whole chunks; the last token is always computed.
            for n, tokens in zip((128, 129, 200, 399), more):
                assert run(rpc, IDS[:n]) == (tokens, n - (64 if n == 128 else 128)), n
            assert run(rpc, IDS[:100] + IDS[200:260]) == (other, 160 - 64)
            assert run(rpc, IDS[50:200])[1] == 150
            load(rpc, path)
            assert run(rpc, IDS[:150]) == (want, 22)
            release(rpc)
            assert run(rpc, IDS[:150]) == (want, 150)


def exact_through_deaths():
    with folder_with() as folder, server(folder) as s, client(s) as rpc:
        want = run(rpc, IDS[:200], n=200)[0]
        load(rpc, 'x')
        for kills in range(1, 4):
            ident = start(rpc, IDS[:200], n=200)
            got = []
            for _ in range(kills):
                got += [rpc.next(ident)['token_id'] for _ in range(20)]
                s.kill_worker()
            assert got + finish(rpc, ident)[0] == want
        # Given back while it runs: what runs keeps it.
        ident = start(rpc, IDS[:200], n=200)
        got = [rpc.next(ident)['token_id'] for _ in range(5)]
        release(rpc)
        s.kill_worker()
        assert got + finish(rpc, ident)[0] == want
        # One that is killed again before it has spoken has no verdict.
        assert s.metric('resumes_differed_total') == 0 and s.metric('resumes_agreed_total') > 0
        until(lambda: s.status()['models'][0]['attached'] == 0)


def in_company():
    """Runs that begin with a cache beside such as do not, all killed again and again."""
    with folder_with() as folder, server(folder, '--restart-limit', '1000000') as s, \
            contextlib.ExitStack() as stack:
        rpcs = [stack.enter_context(client(s)) for _ in range(4)]
        jobs = [(rpc, IDS[:n], seed) for rpc in rpcs for n, seed in ((150, 1), (300, 2))]

        def begin(rpc, ids, seed):
            return rpc.send('rkllm.run', {'input_type': 1, 'token_input': {'input_ids': ids}},
                            {'seed': seed, 'max_new_tokens': 150})
        want = [finish(job[0], begin(*job))[0] for job in jobs]
        for rpc in rpcs[:2]:
            load(rpc, 'x')
        for kills in range(4):
            runs = [begin(*job) for job in jobs]
            for _ in range(kills):
                rpcs[0].kept.setdefault(runs[1], []).append({'result': rpcs[0].next(runs[1])})
                until(s.kill_any_worker)  # what came may be of the one before
            assert [finish(job[0], run)[0] for job, run in zip(jobs, runs)] == want, kills
        assert s.metric('resumes_differed_total') == 0


def with_an_adapter_and_without():
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder, \
            made_model('--lora', '4', '--base', MODEL, '--seed', '5') as lora:
        copy = shutil.copy(lora, os.path.join(folder, 'lora.gguf'))
        a = {'lora_params': {'lora_adapter_name': 'a'}}
        with server(folder) as s, client(s) as rpc:
            rpc.call('rkllm.load_lora', {'lora_adapter_path': lora, 'lora_adapter_name': 'a'})
            want = run(rpc, IDS[:150], 'sub', **a)[0]
            plain = run(rpc, IDS[:150])[0]
            assert want != plain
        with server(folder) as s, client(s) as rpc:
            rpc.call('rkllm.load_lora', {'lora_adapter_path': copy, 'lora_adapter_name': 'a'})
            rpc.call('rkllm.load_lora', {'lora_adapter_path': copy, 'lora_adapter_name': 'b',
                                         'scale': 0.5})
            load(rpc, 'sub')
            assert run(rpc, IDS[:150], **a) == (want, 22)
            assert run(rpc, IDS[:150]) == (plain, 150)
            assert run(rpc, IDS[:150], lora_params={'lora_adapter_name': 'b'})[1] == 150


def as_text_and_as_a_conversation():
    say = 'Tell me about a lighthouse and a boat and the sea. ' * 8
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder, server(folder) as s:
        with client(s) as rpc, client(s) as other:
            keep = {'keep_history': 1, 'max_new_tokens': N, 'seed': 3}
            want = [rpc.run(say, **keep)[0], rpc.run('And then?', **keep)[0]]
            params = {'save_prompt_cache': 1, 'prompt_cache_path': 'talk'}
            assert other.run(say, **keep, prompt_cache_params=params)[0] == want[0]
            other.call('rkllm.clear_kv_cache', None, 0, None, None)
            load(other, 'talk')
            text, last = other.run(say, **keep)
            assert text == want[0] and last['perf']['prefill_tokens'] <= CHUNK, last
            assert other.run('And then?', **keep)[0] == want[1]


def models_without_a_way_back():
    """A state cannot lose its last tokens: it is saved where others can go on from."""
    with made_model('--preset', 'tiny-mamba', '--ctx', '512') as model, \
            tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder:
        with server(folder, model=model) as s, client(s) as rpc:
            want = [run(rpc, IDS[:150], 'x')[0], run(rpc, IDS[:200])[0]]
        with server(folder, model=model) as s, client(s) as rpc:
            load(rpc, 'x')
            assert run(rpc, IDS[:150]) == (want[0], 22)
            assert run(rpc, IDS[:200]) == (want[1], 72)
            assert run(rpc, IDS[:127])[1] == 127


def belongs_to_its_model():
    with folder_with() as folder, made_model('--preset', 'tiny-llama') as tiny:
        moved = shutil.copy(MODEL, os.path.join(folder, 'moved.gguf'))
        with server(folder, model=moved) as s, client(s) as rpc, client(s, tiny) as other:
            got = refusal(load, other, 'x')
            assert got.code == -32004 and 'another model' in got.message, got
            assert got.data['field'] == 'prompt_cache_path'
            load(rpc, 'x')  # whatever its path and time
            assert run(rpc, IDS[:150])[1] == 22
        for options in ('--parallel', '8'), ('--resume', 'fast'):
            with server(folder, *options) as s, client(s) as rpc:
                load(rpc, 'x')  # of use to another server only
                assert run(rpc, IDS[:150])[1] == 150
                s.wait_log('another build')
        with open(moved, 'r+b') as f:  # the same size, other weights
            f.seek(-100000, os.SEEK_END)
            f.write(os.urandom(60000))
        with server(folder, model=moved) as s, client(s) as rpc:
            got = refusal(load, rpc, 'x')
            assert got.code == -32004 and 'another model' in got.message, got


def damaged_files():
    with folder_with() as folder, server(folder) as s, client(s) as rpc:
        path, bad = os.path.join(folder, 'x'), os.path.join(folder, 'bad')
        with open(path, 'rb') as f:
            good = f.read()
        size = len(good)

        def refused(data, words):
            with open(bad, 'wb') as f:
                f.write(data)
            got = refusal(load, rpc, 'bad')
            assert got.code == -32004 and words in got.message, (words, got)
        for at in (0, 7):
            refused(good[:at] + b'?' + good[at + 1:], 'is not a prompt cache')
        refused(good[:8] + struct.pack('<I', 2) + good[12:], 'another version')
        for at in range(12, HEAD.size):
            refused(good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1:], '')
        for at in (HEAD.size, HEAD.size + 40, 1000, size // 2, size - 33, size - 1):
            refused(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:], 'checksum')
        for n in (HEAD.size, 100, size // 2, size - 1):
            refused(good[:n], 'cut short')
        refused(good[:HEAD.size - 1], 'is not a prompt cache')
        refused(good + b'x', 'lengths')
        refused(b'', 'empty')
        # One that is changed once it is loaded is not used.
        shutil.copy(path, bad)
        load(rpc, 'bad')
        want = run(rpc, IDS[:150])
        with open(bad, 'r+b') as f:
            f.seek(size - 5000)
            f.write(b'changed')
        assert run(rpc, IDS[:150]) == (want[0], 150)
        s.wait_log('has changed since it was ')


def rewritten(good, change):
    """The file with other parts and a digest that is right."""
    data = bytearray(good[:-32])
    change(data)
    return bytes(data) + hashlib.sha256(data).digest()


def whole_but_strange():
    """What is wrong with a good digest is an attack: it may cost its sender, nobody else."""
    with folder_with() as folder, server(folder, '--restart-limit', '1000000',
                                       '--hang-timeout', '500ms' if not SANITIZE else '5s') as s, \
            client(s) as rpc, client(s) as beside:
        with open(os.path.join(folder, 'x'), 'rb') as f:
            good = f.read()
        n_about = HEAD.unpack_from(good)[2]
        state = len(good) - 32 - HEAD.unpack_from(good)[5]
        state -= state % 8
        want = run(rpc, IDS[:150])[0]

        def write(name, change):
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(rewritten(good, change))

        def build(data):
            at = data.index(b'llama.cpp', HEAD.size, HEAD.size + n_about)
            data[at:at + 5] = b'other'
        write('build', build)
        load(rpc, 'build')
        s.wait_log('another build')
        assert run(rpc, IDS[:150]) == (want, 150)
        for at in range(HEAD.size, HEAD.size + n_about, 7):
            def flip(data, at=at):
                data[at] ^= 0xff
            write('about', flip)
            with contextlib.suppress(RpcError):
                load(rpc, 'about')
                run(rpc, IDS[:150])
        # Tried when it is loaded. Beside a run it costs the worker, and is not tried again.
        for beside_run in False, True:
            for at in (0, 4, 12, 20, 1000):
                def garble(data, at=at):
                    data[state + at:state + at + 8] = b'\xff\xfe\xfd\x7f\xff\xff\xff\x7f'
                name = f'state{at}{beside_run}'
                write(name, garble)
                pid = s.worker
                ident = beside_run and start(beside, IDS[:60], n=400)
                if ident:
                    beside.kept[ident] = [{'result': beside.next(ident)}]
                got = refusal(load, rpc, name)
                assert got.code == -32004, got
                if 'crash_id' in got.data:
                    assert got.data['crash_id'] in refusal(load, rpc, name).message
                elif not ident:
                    assert 'is no prompt cache' in got.message and s.worker == pid, got
                assert not ident or len(finish(beside, ident)[0]) > 400
                assert run(rpc, IDS[:150])[0] == want
        assert s.crashes(), 'not one came in time'
        release(rpc)
        assert run(rpc, IDS[:150]) == (want, 150)


def stays_in_its_folder():
    with folder_with() as folder, tempfile.TemporaryDirectory() as outside:
        shutil.copy(os.path.join(folder, 'x'), os.path.join(outside, 'x'))
        os.symlink(os.path.join(outside, 'x'), os.path.join(folder, 'link'))
        os.symlink(outside, os.path.join(folder, 'way'))
        os.symlink('x', os.path.join(folder, 'inner'))
        os.mkdir(os.path.join(folder, 'sub'))
        os.mkfifo(os.path.join(folder, 'fifo'))
        shutil.copy(os.path.join(folder, 'x'), os.path.join(folder, 'sub', 'y'))
        with server(folder + '//') as s, client(s) as rpc:
            for path in ('x', './x', 'sub/y', 'sub/../x', folder + '/x', folder + '//sub/y'):
                load(rpc, path)
            for path, words in (
                    ('../x', '--prompt-cache-dir'), ('/etc/passwd', '--prompt-cache-dir'),
                    (outside + '/x', '--prompt-cache-dir'), (folder, '--prompt-cache-dir'),
                    (folder + 'x', '--prompt-cache-dir'),
                    (f'{folder}/../{os.path.basename(outside)}/x', '--prompt-cache-dir'),
                    ('sub/../../x', '--prompt-cache-dir'), ('link', 'symbolic link'),
                    ('way/x', 'symbolic link'), ('inner', 'symbolic link'),
                    (folder + '/', 'names no file'), ('nowhere', '--prompt-cache-dir'),
                    ('x/y', ''), ('sub', 'directory'), ('fifo', 'regular file'),
                    ('x' * 300, 'too long')):
                got = refusal(load, rpc, path)
                assert got.code == -32004 and words in got.message, (path, got)
            assert run(rpc, IDS[:150])[1] == 22, 'what was loaded stays'
            before = tree(folder), tree(outside)
            for path, words in (
                    ('../x', '--prompt-cache-dir'), ('/etc/passwd', '--prompt-cache-dir'),
                    (outside + '/new', '--prompt-cache-dir'), ('way/new', 'symbolic link'),
                    ('sub/../../new', '--prompt-cache-dir'), ('sub/', 'names no file'),
                    ('sub/..', 'names no file'), ('.saving-1-1', 'Bulkhead'),
                    ('nowhere/new', 'no such'), ('x/new', ''), ('x' * 300, '')):
                got = refusal(run, rpc, IDS[:70], path)
                assert got.code == -32004 and words in got.message, (path, got)
                assert got.data['field'] == 'prompt_cache_params.prompt_cache_path', got
            # Found out when it gets its name.
            got = refusal(run, rpc, IDS[:70], 'sub')
            assert got.code == -32004 and 'directory' in got.message.lower(), got
            until(lambda: (tree(folder), tree(outside)) == before)
            # A link is replaced, not followed.
            run(rpc, IDS[:70], 'link')
            run(rpc, IDS[:70], folder + '/sub/new')
            load(rpc, 'link')
            load(rpc, 'sub/new')
            assert tree(outside) == before[1]


def tree(folder):
    return sorted((path, name, os.lstat(os.path.join(path, name)).st_ino)
                  for path, _, names in os.walk(folder) for name in names)


def what_release_says():
    with folder_with() as folder, server(folder) as s:
        with s.rpc() as rpc:
            assert refusal(release, rpc).code == -32000
            assert refusal(load, rpc, 'x').code == -32000
        with client(s) as rpc:
            assert refusal(release, rpc).code == -32004
            load(rpc, 'x')
            release(rpc)
            got = refusal(release, rpc)
            assert got.code == -32004 and 'load_prompt_cache' in got.message, got
            for change in (lambda: rpc.init('', ignore_eos_token=True),
                           lambda: (rpc.call('rkllm.destroy', None), rpc.init(''))):
                load(rpc, 'x')
                change()
                assert refusal(release, rpc).code == -32004
            for params in [], [None], [7], [''], ['x' * 5000], {'path': 'x'}:
                rpc.raw(json.dumps({'jsonrpc': '2.0', 'id': 'p', 'params': params,
                                    'method': 'rkllm.load_prompt_cache'}) + '\n')
                got = refusal(rpc.next, 'p')
                assert got.code == -32602 and got.data['field'] == 'prompt_cache_path', got
            rpc.raw('{"jsonrpc":"2.0","id":"n","method":"rkllm.load_prompt_cache",'
                    '"params":{"prompt_cache_path":"x"}}\n')
            assert rpc.next('n')['success'] is True
        until(lambda: s.status()['models'][0]['attached'] == 0)


def saved_whatever_comes():
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as folder, server(folder) as s, \
            client(s) as rpc:
        want = run(rpc, IDS[:300])[0]
        path = os.path.join(folder, 'x')
        for after in (0, 1, 5):  # tokens, then it dies
            ident = start(rpc, IDS[:300], 'x')
            got = [rpc.next(ident)['token_id'] for _ in range(after)]
            s.kill_worker()
            assert got + finish(rpc, ident)[0] == want and os.path.exists(path), after
            load(rpc, 'x')
            assert run(rpc, IDS[:300]) == (want, 300 - 256)
            release(rpc)
            os.unlink(path)
        # Over the same name; as run_async; what was asked behind it waits for its turn.
        run(rpc, IDS[:100], 'x')
        prompt = {'input_type': 1, 'token_input': {'input_ids': IDS[:300]}}
        ident = rpc.send('rkllm.run_async', prompt,
                         {'seed': 3, 'max_new_tokens': N, 'prompt_cache_params':
                          {'save_prompt_cache': 1, 'prompt_cache_path': 'x'}})
        running = rpc.send('rkllm.is_running', None)
        assert rpc.next(ident)['message'] == 'Async inference started'
        assert rpc.next(running)['is_running'] is True
        assert finish(rpc, ident)[0] == want
        load(rpc, 'x')
        assert run(rpc, IDS[:300])[1] == 300 - 256
        # An abort ends it without a file.
        ident = start(rpc, IDS[:300], 'aborted', n=400)
        assert rpc.call('rkllm.abort', None)['success'] is True
        finish(rpc, ident)
        # A client that goes away, with its run or before it has begun.
        for _ in range(3):
            with client(s) as other:
                start(other, IDS[:300], 'gone')
        until(lambda: s.status()['models'][0]['attached'] == 1)
        until(lambda: not [name for name in os.listdir(folder) if name.startswith('.')])
        # A path without the wish to save means nothing.
        got = run(rpc, IDS[:70], prompt_cache_params={'save_prompt_cache': 0,
                                                      'prompt_cache_path': '../x'})
        assert len(got[0]) > N


def a_keeper_that_dies_leaves_the_old_one():
    with folder_with() as folder:
        old = tree(folder)
        with open(os.path.join(folder, '.saving-1-1'), 'w') as f:
            f.write('left by one that was killed')
        with server(folder, expect=None) as s, client(s) as rpc:
            start(rpc, IDS[:300], 'x', n=400)
            with contextlib.suppress(EOFError, ConnectionError):
                rpc.line()
                os.kill(s.pid, signal.SIGKILL)
            s.proc.wait()
            until(lambda: not any(map(is_alive, s.seen)))
        assert [e for e in tree(folder) if e[1] == 'x'] == old or 'x' in os.listdir(folder)
        with server(folder) as s, client(s) as rpc:
            load(rpc, 'x')
            run(rpc, IDS[:70], 'y')
            until(lambda: sorted(os.listdir(folder)) == ['x', 'y'])  # what was left is gone


def limits_are_told():
    with folder_with() as folder:
        with open(os.path.join(folder, 'big'), 'wb') as f:
            f.truncate(1 << 20)
        with server(folder, '--prompt-cache-max', '1') as s, client(s) as rpc:
            got = refusal(run, rpc, IDS[:150], 'y')
            assert got.code == -32004 and '--prompt-cache-max' in got.message, got
            os.truncate(os.path.join(folder, 'big'), (1 << 20) - os.path.getsize(
                os.path.join(folder, 'x')) - 1000)
            got = refusal(run, rpc, IDS[:150], 'y')
            assert got.code == -32004 and '--prompt-cache-max leaves' in got.message, got
            os.unlink(os.path.join(folder, 'big'))
            run(rpc, IDS[:150], 'y')


def where_nobody_says():
    with tempfile.TemporaryDirectory(prefix='bulkhead-test-') as home:
        with Server(env={'XDG_CACHE_HOME': home}) as s, client(s) as rpc:
            assert os.listdir(home) == []
            run(rpc, IDS[:70], 'x')
            folder = os.path.join(home, 'bulkhead', 'prompt-caches')
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
            load(rpc, os.path.join(folder, 'x'))
        with Server('--prompt-cache-dir', 'none') as s, client(s) as rpc:
            for call in (lambda: load(rpc, 'x'), lambda: run(rpc, IDS[:70], 'x')):
                got = refusal(call)
                assert got.code == -32004 and '--prompt-cache-dir' in got.message, got


cases(in_the_next_life, exact_through_deaths, in_company, with_an_adapter_and_without,
      as_text_and_as_a_conversation, models_without_a_way_back, belongs_to_its_model, damaged_files,
      whole_but_strange, stays_in_its_folder, what_release_says, saved_whatever_comes,
      a_keeper_that_dies_leaves_the_old_one, limits_are_told, where_nobody_says)
