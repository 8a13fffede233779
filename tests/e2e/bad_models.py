#!/usr/bin/env python3
"""A model file that cannot be served: one clear error each, at start, by JSON-RPC and by the CLI;
keeper, front and the other models are untouched. Files whose bytes are wrong: chaos/model_files."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, MODEL, RpcError, Server, cases

folder = tempfile.mkdtemp(prefix='bulkhead-test-')
with open(MODEL, 'rb') as f:
    WHOLE = f.read()


def made(name, data):
    path = os.path.join(folder, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


os.mkdir(os.path.join(folder, 'directory'))
os.mkfifo(os.path.join(folder, 'fifo'))
BAD = {  # path -> what its error says
    os.path.join(folder, 'missing.gguf'): 'no such file',
    os.path.join(folder, 'directory'): 'is a directory',
    os.path.join(folder, 'fifo'): 'not a regular file',
    '/dev/null': 'not a regular file',
    made('unreadable.gguf', WHOLE): 'not readable',
    made('empty.gguf', b''): 'is empty',
    made('text.gguf', b'once upon a time' * 100): 'not a GGUF file',
    made('four.gguf', b'GGUF'): '',
    made('head.gguf', WHOLE[:24]): '',
    made('half-head.gguf', WHOLE[:2000]): '',
    made('truncated.gguf', WHOLE[:len(WHOLE) // 2]): '',
    made('one-byte-short.gguf', WHOLE[:-1]): '',
    made('version.gguf', WHOLE[:4] + b'\xff' + WHOLE[5:]): '',
    made('n-tensors.gguf', WHOLE[:8] + b'\xff' * 8 + WHOLE[16:]): '',
    made('n-kv.gguf', WHOLE[:16] + b'\xff' * 8 + WHOLE[24:]): ''}
os.chmod(os.path.join(folder, 'unreadable.gguf'), 0)
# root may read everything, but for these two.
PLAIN = ('setpriv', '--bounding-set=-dac_override,-dac_read_search') if os.getuid() == 0 else ()


def check(path, want, said):
    assert path in said and want in said, f'{path}: {said}'
    assert said.count(path) == 1 and len(said) < 1000, f'{path}: {said}'


def ends(command, path, want, **options):
    """The command fails at once, with one line that says why."""
    got = subprocess.run([*PLAIN, os.path.join(BIN, 'bulkhead'), *command], text=True,
                         capture_output=True, timeout=2 * DEADLINE, **options)
    assert 0 < got.returncode < 128, f'{path}: {got}'
    errors = [line for line in got.stderr.splitlines() if re.search(r'\berror: ', line)]
    assert got.stdout == '' and errors, got
    check(path, want, errors[-1])
    assert len(errors) == 1, f'{path}: {got.stderr}'


def at_start():
    for path, want in BAD.items():
        ends(['serve', '-m', path, '--port', '0', '--rpc-socket',
              os.path.join(folder, 'sock')], path, want)
        assert not os.path.exists(os.path.join(folder, 'sock'))


def by_the_cli():
    for path, want in list(BAD.items())[::4]:
        ends(['run', '-m', path, '--rpc-socket', os.path.join(folder, 'sock'), 'x'], path, want)


def by_rpc():
    with Server(wrap=PLAIN) as s, s.rpc() as r:
        r.init('')
        for path, want in BAD.items():
            try:
                s_init(r, path)
                raise AssertionError(f'{path} was loaded')
            except RpcError as e:
                assert e.code == -32001 and e.data['field'] == 'model_path', (path, e)
                check(path, want, e.message)
            assert r.run('x', max_new_tokens=2)[1]['_callback_state'] == 2
        assert s.status()['models'][0]['restarts'] == 0
        assert s.status()['front']['restarts'] == 0


def s_init(r, path):
    r.call('rkllm.init', None, {'model_path': path}, None)


try:
    cases(at_start, by_the_cli, by_rpc)
finally:
    shutil.rmtree(folder)
