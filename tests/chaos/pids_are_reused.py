#!/usr/bin/env python3
"""Workers killed over and over where there are but 301 process ids: nobody else is ever hit.

RESTARTS (400; long form: 10000). In a process-id namespace of its own, whose kernel.pid_max is its
own since Linux 6.14; where that is not so, or not allowed, this is skipped.
"""
import os
import platform
import re
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, fake_text, until

RESTARTS = int(os.environ.get('RESTARTS') or (60 if SANITIZE else 400))
PID_MAX = '/proc/sys/kernel/pid_max'
LEAST = 301  # what the kernel allows
BYSTANDERS = 40


def skip(why):
    print(f'skipped: {why}')
    raise SystemExit(77)


def outside():
    version = tuple(map(int, re.match(r'(\d+)\.(\d+)', platform.release()).groups()))
    if version < (6, 14):
        skip('kernel.pid_max is the whole machine\'s before Linux 6.14')
    try:
        apart = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
        subprocess.run([*apart, 'true'], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as why:
        skip(f'no namespace of process ids: {why}')
    raise SystemExit(subprocess.run([*apart, sys.executable, __file__, 'inside']).returncode)


def inside():
    with open(PID_MAX, 'w') as f:
        f.write(str(LEAST))
    others = [subprocess.Popen(['sleep', '3600']) for _ in range(BYSTANDERS)]
    pids, lives = [], 1
    with Server('--restart-limit', '1000000', fake='tokens 3') as s:
        front = s.front
        for i in range(RESTARTS):
            # Who has worked since it began is replaced at once.
            assert s.complete(seed=i) == fake_text(3, i)
            pids.append(s.kill_worker())
            lives += 1
            until(lambda: s.lives() == lives)
        assert s.front == front, 'the front was hit'
        assert s.complete(seed=1) == fake_text(3, 1)
        s.seen.clear()  # by number, of which each was many
    dead = [p.pid for p in others if p.poll() is not None]
    assert not dead, f'others were hit: {dead}'
    for p in others:
        p.kill()
        p.wait()
    print(f'{RESTARTS} restarts with {len(set(pids))} numbers: nobody else was hit')
    assert len(set(pids)) < RESTARTS or RESTARTS < LEAST, 'no number was used again'


if sys.argv[1:] == ['inside']:
    inside()
else:
    outside()
