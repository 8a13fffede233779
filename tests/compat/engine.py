#!/usr/bin/env python3
"""The rkllm engine on our librkllmrt: the server says what it says with the llama engine."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, MODEL, Server, cases

PROMPTS = 'Hello', 'Tell me about a lighthouse.', 'Zähl: äöü €😀'
FOLDER = tempfile.mkdtemp(prefix='bulkhead-test-')
FILE = os.path.join(FOLDER, 'demo.rkllm')


def library(version):
    return os.path.join(BIN, '..', 'lib', 'rkllmrt', version, 'librkllmrt.so')


def on_board(version='1.3', **more):
    return Server('--rkllm-library', library(version), models=[FILE], **more)


def loaded(server, **params):
    rpc = server.rpc()
    rpc.init('', **{'temperature': 0, 'max_new_tokens': 60, **params})
    return rpc


def the_same_words():
    with Server() as server, loaded(server) as rpc:
        expected = [rpc.run(prompt)[0] for prompt in PROMPTS]
    with on_board() as server, loaded(server) as rpc:
        got = [rpc.run(prompt) for prompt in PROMPTS]
        assert [text for text, _ in got] == expected, got
        assert got[0][1]['perf']['prefill_tokens'] > 0, got[0]
        assert server.status()['models'][0]['desc'] == 'RKLLM 1.3.0'
    # Before 1.3.0 sampling is set when the model is loaded, for all.
    with on_board('1.2') as server, loaded(server) as rpc:
        text, last = rpc.run('Hello')
        assert text and last['_callback_state'] == 2
        assert server.status()['models'][0]['desc'] == 'RKLLM 1.2.3'


def it_goes_on_after_a_kill():
    """In a language of bytes that come whole, and greedily, it goes on with the same words."""
    with on_board() as server, loaded(server) as rpc:
        whole = rpc.run('Tell me about a lighthouse.')[0]
        ident = rpc.start('Tell me about a lighthouse.')
        texts = []
        for reply in rpc.replies(ident):
            texts.append(reply['text'] or '')
            if len(texts) == 8:
                server.kill_any_worker()
        assert ''.join(texts).startswith(''.join(texts[:8])) and len(texts) > 8, texts
        assert ''.join(texts) == whole, (''.join(texts), whole)
        assert rpc.run('Tell me about a lighthouse.')[0] == whole


def an_abort_ends_it():
    with on_board() as server, loaded(server, ignore_eos_token=False, max_new_tokens=-1) as rpc:
        ident = rpc.start('Tell me a story')
        rpc.next(ident)
        rpc.call('rkllm.abort', None)
        last = list(rpc.replies(ident))[-1]
        assert last['_callback_state'] == 2
        assert rpc.run('Hello')[0]


try:
    shutil.copy(MODEL, FILE)
    cases(the_same_words, it_goes_on_after_a_kill, an_abort_ends_it)
finally:
    shutil.rmtree(FOLDER)
