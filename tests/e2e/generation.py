#!/usr/bin/env python3
"""What a stream promises on the real engine: whole characters, no stop string shown, the same
text for the same seed whatever the form of the request, an end at once when cancelled, nobody
frozen by a long prompt."""
import concurrent.futures
import os
import re
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import Server, cases

BASE = dict(prompt='Once upon a time', max_tokens=80, seed=1, temperature=0, ignore_eos=True)


def say(s, **fields):
    got = s.post('/v1/completions', {**BASE, **fields})
    assert got.status == 200, got
    return got.json['choices'][0]


def whole_characters(s):
    """Tokens of this model are single bytes of such characters; events are never halves of one."""
    words = ['é', '日本', '😀', '🏴\u200d☠️']
    choices = ' | '.join(f'"{w}"' for w in words)
    grammar = f'root ::= ({choices}){{30}}'
    stream = s.stream(**{**BASE, 'grammar': grammar, 'max_tokens': 900, 'ignore_eos': False,
                         'temperature': 1})
    text = stream.rest()
    assert re.fullmatch('(?:' + '|'.join(words) + '){30}', text), text
    assert stream.finish == 'stop' and all('\ufffd' not in t for t in stream.texts)
    # Where the budget ends inside a character, one mark stands for what is there of it.
    for n in range(1, 12):
        text = say(s, grammar=grammar, max_tokens=n, ignore_eos=False)['text']
        assert re.fullmatch(f'[{"".join(words)}]*\ufffd?', text), (n, text)


def stops_never_leak(s):
    free = say(s)['text']
    for at in range(5, len(free) - 10, 9):
        stop = free[at:at + 7]
        expected = free[:free.index(stop)]
        for stops in stop, ['never said', stop, stop + 'x']:
            got = say(s, stop=stops)
            assert (got['text'], got['finish_reason']) == (expected, 'stop'), (stop, got)
        stream = s.stream(**{**BASE, 'stop': [stop]})
        assert stream.rest() == expected, (stop, stream.texts)
        # What only began like it is shown in the end.
        assert say(s, stop=[stop + '\x01'])['text'] == free
    got = say(s, stop=[free[-3:] + '\x01'])
    assert got['text'] == free and got['finish_reason'] == 'length', got


def every_form_of_a_request(s):
    one = say(s)['text']
    assert s.stream(**BASE).rest() == one
    both = s.post('/v1/completions', {**BASE, 'prompt': ['Once upon a time', 'The ship']}).json
    assert both['choices'][0]['index'] == 0 and len(both['choices']) == 2
    for name in 'demo', s.model, os.path.basename(s.model):
        assert say(s, model=name)['text'] == one
    assert say(s, echo=True)['text'] == BASE['prompt'] + one
    got = s.post('/v1/completions', {**BASE, 'logprobs': 0}).json['choices'][0]
    assert ''.join(got['logprobs']['tokens']) == one
    hot = {**BASE, 'temperature': 1.5, 'n': 4}
    texts = [c['text'] for c in s.post('/v1/completions', hot).json['choices']]
    assert len(set(texts)) > 1
    # No seed: another text each time.
    free = {k: v for k, v in hot.items() if k not in ('seed', 'n')}
    assert len({s.complete(**free) for _ in range(4)}) > 1


def the_context_is_the_limit(s):
    n_ctx = s.status()['models'][0]['n_ctx']
    got = s.post('/v1/completions', {**BASE, 'max_tokens': 10 * n_ctx}).json
    assert got['choices'][0]['finish_reason'] == 'length'
    # The last token is drawn and has nowhere to go.
    assert got['usage']['total_tokens'] in (n_ctx, n_ctx + 1), got['usage']


def cancelled_at_once(s):
    """Also in the middle of a long prompt."""
    before = s.metric('generations_cancelled_total')
    for prompt in 'Once', 'A long way. ' * 150:
        with s.http() as h:
            h.request('POST', '/v1/completions', {**BASE, 'prompt': prompt, 'max_tokens': 900,
                                                  'stream': True})
            assert h.head()[0] == 200
        s.wait_metric('generations_cancelled_total', before + 1)
        before += 1
    assert s.metric('generations_resumed_total') == 0


def a_long_prompt_freezes_nobody(s):
    """While prompts of many chunks are computed, a stream beside them gets its tokens."""
    stream = s.stream(**{**BASE, 'max_tokens': 900}).until(20)
    long = {**BASE, 'prompt': ['A long way. ' * 150] * 3, 'max_tokens': 1}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = len(stream.texts)
        reply = pool.submit(s.post, '/v1/completions', long)
        while not reply.done():
            next(stream.source)
        meanwhile = len(stream.texts) - before
    got = reply.result()
    assert got.status == 200, got
    chunks = got.json['usage']['prompt_tokens'] / 64
    print(f'{meanwhile} tokens during {chunks:.0f} chunks')
    assert meanwhile > chunks / 2, meanwhile
    stream.rest()
    assert stream.done


def metrics_are_prometheus(s):
    got = s.get('/metrics')
    assert got.headers['content-type'].startswith('text/plain'), got.headers
    kinds, seen = {}, set()
    for line in got.body.decode().splitlines():
        if line.startswith('# TYPE '):
            _, _, name, kind = line.split()
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith('# HELP '):
            name = re.fullmatch(r'([a-zA-Z_:][\w:]*)(\{(\w+="[^"]*",?)*\})? [0-9.e+-]+',
                                line).group(1)
            assert kinds[name] in ('counter', 'gauge'), line
            # llama-server's names are its own.
            assert (kinds[name] != 'counter' or name.endswith('_total') or
                    name.startswith('llamacpp:')), line
            seen.add(name)
    assert seen == set(kinds) and len(seen) > 10


with Server('--ctx-size', '1024') as server:
    cases(whole_characters, stops_never_leak, every_form_of_a_request, the_context_is_the_limit,
          cancelled_at_once, a_long_prompt_freezes_nobody, metrics_are_prometheus,
          args=(server,))
