#!/usr/bin/env python3
"""Mutants of what clients attach: LoRA adapters, and prompt caches whose digest is right.

Each is loaded, and used where that works, beside a client whose text must not change. A file may
cost the worker that reads it, and a request the workers that compute it; the model stays, and
keeper and front stay the processes they were.

CHAOS_ATTACHED: mutants of each kind. A death by an adapter is llama.cpp's own assertion or a real
fault, so it is counted, not failed.
"""
import collections
import contextlib
import hashlib
import os
import random
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import MODEL, SLOW, RpcError, Server, cases, made_model
from chaos import SEED, number
from gguf import Mutator

MUTANTS = number('CHAOS_ATTACHED', 300, 60)
IDS = [(7 * i) % 450 + 20 for i in range(150)]
PROMPT = {'input_type': 1, 'token_input': {'input_ids': IDS}}
print(f'CHAOS_SEED={SEED} CHAOS_ATTACHED={MUTANTS}', flush=True)


def run(rpc, n=3, **infer):
    ident = rpc.send('rkllm.run', PROMPT, {'seed': 1, 'max_new_tokens': n, **infer})
    return [r['token_id'] for r in rpc.replies(ident)]


def tried(s, mutate, load, use):
    """What became of each mutant, by kind."""
    rng = random.Random(SEED)
    became = collections.Counter()
    path = os.path.join(s.dir, 'mutant')
    pids = s.pid, s.front
    with s.rpc() as rpc, s.rpc() as beside:
        for client in rpc, beside:
            client.init('', ignore_eos_token=True)
        want = run(beside, n=50)
        for i in range(MUTANTS):
            with open(path, 'wb') as f:
                f.write(mutate(rng))
            what = 'refused'
            try:
                load(rpc, path)
                what = 'loaded'
                use(rpc)
                what = 'used'
            except RpcError as e:
                assert e.code in (-32004, -32006) if what == 'refused' else e.code < 0, (i, e)
                if 'crash_id' in (e.data or {}):
                    what = 'killed its reader' if what == 'refused' else 'killed its workers'
            became[what] += 1
            if i % 10 == 0:
                assert run(beside, n=50) == want, i
        assert run(beside, n=50) == want
        assert (s.pid, s.front) == pids and s.status()['models'][0]['state'] == 'up'
    print(', '.join(f'{n} {what}' for what, n in sorted(became.items())), flush=True)


@contextlib.contextmanager
def server():
    with Server('--restart-limit', '1000000', '--hang-timeout', f'{SLOW}s', clean=False,
                launch=lambda args, env: ([*args, '--prompt-cache-dir',
                                           os.path.dirname(args[args.index('--rpc-socket') + 1])],
                                          env)) as s:
        yield s


def adapters():
    with made_model('--lora', '4', '--base', MODEL, '--seed', '5') as path, server() as s:
        with open(path, 'rb') as f:
            mutator = Mutator(f.read())
        tried(s, mutator.mutant, lambda rpc, path: rpc.call(
            'rkllm.load_lora', {'lora_adapter_path': path, 'lora_adapter_name': 'm', 'scale': 1.0}),
              lambda rpc: run(rpc, lora_params={'lora_adapter_name': 'm'}))


def prompt_caches():
    """The head, what it is about, and the beginning of the state, where its lengths are."""
    with server() as s:
        with s.rpc() as rpc:
            rpc.init('')
            run(rpc, prompt_cache_params={'save_prompt_cache': 1, 'prompt_cache_path': 'good'})
        with open(os.path.join(s.dir, 'good'), 'rb') as f:
            good = f.read()

        def mutate(rng):
            data = bytearray(good[:-32])
            reach = rng.choice((40, 1500, 3000, len(data)))
            for _ in range(rng.choice((1, 1, 2, 4))):
                data[rng.randrange(min(reach, len(data)))] ^= 1 << rng.randrange(8)
            return bytes(data) + hashlib.sha256(data).digest()
        tried(s, mutate, lambda rpc, path: rpc.call('rkllm.load_prompt_cache', path), run)


cases(adapters, prompt_caches)
