#!/usr/bin/env python3
"""What has a great many parts is served, or refused because it takes too long or too much memory;
nobody dies of it, and who streams beside it gets the same bytes."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases
from streams import ADD

# One more than needs a sort; where that asks the system for memory; more than that.
MANY = 127, 128, 129, 400
PATH = '/v1/completions'


def options(n, name='p'):
    """A schema: any choice of n members, for which each way to go on gets a rule."""
    return {'type': 'object', 'properties': {f'{name}{i}': {'type': 'integer'} for i in range(n)}}


def tools(n, parameters):
    return [{'type': 'function', 'function': {'name': f'f{i}', 'parameters': parameters}}
            for i in range(n)]


def nobody_dies(test):
    def run(s):
        pids, beside = (s.front, s.worker), s.stream(**STORY)
        test(s)
        assert beside.rest() == s.complete(**STORY) and beside.error is None, beside.error
        assert (s.front, s.worker) == pids and 'no progress' not in s.log(), s.log()
    run.__name__ = test.__name__
    return run


STORY = {'max_tokens': 300, 'ignore_eos': True, 'seed': 3}


@nobody_dies
def many_members(s):
    for n in MANY:
        bias = {str(i): 1 for i in range(n)}
        got = s.post(PATH, {'prompt': 'x', 'max_tokens': 1, 'logit_bias': bias})
        assert got.status == 200, got
        text = ','.join(f'"{i}":1' for i in [*range(n), n // 2])
        got = s.post(PATH, f'{{"prompt":"x","max_tokens":1,"logit_bias":{{{text}}}}}'.encode())
        assert got.status == 400 and f'"{n // 2}"' in got.error['message'], got
        with s.rpc() as r:
            assert r.call('bulkhead.status', {str(i): 1 for i in range(n)})
            r.init('', **{str(i): 1 for i in range(n)})


@nobody_dies
def schemas_that_take_too_much(s):
    """Lists of more than 256 schemas, which are let go of when there is no more memory."""
    of = [options(120, f'p{j}_') for j in range(60)] + [{'const': i} for i in range(260)]
    for schema in {'anyOf': of}, {'anyOf': [options(60, f'p{j}_') for j in range(260)]}:
        got = s.post(PATH, {'prompt': 'x', 'max_tokens': 3, 'json_schema': schema})
        assert got.status == 400 and 'json_schema: too complex' in got.error['message'], got


@nobody_dies
def tools_that_take_too_long(s):
    for offered in tools(1, options(2000)), tools(300, options(120)):
        got = s.post('/v1/chat/completions', {**ADD, 'tools': offered})
        assert got.status == 400 and 'tools: too complex' in got.error['message'], got


with Server() as server:
    cases(many_members, schemas_that_take_too_much, tools_that_take_too_long, args=(server,))
