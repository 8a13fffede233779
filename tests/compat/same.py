#!/usr/bin/env python3
"""A program with our librkllmrt says what a client of the server is told."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, Server

PROMPTS = ['Hello', 'Tell me about a lighthouse.', 'What is a ship? "Quote" it.', 'Zähl: äöü €😀',
           'x', 'Once upon a time\nthere was a bulkhead.']
TOKENS = 60


def said_by_program(version):
    program = os.path.join(BIN, '..', 'compat', f'say-{version}')
    out = subprocess.run([program, *PROMPTS], env=dict(os.environ, SAY_TOKENS=str(TOKENS)),
                         check=True, stdout=subprocess.PIPE, timeout=DEADLINE).stdout
    return [json.loads(line) for line in out.splitlines()]


def said_by_server():
    with Server() as server, server.rpc() as rpc:
        defaults = rpc.call('rkllm.createDefaultParam')
        rpc.init('', temperature=0, max_new_tokens=TOKENS)
        return defaults, [rpc.run(prompt)[0] for prompt in PROMPTS]


def main():
    defaults, expected = said_by_server()
    assert defaults['max_context_len'] == 512 and defaults['top_k'] == 40
    for version in '1.3', '1.2':
        got = said_by_program(version)
        assert got == expected, f'{version}:\n{got}\nis not\n{expected}'


main()
