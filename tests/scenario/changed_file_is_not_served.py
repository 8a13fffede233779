#!/usr/bin/env python3
"""A model file that changes under its worker: nothing of the new one gets into an old stream.

Neither when it grows nor when it is overwritten in place with as many bytes, while all of its
streams run; and another front in between makes no difference.
"""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, fake_text

with Server(fake='tokens 5\nat token:2 hold') as s:
    stream = s.stream(seed=1).until(2)
    with open(s.model, 'a') as f:
        f.write('tokens 50\n')
    s.kill_worker()
    assert stream.rest() == fake_text(2, 1), stream.texts
    assert 'changed' in stream.error['message'] and s.model in stream.error['message']
    got = s.post('/v1/completions', {'prompt': 'x'})
    assert got.status == 503 and 'changed' in got.error['message'], got
    # Who asks for it again gets what it is now.
    with s.rpc() as r:
        r.init(s.model)
    s.go()
    assert s.complete(seed=2, max_tokens=9) == fake_text(9, 2)

N = 4
with Server('--parallel', str(N), fake='tokens 5\nat token:2 hold') as s:
    streams = [s.stream(seed=i).until(2) for i in range(N)]
    with open(s.model, 'r+') as f:
        text = f.read()
        f.seek(0)
        f.write(text.replace('tokens 5', 'tokens 9'))
    s.kill_worker()
    for i, stream in enumerate(streams):
        assert stream.rest() == fake_text(2, i), stream.texts
        assert 'changed' in stream.error['message'], stream.error
    os.kill(s.front, signal.SIGKILL)
    got = s.post('/v1/completions', {'prompt': 'x'})
    assert got.status == 503 and 'changed' in got.error['message'], got
    assert s.lives() == 1
