#!/usr/bin/env python3
"""A model file whose times alone change is what it was: its streams go on, and after a death."""
import os
import subprocess
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text, until

SCRIPT = 'tokens 40\npause 10\nat token:20 hold'
LOCAL = ('ext2/ext3', 'xfs', 'btrfs', 'f2fs', 'tmpfs')


def touched(how, of_death):
    with Server(fake=SCRIPT) as s:
        streams = [s.stream(seed=i).until(2) for i in range(4)]
        how(s.model)
        if of_death == 'at once':
            s.kill_worker()
        for stream in streams:
            stream.until(20)
        if of_death == 'later':
            how(s.model)
            s.kill_worker()
            until(lambda: s.lives() == 2)
        s.go()
        for i, stream in enumerate(streams):
            assert stream.rest() == fake_text(40, i), stream.error
        assert s.lives() == (1 if of_death == 'never' else 2)
        # Who now writes to it ends them as ever.
        stream = s.stream(seed=9, max_tokens=10000)
        with open(s.model, 'a') as f:
            f.write('tokens 3\n')
        stream.rest()
        assert s.complete(seed=2) == fake_text(3, 2)


def by_touch(path):
    """Tries to open it for writing, and does not wait."""
    subprocess.run(['touch', path], check=True)


def by_time(path):
    os.utime(path, (1, 1))


def by_mode(path):
    os.chmod(path, 0o640)


def not_at_all():
    for how in by_touch, by_time, by_mode:
        touched(how, 'never')


def the_worker_dies_later():
    for how in by_touch, by_time, by_mode:
        touched(how, 'later')


def the_worker_dies_at_once():
    for how in by_touch, by_time, by_mode:
        touched(how, 'at once')


kind = subprocess.run(['stat', '-f', '-c', '%T', tempfile.gettempdir()], check=True,
                      capture_output=True, text=True).stdout.strip()
if kind not in LOCAL:
    print(f'nothing to test on {kind}, where times are all that is known')
else:
    cases(not_at_all, the_worker_dies_later, the_worker_dies_at_once)
