#!/usr/bin/env python3
"""A whole start, stream, crash, resume and stop with keeper and front under valgrind: not one
error, nothing lost. The worker runs without it: its engine uses instructions that valgrind does
not know."""
import glob
import os
import re
import shutil
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import DEADLINE, SANITIZE, Server, cases, fake_text

if SANITIZE or not shutil.which('valgrind'):
    print('skipped: ' + ('built with a sanitizer' if SANITIZE else 'no valgrind'))
    raise SystemExit(77)

FAKE = 'tokens 20\nlife 1 at token:5 die SEGV\nlife 2 at token:9 send garbage'


def wrap(folder):
    return ('valgrind', '--quiet', '--trace-children=yes', '--trace-children-skip=*-worker',
            '--error-exitcode=99', '--leak-check=full', '--show-leak-kinds=definite,indirect',
            '--errors-for-leak-kinds=definite,indirect', '--track-fds=no',
            f'--log-file={folder}/valgrind.%p')


def use(s, n, expected=None):
    """A bit of everything."""
    fields = dict(seed=1, max_tokens=n)
    assert expected is None or s.stream(**fields).rest() == expected
    s.post('/v1/chat/completions', {'messages': [{'role': 'user', 'content': 'Hi'}], 'n': 2,
                                    'max_tokens': n, 'logprobs': True, 'top_logprobs': 2})
    assert s.post('/v1/completions', b'{"prompt":').status == 400
    for path in '/health', '/metrics', '/v1/models', '/none':
        s.get(path)
    with s.rpc() as r:
        r.init('')
        assert r.run('Once', max_new_tokens=n)[1]['_callback_state'] == 2
        r.raw('nonsense\n[{"jsonrpc":"2.0","id":1,"method":"none"}]\n')
        assert r.line()['error']['code'] == -32700 and r.line()[0]['error']['code'] == -32601
    s.stream(max_tokens=50).until(1).http.close()
    s.status()


def watched(scenario, **options):
    folder = tempfile.mkdtemp(prefix='bulkhead-test-')
    try:
        with Server('--restart-limit', '100', '--jail', 'off', wrap=wrap(folder), **options) as s:
            scenario(s)
        logs = glob.glob(os.path.join(folder, 'valgrind.*'))
        said = ''.join(open(log).read() for log in logs)
        assert len(logs) >= 2, 'keeper and front were to be watched'
        assert not re.search(r'==\d+== \S', said), said
    finally:
        shutil.rmtree(folder)


def on_the_fake_worker():
    watched(lambda s: use(s, 20, fake_text(20, 1)), fake=FAKE)


def on_the_engine():
    watched(lambda s: (use(s, 20), s.kill_worker(), use(s, 20)))


def cut_short():
    """Streams that a second signal ends, a model that is still loading."""
    def scenario(s):
        stream = s.stream(seed=1).until(2)
        with s.rpc() as r:
            r.send('rkllm.init', None, {'model_path': s.script('slow.gguf', 'load 60000')}, None)
            r.ping()
            s.term()
            s.wait_log('stopping')
            s.term()
            stream.rest()
            s.proc.wait(DEADLINE)
    watched(scenario, fake='at token:2 hold')


cases(on_the_fake_worker, on_the_engine, cut_short)
