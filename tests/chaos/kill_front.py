#!/usr/bin/env python3
"""kill -9 of the front with streams on it, again and again: how long is nobody there?

Each round starts streams, waits until every one has got tokens, kills the front and, as soon as it
is dead, connects: to HTTP and to JSON-RPC in turn. The connection waits in the listening socket's
queue, which stays open; the time counts from the kill to the answer. Then the sequences of the dead
front must be gone from the worker, which must be the same process. In the end nothing may have
grown in the keeper. KILLS: how many (100; or the first argument); STREAMS: on the front (3).
"""
import os
import select
import signal
import struct
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, n_fds, rss_kib, until

KILLS = int(sys.argv[1] if len(sys.argv) > 1 else
            os.environ.get('KILLS') or (20 if SANITIZE else 100))
STREAMS = int(os.environ.get('STREAMS') or 3)
GOAL_MS = 100


def running(pid):
    """Sequences in the worker's slots, from its progress page."""
    with open(f'/proc/{pid}/fd/4', 'rb') as f:
        return struct.unpack('QIII', f.read(20))[3]


def kill_and_wait(pid):
    fd = os.pidfd_open(pid)
    try:
        start = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        assert select.select([fd], [], [], 30)[0], 'it does not die'
        return start
    finally:
        os.close(fd)


def answered(server, over_rpc):
    """Asks on a connection made now."""
    if over_rpc:
        with server.rpc() as r:
            r.ping()
        return
    got = server.get('/health')
    assert got.status == 200, got


def is_cut(stream):
    """Its client saw a beginning and then the end of the connection, nothing else."""
    try:
        stream.rest()
    except (EOFError, ConnectionError):
        return True
    return False


def one_round(server, i):
    """The pause in ms."""
    streams = [server.stream(seed=i * STREAMS + k, max_tokens=2000, ignore_eos=True)
               for k in range(STREAMS)]
    for stream in streams:
        stream.until(2)
    start = kill_and_wait(server.front)
    answered(server, i % 2 == 1)
    pause = 1000 * (time.monotonic() - start)
    assert all(map(is_cut, streams))
    assert server.metric('streams_lost_total') == STREAMS
    return pause


def main():
    with Server('--parallel', str(STREAMS), '--threads', '1') as server:
        worker = server.worker
        before = n_fds(server.pid)
        pauses, rss = [], 0
        for i in range(KILLS):
            pauses.append(one_round(server, i))
            until(lambda: running(worker) == 0)
            if i == KILLS // 4:
                rss = rss_kib(server.pid)
        assert server.worker == worker, 'the model was loaded again'
        assert server.status()['front']['restarts'] == KILLS, server.status()
        # Obituaries of the last ones may still be written.
        until(lambda: n_fds(server.pid) <= before)
        grown = rss_kib(server.pid) - rss
        # A sanitizer keeps what was freed for a while.
        assert grown < 1024 or SANITIZE, f'the keeper grew by {grown} KiB'
        assert server.complete(max_tokens=5)
    pauses.sort()
    print(f'{KILLS} kills of the front with {STREAMS} streams: kill to answer p50 '
          f'{pauses[len(pauses) // 2]:.1f} ms, p99 {pauses[len(pauses) * 99 // 100]:.1f} ms, '
          f'max {pauses[-1]:.1f} ms; over {GOAL_MS} ms: {sum(p > GOAL_MS for p in pauses)}; '
          f'keeper grew by {grown} KiB and 0 descriptors')


main()
