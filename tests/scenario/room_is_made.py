#!/usr/bin/env python3
"""Who is unloaded for whom: the least recently used of the idle, never one busy or pinned."""
import os
import shutil
import sys
import tempfile
import threading
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, cases, fake_text, refusal, until

folder = tempfile.mkdtemp(prefix='bulkhead-test-')


def write(name, text):
    with open(os.path.join(folder, name + '.gguf'), 'w') as f:
        f.write('GGUF\n' + text + '\n')


def fresh(**models):
    shutil.rmtree(folder)
    os.mkdir(folder)
    for name, text in models.items():
        write(name, text)


def words(s):
    return {m['id']: m['status']['value'] for m in s.get('/v1/models').json['data']}


def loaded(s):
    return {name for name, word in words(s).items() if word == 'loaded'}


def go(name):
    """Ends the holds of a model."""
    open(os.path.join(folder, name + '.gguf.go'), 'w').close()


def lives(name):
    return sum(n.startswith(name + '.gguf.life') for n in os.listdir(folder))


def router(*options, **more):
    return Server('--models-dir', folder, '--keepalive-interval', '200ms', *options, models=(),
                  fake_worker=True, **more)


def the_least_recently_used_goes():
    fresh(a='tokens 2', b='tokens 2', c='tokens 2', d='tokens 2')
    with router('--models-max', '2') as s:
        for want, left in (('a', 'a'), ('b', 'ab'), ('a', 'ab'), ('c', 'ac'), ('a', 'ac'),
                           ('d', 'ad')):
            assert s.complete(model=want, seed=1) == fake_text(2, 1)
            assert loaded(s) == set(left), (want, words(s))
        assert lives('a') == 1 and lives('b') == 1


def what_is_pinned_stays():
    fresh(a='tokens 2', b='tokens 2', c='tokens 2')
    with router('--models-max', '2', '--pin', 'a') as s:
        for name in 'abcb':
            assert s.complete(model=name, seed=1) == fake_text(2, 1)
        assert loaded(s) == {'a', 'b'} and lives('a') == 1
    with router('--models-max', '1', '--pin', 'a') as s:
        s.complete(model='a')
        got = s.post('/v1/completions', {'model': 'b', 'prompt': 'x'})
        assert got.status == 503 and 'stay loaded' in got.error['message'], got


def what_is_busy_is_waited_for():
    fresh(a='tokens 4\nat token:2 hold', b='tokens 2')
    with router('--models-max', '1') as s:
        a = s.stream(model='a', seed=1).until(2)
        b = s.stream(model='b', seed=2)
        s.wait_log('model b: waits for room')
        # Even who has it for himself, and runs nothing, is not unloaded for others.
        assert loaded(s) == {'a'}
        go('a')
        assert a.rest() == fake_text(4, 1)
        assert b.rest() == fake_text(2, 2)
        assert loaded(s) == {'b'} and lives('a') == 1


def a_client_that_has_it_keeps_it():
    fresh(a='tokens 2', b='tokens 2')
    with router('--models-max', '1') as s:
        with s.rpc() as r:
            r.init('a')
            got = s.post('/v1/completions', {'model': 'b', 'prompt': 'x', 'queue_timeout_ms': 300})
            assert got.status in (429, 503, 504), got
            assert 'its model was not loaded' in got.error['message'], got
            assert loaded(s) == {'a'}
            assert r.run('x', seed=3)[0] == fake_text(2, 3)
        # It is gone now, and nobody wants b any more: nothing has to go.
        assert s.complete(model='b', seed=1) == fake_text(2, 1)


def who_gave_up_waiting_evicts_nobody():
    fresh(a='tokens 3\nat token:1 hold', b='tokens 2')
    with router('--models-max', '1') as s:
        a = s.stream(model='a', seed=1).until(1)
        s.stream(model='b').http.close()
        s.wait_log('model b: waits for room')
        until(lambda: s.status()['generations'] == 1)
        go('a')
        assert a.rest() == fake_text(3, 1)
        assert s.complete(model='a', seed=2) == fake_text(3, 2)
        assert loaded(s) == {'a'} and lives('a') == 1 and lives('b') == 0


def nobody_waits_for_ever():
    """However many ask for one model, another gets its turn, and then the first again."""
    fresh(a='tokens 4\npause 20', b='tokens 2')
    with router('--models-max', '1', '--room-patience', '200ms') as s:
        stop, answers, bad = threading.Event(), [], []

        def ask():
            while not stop.is_set():
                try:
                    text = s.complete(model='a', seed=7)
                    answers.append(text)
                except BaseException as why:
                    bad.append(why)
                    return
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for t in threads:
            t.start()
        until(lambda: len(answers) >= 4)
        for seed in 1, 2:
            n = len(answers)
            assert s.complete(model='b', seed=seed) == fake_text(2, seed)
            until(lambda: len(answers) >= n + 8)
        stop.set()
        for t in threads:
            t.join()
        assert not bad, bad
        assert set(answers) == {fake_text(4, 7)}
        assert lives('b') == 2 and lives('a') == 3, (lives('a'), lives('b'))


def all_who_wait_hear_why_it_failed():
    fresh(a='tokens 3\nat token:1 hold', bad='load 100\nat load fail no such tensor')
    with router('--models-max', '1') as s:
        a = s.stream(model='a', seed=1).until(1)
        got = []

        def ask():
            got.append(s.post('/v1/completions', {'model': 'bad', 'prompt': 'x'}))
        threads = [threading.Thread(target=ask) for _ in range(5)]
        for t in threads:
            t.start()
        until(lambda: s.status()['generations'] == 6)
        r = s.rpc()
        ident = r.send('bulkhead.load', 'bad')
        go('a')
        assert a.rest() == fake_text(3, 1)
        for t in threads:
            t.join()
        assert len(got) == 5 and all('no such tensor' in g.error['message'] for g in got), got
        assert 'no such tensor' in refusal(r.next, ident).message
        assert s.complete(model='a', seed=2) == fake_text(3, 2)


def the_front_dies_while_some_wait():
    fresh(a='tokens 3\nat token:1 hold', b='tokens 2')
    with router('--models-max', '1') as s:
        s.stream(model='a', seed=1).until(1)
        waiting = s.stream(model='b', seed=1)
        del waiting
        s.wait_log('model b: waits for room')
        front = s.front
        os.kill(front, 9)
        until(lambda: s.front != front)
        # Who waited is gone; what is loaded is there still, and lets go for the next.
        assert loaded(s) == {'a'}
        assert s.complete(model='b', seed=3) == fake_text(2, 3)
        assert loaded(s) == {'b'}


def a_held_one_is_replaced():
    """Its file is another by a reload, while it takes nothing new: who waits for it is served."""
    fresh(a='tokens 4\nlife 1 at token:2 hold', b='tokens 2')
    with router('--models-max', '1', '--room-patience', '0') as s:
        a = s.stream(model='a', seed=1).until(2)
        b = s.stream(model='b', seed=2)
        s.wait_log('a: others wait long for room')
        later = s.stream(model='a', seed=3)
        write('new', 'tokens 4')
        os.rename(os.path.join(folder, 'new.gguf'), os.path.join(folder, 'a.gguf'))
        assert s.get('/models?reload=1').status == 200
        newest = s.stream(model='a', seed=4)
        go('a')
        assert a.rest() == fake_text(4, 1) and later.rest() == fake_text(4, 3)
        assert b.rest() == fake_text(2, 2) and newest.rest() == fake_text(4, 4)


def memory_is_a_bound_too():
    fresh(a='tokens 2', b='tokens 2', c='tokens 2', big='tokens 2')
    for name in 'a', 'b', 'c':
        with open(os.path.join(folder, name + '.gguf'), 'a') as f:
            f.write('#' + 'x' * 1000000 + '\n')
    with open(os.path.join(folder, 'big.gguf'), 'a') as f:
        f.write('#' + 'x' * 60000000 + '\n')
    with router('--models-max', '0', '--memory-limit', '100') as s:
        for name in 'abc':
            assert s.complete(model=name, seed=1) == fake_text(2, 1)
        assert 'c' in loaded(s)
        got = s.post('/v1/completions', {'model': 'big', 'prompt': 'x'})
        assert got.status == 503 and got.headers['x-should-retry'] == 'false', got
        assert '100 MiB is --memory-limit' in got.error['message'], got
    if SANITIZE:  # whose memory is no measure
        return
    # Before a file was ever loaded it is a guess (1 + 8 + 32 MiB); then what it took: a few.
    with router('--models-max', '0', '--memory-limit', '42') as s:
        for want, left in ('a', 'a'), ('b', 'b'), ('c', 'c'), ('a', 'ac'), ('b', 'abc'):
            assert s.complete(model=want, seed=1) == fake_text(2, 1)
            assert loaded(s) == set(left), (want, words(s))


try:
    cases(the_least_recently_used_goes, what_is_pinned_stays, what_is_busy_is_waited_for,
          a_client_that_has_it_keeps_it, who_gave_up_waiting_evicts_nobody, nobody_waits_for_ever,
          all_who_wait_hear_why_it_failed, the_front_dies_while_some_wait, a_held_one_is_replaced,
          memory_is_a_bound_too)
finally:
    shutil.rmtree(folder)
