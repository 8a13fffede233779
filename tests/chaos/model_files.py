#!/usr/bin/env python3
"""Model files that are wrong: every published class of flaw, and mutants, through the real worker
and through the daemon.

    model_files.py [--json] [named] [mutants] [daemon]        all without one

named    each class (lib/badmodels.py) in a worker of its own: a clear error, or it is served
mutants  CHAOS_GGUF of them, the same way (bin/load-many): loaded, described, asked for two tokens
daemon   both kinds through `-m` and JSON-RPC: keeper and front stay the processes they were, grow
         by nothing, and a stream beside them has its bytes

CHAOS_GGUF_DAEMON: mutants for the daemon, a twentieth of the others if not set. CHAOS_ARCHS: of
these architectures only. SIGTERM ends the mutants and prints what there is. A death by
signal is llama.cpp's own assertion or a real fault; the worker is there to contain it, so it is
counted, not failed. A worker that is still busy after its deadline counts as hung.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import badmodels
from bulkhead import (BIN, COMPLAINTS, DEADLINE, SANITIZE, SLOW, RpcError, Server, until)
from chaos import SEED, compare, measure, number, print_table, progress
from gguf import Mutator

MUTANTS = number('CHAOS_GGUF', 1200, 100)
THROUGH = number('CHAOS_GGUF_DAEMON', max(30, MUTANTS // 20))  # of them through the daemon
SECONDS = 10 * SLOW  # a worker may take; a file that is good takes milliseconds
SMALL = ('--vocab', '512', '--embd', '32', '--heads', '2', '--kv-heads', '2', '--ffn', '32',
         '--layers', '1', '--ctx', '64')
ARCHS = 'llama', 'qwen2', 'gemma2', 'gemma3'
COLUMNS = 'what', 'files', 'served', 'refused', 'failed', 'died', 'hung', 'unexpected', 'seconds'
GROWTH_KIB = 1024
folder = tempfile.mkdtemp(prefix='bulkhead-test-', dir='/dev/shm' if os.path.isdir(
    '/dev/shm') else None)
rows, is_ending = [], threading.Event()  # set by SIGTERM: says what there is


def made(name, data):
    path = os.path.join(folder, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def mkmodel(name, *options):
    """A tiny model's bytes."""
    path = os.path.join(folder, name)
    subprocess.run([os.path.join(BIN, 'mkmodel'), *options, '--out', path], check=True,
                   stderr=subprocess.DEVNULL)
    with open(path, 'rb') as f:
        return f.read()


class Loader:
    """bin/load-many, which is given one file after the other."""

    def __init__(self, seconds=SECONDS):
        self.proc = subprocess.Popen(
            [os.path.join(BIN, 'load-many'), os.path.join(BIN, 'bulkhead-worker'), str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.stdin.close()
        assert self.proc.wait(DEADLINE) == 0

    def load(self, path):
        """(word, text) as load_many.c says."""
        self.proc.stdin.write(path.encode() + b'\n')
        self.proc.stdin.flush()
        word, _, text = self.proc.stdout.readline().decode(errors='replace').strip().partition(' ')
        assert word, 'load-many has died'
        return word, text


def row(what, seen, unexpected, start):
    died = seen['signal'] + seen['exit']
    rows.append([what, sum(seen.values()), seen['served'], seen['refused'], seen['failed'], died,
                 seen['hang'], unexpected, f'{time.monotonic() - start:.0f}'])


def is_expected(word, text, want):
    if want == badmodels.HANGS:
        return word in ('hang', 'refused', 'failed')
    if want == badmodels.DIES:
        # A sanitizer ends what overflows its stack by exit(3); some are long about it.
        return word in ('signal', 'hang', 'refused', 'failed') or (word == 'exit' and SANITIZE)
    if want is badmodels.SERVED or word == 'served':
        return word == 'served' and not want
    return word in ('refused', 'failed') and re.search(want, text) is not None and len(text) < 1000


def all_cases():
    tiny = mkmodel('tiny.gguf', *SMALL)
    others = [('an adapter', mkmodel('lora.gguf', '--lora', '4', '--base',
                                     os.path.join(folder, 'tiny.gguf'))),
              ('an encoder', mkmodel('bert.gguf', '--preset', 'tiny-bert'))]
    return list(badmodels.cases(tiny, others))


def named():
    start, seen, wrong = time.monotonic(), collections.Counter(), 0
    with Loader() as loader:
        for name, data, want in all_cases():
            word, text = loader.load(made('case.gguf', data))
            seen[word] += 1
            if not is_expected(word, text, want):
                print(f'{name}: {word} {text}, expected {want!r}', flush=True)
                wrong += 1
    row('published classes', seen, wrong, start)


def mutate(arch, mutator, n, rng, index):
    """n mutants of one model, one after the other."""
    seen, odd, deaths = collections.Counter(), [], collections.Counter()
    with Loader() as loader:
        for i in range(n):
            if is_ending.is_set():
                break
            data = mutator.mutant(rng)
            word, text = loader.load(made(f'mutant{index}.gguf', data))
            seen[word] += 1
            if word in ('signal', 'exit', 'hang'):
                deaths[f'{word} {text}'] += 1
            if word == 'failed' and not text or word == 'exit':
                odd.append(f'{arch}, seed {SEED}, number {i}: {word} {text}')
            if i % 50 == 0:
                progress(f'{arch}: {i} of {n}')
    return seen, odd, deaths


def mutants():
    """Two at a time; each architecture has its share of a seed of its own."""
    def work(arch):
        start = time.monotonic()
        mutator = Mutator(mkmodel(f'{arch}.gguf', '--preset', f'tiny-{arch}', *SMALL))
        got = mutate(arch, mutator, MUTANTS // len(ARCHS), random.Random(f'{SEED} {arch}'), arch)
        return (arch, start, *got)
    archs = os.environ.get('CHAOS_ARCHS', ' '.join(ARCHS)).split()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for arch, start, seen, odd, deaths in pool.map(work, archs):
            print('\n'.join(odd[:5]), end='\n' if odd else '')
            print(f'{arch}: {dict(deaths)}', file=sys.stderr, flush=True)
            row(f'mutants of {arch}', seen, len(odd), start)


def start_with(path):
    """(exit status or None if it serves, what it said to standard error)."""
    with tempfile.TemporaryFile() as err:
        proc = subprocess.Popen(
            [os.path.join(BIN, 'bulkhead'), 'serve', '-m', path, '--port', '0', '--rpc-socket',
             os.path.join(folder, 'sock')], stdout=subprocess.PIPE, stderr=err)
        line = proc.stdout.readline()  # that it serves, or the end
        if line:
            proc.terminate()
        proc.wait(2 * DEADLINE)
        proc.stdout.close()
        err.seek(0)
        return None if line else proc.returncode, err.read()


def at_start(cases):
    """`-m`: exits with one line that says why, or serves; no signal, no hang."""
    start, seen, wrong = time.monotonic(), collections.Counter(), 0
    for name, data, want in cases:
        path = made('start.gguf', data)
        if want in (badmodels.SERVED, badmodels.EITHER, badmodels.HANGS):
            continue
        status, said = start_with(path)
        errors = [e for e in said.decode().splitlines() if ' error: ' in e]
        # Some die of what they are asked, not of what they are.
        is_served = status is None and want == badmodels.DIES
        ok = is_served or 0 < (status or 0) < 128 and errors and path in errors[-1]
        seen['served' if is_served else 'failed'] += bool(ok)
        if not ok or re.search(rb'[^\n -~\x80-\xff]', said):
            print(f'{name}: at start: {status} {said[-500:]}', flush=True)
            wrong += 1
    row('the same by -m', seen, wrong, start)


class Canary:
    """A stream that goes on beside all this, and must be what it was."""

    def __init__(self, server):
        self.server, self.n = server, 0
        self.want = self.text()

    def text(self):
        return self.server.complete('Once', max_tokens=60, seed=7, ignore_eos=True, model='demo')

    def check(self):
        self.n += 1
        assert self.text() == self.want, 'the stream beside it differs'


def at_rest(server):
    """What keeper and front have when only this looks on."""
    until(lambda: len(server.children()) == 2)
    return measure(server)


def give(rpc, path, seen):
    """One file to the daemon: it says what it thinks of it within its deadlines."""
    try:
        rpc.call('rkllm.init', None, {'model_path': path, 'max_context_len': 64}, None)
    except RpcError as e:
        assert e.code in (-32001, -32602, -32603) and path in e.message, e
        seen['died' if 'killed by' in e.message or 'gave up' in e.message else 'failed'] += 1
        return
    try:
        rpc.run('x', max_new_tokens=2)
        seen['served'] += 1
    except RpcError as e:
        seen['signal' if e.code == -32006 else 'refused'] += 1


def give_all(server, case, numbers, seen):
    """Two at a time; a stream beside them is looked at all the while. case(i): name and bytes."""
    def work(k):
        mine = collections.Counter()
        for i in numbers[k::2]:
            if is_ending.is_set():
                break
            name, data = case(i)
            path = made(f'rpc{i % 8}-{hashlib.md5(data).hexdigest()[:6]}.gguf', data)
            with server.rpc() as r:
                try:
                    give(r, path, mine)
                except Exception as why:
                    raise AssertionError(f'{name}: {why!r}') from why
            os.unlink(path)
        return mine
    canary = Canary(server)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        parts = [pool.submit(work, k) for k in range(2)]
        while not all(p.done() for p in parts):
            canary.check()
            concurrent.futures.wait(parts, 1)
        for part in parts:
            seen.update(part.result())
    canary.check()


def by_rpc(case, n):
    start, seen = time.monotonic(), collections.Counter()
    with Server('--restart-limit', '2', '--threads', '1', '--models-max', '8',
                '--hang-timeout', '1s', '--load-timeout', '3s', clean=False) as s:
        give_all(s, case, range(n // 4), seen)
        before, pids = at_rest(s), (s.pid, s.front)
        give_all(s, case, range(n // 4, n), seen)
        compare(before, at_rest(s), GROWTH_KIB)
        assert pids == (s.pid, s.front)
        log = s.log()
        # What a worker says of such a file is its own; keeper and front have nothing to say.
        assert not COMPLAINTS.search(re.sub(r'(?m)^bulkhead-worker\[.*\n', '', log)), log
        assert not re.search(r'[\x00-\x09\x0b-\x1f\x7f]', log), 'raw control bytes in the log'
    seen['signal'] += seen.pop('died', 0)
    row('both by JSON-RPC', seen, 0, start)


def daemon():
    cases = all_cases()
    at_start(cases if MUTANTS > 5000 else cases[::8])
    tiny = Mutator(mkmodel('m.gguf', *SMALL))

    def case(i):
        if i < len(cases):
            return cases[i][:2]
        return f'mutant {i}', tiny.mutant(random.Random(f'{SEED} daemon {i}'))
    by_rpc(case, len(cases) + THROUGH)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--json', action='store_true')
    parser.add_argument('part', nargs='*', choices=['named', 'mutants', 'daemon', []])
    args = parser.parse_args()
    print(f'CHAOS_SEED={SEED} CHAOS_GGUF={MUTANTS}', file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: is_ending.set())
    try:
        for part in args.part or ['named', 'mutants', 'daemon']:
            {'named': named, 'mutants': mutants, 'daemon': daemon}[part]()
            progress('')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_table(COLUMNS, rows, args.json)
    wrong = sum(r[COLUMNS.index('unexpected')] for r in rows)
    if wrong:
        raise SystemExit(f'seed {SEED}: {wrong} files were not met as they should be')


main()
