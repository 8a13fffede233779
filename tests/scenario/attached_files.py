#!/usr/bin/env python3
"""Files that clients attach to a model: who reads them, who dies of them, when they are let go."""
import os
import signal
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, fake_text, until

SCRIPT = 'tokens 30\npause 5'


def load(rpc, path, name='x'):
    return rpc.send('rkllm.load_lora', None, {'lora_adapter_path': path, 'lora_adapter_name': name,
                                              'scale': 1.0})


def refused(rpc, ident):
    try:
        rpc.next(ident)
    except RpcError as e:
        return e
    raise AssertionError('it was loaded')


def client(s):
    rpc = s.rpc()
    rpc.init('')
    return rpc


def goes_with_its_last_user():
    with Server(fake=SCRIPT) as s:
        path = s.script('a.gguf', '')
        one, two = client(s), client(s)
        for rpc in one, two:
            assert rpc.next(load(rpc, path))['success']
        s.wait_log('attach 16')
        one.close()
        assert two.next(load(two, path, 'y'))['success'] and 'detach 16' not in s.log()
        two.close()
        s.wait_log('detach 16')
        assert s.log().count(' attach ') == 1


def follows_the_worker_and_not_the_front():
    with Server(fake=SCRIPT) as s:
        path = s.script('a.gguf', '')
        rpc = client(s)
        assert rpc.next(load(rpc, path))['success']
        s.kill_worker()
        s.wait_log('attach 16', times=2)
        os.kill(s.front, signal.SIGKILL)
        s.wait_log('detach 16')
        rpc = until(lambda: client(s))
        assert rpc.next(load(rpc, path))['success']
        s.wait_log('attach 17')


def waits_for_the_worker():
    """One that is asked for while the model starts again is there when it has."""
    with Server(fake=SCRIPT + '\nlife 2 load 300') as s:
        rpc = client(s)
        s.kill_worker()
        assert rpc.next(load(rpc, s.script('a.gguf', '')))['success']
        assert s.lives() == 2


def one_that_kills_costs_one_worker():
    with Server(fake=SCRIPT) as s:
        good, bad = s.script('good.gguf', ''), s.script('bad.gguf', 'die SEGV')
        rpc = client(s)
        assert rpc.next(load(rpc, good))['success']
        stream = s.stream(seed=7).until(3)
        got = refused(rpc, load(rpc, bad))
        assert got.code == -32004 and 'SIGSEGV' in got.message and got.data['crash_id'], got
        assert stream.rest() == fake_text(30, 7), stream.error
        assert s.lives() == 2 and s.log().count('attach 16') == 2
        assert refused(rpc, load(rpc, bad)).data['retry_after_ms'] > 0
        assert s.lives() == 2
        # However many do: the model is not given up, and nobody who streams is blamed.
        stream = s.stream(seed=8).until(1)
        for i in range(12):
            bad = s.script(f'bad{i}.gguf', f'die SEGV\n{i}')
            assert 'SIGSEGV' in refused(rpc, load(rpc, bad)).message
        assert stream.rest() == fake_text(30, 8), stream.error
        assert s.status()['models'][0]['state'] == 'up'


def one_that_hangs_is_ended():
    with Server('--hang-timeout', '300ms', fake=SCRIPT) as s:
        rpc = client(s)
        stream = s.stream(seed=7).until(3)
        got = refused(rpc, load(rpc, s.script('bad.gguf', 'stall')))
        assert got.code == -32004 and 'hang' in got.message, got
        assert stream.rest() == fake_text(30, 7), stream.error


def killed_from_outside_is_tried_again():
    with Server(fake=SCRIPT) as s:
        rpc = client(s)
        ident = load(rpc, s.script('slow.gguf', 'nap 1000'))
        s.wait_log('nap 1000')
        s.kill_worker()
        assert rpc.next(ident)['success'] and s.lives() == 2


def a_model_that_is_given_up_says_so():
    with Server('--restart-limit', '2', fake='life 2- at load die SEGV') as s:
        rpc = client(s)
        s.kill_worker()
        s.wait_log('tried again')
        got = refused(rpc, load(rpc, s.script('a.gguf', '')))
        assert got.code in (-32006, -32001), got


def what_is_under_way_when_the_client_goes():
    with Server(fake=SCRIPT) as s:
        rpc = client(s)
        load(rpc, s.script('slow.gguf', 'nap 200'))
        s.wait_log('nap 200')
        rpc.close()
        s.wait_log('detach 16')
        rpc = client(s)
        load(rpc, s.script('slower.gguf', 'nap 200\n2'))
        s.wait_log('nap 200', times=2)
        s.term()
        s.wait()


def saved_whatever_dies():
    """A run that is to be saved, through deaths before, at and behind the moment."""
    with tempfile.TemporaryDirectory() as folder, \
            Server('--prompt-cache-dir', folder,
                   fake='tokens 8\nlife 1 at submit die SEGV\nlife 2 at started die SEGV\n'
                        'life 3 at token:1 die SEGV\nlife 4 at done die SEGV') as s:
        rpc = client(s)
        for name, text in ('x', 8), ('y', 8):
            params = {'save_prompt_cache': 1, 'prompt_cache_path': name}
            got = rpc.run('x', seed=1, prompt_cache_params=params)[0]
            assert got == fake_text(text, 1), got
            with open(os.path.join(folder, name)) as f:
                assert f.read() == 'saved'
        assert rpc.call('rkllm.load_prompt_cache', None, 'x')['success']
        assert rpc.run('x', seed=1)[0] == fake_text(8, 1)
        assert s.lives() >= 4


cases(goes_with_its_last_user, follows_the_worker_and_not_the_front, waits_for_the_worker,
      one_that_kills_costs_one_worker, one_that_hangs_is_ended, killed_from_outside_is_tried_again,
      a_model_that_is_given_up_says_so, what_is_under_way_when_the_client_goes,
      saved_whatever_dies)
