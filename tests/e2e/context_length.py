#!/usr/bin/env python3
"""max_context_len is a wish: the operator's --ctx-size, the model and memory bound it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, made_model


def contexts(server):
    return {m['name']: m['n_ctx'] for m in server.status()['models']}


def what_the_operator_says_holds():
    with Server('-c', '256') as s:
        with s.rpc() as one, s.rpc() as other:
            one.init('')
            other.init('', max_context_len=1 << 24)
            assert contexts(s) == {'demo': 256}, contexts(s)


def no_more_than_it_was_trained_for():
    with Server() as s, s.rpc() as one, s.rpc() as other:
        one.init('', max_context_len=1 << 24)
        other.init('', max_context_len=2000000)
        assert contexts(s) == {'demo': 1024}, contexts(s)


def as_long_as_a_client_asks():
    """A file that a client names has the context that it asks for; who asks for more, another."""
    with made_model('--preset', 'tiny-llama', '--ctx', '4096') as path:
        with Server() as s, s.rpc() as one, s.rpc() as less, s.rpc() as more, s.rpc() as most:
            one.init(path, max_context_len=600)
            less.init(path, max_context_len=100)
            assert sorted(contexts(s).values()) == [600, 1024], contexts(s)
            more.init(path, max_context_len=3000)
            assert sorted(contexts(s).values()) == [600, 1024, 3000], contexts(s)
            most.init(path, max_context_len=1 << 24)
            assert sorted(contexts(s).values()) == [600, 1024, 3000, 4096], contexts(s)


if __name__ == '__main__':
    cases(what_the_operator_says_holds, no_more_than_it_was_trained_for, as_long_as_a_client_asks)
