#!/usr/bin/env python3
"""What is asked of a vocabulary or template alone: every byte goes there and back, wrong fields are
refused in llama-server's form, and no slot is waited for, whoever streams or dies beside it."""
import json
import os
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases, until

CHAT = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Hi\u2603'}]


def ask(server, path, body, status=200):
    got = server.post(path, body)
    assert got.status == status, (path, body, got)
    return got.json


def tokens(server, content, **fields):
    return ask(server, '/tokenize', dict(fields, content=content))['tokens']


def text(server, ids):
    return ask(server, '/detokenize', {'tokens': ids})['content']


def refused(server, path, body, status, word):
    """In llama-server's form: {"error": {"code", "message", "type"}}."""
    error = ask(server, path, body, status)['error']
    assert set(error) == {'code', 'message', 'type'} and error['code'] == status, error
    assert word in error['message'], error
    assert error['type'] == {400: 'invalid_request_error', 404: 'not_found_error',
                             413: 'invalid_request_error'}[status], error


def every_character_goes_and_comes_back(server):
    ascii_ = ''.join(map(chr, range(1, 128)))
    others = ''.join(chr(c) for c in range(128, 0x2000, 3)) + '\U0001f680\u4e2d\uffff'
    for content in ascii_, others, ' ', '  a  b ', '\n\n\t', 'a' * 5000, '</s>', '<s>x</s>':
        assert text(server, tokens(server, content)) == content, content[:40]
    assert tokens(server, '') == [] and text(server, []) == ''


def every_byte_is_a_piece(server):
    """Pieces that are no text come as bytes, and all together are what was sent."""
    content = ''.join(chr(c) for c in range(0x20, 0x800)) + '\u2603\U0001f680'
    got = tokens(server, content, with_pieces=True)
    assert [p['id'] for p in got] == tokens(server, content)
    raw = b''.join(p['piece'].encode() if isinstance(p['piece'], str) else bytes(p['piece'])
                   for p in got)
    assert raw == content.encode()
    assert any(isinstance(p['piece'], list) for p in got), 'no piece is a part of a character'


def specials(server):
    plain, bos = tokens(server, 'Hi'), tokens(server, 'Hi', add_special=True)
    assert bos == [1] + plain, (plain, bos)
    assert tokens(server, '</s>') == [2]
    as_text = tokens(server, '</s>', parse_special=False)
    assert len(as_text) > 1 and text(server, as_text) == '</s>'


def texts_and_ids_by_turns(server):
    hi = tokens(server, 'Hi')
    assert tokens(server, [5, 'Hi', 7]) == [5, *hi, 7]
    assert tokens(server, ['Hi', 7, 'Hi'], add_special=True) == [1, *hi, 7, *hi]
    assert tokens(server, [7, 'Hi'], add_special=True) == [7, *hi]
    assert tokens(server, [3, 4]) == [3, 4]


def nothing_is_asked(server):
    assert ask(server, '/tokenize', {}) == {'tokens': []}
    assert ask(server, '/detokenize', {}) == {'content': ''}


def bytes_that_are_no_text(server):
    """A part of a character is told as what it is: no character."""
    first = tokens(server, '\u2603')[0:1]
    assert '\ufffd' in text(server, first) or text(server, first) == ''


def templates(server):
    prompt = ask(server, '/apply-template', {'messages': CHAT})['prompt']
    assert 'Be brief.' in prompt and 'Hi\u2603' in prompt and prompt.endswith('assistant\n'), prompt
    bare = ask(server, '/apply-template', {'messages': CHAT, 'add_generation_prompt': False})
    assert prompt.startswith(bare['prompt']) and len(bare['prompt']) < len(prompt)
    # It is the prompt that a chat computes, to the token.
    got = server.post('/v1/chat/completions', {'messages': CHAT, 'max_tokens': 1}).json
    assert got['usage']['prompt_tokens'] == len(tokens(server, prompt, add_special=True))


def wrong_fields(server):
    for path, body, status, word in (
            ('/tokenize', {'content': 5}, 400, 'content'),
            ('/tokenize', {'content': {'a': 1}}, 400, 'prompt_string'),
            ('/tokenize', {'content': [1, None]}, 400, 'content'),
            ('/tokenize', {'content': [1, -1]}, 400, 'content'),
            ('/tokenize', {'content': [1 << 20]}, 400, 'token id'),
            ('/tokenize', {'content': 'x', 'add_special': 'yes'}, 400, 'add_special'),
            ('/tokenize', {'content': 'x', 'with_pieces': 3}, 400, 'with_pieces'),
            ('/tokenize', {'content': 'x', 'model': 7}, 400, 'model'),
            ('/tokenize', {'content': 'x', 'model': 'none'}, 404, 'none'),
            ('/tokenize?model=none', {'content': 'x'}, 404, 'none'),
            ('/tokenize', {'content': 'x ' * (3 << 20)}, 413, 'bytes'),
            ('/tokenize', b'[1]', 400, 'object'),
            ('/tokenize', b'{"content":', 400, 'JSON'),
            ('/tokenize', b'', 400, 'body'),
            ('/detokenize', {'tokens': 'x'}, 400, 'tokens'),
            ('/detokenize', {'tokens': [1, 'x']}, 400, 'tokens'),
            ('/detokenize', {'tokens': [1.5]}, 400, 'tokens'),
            ('/detokenize', {'tokens': [1 << 30]}, 400, 'token id'),
            ('/apply-template', {}, 400, 'messages'),
            ('/apply-template', {'messages': []}, 400, 'messages'),
            ('/apply-template', {'messages': [5]}, 400, 'messages'),
            ('/apply-template', {'messages': CHAT, 'add_generation_prompt': 1}, 400,
             'add_generation_prompt')):
        refused(server, path, body, status, word)


def models_by_name(server):
    for path, body in (('/tokenize?model=demo', {'content': 'Hi'}),
                       ('/tokenize', {'content': 'Hi', 'model': 'demo'})):
        assert ask(server, path, body)['tokens'], path


def large_texts(server):
    """More than any context holds."""
    content = 'Once upon a time. ' * 40000
    ids = tokens(server, content)
    assert len(ids) > 40000 and text(server, ids) == content


def what_takes_too_long_is_refused(server):
    """llama.cpp's time grows with the square of the bytes that no token has: no hang, no death."""
    refused(server, '/tokenize', {'content': 'é' * 700000}, 400, 'too complex')
    messages = [{'role': 'user', 'content': 'é' * 700000}]
    got = server.post('/v1/messages/count_tokens', {'model': 'demo', 'messages': messages})
    assert got.status == 400 and 'too complex' in got.error['message'], got
    assert tokens(server, 'é' * 1000) and 'died' not in server.log()


def no_slot_is_waited_for(server):
    """The only slot is taken by a stream that nobody reads on from."""
    stream = server.stream('Once', max_tokens=900, ignore_eos=True).until(3)
    queued = server.metric('generations')
    waits = []
    thread = threading.Thread(target=lambda: waits.append(server.complete('x', max_tokens=1)))
    thread.start()
    until(lambda: server.metric('generations') > queued)
    assert text(server, tokens(server, 'beside it')) == 'beside it'
    assert ask(server, '/apply-template', {'messages': CHAT})['prompt']
    assert not waits, 'the queue has moved: the stream was over before'
    stream.rest()
    thread.join()
    assert waits


def a_dying_worker_is_not_noticed(server):
    """Asked while the worker is stopped, and right behind its death."""
    want = tokens(server, 'Once upon a time')
    pid = server.worker
    os.kill(pid, signal.SIGSTOP)
    with server.http() as h:
        h.request('POST', '/tokenize', {'content': 'Once upon a time'})
        until(lambda: server.metric('generations') >= 1)
        os.kill(pid, signal.SIGKILL)
        assert json.loads(h.reply().body)['tokens'] == want
    for _ in range(3):
        server.kill_worker()
        for _ in range(5):
            assert tokens(server, 'Once upon a time') == want
    assert server.metric('worker_deaths_total') == 4


with Server('--parallel', '1', '--threads', '1') as its_server:
    cases(every_character_goes_and_comes_back, every_byte_is_a_piece, specials,
          texts_and_ids_by_turns, nothing_is_asked, bytes_that_are_no_text, templates, wrong_fields,
          models_by_name, large_texts, what_takes_too_long_is_refused,
          no_slot_is_waited_for, args=(its_server,))
with Server('--parallel', '1', '--threads', '1') as its_server:
    cases(a_dying_worker_is_not_noticed, args=(its_server,))
