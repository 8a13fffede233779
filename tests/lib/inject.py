"""Faults of the system, injected into one of the processes (tests/inject/inject.c), and a short
session that must survive them.

sweep() starts the real programs, with the fake worker, again and again: the n-th call of a function
fails, n = 1, 2, 3 ... until there are no more calls. What may happen: it serves as if nothing were;
it does not start, with a line and a status of its own; a request gets an error and the next one is
served. What may not: a death by a signal, a hang, a descriptor that stays open, an orphan, a socket
file left behind, a busy loop.
"""
import contextlib
import errno
import os
import random
import re
import shutil
import stat
import subprocess
import tempfile
import time
from bulkhead import (BIN, SANITIZE, SOURCE, RpcError, Server, Stream, fake_text, is_alive,
                      n_fds, until)

with open(os.path.join(SOURCE, 'tests', 'inject', 'inject.c')) as source:
    NAMES = re.findall(r'\bN\((\w+)\)', source.read().partition('#define ENUM')[0])
LIBRARY = os.path.join(BIN, 'libinject.so')
TOKENS = 5
FAKE = f'tokens {TOKENS}'
PATIENCE = 12  # seconds for anything to come back
SECONDS = float(os.environ.get('INJECT_SECONDS', 40))  # of one test; 0: all of it
TICK = os.sysconf('SC_CLK_TCK')

if SANITIZE:
    print('skipped: a sanitizer wants to be the first library')
    raise SystemExit(77)


def preload(folder, name, settings, lives=1000):
    """The first lives of a child find settings in their environment, which is the keeper's to make:
    so a script sets them. name: of a link in folder."""
    link = os.path.join(folder, name)
    real = os.path.join(folder, 'real')
    os.makedirs(real, exist_ok=True)
    os.rename(link, os.path.join(real, name))
    variables = ' '.join(f'{k}={v}' for k, v in settings.items())
    with open(link, 'w') as f:
        f.write(f'''#!/bin/sh
n=1
while [ $n -le {lives} ]; do
	if mkdir "{link}.life$n" 2>/dev/null; then
		export {variables}
		break
	fi
	n=$((n + 1))
done
exec "{real}/{name}"
''')
    os.chmod(link, stat.S_IRWXU)


class Faulty(Server):
    """A server in which `who` (keeper, front, worker) fails as env says, in its first lives."""

    def __init__(self, who, env, *options, lives=1, **more):
        self.counts = tempfile.NamedTemporaryFile(prefix='bulkhead-test-')
        self.counts.write(bytes(4096))
        self.counts.flush()
        self.who, self.lives_with_it, self.said = who, lives, []
        self.inject = dict(env, INJECT_COUNTS=self.counts.name, LD_PRELOAD=LIBRARY)
        # A worker is the real one, with the demo model.
        how = {'launch': self.with_libexec} if who == 'worker' else {'fake': FAKE}
        if who != 'keeper':  # the library itself does what the jail forbids
            options = ('--jail', 'off', *options)
        super().__init__('--drain-timeout', '3', *options, expect=None, **how, **more,
                         env=self.inject if who == 'keeper' else None)

    def with_libexec(self, args, env):
        return [*args, '--libexec', self.fake_bin()], env

    def fake_bin(self):
        folder = super().fake_bin('bulkhead-worker' if self.who == 'worker' else 'fake-worker')
        if self.who != 'keeper':
            preload(folder, 'bulkhead-' + self.who, self.inject, self.lives_with_it)
        return folder

    def calls(self):
        """How often each function was called."""
        now = os.pread(self.counts.fileno(), 4 * len(NAMES), 0)
        return dict(zip(NAMES, memoryview(now).cast('I')))

    def remove(self):
        self.counts.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Bad(Exception):
    pass


right = {}  # what the real model says, by seed, as it was first said


def is_right(s, seed, text):
    if s.who != 'worker':
        return text == fake_text(TOKENS, seed)
    return text == right.setdefault(seed, text)


def http_stream(s, timeout):
    body = {'prompt': 'Once', 'seed': 1, 'max_tokens': 20}
    return is_right(s, 1, Stream(s.http_path, '/v1/completions', body, timeout=timeout).rest())


def rpc_stream(s, timeout):
    with s.rpc(timeout=timeout) as r:
        r.init(s.model, max_new_tokens=20)
        return is_right(s, 2, r.run('Once', seed=2)[0])


def status(s, timeout):
    with s.rpc(timeout=timeout) as r:
        return r.call('bulkhead.status')['keeper']['pid'] == s.pid


STEPS = http_stream, rpc_stream, status
ERRORS = AssertionError, RpcError, EOFError, ConnectionError, ValueError, KeyError


def run_step(s, step, forever):
    """Whether it went well: an error is allowed, silence and a wrong answer are not."""
    try:
        if not step(s, 1 if forever else PATIENCE):
            raise Bad(f'{step.__name__}: a wrong answer')
        return True
    except TimeoutError:
        if forever:
            return False
        raise Bad(f'{step.__name__}: no answer in {PATIENCE} s')
    except ERRORS as why:
        s.said.append(f'{step.__name__}: {str(why)[:200]}')
        return False


def session(s, forever):
    """A step that failed must go well when it is tried again."""
    for step in STEPS:
        for i in range(1 if forever else 5):
            if run_step(s, step, forever):
                break
            if s.proc.poll() is not None:
                raise Bad(f'the keeper ended with {s.proc.poll()}')
            time.sleep(0.05 * i)
        else:
            if not forever:
                raise Bad('it goes on failing')


def used(pid):
    """Seconds of processor time."""
    with open(f'/proc/{pid}/stat') as f:
        parts = f.read().rpartition(')')[2].split()
    return (int(parts[11]) + int(parts[12])) / TICK


def check_idle(s):
    """Nobody is busy while there is nothing to do, nor tries again without a pause."""
    calls = s.calls()
    time.sleep(0.2)
    for name, n in s.calls().items():
        if n - calls[name] > 300:
            raise Bad(f'{name} is called {(n - calls[name]) * 5} times a second')
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pids = [s.pid, *s.children()]
        before = {pid: used(pid) for pid in pids}
        time.sleep(0.3)
        for pid in pids:
            if used(pid) - before[pid] > 0.2:
                raise Bad(f'{pid} spins')


def descriptors(s):
    """How many each process has open, by name."""
    try:
        return dict([('keeper', n_fds(s.pid))] +
                    [(name, n_fds(pid)) for pid, name in s.children().items()])
    except FileNotFoundError:
        return None


def check_descriptors(s, want):
    def are_few():
        now = descriptors(s)
        return now and now.keys() == want.keys() and all(now[k] <= want[k] for k in want)
    try:
        until(are_few, 5)
    except AssertionError:
        raise Bad(f'descriptors: {descriptors(s)}, not {want}')


def check_end(s, started):
    """It ends by itself, leaves nothing, and no process of it has died by a signal."""
    if s.proc.poll() is None:
        s.term()
    try:
        code = s.proc.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise Bad('it does not stop')
    if code < 0:
        raise Bad(f'the keeper was killed by signal {-code}')
    if started and code != 0:
        raise Bad(f'exit status {code}')
    if not started and (code == 0 or ' error: ' not in s.log()):
        raise Bad(f'it did not start, with status {code}')
    check_left(s)


def check_left(s):
    left = [pid for pid in s.seen if is_alive(pid)]
    if left:
        raise Bad(f'orphans: {left}')
    left = [name for name in os.listdir(s.dir) if '.sock' in name]
    if left:
        raise Bad(f'{left} left behind')
    for word in 'SEGV', 'ABRT', 'BUS', 'FPE', 'ILL', 'TRAP', 'SYS', 'KILL':
        if f'SIG{word}' in s.log() and word not in s.may_die_of:
            raise Bad(f'a process died of SIG{word}')


def wait_ready(s):
    """Whether it serves; false when it has ended."""
    end = time.monotonic() + PATIENCE
    # One of the two lines may be what could not be written.
    while 'Server started successfully' not in s.out() and 'listening: ' not in s.log():
        s.children()
        if s.proc.poll() is not None:
            return False
        if time.monotonic() > end:
            raise Bad(f'neither ready nor gone in {PATIENCE} s')
        time.sleep(0.005)
    return True


def one(who, name, n, mode, error, baseline=None, may_die_of=()):
    """One start with one fault. (calls, descriptors)."""
    forever = mode == 'ever'
    s = Faulty(who, {'INJECT': f'{name}:{n}:{mode}:{error}'}, wait=False,
               lives=1000 if forever else 1)
    s.may_die_of = may_die_of
    try:
        started = wait_ready(s)
        open_now = None
        if started:
            session(s, forever)
            if forever:
                check_idle(s)
            elif baseline:
                check_descriptors(s, baseline)
            else:
                until(lambda: descriptors(s) and len(descriptors(s)) == 3)
                time.sleep(0.1)
                open_now = descriptors(s)
        check_end(s, started)
        return s.calls(), open_now
    except BaseException as why:
        print(f'{who}: {name} {n} {mode} {errno.errorcode.get(error, error)}: {why!r}; {s.said}',
              flush=True)
        s.kill()
        raise
    finally:
        s.remove()


NEVER = 2 ** 32 - 1


def work_of(calls, modes, everything):
    """Which calls fail, how. A part of it is other ones each time."""
    if everything:
        return [(n, mode) for mode in modes for n in range(1, calls + 1)]
    once = [*range(1, min(calls, 60) + 1), *range(61, calls + 1, 7)]
    work = [(n, mode) for mode in modes for n in (once if mode != 'ever' else once[::3])]
    random.shuffle(work)
    return work


def sweep(who, faults, **options):
    """faults: (name, errno, modes)."""
    start, failed, runs = time.monotonic(), [], 0
    calls_of, baseline = one(who, 'prctl', NEVER, 'once', 0)
    for i, (name, error, modes) in enumerate(faults):
        calls = calls_of[name]
        # What is left of the time, shared by what is left to do.
        share = (SECONDS - (time.monotonic() - start)) / (len(faults) - i) if SECONDS else None
        until_ = time.monotonic() + share if SECONDS else None
        done = 0
        work = work_of(calls, modes, not SECONDS)
        for n, mode in work:
            if until_ and time.monotonic() > until_:
                break
            try:
                one(who, name, n, mode, error, baseline, **options)
            except Exception as why:
                failed.append((name, n, mode, repr(why)))
            done += 1
        runs += done
        print(f'{who}: {name}: {calls} calls, {done} of {len(work)} faults, '
              f'{sum(f[0] == name for f in failed)} bad', flush=True)
    print(f'{who}: {runs} faults, {len(failed)} bad, {time.monotonic() - start:.0f} s')
    if failed:
        raise SystemExit('\n'.join(map(str, failed[:20])))
