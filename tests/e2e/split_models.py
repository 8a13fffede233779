#!/usr/bin/env python3
"""A model that lies in several files gives the bytes of the one that it was.

What is wrong with one of them is told.
"""
import os
import shutil
import struct
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import MODEL, Server, cases, until
from gguf import I32, U16, Gguf

folder = tempfile.mkdtemp(prefix='bulkhead-test-')
BLOCKS = {0: (1, 4), 1: (1, 2), 8: (32, 34)}  # of the types that the demo model has


def size_of(tensor):
    elements = 1
    for d in tensor[1]:
        elements *= d
    block, size = BLOCKS[tensor[2]]
    return elements // block * size


def part(keys, tensors, data):
    """One file: [(name, dims, type, bytes)]."""
    g = Gguf(data)
    g.keys, g.tensors, g.data = keys, [], b''
    for name, dims, kind, content in tensors:
        g.tensors.append((name, dims, kind, len(g.data)))
        g.data += content + b'\0' * (-len(content) % 32)
    return g.bytes()


def split(n, where, name='m', first_is_empty=False):
    """The demo model in n files, as llama.cpp's tool makes them; the path of the first."""
    with open(MODEL, 'rb') as f:
        raw = f.read()
    g = Gguf(raw)
    tensors = [(t[0], t[1], t[2], g.data[t[3]:t[3] + size_of(t)]) for t in g.tensors]
    count = n - first_is_empty
    share = -(-len(tensors) // count)
    paths = []
    for no in range(n):
        keys = list(g.keys) if no == 0 else []
        keys += [(b'split.no', U16, no), (b'split.count', U16, n),
                 (b'split.tensors.count', I32, len(tensors))]
        at = no - first_is_empty
        some = tensors[at * share:(at + 1) * share] if at >= 0 else []
        paths.append(os.path.join(where, f'{name}-{no + 1:05}-of-{n:05}.gguf'))
        with open(paths[-1], 'wb') as f:
            f.write(part(keys, some, raw))
    return paths


def fresh(name):
    path = os.path.join(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    return path


ASK = {'max_tokens': 24, 'seed': 3, 'temperature': 0.8}


def the_same_bytes():
    where = fresh('same')
    for n, empty in (2, False), (3, False), (4, True):
        split(n, where, f'in{n}', empty)
    with Server('--models-dir', where, '--models-max', '0') as s:
        models = {m['id']: m for m in s.get('/v1/models').json['data']}
        assert set(models) == {'demo', 'in2', 'in3', 'in4'}, models
        # Its head is that of the first part, its size that of all.
        until(lambda: s.get('/v1/models/in3').json['meta'])
        meta = s.get('/v1/models/in3').json['meta']
        assert meta['arch'] == 'llama' and 'n_params' not in meta, meta
        assert 1100000 < meta['size'] < 1300000, meta
        want = s.complete(**ASK)
        for name in 'in2', 'in3', 'in4':
            assert s.complete(model=name, **ASK) == want, name
        # And so after a death in the midst of it.
        stream = s.stream(model='in3', **ASK).until(5)
        os.kill(s.worker_of('in3'), 9)
        assert stream.rest() == want
        until(lambda: s.get('/v1/models/in3').json['status']['value'] == 'loaded')


def by_option_and_by_path():
    where = fresh('option')
    first = split(2, where)[0]
    with Server(models=[first]) as s:
        want = s.complete(**ASK)
        with s.rpc() as r:
            r.init(first)
            assert r.run('Once')[0]
    with Server() as s:
        assert s.complete(**ASK) == want


def what_is_wrong_is_told():
    where = fresh('wrong')
    missing = split(3, where, 'missing')
    os.unlink(missing[1])
    cut = split(2, where, 'cut')
    os.truncate(cut[1], os.path.getsize(cut[1]) - 5000)
    swapped = split(3, where, 'swapped')
    shutil.copy(swapped[1], swapped[2])
    noise = split(2, where, 'noise')
    with open(noise[1], 'wb') as f:
        f.write(b'GGUF' + struct.pack('<IQQ', 3, 1 << 40, 1 << 40))
    with Server('--models-dir', where) as s:
        for name, why in (('missing', 'part 2'), ('cut', 'part 2 of 2 is truncated'),
                          ('swapped', 'part 3 of 3 does not say'),
                          ('noise', 'part 2 of 2 cannot be read')):
            got = s.post('/v1/completions', {'model': name, 'prompt': 'x'})
            said = got.error['message']
            assert got.status >= 400 and (why in said or 'no such file' in said), (name, got)
        assert s.complete(**ASK)


def a_part_that_is_changed():
    where = fresh('changed')
    paths = split(2, where)
    with Server('--models-dir', where) as s:
        want = s.complete(model='m', **ASK)
        with open(paths[1], 'r+b') as f:
            f.seek(-100, 2)
            f.write(b'x' * 50)
        until(lambda: s.get('/v1/models/m').json['status']['value'] == 'unloaded')
        assert s.complete(model='m', **ASK) is not None
        assert want


try:
    cases(the_same_bytes, by_option_and_by_path, what_is_wrong_is_told, a_part_that_is_changed)
finally:
    shutil.rmtree(folder)
