#!/usr/bin/env python3
"""Every fault, under streams of every kind: none loses, repeats or changes a byte.

    faults.py [--json] [--list] [ROW...]        rows by a part of their name; all without one

CHAOS_KILLS: faults to inject in all (long form: 10000); CHAOS_SEED: repeats a run; CHAOS_OPTIONS:
more of the server's. For each row the streams of a round start at once or join late, faults go off
when a stream has shown so many events, and what every client recorded is compared with the
undisturbed recording of the same request (streams.py). Alone, each byte must be the same. In
company it must be where the server says that it is exact there (--resume exact); elsewhere, and
where a request asks for a fast resume, each token must come once, and a last word.

Columns: injected, faults that hit a living process; streams, clients that recorded; resumed,
generations that went on in another worker; agreed, those of them whose logits had the hashes of
before, in the worker's own words (one with others counts as differing); cut, streams of a front
that died; ended, streams of a model file that changed, which end with an error that says so. Those
two are right where their row allows them and counted as lost elsewhere.
"""
import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
import chaos
from bulkhead import (DEADLINE, MODEL, SANITIZE, RpcError, Server, is_alive, made_model, n_fds,
                      rss_kib, until)
from chaos import Row, World, kill, kill_again, kill_in, number, play, progress
from streams import CHUNK, References, Take, fast, lora_requests, requests, rpc_models

KILLS = number('CHAOS_KILLS', 200, 50)
SEEDS = range(1, 5)  # of the requests
MANY = ('--restart-limit', '1000000', '--threads', '1', '--chunk', str(CHUNK), '--parallel', '16',
        *os.environ.get('CHAOS_OPTIONS', '').split())
EXACT = chaos.server_knows('resume')
ALL = requests()
LONGEST = [r for r in ALL if r.is_long]
NO_TOOLS = [r for r in ALL if 'tools' not in r.fields]  # for models whose template has none
# A name, and what mkmodel makes it of: each kind of memory, as floats and quantized.
MODELS = {'sliding window, F16': 'gemma3 --type f16 --window 24',
          'state, F32': 'mamba --type f32',
          'convolutions and attention, F16': 'lfm2 --type f16',
          'the same with a sliding window, Q8_0': 'lfm2 --type q8_0 --window 24',
          'mamba 2 and attention, F32': 'granitehybrid --type f32',
          'delta net and attention, F16': 'qwen35 --type f16',
          'the same, Q8_0': 'qwen35 --type q8_0'}
HANG, ABORT = 1, 2  # seconds: the deadline that is set, and from SIGABRT to SIGKILL
GOAL_MS = 100  # from a front's death to an answer
GROWTH_KIB = 1024  # of the keeper, under front after front


REFS = References()  # one for all servers: the same binary, model and threads say the same


class Stage:
    """A server, what it says undisturbed, and whether it is exact in company."""

    def __init__(self, *options, model=None, **how):
        if EXACT:
            options = ('--resume', 'exact', *options)
        if model:
            how['models'] = [model]
        self.server = Server(*MANY, *options, env=chaos.quiet(), **how)
        self.refs = References() if model else REFS
        self.exact_together = EXACT and all(m['exact'] for m in rpc_models(self.server))

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *why):
        return self.server.__exit__(*why)


def takes_of(stage, rng, n, spec):
    """Clients with n sequences in all, or up to two more; and what each must say.

    All answers are known before the first is asked for.
    """
    takes, wants, n_seqs = [], [], 0
    while n_seqs < n:
        request, seed = rng.choice(spec['of']), rng.choice(SEEDS)
        manner = rng.choice(spec['manners'])
        # A half-closed HTTP connection is taken for one that was given up.
        if manner == 'half' and request.path:
            manner = 'steady'
        if n == 1 and request.choices > 1:
            continue
        wants.append(stage.refs.get(stage.server, request, seed))
        takes.append((request, seed, manner))
        n_seqs += request.choices
    return [Take(stage.server, *how, leave_at(rng, how, want), late(rng, how))
            for how, want in zip(takes, wants)], wants


def leave_at(rng, how, want):
    return rng.randrange(1, len(want.events)) if how[2] == 'vanishes' else None


def late(rng, how):
    return 0.2 * rng.random() if how[2] == 'late' else 0.0


def is_exact(stage, takes, take):
    return not take.request.is_fast and (
        stage.exact_together or sum(t.request.choices for t in takes) == 1)


def judge(stage, row, takes, wants):
    """The kind of verdict of each."""
    return [row.judge(take, want, is_exact(stage, takes, take))
            for take, want in zip(takes, wants)]


def one_round(stage, row, rng, spec):
    """The takes, and the kind of verdict of each."""
    n = rng.choice(spec['together'])
    takes, wants = takes_of(stage, rng, n, spec)
    world = World(stage.server, rng, row)
    faults = []
    for _ in range(spec['a_round']):
        i = rng.randrange(len(takes))
        at = max(0, min(spec['offset'](rng, wants[i]), len(wants[i].events)))
        faults.append((takes[i], at, spec['fault']))
    play(world, takes, faults)
    return takes, judge(stage, row, takes, wants)


def anywhere(rng, want):
    return rng.randrange(len(want.events) + 1)


def edges(rng, want):
    """The first events, the last, and those where a chunk fills up."""
    n = len(want.events)
    fills = range(CHUNK - want.prompt_tokens % CHUNK, n, CHUNK)
    return rng.choice([0, 1, n - 1, n, *(at + d for at in fills for d in (-1, 0, 1))])


def at_once(*_):
    return 0


def under(name, weight, fault, together=(1,), offset=anywhere, a_round=3, manners=('steady',),
          of=ALL, model=None):
    """A row of worker faults. weight: its share of them; together: sequences at once; offset:
    events after which one goes off; a_round: faults in a round; of: requests to choose from;
    model: another than the demo model."""
    return dict(name=name, weight=weight, fault=fault, together=together, offset=offset,
                a_round=a_round, manners=manners, of=of, model=model)


def nothing(w):
    """What streams do to each other is seen without any fault."""
    w.hit()
    yield


MIXED = ('steady', 'steady', 'steady', 'slow', 'vanishes', 'half')
JOINING = ('steady', 'late')
PLAIN = under('', 0, None)
SIGNALS = 'SEGV BUS FPE ILL ABRT TRAP SYS'.split()
WORKER = [
    under('nothing, 2 to 16 streams', 2, nothing, range(2, 17), manners=JOINING),
    under('worker SIGKILL, 1 stream', 6, kill(signal.SIGKILL)),
    under('worker SIGKILL, 2 to 16 streams', 6, kill(signal.SIGKILL), range(2, 17),
          manners=JOINING),
    under('the same, some of them fast', 2, kill(signal.SIGKILL), range(4, 17), manners=JOINING,
          of=[*ALL, *fast(ALL)]),
    under('the same, readers slow, gone, half-closed', 3, kill(signal.SIGKILL), range(2, 17),
          manners=MIXED),
    under('worker SIGKILL at first, last, chunk edges', 4, kill(signal.SIGKILL), offset=edges),
    under('worker SIGKILL while prefilling', 2, kill_in('PREFILL', 0.02), (1, 4), at_once, 1,
          of=LONGEST),
    under('worker SIGKILL while loading', 3, kill_again(1, 0.03, ('START', 'LOAD')), (1, 4)),
    under('worker SIGKILL, then the next that replays', 3, kill_again(1, 0.3), (1, 4)),
    *(under(f'worker SIG{s}', 1, kill(getattr(signal, 'SIG' + s)), (1, 1, 1, 4))
      for s in SIGNALS),
    *(under(f'worker SIGKILL; {name}', 1, kill(signal.SIGKILL), (1, 4, 8), manners=JOINING,
            of=NO_TOOLS, model=options) for name, options in MODELS.items())]


def model_of(spec):
    """Its file, for as long as a block lasts; None: the demo model."""
    if not spec['model']:
        return contextlib.nullcontext()
    return made_model('--ctx', '2048', '--preset', *f"tiny-{spec['model']}".split())


def worker_row(spec, kills, seed, *options):
    row = Row(spec['name'])
    rng = random.Random(f'{seed} {spec["name"]}')
    with model_of(spec) as model, Stage(*options, model=model) as stage:
        assert stage.exact_together or not model, f'{spec["name"]} is not exact'
        while row.injected < kills and row.said < 20:
            one_round(stage, row, rng, spec)
            progress(f'{row.fault}: {row.injected} of {kills}, {row.bad} bad')
        row.resumed, row.agreed, differed = (int(stage.server.metric(f'{name}_total')) for name in (
            'generations_resumed', 'resumes_agreed', 'resumes_differed'))
    if differed and not any(r.is_fast for r in spec['of']):
        print(f'{row.fault}: {differed} resumes with other hashes', flush=True)
        row.differing += differed
    return row


def lora_row(kills, seed):
    spec = under('worker SIGKILL, LoRA, 1 to 16 streams', 0, kill(signal.SIGKILL), range(1, 17),
                 of=lora_requests())
    lora = '--lora', '4', '--base', MODEL
    with made_model(*lora, '--seed', '5') as one, made_model(*lora, '--seed', '6') as two:
        return worker_row(spec, kills, seed, '--lora', f'{one},{two}')


def front_row(name, fault, kills, seed):
    """The streams of that moment may be cut; what they got is right; new ones are served. Nothing
    of them stays in the worker, which is the same, or in the keeper."""
    row = Row(name, may_cut=True)
    rng = random.Random(f'{seed} {name}')
    spec = under('', 0, fault, (1, 2, 4, 8), a_round=1)
    with Stage('--hang-timeout', f'{HANG}s') as stage:
        server = stage.server
        worker, fds, kib, unsaid = server.worker, n_fds(server.pid), None, 0
        while row.injected < kills:
            takes, kinds = one_round(stage, row, rng, spec)
            unsaid += count_unsaid(server, takes, kinds)
            until(lambda: chaos.page_of(worker)[1] == 0)
            if kib is None and row.injected >= kills // 4:
                kib = rss_kib(server.pid)
        assert server.worker == worker
        assert unsaid <= 1 + row.injected // 20, f'{unsaid} of {row.injected} not in the journal'
        assert server.status()['front']['restarts'] == row.injected, server.status()
        server.complete(max_tokens=5)
        # Obituaries of the last ones may still be written.
        until(lambda: n_fds(server.pid) <= fds)
        assert SANITIZE or rss_kib(server.pid) <= kib + GROWTH_KIB, 'the keeper has grown'
    row.pause = max(row.waits, default=row.pause)
    return row


def count_unsaid(server, takes, kinds):
    """Generations that were cut after a beginning and were not in the journal: only such as had
    ended there, with their last bytes still on the way. No others were in it."""
    lost = server.metric('streams_lost_total')
    begun = sum(kind == 'cut' and take.n_events > 0 for take, kind in zip(takes, kinds))
    assert lost <= sum(t.request.choices for t in takes), lost
    return max(0, begun - lost)


def keeper_row(kills, seed):
    """No child outlives it, and what comes after it serves in the same place."""
    row = Row('keeper SIGKILL', may_cut=True)
    rng = random.Random(f'{seed} keeper')
    for _ in range(kills):
        stage = Stage(expect=None)
        try:
            takes, wants = takes_of(stage, rng, rng.randrange(1, 9), PLAIN)
            pids = list(stage.server.children())

            def end_it(w, pids=pids):
                w.send(w.server.pid, signal.SIGKILL)
                w.hit()
                start = time.monotonic()
                yield
                assert chaos.gone(pids), f'orphans: {pids}'
                row.pause = max(row.pause, time.monotonic() - start)
            at = anywhere(rng, wants[0])
            play(World(stage.server, rng, row), takes, [(takes[0], at, end_it)])
            judge(stage, row, takes, wants)
            stage.server.proc.wait()
        except BaseException:
            stage.server.kill()
            raise
        shutil.rmtree(stage.server.dir)
    return row


def truncate(w):
    """The next page that is touched is SIGBUS."""
    os.truncate(w.server.model, w.rng.randrange(0, os.path.getsize(w.server.model)))
    w.hit()
    yield


def overwrite(w):
    """Other weights, and the worker dies before it can compute with them."""
    pid = w.worker()
    w.send(pid, signal.SIGSTOP)
    with open(w.server.model, 'r+b') as f:
        f.seek(os.path.getsize(w.server.model) // 2)
        f.write(w.rng.randbytes(100000))
    w.send(pid, signal.SIGKILL)
    w.hit()
    yield


def file_row(name, fault, kills, seed):
    """Streams end with an error that says that the file changed; nothing of it is mixed in."""
    row = Row(name, may_end=True)
    rng = random.Random(f'{seed} {name}')
    for _ in range(kills):
        folder = os.path.join('/tmp', f'bulkhead-test-file-{os.getpid()}')
        os.makedirs(folder, exist_ok=True)
        path = shutil.copy(MODEL, os.path.join(folder, 'model.gguf'))
        try:
            with Stage(models=[path]) as stage:
                takes, wants = takes_of(stage, rng, rng.choice((1, 2, 4)), PLAIN)
                at = anywhere(rng, wants[0])
                play(World(stage.server, rng, row), takes, [(takes[0], at, fault)])
                judge(stage, row, takes, wants)
                serves_again(stage.server, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return row


def serves_again(server, path):
    """A whole file at the same place is served to whoever asks for it."""
    os.unlink(path)
    shutil.copy(MODEL, path)

    def again():
        with server.rpc() as r:
            try:
                r.init(path)
                return r.run('x', max_new_tokens=2)[1]['_callback_state'] == 2
            except RpcError:
                return False
    until(again)


def stop_worker(w):
    """SIGABRT finds nobody in, so this takes the deadline and what comes before SIGKILL.

    If it had said its last word already, nobody misses it: it may go on.
    """
    pid, start = w.worker(), time.monotonic()
    if not w.send(pid, signal.SIGSTOP):
        return
    yield from chaos.wait_for(lambda: not is_alive(pid) or w.is_idle(), DEADLINE)
    if is_alive(pid):
        w.send(pid, signal.SIGCONT)
        return
    w.hit()
    # Looks come four times within the deadline, and its last progress was some time before.
    lived = time.monotonic() - start
    assert lived > HANG + ABORT - 0.3, f'it was ended after {lived:.2f} s'


def stop_for_a_while(w):
    """Shorter than any deadline: nobody may be killed for it."""
    pid = w.worker()
    if w.send(pid, signal.SIGSTOP):
        w.hit()
        yield from chaos.pause(0.2 + 0.3 * w.rng.random())
        assert w.worker() == pid, 'a worker that only paused was ended'
        w.send(pid, signal.SIGCONT)


def stop_front(w):
    pid = w.server.front
    w.send(pid, signal.SIGSTOP)
    w.hit()
    yield from chaos.wait_for(lambda: w.server.front != pid, DEADLINE)


def rows(kills, seed):
    """name -> what makes the row, in the table's order."""
    total = sum(spec['weight'] for spec in WORKER) + 6
    few = max(2, min(kills // 50, 1000))
    found = {spec['name']: lambda spec=spec: worker_row(
        spec, max(1, kills * spec['weight'] // total), seed) for spec in WORKER}
    found['worker SIGKILL, LoRA, 1 to 16 streams'] = lambda: lora_row(
        max(1, kills * 2 // total), seed)
    quick = '--hang-timeout', f'{HANG}s'
    for name, fault in ('worker SIGSTOP', stop_worker), ('worker paused', stop_for_a_while):
        spec = under(name, 0, fault, (1, 4, 16), a_round=1)
        found[name] = lambda spec=spec: worker_row(spec, few, seed, *quick)
    found['model file truncated'] = lambda: file_row('model file truncated', truncate, few, seed)
    found['model file overwritten'] = lambda: file_row('model file overwritten', overwrite, few,
                                                       seed)
    found['front SIGKILL'] = lambda: front_row(
        'front SIGKILL', chaos.kill_front, max(2, kills // 5), seed)
    found['front SIGSTOP'] = lambda: front_row('front SIGSTOP', stop_front, few, seed)
    found['keeper SIGKILL'] = lambda: keeper_row(few, seed)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--list', action='store_true', help='the rows')
    parser.add_argument('row', nargs='*')
    args = parser.parse_args()
    made = rows(KILLS, chaos.SEED)
    if args.list:
        print('\n'.join(made))
        return
    print(f'CHAOS_SEED={chaos.SEED} CHAOS_KILLS={KILLS}, in company '
          f'{"exact" if EXACT else "a valid continuation"}', file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended early'))
    start = time.monotonic()
    try:
        for name, make in made.items():
            if not args.row or any(part in name for part in args.row):
                make()
    finally:
        print_rows(args.json, time.monotonic() - start)
    resumed = sum(r.resumed for r in Row.all if 'worker SIGKILL' in r.fault)
    if EXACT and resumed > 20 and not any(r.agreed for r in Row.all):
        raise SystemExit(f'seed {chaos.SEED}: no hash was ever compared')
    if any(r.bad for r in Row.all):
        raise SystemExit(f'seed {chaos.SEED}: streams were lost, repeated or differing')


def print_rows(as_json, seconds):
    """Those that there are, also when it ends early."""
    progress('')
    if as_json:
        print(json.dumps([r.fields() for r in Row.all]))
    else:
        chaos.print_table(Row.COLUMNS, [r.cells() for r in Row.all])
        print_waits(sorted(1000 * s for r in Row.all for s in r.waits))
        print(f'{sum(r.injected for r in Row.all)} faults in {seconds:.0f} s', flush=True)


def print_waits(ms):
    if ms:
        print(f'{len(ms)} kills of the front, to an answer: p50 {ms[len(ms) // 2]:.1f} ms, p99 '
              f'{ms[len(ms) * 99 // 100]:.1f} ms, longest {ms[-1]:.1f} ms; over {GOAL_MS} ms: '
              f'{sum(x > GOAL_MS for x in ms)}')


main()
