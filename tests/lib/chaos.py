"""What the scripts of tests/chaos share: faults that go off while streams play, and their table.

A fault is a generator over a World: it does its damage, counts it with world.hit(), and yields
whenever it has to wait. A Player reads the takes and starts each fault when its take has shown so
many events; play() goes on until every take is over.

Everything random comes of CHAOS_SEED, which is printed; when a fault goes off is set in tokens, so
that a seed brings the same requests, faults and places, if not the same microseconds.
"""
import json
import os
import random
import re
import select
import selectors
import signal
import struct
import subprocess
import sys
import time
from bulkhead import (BIN, DEADLINE, SANITIZE, SLOW, SOURCE, is_alive, n_fds, rss_kib, settled,
                      stat_of)
from streams import verdict


def number(name, default, sanitized=None):
    """A number from the environment."""
    usual = sanitized if SANITIZE and sanitized is not None else default
    return type(default)(os.environ.get(name) or usual)


SEED = number('CHAOS_SEED', random.SystemRandom().randrange(1 << 32))


def measure(server):
    """keeper and front -> (process id, descriptors, resident KiB), once what has been said goodbye
    to is closed."""
    fds = settled(lambda: [n_fds(pid) for pid in (server.pid, server.front)])
    return {name: (pid, n, rss_kib(pid)) for name, pid, n in
            zip(('keeper', 'front'), (server.pid, server.front), fds)}


def compare(before, after, growth_kib):
    """The same processes, with no more descriptors, and memory but for what is allowed."""
    for name, (pid, fds, kib) in before.items():
        print(f'{name}: descriptors {fds} -> {after[name][1]}, resident {kib} -> {after[name][2]} '
              f'KiB', file=sys.stderr)
        assert pid == after[name][0], f'seed {SEED}: the {name} is another'
        assert fds >= after[name][1], f'seed {SEED}: the {name} has more descriptors'
        assert SANITIZE or after[name][2] <= kib + growth_kib, f'seed {SEED}: the {name} has grown'


def server_knows(option):
    """Whether this build has the setting."""
    got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'serve', '--help-all'],
                         capture_output=True, text=True, timeout=DEADLINE)
    return f'--{option}' in got.stdout


def quiet():
    """The signals are meant: no sanitizer shall take them for its own."""
    off = ':'.join(f'handle_{s}=0' for s in ('segv', 'sigbus', 'sigfpe', 'sigill', 'abort'))
    names = ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS') if SANITIZE else ()
    return {name: f'{os.environ.get(name, "")}:{off}'.strip(':') for name in names}


# Where a worker is

def phases():
    """What progress.h calls them, in order."""
    with open(os.path.join(SOURCE, 'src', 'wire', 'progress.h')) as f:
        body = re.search(r'enum progress_phase \{(.*?)\};', f.read(), re.S).group(1)
    return re.findall(r'\bPHASE_(\w+)', re.sub(r'/\*.*?\*/', '', body, flags=re.S))


PHASES = phases()


def page_of(pid):
    """(phase, sequences in its slots), from its progress page; (None, None) if we may not look."""
    try:
        with open(f'/proc/{pid}/fd/4', 'rb') as f:
            _, phase, _, running = struct.unpack('QIII', f.read(20))
        return PHASES[phase], running
    except (OSError, IndexError, struct.error):
        return None, None


def phase_of(pid):
    return page_of(pid)[0]


def worker_of(keeper):
    """The pid of a living worker, or None; faster than a look at every process."""
    try:
        with open(f'/proc/{keeper}/task/{keeper}/children') as f:
            pids = f.read().split()
    except OSError:
        return None
    for pid in map(int, pids):
        stat = stat_of(pid)
        if stat and stat[0] == 'bulkhead-worker' and stat[1] not in 'ZX':
            return pid
    return None


class World:
    """What a fault may touch, and where it is counted."""

    def __init__(self, server, rng, row):
        self.server, self.rng, self.row = server, rng, row
        self.takes = ()  # those of play()

    def is_idle(self):
        return all(t.is_over for t in self.takes)

    def worker(self):
        return worker_of(self.server.pid)

    def send(self, pid, signo):
        """A signal to a process of ours that still is what it was."""
        try:
            os.kill(pid, signo)
        except (ProcessLookupError, TypeError):
            return False
        return True

    def hit(self, n=1):
        self.row.injected += n


# Faults: each makes a generator of a world

def kill(signo):
    def fault(w):
        if w.send(w.worker(), signo):
            w.hit()
        yield
    return fault


def wait_for(what, seconds=5 * SLOW):
    """Yields until what() is true or it has taken too long; what it was."""
    end = time.monotonic() + seconds
    while not (got := what()) and time.monotonic() < end:
        yield
    return got


def pause(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def kill_again(times, delay, phase=None):
    """Kills, and then the one that comes in its place, after up to delay seconds in it."""
    def fault(w):
        for i in range(times + 1):
            old = w.worker()
            if i > 0:
                yield from pause(w.rng.random() * delay)
                if phase and phase_of(old) not in (None, *phase):
                    return
            if not w.send(old, signal.SIGKILL):
                return
            w.hit()
            if i < times and not (yield from wait_for(lambda: w.worker() not in (None, old))):
                return
    return fault


def kill_in(phase, delay):
    """Kills as soon as the worker says that it is there, after up to delay seconds."""
    def fault(w):
        seen = yield from wait_for(lambda: phase_of(w.worker()) in (None, phase), 1)
        if not seen:
            return
        yield from pause(w.rng.random() * delay)
        if w.send(w.worker(), signal.SIGKILL):
            w.hit()
    return fault


def kill_front(w):
    """Its streams may be lost, the model stays loaded. Who connects as soon as it is dead waits in
    the listening socket's queue and is answered, over HTTP and JSON-RPC in turn."""
    worker, front = w.worker(), w.server.front
    fd, start = os.pidfd_open(front), time.monotonic()
    w.send(front, signal.SIGKILL)
    assert select.select([fd], [], [], DEADLINE)[0], 'it does not die'
    os.close(fd)
    w.hit()
    yield
    if w.row.injected % 2:
        with w.server.rpc() as r:
            r.ping()
    else:
        assert w.server.get('/health').status == 200
    w.row.waits.append(time.monotonic() - start)
    assert w.worker() == worker, 'the model was loaded again'


# The loop

class Player:
    """Turns the handle: reads takes, starts faults when they are due, and goes on with them."""

    def __init__(self, world):
        self.world, self.sel = world, selectors.DefaultSelector()
        self.takes, self.marks, self.going = [], [], []

    def add(self, take):
        self.takes.append(take)
        self.sel.register(take.sock, selectors.EVENT_READ, take)

    def mark(self, take, events, fault):
        """The fault goes off when the take has shown so many events, or is over."""
        self.marks.append((take, events, fault))

    def start(self, fault):
        self.going.append(fault(self.world))

    def is_busy(self):
        return bool(self.takes or self.marks or self.going)

    def turn(self):
        """Returns the takes that are over since."""
        due = [m for m in self.marks if m[0].n_events >= m[1] or m[0].is_over]
        self.marks = [m for m in self.marks if m not in due]
        for _, _, fault in due:
            self.start(fault)
        self.going = [g for g in self.going if next(g, self) is not self]
        for take in self.takes:
            take.nudge()
        if self.takes:
            self.read(0.001 if self.going or self.marks else 0.05)
        elif self.going:
            time.sleep(0.001)
        over = [t for t in self.takes if t.is_over]
        self.takes = [t for t in self.takes if not t.is_over]
        return over

    def read(self, wait):
        now, slow = time.monotonic(), False
        for key, _ in self.sel.select(wait):
            take = key.data
            if not take.ready(now):
                slow = True
                continue
            take.read()
            if take.is_over:
                self.sel.unregister(key.fileobj)
        if slow:
            time.sleep(0.001)

    def late(self, patience):
        """What should be over and is not."""
        now = time.monotonic()
        return [f'{t.request.name}, seed {t.seed}, {t.n_events} events' for t in self.takes
                if now - t.begun > patience]


def play(world, takes, marks, patience=4 * DEADLINE):
    """marks: [(take, events, fault)]. Reads every take to its end."""
    player = Player(world)
    world.takes = takes
    for take in takes:
        player.add(take)
    for mark in marks:
        player.mark(*mark)
    while player.is_busy():
        player.turn()
        late = player.late(patience)
        assert not late, f'seed {SEED}: not over after {patience} s: {late}'
    player.sel.close()


# The table

class Row:
    """One fault, and what became of the streams that met it."""
    COLUMNS = ('fault', 'injected', 'streams', 'resumed', 'agreed', 'lost', 'repeated', 'differing',
               'cut', 'ended', 'longest pause')
    all = []  # in the order in which they were begun

    def __init__(self, fault, may_cut=False, may_end=False):
        self.fault, self.may_cut, self.may_end = fault, may_cut, may_end
        self.injected = self.streams = self.resumed = self.agreed = 0
        self.lost = self.repeated = self.differing = self.cut = self.ended = 0
        self.pause, self.said = 0.0, 0
        self.waits = []  # seconds from a front's death to an answer
        Row.all.append(self)

    def judge(self, take, want, is_exact):
        """Counts a take that is over; says what is wrong with it. The verdict's kind."""
        self.streams += 1
        if take.manner == 'steady':
            self.pause = max(self.pause, take.pause)
        kind, why = verdict(take, want, is_exact)
        if kind == 'cut' and self.may_cut:
            self.cut += 1
            return kind
        if kind == 'error' and self.may_end and 'changed' in why:
            self.ended += 1
            return kind
        kind = 'lost' if kind in ('cut', 'error') else kind
        if kind == 'same':
            return kind
        setattr(self, kind, getattr(self, kind) + 1)
        self.said += 1
        if self.said <= 5:
            print(f'{self.fault}: {take.request.name}, seed {take.seed}, {take.manner}: {kind}: '
                  f'{why}'[:1000], flush=True)
        return kind

    @property
    def bad(self):
        return self.lost + self.repeated + self.differing

    def cells(self):
        return [self.fault, self.injected, self.streams, self.resumed, self.agreed, self.lost,
                self.repeated, self.differing, self.cut, self.ended, f'{1000 * self.pause:.0f} ms']

    def fields(self):
        fields = dict(zip(Row.COLUMNS, self.cells()))
        fields['longest pause'] = round(self.pause, 4)  # seconds
        return fields


def print_table(columns, rows, as_json=False):
    """rows: lists of cells."""
    if as_json:
        print(json.dumps([dict(zip(columns, r)) for r in rows]))
        return
    text = [list(map(str, r)) for r in rows]
    widths = [max(len(r[i]) for r in [list(columns), *text])
              for i in range(len(columns))]
    for r in [list(columns), *text]:
        print('  '.join(f'{c:<{w}}' if i == 0 else f'{c:>{w}}'
                        for i, (c, w) in enumerate(zip(r, widths))).rstrip())
    sys.stdout.flush()


def progress(text):
    """One line that is written over; nothing where nobody looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f'\r\033[K{text}')
        sys.stderr.flush()


def gone(pids, seconds=DEADLINE):
    """Waits until none of them lives."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(map(is_alive, pids)):
            return True
        time.sleep(0.002)
    return False
