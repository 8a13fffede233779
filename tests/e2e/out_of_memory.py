#!/usr/bin/env python3
"""The kernel's out-of-memory killer takes a worker: it is told as that, and the stream goes on.

A control group of the older kind is made for it, so it needs root and /sys/fs/cgroup/memory. How a
group of each worker's own (v2) is set up and read, tests/unit/keeper/test_memory.c checks.
"""
import contextlib
import os
import re
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, until

BASE = '/sys/fs/cgroup/memory'
LIMIT = 64 << 10  # bytes; what a process had before it came does not count


@contextlib.contextmanager
def group():
    path = os.path.join(BASE, f'bulkhead-test-{os.getpid()}')
    try:
        os.mkdir(path)
        put(path, 'memory.limit_in_bytes', LIMIT)
    except OSError as e:
        print(f'skipped: no memory control group can be made: {e}')
        sys.exit(77)
    try:
        yield path
    finally:
        until(lambda: remove(path))


def remove(path):
    """True when it is gone: its dead may still be counted for a moment."""
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return not os.path.exists(path)


def put(path, name, value):
    with open(os.path.join(path, name), 'w') as f:
        f.write(str(value))


with group() as cg, Server() as s:
    want = s.stream('Once', seed=4, max_tokens=900, ignore_eos=True).rest()
    stream = s.stream('Once', seed=4, max_tokens=900, ignore_eos=True).until(20)
    pid = s.worker
    put(cg, 'cgroup.procs', pid)
    # It is killed when it next wants memory: for the cache of more streams.
    others = [s.stream('Twice', seed=i, max_tokens=200, ignore_eos=True) for i in range(12)]
    until(lambda: s.worker != pid)
    assert stream.rest() == want and stream.done
    for other in others:
        other.rest()
        assert other.done and not other.error, other.error
    death = s.obituary()
    assert death['pid'] == pid and 'out of memory' in death['cause'], death
    assert 'out of memory' in s.status()['models'][0]['last_death']
    assert re.search(r'died: probably out of memory.*killed by SIGKILL', s.log()), s.log()
