#!/usr/bin/env python3
"""LoRA adapters: chosen by each request, together in one worker, exactly resumed."""
import contextlib
import os
import signal
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, MODEL, SANITIZE, Server, cases, made_model, until

N = 40 if SANITIZE else 120
SETS = [], [{'id': 0, 'scale': 1}], [{'id': 1, 'scale': 0.5}], \
    [{'id': 0, 'scale': 0.3}, {'id': 1, 'scale': 1}]


@contextlib.contextmanager
def adapters(n):
    """So many of the demo model's, each another."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(made_model('--lora', '4', '--base', MODEL, '--seed', str(i + 5)))
               for i in range(n)]


def say(s, lora=None, **fields):
    fields = {'seed': 3, 'max_tokens': N, 'ignore_eos': True, **fields}
    return s.complete('Once upon a time', **fields, **({} if lora is None else {'lora': lora}))


def each_says_its_own(s):
    said = [say(s, lora) for lora in SETS]
    assert len(set(said)) == len(SETS), said
    # What is not named is not applied; order and a scale of 0 mean nothing.
    assert say(s, [{'id': 1, 'scale': 0.5}, {'id': 0, 'scale': 0}]) == said[2]
    assert say(s, list(reversed(SETS[3]))) == said[3]
    # Who names none has the server's: the first as it is, the second at half.
    assert say(s) == say(s, [{'id': 0, 'scale': 1}, {'id': 1, 'scale': 0.5}])
    with Server() as plain:
        assert say(plain) == said[0]


def the_list(s):
    got = s.get('/lora-adapters').json
    assert [(a['id'], a['scale']) for a in got] == [(0, 1), (1, 0.5)], got
    assert s.status()['models'][0]['adapters'] == got


def scales_can_be_set(s):
    """By POST, for who names none; they outlive the front and the worker."""
    before = s.get('/lora-adapters').json
    said = [say(s, lora) for lora in SETS]

    def post(scales, status=200):
        got = s.post('/lora-adapters', scales)
        assert got.status == status, (scales, got)
        return got.json
    for lora, want in zip(SETS, said):
        assert post(lora) == {'success': True}
        scales = {a['id']: a['scale'] for a in lora}
        now = [a['scale'] for a in s.get('/lora-adapters').json]
        assert now == [scales.get(i, 0) for i in (0, 1)], now
        assert say(s) == want and say(s, SETS[1]) == said[1]
    os.kill(s.front, signal.SIGKILL)
    s.wait_log('starting another')
    until(lambda: s.front)
    s.kill_worker()
    assert say(s) == said[3]
    assert [a['scale'] for a in s.get('/lora-adapters').json] == [0.3, 1]
    for bad in {}, {'id': 0}, [{'id': 0}], [{'scale': 1}], [{'id': 2, 'scale': 1}], [5], \
            [{'id': 0, 'scale': 'x'}]:
        error = post(bad, 400)['error']
        assert error['code'] == 400 and error['type'] == 'invalid_request_error', error
    assert say(s) == said[3], 'a refused one changes nothing'
    post([{'id': a['id'], 'scale': a['scale']} for a in before])
    assert s.get('/lora-adapters').json == before


def bad_ones_are_refused(s):
    for lora, words in (([{'id': 2, 'scale': 1}], 'none of the model'),
                        ([{'id': 99, 'scale': 1}], 'id'), ([{'id': 0, 'scale': 1}] * 2, 'once'),
                        ([{'id': 0}], 'scale'), ({'id': 0}, 'array'),
                        ([{'id': 0, 'scale': 'x'}], 'scale')):
        got = s.post('/v1/completions', {'prompt': 'x', 'lora': lora})
        assert got.status == 400 and got.error['param'].startswith('lora'), got
        assert words in got.error['message'], got


def together_as_alone(s):
    """Twelve streams of four sets, killed again and again: each has its own bytes."""
    want = [say(s, lora, seed=i) for i in range(3) for lora in SETS]
    for kills in range(3):
        streams = [s.stream('Once upon a time', seed=i, max_tokens=N, ignore_eos=True, lora=lora)
                   for i in range(3) for lora in SETS]
        for _ in range(kills):
            streams[kills].until(len(streams[kills].texts) + 20)
            s.kill_worker(signal.SIGKILL)
        assert [stream.rest() for stream in streams] == want, kills
    assert all(m['exact'] for m in s.status()['models'])


def nobody_starves(s):
    """One set's long streams leave another its turn."""
    long = [s.stream('a', max_tokens=400, ignore_eos=True, lora=SETS[i % 3]) for i in range(9)]
    for stream in long:
        stream.until(5)
    assert say(s, SETS[3], max_tokens=5)
    assert any(not stream.done for stream in long)
    for stream in long:
        stream.rest()
        assert stream.done


def of_another_model():
    with made_model('--preset', 'tiny-llama') as base, made_model('--lora', '4', '--base', base) \
            as lora:
        with Server('--lora', lora, wait=False, expect=5) as s:
            assert s.wait() == 5
            assert f'model {MODEL}: adapter {lora}: cannot be used' in s.log(), s.log()
    # Not even a path that is the model's own, or begins as it does, hides whose fault it is.
    with Server('--lora', MODEL, wait=False, expect=5) as s:
        assert s.wait() == 5
        assert f'model {MODEL}: adapter {MODEL}: cannot be used' in s.log(), s.log()


def no_such_file():
    got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'serve', '--lora', '/nowhere/x.gguf'],
                         capture_output=True, text=True)
    assert got.returncode == 3 and '/nowhere/x.gguf: no such file' in got.stderr, got
    for bad in 'x.gguf', ':1', 'x.gguf:', 'x.gguf:much', 'x.gguf:nan':
        got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'serve', '--lora-scaled', bad],
                             capture_output=True, text=True)
        assert got.returncode == 2 and 'FILE:SCALE' in got.stderr, (bad, got)


def a_changed_file_is_not_mixed_in():
    """The worker has its adapter in memory; one that comes after it must not have another."""
    with adapters(2) as (one, two), Server('--lora', one) as s, Server('--lora', two) as other:
        stream = s.stream('Once', max_tokens=900, ignore_eos=True).until(5)
        with open(two, 'rb') as src, open(one, 'r+b') as dst:
            dst.write(src.read())
        s.kill_worker(signal.SIGKILL)
        stream.rest()
        assert stream.error and 'changed' in stream.error['message'], stream.error
        assert say(s) == say(other), 'the next request has the new one'


with adapters(2) as (first, second):
    with Server('--lora', first, '--lora-scaled', f'{second}:0.5', '--parallel', '16',
                '--restart-limit', '1000000') as server:
        cases(each_says_its_own, the_list, bad_ones_are_refused, together_as_alone, nobody_starves,
              scales_can_be_set,              args=(server,))
cases(of_another_model, no_such_file, a_changed_file_is_not_mixed_in)
