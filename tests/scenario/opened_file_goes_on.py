#!/usr/bin/env python3
"""A model file that is opened for writing and not written to: its streams wait, and go on.

Its worker is dead by the time that the other has it open; the next one is given the file only once
that is over, and only if it is what it was.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, fake_text

SCRIPT = 'tokens 20\nlife 1-3 at token:3 hold'
LOCAL = ('ext2/ext3', 'xfs', 'btrfs', 'f2fs', 'tmpfs')
N = 4


def streams_of(s):
    return [s.stream(seed=i).until(3) for i in range(N)]


def go_on(s, streams):
    s.go()
    for i, stream in enumerate(streams):
        assert stream.rest() == fake_text(20, i), stream.error


def end(streams):
    for i, stream in enumerate(streams):
        assert stream.rest() == fake_text(3, i), stream.texts
        assert 'changed' in stream.error['message'], stream.error


def open_only():
    with Server(fake=SCRIPT) as s:
        streams = streams_of(s)
        open(s.model, 'a').close()
        go_on(s, streams)
        assert s.lives() == 2 and s.crashes() == [], s.crashes()
        assert 'opens ' + s.model in s.log()


def again_and_again():
    with Server(fake=SCRIPT) as s:
        streams = streams_of(s)
        for _ in range(3):
            open(s.model, 'a').close()
        go_on(s, streams)


def open_for_a_while():
    """Who asks meanwhile waits too."""
    with Server(fake=SCRIPT) as s:
        streams = streams_of(s)
        writer = open(s.model, 'a')

        def close():
            time.sleep(0.3)
            assert s.lives() == 1, 'another read what may be changed'
            writer.close()
        streams.append(s.stream(seed=N, on_sent=close))
        go_on(s, streams)


def the_front_dies_meanwhile():
    with Server(fake=SCRIPT) as s:
        s.stream(seed=1).until(3)
        with open(s.model, 'a'):
            os.kill(s.front, signal.SIGKILL)
            time.sleep(0.3)
        s.go()
        assert s.complete(seed=2) == fake_text(20, 2) and s.lives() == 2


def open_for_long():
    with Server(fake=SCRIPT) as s:
        streams = streams_of(s)
        with open(s.model, 'a'):
            end(streams)
        s.go()
        assert s.complete(seed=1) == fake_text(20, 1)


def written_late():
    """With as many bytes, and the old time put back."""
    with Server(fake=SCRIPT) as s:
        streams = streams_of(s)
        was = os.stat(s.model)
        with open(s.model, 'r+') as f:
            text = f.read()
            time.sleep(0.2)
            f.seek(0)
            f.write(text.replace('tokens 20', 'tokens 30'))
            f.flush()
            os.utime(s.model, ns=(was.st_atime_ns, was.st_mtime_ns))
        end(streams)
        s.go()
        assert s.complete(seed=1) == fake_text(30, 1)


kind = subprocess.run(['stat', '-f', '-c', '%T', tempfile.gettempdir()], check=True,
                      capture_output=True, text=True).stdout.strip()
if kind not in LOCAL:
    print(f'nothing to test on {kind}, where times are all that is known')
else:
    cases(open_only, again_and_again, open_for_a_while, the_front_dies_meanwhile, open_for_long,
          written_late)
