"""Streams as a client records them: what is asked, the bytes that came and when, how they compare.

A Request is one way of asking, over either protocol. A Take is one client that asks it and keeps
every byte; it never blocks, so many go side by side in one loop (chaos.play). References remembers
what each (request, seed) said undisturbed; verdict() says what became of a take beside that.

Compared is every event that a client sees, but for what is another in each run by its nature: id,
`created`, timings, keep-alive comments, how many prompt tokens were cached. The events of a request
with several choices are sorted by choice.
"""
import io
import json
import os
import time
from bulkhead import DEADLINE, Connection, Http, Rpc

TOKENS = 150
CHUNK = 64
STORY = 'Tell me a long story about a ship that would not sink.'
LONG = 'A long way to the sea. ' * 60
SCHEMA = {'type': 'array', 'minItems': 12, 'maxItems': 12, 'items': {
    'type': 'object', 'properties': {'n': {'type': 'integer', 'maximum': 99, 'minimum': 10}},
    'required': ['n'], 'additionalProperties': False}}


class Request:
    """fields: of the HTTP body, or of the infer parameters if path is None.

    tokens: how many are sure to be generated, if that is known; choices: sequences that it takes;
    is_fast: it does not ask for a resume with the same bits.
    """
    def __init__(self, name, path, fields, tokens=None, choices=1):
        self.name, self.path, self.fields = name, path, fields
        self.tokens, self.choices = tokens, choices
        self.is_stream = fields.get('stream', True)
        self.is_long = LONG in json.dumps(fields)
        self.is_fast = fields.get('resume') == 'fast'

    def bytes(self, model, seed):
        if self.path is None:
            return self.rpc_bytes(model, seed)
        body = dict({'stream': True}, **self.fields, seed=seed)
        if body['stream']:
            body['stream_options'] = {'include_usage': True}
        body = json.dumps(body).encode()
        return (f'POST {self.path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: '
                f'application/json\r\nContent-Length: {len(body)}\r\n\r\n').encode() + body

    def rpc_bytes(self, model, seed):
        """init and run in one write."""
        fields = dict(self.fields)
        how = {'model_path': model, 'max_context_len': 0, 'ignore_eos_token': True}
        what = {'role': 'user', 'enable_thinking': False, **fields.pop('input')}
        infer = {'mode': 0, 'keep_history': 0, 'max_new_tokens': TOKENS, 'seed': seed, **fields}
        calls = ('rkllm.init', [None, how, None]), ('rkllm.run', [None, what, infer, None])
        return ''.join(json.dumps({'jsonrpc': '2.0', 'id': i + 1, 'method': m, 'params': p}) + '\n'
                       for i, (m, p) in enumerate(calls)).encode()


def tool(name, *numbers):
    """A function of whole numbers, in OpenAI's form."""
    return {'type': 'function', 'function': {
        'name': name, 'description': f'Does {name}.', 'parameters': {
            'type': 'object', 'properties': {n: {'type': 'integer'} for n in numbers},
            'required': list(numbers)}}}


ADD = {'messages': [{'role': 'user', 'content': 'Use the tool to add 2 and 3.'}],
       'tools': [tool('add', 'a', 'b')], 'max_tokens': 150}


def tool_requests():
    """Answers that are calls, that may be and are not, and both."""
    path = '/v1/chat/completions'
    story = {'messages': [{'role': 'user', 'content': STORY}], 'tools': ADD['tools']}
    return [Request(name, path, fields, tokens, choices) for name, fields, tokens, choices in (
        ('tool call', ADD, None, 1),
        ('tool call, hot', {**ADD, 'temperature': 2, 'tool_choice': 'required'}, None, 1),
        ('tool call, two choices, logprobs', {**ADD, 'n': 2, 'logprobs': True}, None, 2),
        ('tool call, not streamed', {**ADD, 'stream': False}, None, 1),
        ('tools, none called', {**story, 'max_tokens': TOKENS, 'ignore_eos': True}, TOKENS, 1),
        ('tools, JSON asked for', {**story, 'max_tokens': 400, 'json_schema': SCHEMA}, None, 1))]


def lora_requests():
    """Of a server with two adapters; in company not all can share a step."""
    base = {'prompt': 'Once upon a time', 'max_tokens': TOKENS, 'ignore_eos': True}
    sets = [], [(0, 1)], [(1, 0.5)], [(0, 0.3), (1, 1)]
    return [Request(f'adapters {s}', '/v1/completions', {
        **base, 'lora': [{'id': i, 'scale': scale} for i, scale in s]}, TOKENS) for s in sets]


def requests():
    """One of every kind that the surfaces have."""
    base = {'prompt': 'Once upon a time', 'max_tokens': TOKENS, 'temperature': 0.8,
            'ignore_eos': True}
    chat = {'messages': [{'role': 'user', 'content': STORY}], 'max_tokens': TOKENS,
            'ignore_eos': True}
    text = {'input_type': 0, 'prompt_input': STORY}
    ids = {'input_type': 1, 'token_input': {'input_ids': list(range(300, 380))}}
    plain = [
        ('sampled', {}), ('greedy', {'temperature': 0}),
        ('very hot', {'temperature': 5, 'top_k': 0, 'top_p': 1, 'min_p': 0}),
        ('mirostat 1', {'mirostat': 1, 'mirostat_tau': 4, 'mirostat_eta': 0.2}),
        ('mirostat 2', {'mirostat': 2, 'mirostat_tau': 4, 'mirostat_eta': 0.2}),
        ('penalties', {'repeat_penalty': 1.3, 'frequency_penalty': 0.5, 'presence_penalty': 0.5,
                       'repeat_last_n': 50, 'temperature': 1}),
        ('DRY', {'dry_multiplier': 0.8, 'dry_allowed_length': 1, 'dry_penalty_last_n': -1}),
        ('XTC', {'xtc_probability': 0.5, 'xtc_threshold': 0.05, 'temperature': 1}),
        ('other samplers', {'typical_p': 0.9, 'min_p': 0.02, 'top_k': 100, 'dynatemp_range': 0.3,
                            'top_n_sigma': 2}),
        ('biases', {'logit_bias': {'5': 3, '6': -100}, 'temperature': 1}),
        ('logprobs', {'logprobs': 3}),
        ('tokens as prompt', {'prompt': list(range(300, 380))}),
        ('prompt over several chunks', {'prompt': LONG})]
    free = [
        ('characters of many bytes', {'grammar': 'root ::= ("é" | "日" | "😀" | "🏴‍☠️"){60}'}),
        ('grammar', {'grammar': 'root ::= ([a-z]+ " "){40}', 'temperature': 1.2}),
        ('schema', {'json_schema': SCHEMA, 'ignore_eos': False, 'max_tokens': 400}),
        ('stop held back', {'stop': ['. The end of this and no other story', ' zebra zebra'],
                            'temperature': 1})]
    path = '/v1/completions'
    found = [Request(name, path, {**base, **f}, TOKENS) for name, f in plain]
    found += [Request(name, path, {**base, **f}) for name, f in free]
    found += [
        Request('three choices', path, {**base, 'n': 3}, 3 * TOKENS, 3),
        Request('two prompts', path, {**base, 'prompt': ['Once', 'A ship']}, 2 * TOKENS, 2),
        Request('not streamed', path, {**base, 'stream': False}, TOKENS),
        Request('chat', '/v1/chat/completions', chat, TOKENS),
        Request('chat, greedy', '/v1/chat/completions', {**chat, 'temperature': 0}, TOKENS),
        Request('chat, JSON, logprobs', '/v1/chat/completions', {
            **chat, 'ignore_eos': False, 'max_tokens': 400, 'logprobs': True, 'top_logprobs': 2,
            'response_format': {'type': 'json_schema', 'json_schema': {
                'name': 'numbers', 'schema': SCHEMA}}})]
    found += [Request(f'JSON-RPC, {name}', None, {'input': what, 'sampling_params': sampling},
                      TOKENS)
              for name, what, sampling in (
                  ('greedy', text, {'temperature': 0}), ('sampled', text, {'temperature': 0.8}),
                  ('mirostat', text, {'mirostat': 2}), ('tokens', ids, {'temperature': 1}),
                  ('long', {'input_type': 0, 'prompt_input': LONG}, {'temperature': 0.8}))]
    return found + tool_requests()


def fast(of):
    """Those of them over HTTP whose number of tokens is known, resumed fast."""
    return [Request(f'{r.name}, fast', r.path, {**r.fields, 'resume': 'fast'}, r.tokens, r.choices)
            for r in of if r.path and r.tokens]


class Recorded(Http):
    """Reads bytes that have come already."""

    def __init__(self, data):
        self.file = io.BytesIO(data)


class Said:
    """What a take's bytes say: events in the compared form, how it ended, its text."""

    def __init__(self, take):
        self.events, self.end, self.error, self.text = [], 'cut', None, {}
        self.completion_tokens, self.prompt_tokens = None, 0
        try:
            (self.read_http if take.request.path else self.read_rpc)(take)
        except (EOFError, ConnectionError):
            pass
        self.events.sort(key=lambda e: e[0])

    def fail(self, error):
        self.end, self.error = 'error', error

    def read_http(self, take):
        http = Recorded(bytes(take.data))
        status, headers = http.head()
        if headers.get('transfer-encoding') != 'chunked':
            body = http.file.read(int(headers['content-length']))
            if len(body) < int(headers['content-length']):
                return
            got = json.loads(body)
            if status != 200:
                self.fail(got['error'])
                return
            self.take_event(got)
            self.end = 'done'
            return
        for data in http.events():
            if data == '[DONE]':
                self.end = 'done'
            elif 'error' in (got := json.loads(data)):
                self.fail(got['error'])
            else:
                self.take_event(got)

    def take_event(self, got):
        usage = got.get('usage')
        if usage:
            self.completion_tokens = usage['completion_tokens']
            self.prompt_tokens = usage['prompt_tokens']
            self.events.append((1 << 20, usage['prompt_tokens'], usage['completion_tokens']))
        for choice in got['choices']:
            i = choice['index']
            piece = choice.get('text') or (choice.get('delta') or {}).get('content') or ''
            self.text[i] = self.text.get(i, '') + piece
            self.events.append((i, json.dumps(choice)))

    def read_rpc(self, take):
        for line in bytes(take.data).split(b'\n')[:-1]:
            got = json.loads(line)
            if 'error' in got:
                self.fail(got['error'])
                return
            result = got['result']
            if got['id'] != 2:
                continue
            self.events.append((0, result['text'], result['token_id'], result['_callback_state']))
            self.text[0] = self.text.get(0, '') + (result['text'] or '')
            if result['_callback_state'] == 2:
                self.completion_tokens = result['perf']['generate_tokens']
                self.prompt_tokens = result['perf']['prefill_tokens']
                self.end = 'done'


class Take:
    """One client: asks, and keeps what comes.

    manner: steady; slow (a small buffer, read in sips); vanishes (closes after some events);
    half (says at once that it will send no more); late (connects, and asks some time later).
    """
    MARK = {True: b'\ndata: {', False: b'"_callback_state":'}

    def __init__(self, server, request, seed, manner='steady', leave_at=None, late=0.0):
        self.request, self.seed, self.manner, self.leave_at = request, seed, manner, leave_at
        self.data, self.n_events, self.is_over = bytearray(), 0, False
        self.pause, self.reset = 0.0, False
        self.mark = self.MARK[request.path is not None]
        where = server.tcp if request.path else server.rpc_path
        self.conn = Connection(where, rcvbuf=4096 if manner == 'slow' else None)
        self.sock = self.conn.sock
        self.question = request.bytes(server.model, seed)
        self.last = self.begun = time.monotonic()
        self.ask_at, self.next_sip = self.begun + late, 0.0
        self.nudge()

    def nudge(self):
        """Asks when its time has come."""
        if not self.question or time.monotonic() < self.ask_at:
            return
        self.sock.setblocking(True)
        self.sock.sendall(self.question)
        self.question, self.last = b'', time.monotonic()
        if self.manner == 'half':
            self.sock.shutdown(1)
        self.sock.setblocking(False)

    def ready(self, now):
        return self.manner != 'slow' or now >= self.next_sip

    def read(self):
        """Takes what is there; self.is_over at the end."""
        now = time.monotonic()
        size = 400 if self.manner == 'slow' else 1 << 18
        self.next_sip = now + 0.002
        try:
            got = self.sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            got, self.reset = b'', True
        before = len(self.data)
        self.data += got
        n = self.data.count(self.mark, max(0, before - len(self.mark)))
        if n:
            self.n_events += n
            self.pause = max(self.pause, now - self.last)
            self.last = now
        if not got or self.has_last_word():
            self.end()
        elif self.leave_at is not None and self.n_events >= self.leave_at:
            self.end()

    def has_last_word(self):
        """JSON-RPC connections stay open behind a run."""
        if self.request.path is not None or not self.data.endswith(b'\n'):
            return False
        tail = bytes(self.data[-2000:]).rstrip(b'\n').rpartition(b'\n')[2]
        return b'"_callback_state":2' in tail or b'"error":' in tail

    def end(self):
        if not self.is_over:
            self.is_over = True
            self.conn.close()

    def said(self):
        return Said(self)


def alone(server, request, seed):
    """What it says when nothing happens."""
    take = Take(server, request, seed)
    take.sock.settimeout(DEADLINE)
    while not take.is_over:
        take.read()
    said = take.said()
    assert said.end == 'done', f'{request.name}: undisturbed: {said.end} {said.error}'
    if request.tokens:
        assert said.completion_tokens == request.tokens, (request.name, said.completion_tokens)
    return said


class References:
    """What every (request, seed) says undisturbed and alone; asked for when first needed."""

    def __init__(self):
        self.known = {}

    def get(self, server, request, seed):
        key = request.name, seed
        if key not in self.known:
            self.known[key] = alone(server, request, seed)
        return self.known[key]


def verdict(take, want, is_exact):
    """(same | lost | repeated | differing | cut | error, what to print about it).

    Not exact: the text may be another, but its tokens must be there, each once.
    """
    got = take.said()
    if take.manner == 'vanishes':
        ok = not is_exact or got.events == want.events[:len(got.events)] or take.request.choices > 1
        return ('same', '') if ok else ('differing', describe(got.events, want.events))
    if got.end != 'done':
        part = [e for e in got.events if e in want.events] if take.request.choices > 1 \
            else want.events[:len(got.events)]
        if is_exact and got.events != part:
            return 'differing', describe(got.events, want.events)
        return got.end, str(got.error or f'closed after {len(got.events)} events')
    if not is_exact:
        if take.request.tokens in (None, got.completion_tokens):
            return 'same', ''
        kind = 'lost' if got.completion_tokens < take.request.tokens else 'repeated'
        return kind, f'{got.completion_tokens} tokens of {take.request.tokens}'
    if got.events == want.events:
        return 'same', ''
    return classify(got.events, want.events), describe(got.events, want.events)


def classify(got, want):
    """A piece left out is lost, one that comes twice is repeated, all else differs."""
    i = len(os.path.commonprefix([got, want]))
    if len(got) < len(want) and got[i:] == want[i + len(want) - len(got):]:
        return 'lost'
    if len(got) > len(want) and got[i + len(got) - len(want):] == want[i:]:
        return 'repeated'
    return 'differing'


def describe(got, want):
    i = len(os.path.commonprefix([got, want]))
    return f'from event {i} of {len(want)}: {got[i:i + 2]} instead of {want[i:i + 2]}'


def rpc_models(server):
    with Rpc(server.rpc_path) as r:
        return r.call('bulkhead.status')['models']
