#!/usr/bin/env python3
"""SIGHUP, a call: configuration, preset and folder are read anew.

What runs is left alone; a bad one changes nothing.
"""
import os
import shutil
import signal
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text, until

folder = tempfile.mkdtemp(prefix='bulkhead-test-')
LONG = 'GGUF\ntokens 12\npause 2\nat token:4 hold\n'


def write(name, text):
    """A file that is there at once, under whatever was there."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + '.new', 'w') as f:
        f.write(text)
    os.rename(path + '.new', path)
    return path


def listed(s):
    return {m['id']: m['status']['value'] for m in s.get('/v1/models').json['data']}


def states(s):
    return {m['name']: m for m in s.status()['models']}


def hup(s):
    def done():
        return s.log().count('reload: models added') + s.log().count('all stays as it was')
    n = done()
    s.proc.send_signal(signal.SIGHUP)
    until(lambda: done() > n)


def workers(s):
    return sum(name == 'bulkhead-worker'[:15] for name in s.children().values())


def missing(s, name):
    got = s.post('/v1/completions', {'model': name, 'prompt': 'x'})
    return got.status == 404


def the_folder():
    shutil.rmtree(os.path.join(folder, 'dir'), ignore_errors=True)
    write('dir/a.gguf', 'GGUF\ntokens 2\n')
    write('dir/b.gguf', LONG)
    where = os.path.join(folder, 'dir')
    with Server('--models-dir', where, models=(), fake_worker=True) as s:
        assert set(listed(s)) == {'a', 'b'}
        assert s.complete(model='a', seed=1) == fake_text(2, 1)
        stream = s.stream(model='b', seed=1).until(3)
        # One is added, one changed under its name, one removed while it runs.
        write('dir/c.gguf', 'GGUF\ntokens 3\n')
        write('dir/a.gguf', 'GGUF\ntokens 5\n')
        os.unlink(os.path.join(where, 'b.gguf'))
        got = s.post('/models/reload', {})
        assert got.status == 200, got
        assert got.json == {'success': True, 'added': 1, 'changed': 1, 'removed': 1}, got
        assert listed(s) == {'a': 'unloaded', 'c': 'unloaded'}, listed(s)
        assert s.complete(model='c', seed=1) == fake_text(3, 1)
        assert s.complete(model='a', seed=1) == fake_text(5, 1)
        assert missing(s, 'b')
        # The stream of what is gone ends as if nothing had happened, and then its worker goes.
        open(os.path.join(where, 'b.gguf.go'), 'w').close()
        assert stream.rest() == fake_text(12, 1) and stream.finish == 'stop'
        until(lambda: set(states(s)) == {'a', 'c'})
        until(lambda: workers(s) == 2)
        # By llama-server's way of asking, and by JSON-RPC.
        write('dir/d.gguf', 'GGUF\ntokens 3\n')
        got = s.get('/models?reload=1').json
        assert {m['id'] for m in got['data']} == {'a', 'c', 'd'}, got
        os.unlink(os.path.join(where, 'd.gguf'))
        with s.rpc() as r:
            assert r.call('bulkhead.reload', None) == {
                'success': True, 'added': 0, 'changed': 0, 'removed': 1}
        assert set(listed(s)) == {'a', 'c'}
        # Who listens hears of it, and of what was removed.
        write('dir/e.gguf', 'GGUF\ntokens 3\n')
        with s.http() as h:
            h.request('GET', '/models/sse')
            assert h.head()[0] == 200
            events = h.events()
            hup(s)
            until(lambda: next(events) == '{"model":"*","event":"models_reload"}')
            os.unlink(os.path.join(where, 'e.gguf'))
            hup(s)
            until(lambda: next(events) == '{"model":"e","event":"model_remove"}')
        # Nothing new: nothing happens to what is loaded.
        pid = states(s)['a']['pid']
        hup(s)
        assert states(s)['a']['pid'] == pid and not s.crashes()


def settings_of_one_that_runs():
    one = write('one.gguf', LONG)
    ini = write('p.ini', f'[one]\nm = {one}\nnp = 2\nalias = uno\n')
    with Server('--models-preset', ini, models=(), fake_worker=True) as s:
        stream = s.stream(model='one', seed=1).until(3)
        old = states(s)['one']['pid']
        write('p.ini', f'[one]\nm = {one}\nnp = 5\nalias = eins\n')
        hup(s)
        # What comes now has another worker, with the new settings; who waits, waits there.
        other = s.stream(model='one', seed=2).until(3)
        now = [m for m in s.status()['models'] if m['name'] == 'one' and m['pid'] != old]
        assert len(now) == 1 and now[0]['slots'] == 5, s.status()['models']
        assert missing(s, 'uno')
        assert sorted(m['retired'] for m in s.status()['models']) == [False, True]
        metrics = s.get('/metrics').body.decode()
        assert metrics.count('bulkhead_model_up{model="one"}') <= 1
        for line in (l for l in metrics.splitlines() if 'model="one"' in l):
            assert metrics.count(line.rsplit(' ', 1)[0] + ' ') == 1, line
        open(one + '.go', 'w').close()
        assert stream.rest() == fake_text(12, 1) and other.rest() == fake_text(12, 2)
        until(lambda: len(s.status()['models']) == 1)
        assert s.complete(model='eins', seed=4) == fake_text(12, 4)
        # Only what lists say: its worker stays.
        pid = states(s)['one']['pid']
        write('p.ini', f'[one]\nm = {one}\nnp = 5\nalias = uno\ntags = x\nhidden = on\n')
        hup(s)
        assert s.complete(model='uno', seed=4) == fake_text(12, 4) and listed(s) == {}
        assert states(s)['one']['pid'] == pid and states(s)['one']['tags'] == ['x']


def a_bad_one_changes_nothing():
    one = write('one.gguf', LONG)
    ini = write('p.ini', f'[one]\nm = {one}\nalias = uno\n')
    with Server('--models-preset', ini, models=(), fake_worker=True) as s:
        stream = s.stream(model='one', seed=1).until(3)
        for text, why in ((f'[two]\nm = {one}\n[one]\nnp = x\n', ':4: np: must be'),
                          ('[two]\nm = x\nctxsize = 3\n', ':3: ctxsize: no such setting'),
                          (f'[two]\nm = {one}\n[one]\nm = {one}\nalias = two\n', 'is what model'),
                          (f'[one]\nm = {one}\nchat-template-file = /none\n', '/none')):
            write('p.ini', text)
            got = s.post('/models/reload', {})
            assert got.status == 400 or got.status == 422 or got.status >= 400, got
            assert why in got.error['message'], got
            assert why in s.log() and 'all stays as it was' in s.log()
            with s.rpc() as r:
                try:
                    r.call('bulkhead.reload', None)
                    raise AssertionError('reloaded')
                except RpcError as e:
                    assert why in e.message, e
            assert listed(s) == {'one': 'loaded'}
        os.unlink(ini)
        hup(s)
        assert listed(s) == {'one': 'loaded'}
        open(one + '.go', 'w').close()
        assert stream.rest() == fake_text(12, 1)
        assert s.complete(model='uno', seed=2) == fake_text(12, 2)


def the_configuration_file():
    one = write('one.gguf', 'GGUF\ntokens 3\n')
    two = write('two.gguf', 'GGUF\ntokens 4\n')
    ini = write('c.ini', f'model = {one}\nparallel = 2\nlog-level = info\n')
    with Server('--config', ini, models=(), fake_worker=True) as s:
        assert s.complete(seed=1) == fake_text(3, 1)
        old = states(s)['one']['pid']
        write('c.ini', f'model = {two}\nmodel = {one}\nparallel = 2\nlog-level = debug\n'
                       'queue-max = 3\n')
        hup(s)
        until(lambda: listed(s) == {'one': 'loaded', 'two': 'loaded'})
        # Another is the default one, and the first goes on as it was.
        assert s.complete(seed=1) == fake_text(4, 1)
        assert states(s)['one']['pid'] == old
        assert 'a restart has to take it: queue-max' in s.log(), s.log()
        # The front that comes next knows it too.
        os.kill(s.front, signal.SIGKILL)
        until(lambda: s.get('/health').status == 200)
        assert s.complete(seed=1) == fake_text(4, 1)
        # A model that is not there: all stays.
        write('c.ini', f'model = {two}\nmodel = /none.gguf\n')
        got = s.post('/models/reload', {})
        assert got.status >= 400 and '/none.gguf' in got.error['message'], got
        assert listed(s) == {'one': 'loaded', 'two': 'loaded'}
        write('c.ini', f'model = {two}\nparallel = 2\n')
        hup(s)
        until(lambda: listed(s) == {'two': 'loaded'} and set(states(s)) == {'two'})
        until(lambda: workers(s) == 1)


def a_client_keeps_what_it_has():
    where = os.path.join(folder, 'kept')
    write('kept/a.gguf', 'GGUF\ntokens 3\n')
    with Server('--models-dir', where, models=(), fake_worker=True) as s:
        with s.rpc() as r:
            r.init('a')
            os.unlink(os.path.join(where, 'a.gguf'))
            hup(s)
            assert listed(s) == {} and missing(s, 'a')
            # Also through its worker's death: the file is still open.
            assert r.run('x', seed=7)[0] == fake_text(3, 7)
            s.kill_worker()
            assert r.run('x', seed=8)[0] == fake_text(3, 8)
            r.call('rkllm.destroy', None)
            until(lambda: s.status()['models'] == [] and workers(s) == 0)


def keys_for_some_models():
    """Such a key has no say in which models there are."""
    where = os.path.join(folder, 'keys')
    write('keys/a.gguf', 'GGUF\ntokens 3\n')
    keys = write('some.keys', 'name=bob models=a key=sk-some\nsk-all\n')
    os.chmod(keys, 0o600)
    with Server('--models-dir', where, '--api-key-file', keys, models=(), fake_worker=True) as s:
        for key, status in ('sk-some', 403), ('sk-no', 401), ('sk-all', 200):
            headers = [f'Authorization: Bearer {key}']
            got = s.post('/models/reload', {}, headers=headers)
            assert got.status == status, (key, got)
            with s.http() as h:
                h.request('GET', '/models?reload=1', headers=headers)
                assert h.reply().status == status, key


def many_at_once():
    where = os.path.join(folder, 'many')
    write('many/a.gguf', 'GGUF\ntokens 6\npause 2\n')
    with Server('--models-dir', where, models=(), fake_worker=True) as s:
        for i in range(12):
            streams = [s.stream(model='a', seed=k) for k in range(4)]
            write('many/a.gguf', f'GGUF\ntokens 6\npause 2\n# {i}\n')
            assert s.post('/models/reload', {}).status == 200
            for k, stream in enumerate(streams):
                assert stream.rest() == fake_text(6, k)
        until(lambda: len(s.status()['models']) == 1)
        until(lambda: workers(s) <= 1)
        assert not s.crashes()


try:
    cases(the_folder, settings_of_one_that_runs, a_bad_one_changes_nothing,
          the_configuration_file, a_client_keeps_what_it_has,
          keys_for_some_models, many_at_once)
finally:
    shutil.rmtree(folder)
