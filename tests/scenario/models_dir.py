#!/usr/bin/env python3
"""--models-dir: files are known by name and loaded when asked for; what is no folder is told."""
import os
import signal
import subprocess
import sys
import tempfile
import shutil
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, RpcError, Server, cases, fake_text, until

folder = tempfile.mkdtemp(prefix='bulkhead-test-')


def write(name, text):
    with open(os.path.join(folder, name), 'w') as f:
        f.write(text)


def words(s):
    return {m['id']: m['status']['value'] for m in s.get('/v1/models').json['data']}


def loads_when_asked_for():
    write('one.gguf', 'GGUF\ntokens 3\n')
    write('two.gguf', 'GGUF\ntokens 4\n')
    write('bad.gguf', 'GGUF\nat load fail no such thing\n')
    write('notes.txt', 'GGUF\n')
    write('.hidden.gguf', 'GGUF\n')
    os.mkdir(os.path.join(folder, 'sub.gguf'))
    with Server('--models-dir', folder, '--models-max', '2', fake='tokens 1') as s:
        assert words(s) == {'fake': 'loaded', 'one': 'unloaded', 'two': 'unloaded',
                            'bad': 'unloaded'}, words(s)
        states = {m['name']: m['state'] for m in s.status()['models']}
        assert states['one'] == 'not loaded' and states['fake'] == 'up', states
        assert s.complete(model='one', seed=1) == fake_text(3, 1)
        assert words(s)['one'] == 'loaded'
        # Two are loaded, and --models-max is 2: one makes room, the command line's stays.
        assert s.complete(model='two', seed=1) == fake_text(4, 1)
        assert words(s) == {'fake': 'loaded', 'one': 'unloaded', 'two': 'loaded',
                            'bad': 'unloaded'}, words(s)
        assert s.complete(model='one', seed=1) == fake_text(3, 1)
        # It stays loaded when the front dies, and is known to the next.
        os.kill(s.front, signal.SIGKILL)
        assert words(s) == {'fake': 'loaded', 'one': 'loaded', 'two': 'unloaded',
                            'bad': 'unloaded'}, words(s)
        assert s.complete(model='one', seed=2) == fake_text(3, 2)
        assert s.lives() == 1


def no_room_is_told():
    with Server('--models-dir', folder, '--models-max', '1', fake='tokens 1') as s:
        got = s.post('/v1/completions', {'model': 'two', 'prompt': 'x'})
        assert got.status == 503 and '--models-max' in got.error['message'], got
        # It would be the same tomorrow.
        assert got.headers['x-should-retry'] == 'false' and 'retry-after' not in got.headers, got
        with s.rpc() as r:
            try:
                r.init('two')
                raise AssertionError('loaded')
            except RpcError as e:
                assert e.code == -32001 and '--models-max' in e.message, e
        until(lambda: words(s)['two'] == 'unloaded')


def a_broken_file_is_told_and_can_be_mended():
    write('bad.gguf', 'GGUF\nat load fail no such thing\n')
    with Server('--models-dir', folder, fake='tokens 1') as s:
        for _ in range(2):
            got = s.post('/v1/completions', {'model': 'bad', 'prompt': 'x'})
            assert got.status >= 400 and 'no such thing' in got.error['message'], got
            until(lambda: words(s)['bad'] == 'unloaded')
        with s.rpc() as r:
            try:
                r.init('bad')
                raise AssertionError('loaded')
            except RpcError as e:
                assert 'no such thing' in e.message, e
        write('bad.gguf', 'GGUF\ntokens 2\n')
        assert s.complete(model='bad', seed=1) == fake_text(2, 1)
        os.unlink(os.path.join(folder, 'one.gguf'))
        got = s.post('/v1/completions', {'model': 'one', 'prompt': 'x'})
        assert got.status >= 400 and 'no such file' in got.error['message'], got


def a_file_beside_one_that_rests():
    """Its file was changed, so its worker was let go: an adapter wakes it, or hears why not."""
    write('rests.gguf', 'GGUF\ntokens 3\n')
    write('adapter.lora', 'GGUF\n')
    lora = {'lora_adapter_path': os.path.join(folder, 'adapter.lora'),
            'lora_adapter_name': 'x', 'scale': 1.0}
    with Server('--models-dir', folder, fake='tokens 1') as s:
        with s.rpc() as r:
            r.init('rests')
            write('rests.gguf', 'GGUF\ntokens 5\n# changed\n')
            until(lambda: words(s)['rests'] == 'unloaded')
            assert r.call('rkllm.load_lora', None, lora)['success']
            until(lambda: words(s)['rests'] == 'loaded')
            write('rests.gguf', 'GGUF\n')
            until(lambda: words(s)['rests'] == 'unloaded')
            os.unlink(os.path.join(folder, 'rests.gguf'))
            for _ in range(2):
                try:
                    r.call('rkllm.load_lora', None, lora)
                    raise AssertionError('loaded')
                except RpcError as e:
                    assert 'No such file' in e.message or 'no such file' in e.message, e


def many_ask_at_once():
    write('slow.gguf', 'GGUF\ntokens 3\nload 300\n')
    with Server('--models-dir', folder, '--models-max', '0', fake='tokens 1') as s:
        streams = [s.stream(model='slow', seed=i) for i in range(5)]
        with s.rpc() as r:
            r.init('slow')
            assert r.run('x', seed=7)[0] == fake_text(3, 7)
            r.call('rkllm.destroy', None)
        for i, stream in enumerate(streams):
            assert stream.rest() == fake_text(3, i)
        assert words(s)['slow'] == 'loaded'
        assert os.path.exists(os.path.join(folder, 'slow.gguf.life1'))
        assert not os.path.exists(os.path.join(folder, 'slow.gguf.life2'))


def folders_in_it():
    """A folder is a model; what is beside its file is no model; a part that is missing is told."""
    top = os.path.join(folder, 'top')
    os.makedirs(os.path.join(top, 'vision'))
    os.makedirs(os.path.join(top, 'two'))
    write('top/vision/v-Q8_0.gguf', 'GGUF\ntokens 3\n')
    write('top/vision/mmproj-F16.gguf', 'GGUF\n')
    write('top/two/a.gguf', 'GGUF\ntokens 2\n')
    write('top/two/b.gguf', 'GGUF\ntokens 4\n')
    write('top/split-00001-of-00003.gguf', 'GGUF\n')
    write('top/split-00003-of-00003.gguf', 'GGUF\n')
    with Server('--models-dir', top, fake_worker=True, models=()) as s:
        got = {m['id']: m for m in s.get('/v1/models').json['data']}
        assert set(got) == {'vision', 'two/a', 'two/b', 'split'}, got
        assert got['vision']['mmproj'] == os.path.join(top, 'vision', 'mmproj-F16.gguf'), got
        assert 'part 2 of 3 is missing' in got['split']['status']['unusable'], got
        assert s.complete(model='vision', seed=1) == fake_text(3, 1)
        assert s.complete(model='two/b', seed=1) == fake_text(4, 1)
        assert s.get('/v1/models/two/b').json['status']['value'] == 'loaded'
    shutil.rmtree(top)


def folders_that_are_none():
    empty = os.path.join(folder, 'empty')
    os.mkdir(empty)
    with Server('--models-dir', empty, models=()) as s:
        assert s.get('/v1/models').json['data'] == [] and s.status()['models'] == []
        assert s.get('/health').status == 200
        got = s.post('/v1/completions', {'prompt': 'x'})
        assert got.status == 404 and 'no model is named' in got.error['message'], got
        assert 'holds no .gguf or .rkllm file' in s.log()
    secret = os.path.join(folder, 'secret')
    os.mkdir(secret, 0)
    for path, why in ((os.path.join(folder, 'none'), 'no such folder'),
                      (os.path.join(folder, 'two.gguf'), 'not a folder'),
                      (secret, 'not readable')):
        if path == secret and os.access(secret, os.R_OK):
            continue  # we are root
        got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'serve', '--models-dir', path,
                              '--port', '0', '--no-rpc'], capture_output=True, text=True,
                             timeout=DEADLINE)
        assert got.returncode == 3 and why in got.stderr and path in got.stderr, got
        assert len(got.stderr.splitlines()) == 1, got.stderr


try:
    cases(loads_when_asked_for, no_room_is_told, a_broken_file_is_told_and_can_be_mended,
          a_file_beside_one_that_rests, many_ask_at_once, folders_in_it,
          folders_that_are_none)
finally:
    shutil.rmtree(folder)
