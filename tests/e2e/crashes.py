#!/usr/bin/env python3
"""The real worker dies of everything: its stream goes on, and the obituary says of what, where, and
whose work it was."""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, MODEL, SANITIZE, RpcError, Server, cases, is_alive, until

if SANITIZE:
    print('skipped: sanitizers have handlers of their own, which are left alone')
    sys.exit(77)

TOKENS = 12
# fault -> how the keeper saw it, part of the code, the function that is blamed
FAULTS = {
    'read': ('SIGSEGV', 'SEGV_MAPERR', 'fault_read'),
    'call': ('SIGSEGV', 'SEGV_MAPERR', 'fault_call'),
    'bus': ('SIGBUS', 'BUS_ADRERR', 'fault_bus'),
    'divide': ('SIGFPE', 'FPE_INTDIV', 'fault_divide'),
    'illegal': ('SIGILL', 'ILL_ILLOPN', 'fault_illegal'),
    'trap': ('SIGTRAP', 'SI_KERNEL', 'fault_trap'),
    'abort': ('SIGABRT', 'SI_TKILL', 'fault_abort'),
    'sys': ('SIGSYS', '', 'fault_sys'),
    'ggml': ('SIGABRT', 'SI_TKILL', 'fault_ggml'),
    'throw': ('SIGABRT', 'SI_TKILL', 'fault_throw'),
    'new': ('SIGABRT', 'SI_TKILL', 'fault_new'),
    'stack': ('SIGSEGV', 'SEGV_', 'fault_overflow'),
    'malloc': ('SIGABRT', 'SI_TKILL', 'fault_malloc'),
    'pool': ('SIGSEGV', 'SEGV_MAPERR', 'fault_read'),
    'exit': ('exit 3', None, 'fault_exit'),
    'twice': ('SIGSEGV', None, None),
    'kill': ('SIGKILL', None, None)}


def prompt_of(fault):
    return f'FAULT:{fault}:3 Once upon a time'


def run(s, fault, on_sent=None):
    """The text of a stream and its id."""
    stream = s.stream(prompt_of(fault), seed=5, max_tokens=TOKENS, ignore_eos=True)
    ident = None
    for event in stream:
        ident = event['id']
    assert stream.done and stream.error is None, (fault, stream.error)
    return ''.join(stream.texts), ident


def functions(thread):
    return [f['function'] or '' for f in thread['frames']]


def check(o, fault, ident):
    seen, code, function = FAULTS[fault]
    how = o['signal'] or f'exit {o["exit_status"]}'
    assert how == seen and o['process'] == 'worker', (fault, o['what'])
    assert code is None or code in o['code'], (fault, o['code'])
    assert o['phase'] in ('decode', 'prefill') and o['running'] == 1, (fault, o['phase'])
    assert o['path'] == MODEL and o['peak_kib'] > 1000 and o['log'], fault
    # Killed outright or with its page gone: the notes alone, and the front's word.
    assert [r['request'] for r in o['requests']] == [ident], (fault, o['requests'])
    assert o['requests'][0]['client'].startswith('HTTP 127.0.0.1:'), o['requests']
    assert o['requests'][0]['computed'], o['requests']
    if function is None:
        assert o['threads'] == [] and o['where'] is None, fault
        return
    assert o['autopsy'] == 'done' and o['rss_kib'] > 1000, (fault, o['autopsy'])
    assert function in o['where'], (fault, o['where'], functions(o['threads'][0]))
    died = [t for t in o['threads'] if t['died']]
    assert len(died) == 1 and function in functions(died[0]), (fault, functions(died[0]))
    assert len(o['threads']) >= 2, fault
    assert all(t['state'] == 'whole' for t in o['threads']), [t['state'] for t in o['threads']]
    main = next(t for t in o['threads'] if t['tid'] == o['pid'])
    if fault != 'stack':
        assert 'main' in functions(main), (fault, functions(main))


def every_fault():
    with Server() as s:
        want = {fault: run(s, fault)[0] for fault in FAULTS}
    with Server('--restart-limit', '1000', faulty=True) as s:
        for fault in FAULTS:
            before = set(s.crashes())
            text, ident = run(s, fault)
            assert text == want[fault], (fault, text, want[fault])
            # Two of one second are in the order of process ids, which wrap.
            new = until(lambda before=before: set(s.crashes()) - before)
            o = s.obituary(new.pop())
            check(o, fault, ident)
            assert o['id'] in s.log()
            if fault == 'ggml':
                assert 'on purpose, 7' in o['abort'], o['abort']
            if fault == 'throw':
                assert 'thrown on purpose' in '\n'.join(o['log']), o['log']
            if fault == 'call':
                assert o['threads'][0]['frames'][0]['pc'] == '0x0', o['threads'][0]
        assert s.status()['models'][0]['crash_id'] == o['id']
        assert s.status()['front']['restarts'] == 0


def layers(s, name):
    """What its jail holds, said once in the log."""
    s.wait_log(f'jail of {name}: ')
    line, = re.findall(f'jail of {name}: (.*)', s.log())
    return {layer.split(' (')[0] for layer in line.split('; ')[0].split(', ')}


def in_a_jail_of_its_own():
    """As tight as that of the front, but for files; and it still unwinds and writes."""
    for mode in 'auto', 'require', 'off':
        with Server('--restart-limit', '1000', '--jail', mode) as s:
            for _ in range(2):
                known = set(s.crashes())
                s.kill_worker(signal.SIGSEGV)
                s.complete(max_tokens=2)
                o = s.obituary(until(lambda known=known: set(s.crashes()) - known).pop())
                assert o['autopsy'] == 'done' and o['where'], o['autopsy']
            if mode == 'off':
                assert 'jail of bulkhead' not in s.log()
                continue
            less = layers(s, 'bulkhead-front') - layers(s, 'bulkhead-autopsy')
            assert less <= {'mount-ns', 'unprivileged-uid'}, less


def while_loading():
    with Server('--restart-limit', '1', faulty=True) as s:
        path = os.path.join(s.dir, 'fault-ggml.gguf')
        shutil.copy(MODEL, path)
        with open(path, 'ab') as f:
            f.write(b'FAULT:ggml......')
        with s.rpc() as r:
            try:
                r.init(path)
                raise AssertionError('it was loaded')
            except RpcError as e:
                assert e.code == -32001, e
        o = s.obituary()
        assert o['phase'] == 'load' and o['doing'] == 'loading the file', o
        assert 'fault_ggml' in o['where'] and 'on purpose' in o['abort'], o
        assert o['path'] == path and o['requests'] == [], o
        assert s.status()['models'][0]['restarts'] == 0


def the_whole_process_from_outside():
    """Sent by somebody, and taken by any thread: the main one is what counts."""
    with Server() as s:
        stream = s.stream('Once', seed=1, max_tokens=400, ignore_eos=True).until(5)
        s.kill_worker(signal.SIGABRT)
        stream.rest()
        o = s.obituary()
        assert o['sender'] == os.getpid() and 'main' in functions(o['threads'][0]), o


def the_last_lines():
    """Of the log: ours, and of the engine what is wrong; all of it where that is logged too."""
    def lines(*options):
        with Server(*options) as s:
            stream = s.stream('Once', seed=1, max_tokens=400, ignore_eos=True).until(5)
            s.kill_worker(signal.SIGSEGV)
            stream.rest()
            return s.obituary()['log']
    usual, all_of_it = lines(), lines('--log-level', 'debug')
    # What it says on each load, by function.
    small_talk = 'set_n_threads: ', 'print_info: ', 'sched_reserve: '
    assert any('loaded in' in line for line in usual), usual
    assert not any(word in line for line in usual for word in small_talk), usual
    assert any(word in line for line in all_of_it for word in small_talk), all_of_it


def the_front():
    with Server() as s:
        os.kill(s.front, signal.SIGSEGV)
        o = s.obituary()
        assert o['process'] == 'front' and o['model'] is None, o
        assert 'main' in functions(o['threads'][0]), functions(o['threads'][0])
        until(lambda: s.status()['front']['restarts'] == 1)
        assert s.status()['front']['crash_id'] == o['id']


def truncated_under_the_mapping():
    """A real file that ends before what is mapped of it."""
    folder = tempfile.mkdtemp(prefix='bulkhead-test-')
    path = os.path.join(folder, 'cut.gguf')
    shutil.copy(MODEL, path)
    try:
        # Who has it open for writing already is not kept waiting; a stopped keeper sees nothing.
        with open(path, 'r+b'), Server(models=[path]) as s:
            replies, worker = [], s.worker
            os.kill(s.pid, signal.SIGSTOP)
            os.truncate(path, 8192)
            asked = threading.Thread(target=lambda: replies.append(
                s.post('/v1/completions', {'prompt': 'Once', 'max_tokens': 4})))
            asked.start()
            until(lambda: not is_alive(worker))
            os.kill(s.pid, signal.SIGCONT)
            asked.join()
            assert replies[0].status >= 500, replies
            o = s.obituary()
            assert o['signal'] == 'SIGBUS' and 'BUS_ADRERR' in o['code'], o['code']
            assert any('ggml' in f or 'llama' in f for t in o['threads'] for f in functions(t))
            s.expect = None
    finally:
        shutil.rmtree(folder)


def core_files():
    pattern = open('/proc/sys/kernel/core_pattern').read().strip()
    if pattern != 'core':
        print(f'skipped: core_pattern is {pattern!r}: cores go elsewhere')
        return
    if resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        print(f'the limit of core files was 0, {"now" if hard else "and stays so: skipped"}')
        if hard == 0:
            return
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    with Server('--core', faulty=True) as s:
        where = os.readlink(f'/proc/{s.worker}/cwd')
        before = set(os.listdir(where))
        pid = s.worker
        run(s, 'call')
        o = s.obituary()
        names = [n for n in set(os.listdir(where)) - before if n.startswith('core')]
        assert o['core'] and names, (o['core'], names)
        assert '(core dumped)' in s.log()
        got = subprocess.run(['gdb', '-q', '-batch', '-ex', 'bt 4',
                              os.path.join(BIN, 'faulty-worker'), os.path.join(where, names[0])],
                             capture_output=True, text=True) if os.path.exists('/usr/bin/gdb') \
            else None
        for name in names:
            os.unlink(os.path.join(where, name))
        assert got is None or 'fault_call' in got.stdout, (pid, got)


def cli(s, *args, status=0):
    got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'crashes', '--crash-dir', s.crash_dir,
                          *args], capture_output=True, text=True, timeout=DEADLINE)
    assert got.returncode == status, got
    return got.stdout if status == 0 else got.stderr


def the_command():
    with Server('--crash-files', '3', faulty=True) as s:
        for i in range(5):
            run(s, 'divide')
            until(lambda: s.log().count('(crash ') > i)
        until(lambda: len(s.crashes()) == 3 and s.obituary()['deaths'] == 5)
        ids = s.crashes()
        listed = cli(s)
        assert [line.split()[0] for line in listed.splitlines()[1:]] == ids, listed
        assert 'SIGFPE' in listed and 'fault_divide' in listed, listed
        assert [c['id'] for c in json.loads(cli(s, '--json'))] == ids
        whole = cli(s, 'last')
        assert ids[-1] in whole and re.search(r'#0 +fault_divide at .*faulty\.c:\d+', whole), whole
        assert 'request' in whole and 'cmpl-' in whole, whole
        assert json.loads(cli(s, ids[0], '--json'))['id'] == ids[0]
        assert cli(s, ids[0][-4:]) == cli(s, ids[0])
        assert 'no crash "nix"' in cli(s, 'nix', status=1)


def a_folder_with_rubbish():
    """What is no obituary but is called like one is named, and nothing waits for a FIFO."""
    with Server() as s:
        s.kill_worker(signal.SIGSEGV)
        good = s.obituary()['id']
        fifo, broken = (os.path.join(s.crash_dir, f'20261127-121140-{i:04x}.json') for i in (7, 8))
        os.mkfifo(fifo)
        with open(broken, 'w') as f:
            f.write('no')
        assert [line.split()[0] for line in cli(s).splitlines()[1:]] == [good]
        assert f'{fifo}: is a FIFO' in cli(s, '0007', status=1)
        assert f'{broken}: at byte 1: ' in cli(s, '0008', status=1)
        # Nor does the autopsy, which writes beside them.
        s.kill_worker(signal.SIGSEGV)
        until(lambda: len(s.crashes()) == 4)


def nowhere_to_write():
    """A folder that cannot be: a line at start and one a death, and nobody waits."""
    for place, word in ('/dev/null/x', 'Not a directory; nothing is kept'), \
            ('/proc/nix', 'nothing is kept'):
        with Server('--crash-dir', place) as s:
            assert re.search(f'warn.*: --crash-dir: {place}: .*; no obituaries', s.log()), s.log()
            want = s.complete('Once', seed=1, max_tokens=5)
            s.kill_worker(signal.SIGSEGV)
            assert s.complete('Once', seed=1, max_tokens=5) == want
            s.wait_log(re.escape(word))
            assert len(re.findall(re.escape(word), s.log())) == 1
    with Server('--crash-dir', 'none') as s:
        s.kill_worker(signal.SIGSEGV)
        s.wait_log(r'\(crash \d{8}-\d{6}-[0-9a-f]{4}\)')
        s.complete('Once', max_tokens=5)
        assert 'bulkhead-autopsy' not in s.log()


cases(every_fault, in_a_jail_of_its_own, while_loading, the_whole_process_from_outside, the_front,
      the_last_lines, truncated_under_the_mapping, core_files, the_command, a_folder_with_rubbish,
      nowhere_to_write)
