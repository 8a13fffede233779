#!/usr/bin/env python3
"""kill -9 in streams whose state is more than tokens: grammars, stops, penalties, mirostat, half a
character held back, logprobs, several prompts' forms. Each event must be the undisturbed one's."""
import os
import random
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import SANITIZE, Server, Stream

ROUNDS = int(os.environ.get('ROUNDS') or (1 if SANITIZE else 2))
SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
PATH = '/v1/completions'
BASE = {'prompt': 'Once upon a time', 'max_tokens': 150, 'seed': 3, 'temperature': 0.8,
        'ignore_eos': True}
CHAT = {'messages': [{'role': 'user', 'content': 'Tell me a story.'}], 'max_tokens': 100,
        'seed': 3}
SCHEMA = {'type': 'array', 'minItems': 12, 'maxItems': 12, 'items': {
    'type': 'object', 'properties': {'n': {'type': 'integer', 'maximum': 99, 'minimum': 10}},
    'required': ['n'], 'additionalProperties': False}}
WAYS = {
    'characters of many bytes': {'grammar': 'root ::= ("é" | "日" | "😀" | "🏴‍☠️"){60}'},
    'grammar': {'grammar': 'root ::= ([a-z]+ " "){40}', 'temperature': 1.2},
    'schema': {'json_schema': SCHEMA, 'ignore_eos': False, 'max_tokens': 400},
    'mirostat 1': {'mirostat': 1, 'mirostat_tau': 4, 'mirostat_eta': 0.2},
    'mirostat 2': {'mirostat': 2, 'mirostat_tau': 4, 'mirostat_eta': 0.2},
    'penalties': {'repeat_penalty': 1.3, 'frequency_penalty': 0.5, 'presence_penalty': 0.5,
                  'repeat_last_n': 50, 'temperature': 1},
    'DRY': {'dry_multiplier': 0.8, 'dry_allowed_length': 1, 'dry_penalty_last_n': -1},
    'XTC': {'xtc_probability': 0.5, 'xtc_threshold': 0.05, 'temperature': 1},
    'other samplers': {'typical_p': 0.9, 'min_p': 0.02, 'top_k': 100, 'dynatemp_range': 0.3,
                       'top_n_sigma': 2},
    'biases': {'logit_bias': {'5': 3, '6': -100}, 'temperature': 1},
    'stop held back': {'stop': ['. The end of this and no other story', ' zebra zebra'],
                       'temperature': 1},
    'logprobs': {'logprobs': 3},
    'tokens as prompt': {'prompt': list(range(300, 380))},
    'prompt over several chunks': {'prompt': 'A long way. ' * 60},
    'greedy': {'temperature': 0},
    'very hot': {'temperature': 5, 'top_k': 0, 'top_p': 1, 'min_p': 0}}


def events(s, path, body, kills=()):
    """What is compared of each event of a stream with kills after those events."""
    got, kills = [], sorted(kills)

    def may_kill():
        if kills and len(got) >= kills[0]:
            kills.pop(0)
            s.kill_any_worker()
    stream = Stream(s.tcp, path, body, on_sent=may_kill)
    for event in stream:
        got.append(event['choices'])
        may_kill()
    assert stream.done and stream.error is None, stream.error
    stream.http.close()
    return got


failed = []
print(f'SEED={SEED}', flush=True)
with Server('--restart-limit', '1000000', '--threads', '1') as s:
    rng = random.Random(SEED)
    requests = {name: (PATH, {**BASE, **fields}) for name, fields in WAYS.items()}
    requests['chat'] = ('/v1/chat/completions', CHAT)
    for name, (path, body) in requests.items():
        expected = events(s, path, body)
        assert len(expected) > 10, (name, expected)
        for _ in range(ROUNDS):
            at = rng.sample(range(len(expected)), 3)
            got = events(s, path, body, at)
            if got != expected:
                i = len(os.path.commonprefix([got, expected]))
                failed.append(name)
                print(f'{name}: killed at {sorted(at)}, differs from event {i} of '
                      f'{len(expected)}: {got[i:i + 2]} {expected[i:i + 2]}', flush=True)
    resumed = s.metric('generations_resumed_total')
    print(f'{len(requests)} kinds of request, {resumed:.0f} resumed, {len(failed)} differing')
    assert resumed > len(requests) * ROUNDS, 'too few kills came in time'
if failed:
    raise SystemExit(f'differing: {failed}')
