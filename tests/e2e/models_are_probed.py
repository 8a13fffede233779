#!/usr/bin/env python3
"""Files of --models-dir are looked into by a jailed process.

Lists say what they are, or why they cannot be served.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import badmodels
from bulkhead import BIN, MODEL, Server, cases, settled, until

folder = tempfile.mkdtemp(prefix='bulkhead-test-')


def fresh(name):
    path = os.path.join(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    return path


def listed(s):
    return {m['id']: m for m in s.get('/v1/models').json['data']}


def is_probed(m):
    return m['meta'] or m['status'].get('unusable')


def wait_probed(s):
    until(lambda: all(is_probed(m) for m in listed(s).values()))
    return listed(s)


def what_a_file_is():
    where = fresh('good')
    shutil.copy(MODEL, os.path.join(where, 'demo.gguf'))
    with Server('--models-dir', where, models=()) as s:
        got = wait_probed(s)['demo']
        meta = got['meta']
        assert meta['arch'] == 'llama' and meta['ftype'] == 'Q8_0', got
        assert meta['n_ctx_train'] == 1024 and meta['n_vocab'] == 1024, got
        assert meta['has_template'] and got['status'] == {'value': 'unloaded'}, got
        assert 'n_ctx' not in meta, got
        known = {m['name']: m for m in s.status()['models']}['demo']
        assert known['quant'] == 'Q8_0' and known['unusable'] is None, known
        # What its worker says then is the same.
        assert s.complete(model='demo', max_tokens=2, seed=1)
        after = listed(s)['demo']['meta']
        for key in 'arch', 'ftype', 'n_ctx_train', 'n_vocab', 'n_embd', 'n_params', 'has_template':
            assert after[key] == meta[key], (key, meta, after)
        assert after['size'] == meta['size'], (meta, after)
        assert after['n_ctx'] > 0


def hostile_files_are_told_while_others_serve():
    where = fresh('bad')
    shutil.copy(MODEL, os.path.join(where, 'demo.gguf'))
    bad, others = {}, 0
    with open(MODEL, 'rb') as f:
        model = f.read()
    for i, (name, data, says) in enumerate(badmodels.cases(model)):
        if len(data) > 4 << 20:
            continue
        path = f'm{i}'
        with open(os.path.join(where, path + '.gguf'), 'wb') as f:
            f.write(data)
        if says == badmodels.ANY:
            bad[path] = name
        others += 1
    assert len(bad) > 10, bad
    with Server('--models-dir', where, '--models-max', '0', models=()) as s:
        assert s.complete(model='demo', max_tokens=2, seed=1)
        got = wait_probed(s)
        assert len(got) == others + 1
        told = [name for name in bad if 'unusable' in got[name]['status']]
        print(f'{len(told)} of {len(bad)} files that no worker takes are told by their heads alone')
        assert len(told) >= len(bad) // 2, [bad[n] for n in bad if n not in told]
        for name in told:
            assert len(got[name]['status']['unusable']) > 5
        assert 'unusable' not in got['demo']['status']
        assert s.complete(model='demo', max_tokens=2, seed=1)
        assert not s.crashes() and s.status()['front']['restarts'] == 0


def what_is_no_model():
    where = fresh('none')
    with open(os.path.join(where, 'empty.gguf'), 'w'):
        pass
    os.mkfifo(os.path.join(where, 'fifo.gguf'))
    os.symlink('/nowhere', os.path.join(where, 'gone.gguf'))
    with open(os.path.join(where, 'text.gguf'), 'w') as f:
        f.write('<html>not found</html>')
    with Server('--models-dir', where, models=()) as s:
        got = wait_probed(s)
        shown = subprocess.run([os.path.join(BIN, 'bulkhead'), 'status', '--rpc-socket',
                                s.rpc_path], capture_output=True, text=True).stdout
        assert re.search(r'^empty +unusable ', shown, re.M), shown
        assert re.search(r'^unusable empty: .*is empty', shown, re.M), shown
        for name, why in (('empty', 'is empty'), ('fifo', 'regular file'),
                          ('gone', 'no such file'), ('text', 'is not a GGUF file')):
            assert why in got[name]['status']['unusable'], got[name]


def probe(s, text):
    """Another bulkhead-probe, made of a shell script."""
    path = os.path.join(s, 'bulkhead-probe')
    with open(path, 'w') as f:
        f.write('#!/bin/sh\n' + text + '\n')
    os.chmod(path, 0o755)


def a_probe_that_dies():
    where = fresh('dies')
    for name in 'a', 'b', 'c':
        with open(os.path.join(where, name + '.gguf'), 'w') as f:
            f.write(f'GGUF\ntokens 2\n# {name}\n')
    libexec = fresh('libexec')
    for name in 'bulkhead-front', 'bulkhead-worker':
        os.symlink(os.path.join(os.environ.get('BULKHEAD_BIN', 'build/bin'),
                                'fake-worker' if name.endswith('worker') else name),
                   os.path.join(libexec, name))
    for text, why in (('kill -SEGV $$', 'the probe of it killed by SIGSEGV'),
                      ('exit 3', 'the probe of it exited with status 3'),
                      ('exit 0', 'the probe of it said nothing'),
                      ("printf '\\377\\377\\377\\177junk' >&4", 'the probe of it said nothing'),
                      ("printf '\\004\\000\\000\\000junk' >&4", 'the probe of it said nothing')):
        probe(libexec, text)
        with Server('--models-dir', where, '--libexec', libexec, '--jail', 'off', models=()) as s:
            got = wait_probed(s)
            for name in 'a', 'b', 'c':
                assert why in got[name]['status']['unusable'], (text, got[name])
            # It is a word about the file, not a verdict.
            assert s.complete(model='a', seed=1)
            assert 'unusable' not in listed(s)['a']['status']


def a_probe_that_hangs_is_in_nobodys_way():
    where = fresh('hangs')
    for name in 'a', 'b', 'c':
        with open(os.path.join(where, name + '.gguf'), 'w') as f:
            f.write(f'GGUF\ntokens 2\n# {name}\n')
    libexec = os.path.join(folder, 'libexec')
    probe(libexec, 'exec sleep 1000')
    with Server('--models-dir', where, '--libexec', libexec, '--jail', 'off', models=()) as s:
        running = until(lambda: [p for p, n in s.children().items()
                                 if n not in ('bulkhead-front', 'bulkhead-worke')])
        assert len(running) <= 2, s.children()
        start = time.monotonic()
        assert s.complete(model='c', seed=1)
        assert time.monotonic() - start < 10
        settled(lambda: sorted(s.children().values()))
    # Leaving has checked that no child is left.


try:
    cases(what_a_file_is, hostile_files_are_told_while_others_serve, what_is_no_model,
          a_probe_that_dies, a_probe_that_hangs_is_in_nobodys_way)
finally:
    shutil.rmtree(folder)
