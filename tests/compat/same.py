#!/usr/bin/env python3
"""A program with our librkllmrt says what a client of the server is told, whatever it sets."""
import array
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, RpcError, Server, cases, made_model

TOOLS = json.dumps([{'name': 'get_weather', 'description': 'Weather of a city.', 'parameters': {
    'type': 'object', 'properties': {'city': {'type': 'string'}}, 'required': ['city']}}])


def by_program(version, commands, settings):
    program = os.path.join(BIN, '..', 'compat', f'speak-{version}')
    words = [str(word) for command in commands for word in command]
    out = subprocess.run([program, *words], env=dict(os.environ, **settings), check=True,
                         stdout=subprocess.PIPE, timeout=DEADLINE).stdout
    return [json.loads(line) for line in out.splitlines()]


def floats(path):
    with open(path, 'rb') as f:
        return list(array.array('f', f.read()))


class Client:
    """The commands of speak.c as calls of the socket."""

    def __init__(self, rpc):
        self.rpc, self.role_now, self.lora_now = rpc, 'user', None

    def run(self, text, **infer):
        if self.lora_now is not None:
            infer['lora_params'] = {'lora_adapter_name': self.lora_now}
        ident = self.rpc.send('rkllm.run', None, {'role': self.role_now, 'prompt_input': text},
                              infer, None)
        return list(self.rpc.replies(ident))

    def say(self, text, keep_history=0):
        return ''.join(r['text'] or '' for r in self.run(text, keep_history=keep_history))

    def turn(self, text):
        return self.say(text, keep_history=1)

    def role(self, role):
        self.role_now = role
        return True

    def use(self, name):
        self.lora_now = name
        return True

    def call(self, method, *params):
        return self.rpc.call(f'rkllm.{method}', None, *params)['success']

    def template(self, *texts):
        return self.call('set_chat_template', *texts)

    def tools(self, system, tools):
        return self.call('set_function_tools', system, tools, 'tool')

    def lora(self, path, name, scale):
        return self.call('load_lora', {'lora_adapter_path': path, 'lora_adapter_name': name,
                                       'scale': scale})

    def clear(self, keep):
        return self.call('clear_kv_cache', keep, None, None)

    def cut(self, start, end):
        return self.call('clear_kv_cache', 0, [start], [end])

    def size(self):
        return self.rpc.call('rkllm.get_kv_cache_size', None)['cache_sizes'][0]

    def rows(self, mode, text):
        data, _ = self.run(text, mode=mode)
        place, inner, width = (('last_hidden_layer', 'hidden_states', 'embd_size'),
                               ('logits', 'logits', 'vocab_size'))[mode - 1]
        got = data[place]
        return [got['num_tokens'], got[width],
                struct.pack(f'{len(got[inner])}f', *got[inner]).hex()]

    def input(self, **fields):
        ident = self.rpc.send('rkllm.run', None, fields, {'keep_history': 1}, None)
        return ''.join(r['text'] or '' for r in self.rpc.replies(ident))

    def embed(self, path, n):
        return self.input(input_type=2, embed_input={'embed': floats(path), 'n_tokens': n})

    def image(self, text, path, n):
        return self.input(input_type=3, multimodal_input={
            'prompt': text, 'image_embed': floats(path), 'n_image_tokens': n, 'n_image': 1})

    def obey(self, command):
        name, *args = command
        try:
            return getattr(self, 'use' if name == 'with' else name)(*args)
        except RpcError as error:
            print(f'{command[:2]}: {error}')
            return None if name in ('say', 'turn', 'rows', 'embed', 'image') else False


def close(a, b):
    """Rows may be computed by other routines; what they are of is the same."""
    if not isinstance(a, list) or not isinstance(b, list):
        return a == b
    x, y = (struct.unpack(f'{len(v[2]) // 8}f', bytes.fromhex(v[2])) for v in (a, b))
    most = max(abs(v) for v in x)
    return a[:2] == b[:2] and len(x) == a[0] * a[1] and all(
        abs(p - q) <= 1e-3 * most for p, q in zip(x, y))


def both(server, *commands, tokens=48, context=512, keep=0):
    settings = {'SPEAK_TOKENS': str(tokens), 'SPEAK_CONTEXT': str(context),
                'SPEAK_KEEP': str(keep), 'BULKHEAD_MODEL': server.model}
    with server.rpc() as rpc:
        rpc.init('', temperature=0, max_new_tokens=tokens, max_context_len=context, n_keep=keep,
                 img_start='<s>', img_end='</s>')
        client = Client(rpc)
        expected = [client.obey(command) for command in commands]
    for version in '1.3', '1.2':
        got = by_program(version, commands, settings)
        assert len(got) == len(commands), (version, got)
        for command, a, b in zip(commands, expected, got):
            assert close(a, b), f'{version}: {command}: {b!r} is not {a!r}'
    return expected


# Each gets a running server.

def prompts(server):
    both(server, *[('say', text) for text in (
        'Hello', 'Tell me about a lighthouse.', 'What is a ship? "Quote" it.', 'Zähl: äöü €😀',
        'x', 'Once upon a time\nthere was a bulkhead.')])


def conversations(server):
    got = both(server, ('size',), ('turn', 'Tell me about a lighthouse.'), ('size',),
               ('turn', 'And then?'), ('size',), ('say', 'And then?'), ('size',),
               ('cut', 3, 9), ('size',), ('turn', 'Why?'), ('cut', 5, 100000), ('cut', 4, 2),
               ('clear', 0), ('size',), ('clear', 7), ('turn', 'Tell me about a lighthouse.'),
               tokens=12)
    assert got[0] == 0 and got[8] == got[6] - 6 and got[13] == 0 and got[1] == got[-1]
    assert got[10] is False and got[11] is False and got[14] is False


def a_template_of_its_own(server):
    got = both(server, ('template', 'You are a fox. ', 'Q: ', ' A:'), ('say', 'Who are you?'),
               ('turn', 'Who are you?'), ('size',), ('clear', 1), ('size',), ('turn', 'And?'),
               tokens=12)
    assert got[1] == got[2] and 0 < got[5] < got[3]


def tools(server):
    got = both(server, ('say', 'What is the weather in Paris?'), ('tools', 'You help.', TOOLS),
               ('say', 'What is the weather in Paris?'), ('turn', 'What is the weather in Paris?'),
               ('role', 'tool'), ('turn', '{"weather": "rain"}'), ('tools', '', 'no JSON'),
               ('tools', '', '[]'), context=1024)
    assert got[1] is True and got[6] is False and got[7] is False


def adapters(server):
    """Few tokens, of a prompt and adapters that leave no close choice: products of floats are
    summed in other orders, by the CPU too, and adapters at random leave little to choose by."""
    with made_model('--lora', '8', '--alpha', '8', '--base', server.model) as a, \
            made_model('--lora', '4', '--seed', '7', '--base', server.model) as b:
        ask = ('say', 'What is a ship?')
        got = both(server, ask, ('lora', a, 'a', 1.0), ('lora', b, 'b', 1.0), ask, ('with', 'a'),
                   ask, ('with', 'b'), ask, ('with', 'c'), ask, ('with', ''), ask,
                   ('lora', b, 'a', 1.0), ('with', 'a'), ask, ('lora', server.model, 'x', 1.0),
                   ('lora', '/nowhere', 'x', 1.0), tokens=2)
    plain = got[0]
    assert plain == got[3] == got[11] and len({plain, got[5], got[7]}) == 3
    assert got[9] is None and got[14] == got[7] and got[15] is got[16] is False


def rows(server):
    got = both(server, ('rows', 1, 'Tell me about a lighthouse.'), ('rows', 2, 'Hello'),
               ('rows', 1, 'Hello ' * 100))
    assert got[2][0] > 100


def a_context_that_is_full(server):
    both(server, ('say', 'Tell me about a lighthouse.'), ('turn', 'Tell me about a lighthouse.'),
         ('size',), ('turn', 'And then?'), ('size',), tokens=150, context=64, keep=6)
    both(server, ('turn', 'Tell me about a lighthouse.'), ('size',), tokens=150, context=64,
         keep=-1)


def embeddings(server):
    """Rows of nothing in particular; short answers, for the model is one of random weights."""
    width = server.status()['models'][0]['n_embd']
    with tempfile.NamedTemporaryFile() as f:
        f.write(struct.pack(f'{8 * width}f', *[(i * 7 % 23 - 11) / 100
                                               for i in range(8 * width)]))
        f.flush()
        got = both(server, ('embed', f.name, 8), ('size',), ('turn', 'And?'), ('size',),
                   ('image', 'Look: <image> what?', f.name, 8), ('size',), ('cut', 2, 20),
                   ('turn', 'Still?'), ('image', 'no mark', f.name, 8),
                   ('image', '<image>', f.name, 0), ('size',), tokens=6)
    assert got[1] == 8 + 6 and got[8] is got[9] is None


with made_model('--preset', 'tiny-llama', '--type', 'f32') as path, \
        Server(models=[path]) as the_server:
    the_server.model = path
    cases(embeddings, args=(the_server,))
with Server() as the_server:
    cases(prompts, conversations, a_template_of_its_own, tools, adapters, rows,
          args=(the_server,))
with Server('--ctx-size', '64') as the_server:
    cases(a_context_that_is_full, args=(the_server,))
