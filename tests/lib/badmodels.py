"""The classes of flaws that were published about GGUF and llama.cpp, each as a file.

cases(model, others) gives (name, bytes, what its error must say). What may be said is a regular
expression; ANY is any error, SERVED a file that is odd but whole and must be served, EITHER one
that may be refused or served. DIES: llama.cpp's own assertions end the worker, which is contained;
an error is as good. HANGS: the worker is busy for ever, and somebody must end it.
"""
import struct
from gguf import ARR, BOOL, F32, F64, I32, STR, U8, U16, U32, U64, Array, Gguf, Lie

ANY, SERVED, EITHER, DIES, HANGS = '.', None, '', 'dies', 'hangs'
DEEP = 5000


def doubling(text):
    return template(f'{{% set ns = namespace(s="{text}") %}}{{% for i in range(64) %}}'
                    '{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}')


def q(n):
    return struct.pack('<Q', n)


def i(n):
    return struct.pack('<I', n)


def template(text):
    return lambda g: g.set('tokenizer.chat_template', STR, text.encode())


def key(name, kind, value):
    return lambda g: g.set(name, kind, value)


def tensor(at, **what):
    return lambda g: g.set_tensor(at, **what)


def token(at, text):
    def change(g):
        tokens = list(g.get('tokenizer.ggml.tokens').items)
        tokens[at] = text
        return g.set('tokenizer.ggml.tokens', ARR, Array(STR, tokens))
    return change


def tokens(n):
    def change(g):
        for name, kind in (('tokens', STR), ('scores', F32), ('token_type', I32)):
            items = g.get(f'tokenizer.ggml.{name}').items
            g.set(f'tokenizer.ggml.{name}', ARR, Array(kind, (items * 4)[:n]))
        return g
    return change


def every_weight(pattern):
    def change(g):
        g.data = (pattern * (len(g.data) // len(pattern) + 1))[:len(g.data)]
        return g
    return change


CHANGED = [  # name, change, what is said
    # Lengths that do not fit, or whose product does not
    ('string of 2^63 bytes', key('general.name', STR, Lie(q(1 << 63))), ANY),
    ('string of 2^64-1 bytes', key('general.name', STR, Lie(q((1 << 64) - 1))), ANY),
    ('array of 2^61 u64', key('x', ARR, Lie(i(U64) + q(1 << 61))), ANY),
    ('array of 2^64-1 u8', key('x', ARR, Lie(i(U8) + q((1 << 64) - 1))), ANY),
    ('array of 2^60 strings', key('x', ARR, Lie(i(STR) + q(1 << 60))), ANY),
    ('array of arrays', key('x', ARR, Lie(i(ARR) + q(1) + i(U8) + q(1) + b'x')), ANY),
    ('array of no type', key('x', ARR, Lie(i(77) + q(1) + b'x')), ANY),
    ('value of no type', key('x', 77, Lie(b'')), ANY),
    ('truth value 2', key('x', BOOL, 2), EITHER),
    ('key twice', lambda g: g.keys.append(g.keys[0]) or g, ANY),
    ('key without a name', key('', U32, 1), ANY),
    ('key of 100 KB', key('k' * 100000, U32, 1), EITHER),
    ('key with a NUL', key(b'general.name\0x', U32, 1), EITHER),
    # Alignment
    ('alignment 0', key('general.alignment', U32, 0), ANY),
    ('alignment 3', key('general.alignment', U32, 3), ANY),
    ('alignment 2^31', key('general.alignment', U32, 1 << 31), ANY),
    ('alignment as text', key('general.alignment', STR, b'32'), ANY),
    # Tensors
    ('dims whose product is 2^64', tensor(0, dims=[1 << 32, 1 << 32]), ANY),
    ('dims whose bytes are 2^64', tensor(0, dims=[1 << 31, 1 << 31]), ANY),
    ('dims of 2^62 bytes', tensor(0, dims=[1 << 30, 1 << 31]), ANY),
    ('dim 0', tensor(0, dims=[0, 64]), ANY),
    ('dim -1', tensor(0, dims=[(1 << 64) - 1, 64]), ANY),
    ('no dims', tensor(0, dims=[]), ANY),
    ('5 dims', tensor(0, dims=[1] * 5), ANY),
    ('1000 dims', tensor(0, dims=[1] * 1000), ANY),
    ('tensor of no type', tensor(0, kind=200), ANY),
    ('tensor of a type that is gone', tensor(0, kind=4), ANY),
    ('tensor of type -1', tensor(0, kind=0xffffffff), ANY),
    ('rows that are no whole blocks', tensor(0, kind=2, dims=[33, 8]), ANY),
    ('offset 2^60', tensor(0, offset=1 << 60), ANY),
    ('offset 2^64-32', tensor(1, offset=(1 << 64) - 32), ANY),
    ('offset not aligned', tensor(1, offset=1), ANY),
    ('tensor name of 100 bytes', tensor(0, name=b't' * 100), ANY),
    ('tensor twice', lambda g: g.set_tensor(1, name=g.tensors[0][0]), ANY),
    ('no tensors', lambda g: g.tensors.clear() or g, ANY),
    ('weights are NaN', every_weight(b'\xff\x7f'), EITHER),
    ('weights are infinite', every_weight(b'\x00\x7c'), EITHER),
    # Hyperparameters
    ('block_count over the limit', key('llama.block_count', U32, 100000), DIES),
    ('block_count 2^32-1', key('llama.block_count', U32, 0xffffffff), DIES),
    ('block_count as text', key('llama.block_count', STR, b'1'), ANY),
    ('no block_count', lambda g: g.drop('llama.block_count'), ANY),
    ('head_count 0', key('llama.attention.head_count', U32, 0), ANY),
    ('head_count 2^32-1', key('llama.attention.head_count', U32, 0xffffffff), ANY),
    ('head_count_kv 0', key('llama.attention.head_count_kv', U32, 0), ANY),
    ('head_count_kv over head_count', key('llama.attention.head_count_kv', U32, 7), ANY),
    ('head_count as an array', key('llama.attention.head_count', ARR, Array(U32, [2] * 99)), ANY),
    ('embedding_length 0', key('llama.embedding_length', U32, 0), ANY),
    ('embedding_length 2^31', key('llama.embedding_length', U32, 1 << 31), ANY),
    ('context_length 0', key('llama.context_length', U32, 0), EITHER),
    ('context_length 2^32-1', key('llama.context_length', U32, 0xffffffff), EITHER),
    ('feed_forward_length 2^32-1', key('llama.feed_forward_length', U32, 0xffffffff), ANY),
    ('rope.dimension_count 2^31', key('llama.rope.dimension_count', U32, 1 << 31), ANY),
    ('key_length 0', key('llama.attention.key_length', U32, 0), ANY),
    ('rms epsilon NaN', key('llama.attention.layer_norm_rms_epsilon', F32, float('nan')), DIES),
    ('experts 2^32-1', key('llama.expert_count', U32, 0xffffffff), DIES),
    ('more experts used than there are', key('llama.expert_used_count', U32, 9), DIES),
    ('vocab_size 2^32-1', key('llama.vocab_size', U32, 0xffffffff), EITHER),
    ('split in 65535', key('split.count', U16, 0xffff), EITHER),
    # Architectures
    ('no architecture', lambda g: g.drop('general.architecture'), EITHER),
    ('architecture as a number', key('general.architecture', U32, 1), ANY),
    ('unknown architecture', key('general.architecture', STR, b'nothing'), ANY),
    ('architecture %s%n', key('general.architecture', STR, b'%s%s%s%n'), ANY),
    ('architecture of control bytes', key('general.architecture', STR, b'\x1b[2J\n\xff"'), ANY),
    ('architecture of 1 MB', key('general.architecture', STR, b'a' * 1000000), ANY),
    ('a projector', key('general.architecture', STR, b'clip'), ANY),
    # Tokenizer
    ('no tokens', lambda g: g.drop('tokenizer.ggml.tokens'), ANY),
    ('tokens as numbers', key('tokenizer.ggml.tokens', ARR, Array(I32, [1] * 512)), ANY),
    ('tokens as one text', key('tokenizer.ggml.tokens', STR, b'x' * 512), ANY),
    ('tokens as numbers, 2^60', key('tokenizer.ggml.tokens', ARR, Lie(i(U8) + q(1 << 60))), ANY),
    ('fewer tokens than rows', tokens(100), ANY),
    ('more tokens than rows', tokens(2048), DIES),
    ('scores as texts', key('tokenizer.ggml.scores', ARR, Array(STR, [b'1'] * 512)), ANY),
    ('scores as f64', key('tokenizer.ggml.scores', ARR, Array(F64, [1.0] * 512)), ANY),
    ('few scores', key('tokenizer.ggml.scores', ARR, Array(F32, [1.0])), ANY),
    ('types as f64', key('tokenizer.ggml.token_type', ARR, Array(F64, [1.0] * 512)), ANY),
    ('types as u8', key('tokenizer.ggml.token_type', ARR, Array(U8, [1] * 512)), ANY),
    ('few types', key('tokenizer.ggml.token_type', ARR, Array(I32, [1])), ANY),
    ('types out of range', key('tokenizer.ggml.token_type', ARR, Array(I32, [99] * 512)), EITHER),
    ('merges as u8', key('tokenizer.ggml.merges', ARR, Array(U8, [1] * 10)), EITHER),
    ('unknown tokenizer', key('tokenizer.ggml.model', STR, b'none such'), ANY),
    ('gpt2 without merges', key('tokenizer.ggml.model', STR, b'gpt2'), ANY),
    ('byte token <0xZZ>', token(3, b'<0xZZ>'), EITHER),
    ('byte token <0x1FF>', token(3, b'<0x1FF>'), EITHER),
    ('byte token cut short', token(3, b'<0x'), EITHER),
    ('empty tokens', key('tokenizer.ggml.tokens', ARR, Array(STR, [b''] * 512)), DIES),
    ('same tokens', key('tokenizer.ggml.tokens', ARR, Array(STR, [b'x'] * 512)), DIES),
    ('token of 1 MB', token(400, b'x' * 1000000), EITHER),
    ('token with a NUL', token(400, b'a\0b'), DIES),
    ('token of bad UTF-8', token(400, b'\xff\xfe'), EITHER),
    ('bos outside', key('tokenizer.ggml.bos_token_id', U32, 0x7fffffff), EITHER),
    ('eos outside', key('tokenizer.ggml.eos_token_id', U32, 0xfffffffe), EITHER),
    # Templates, which a worker only meets when it is asked
    ('template that does not end', template('{% if 1'), ANY),
    ('template nested in parentheses', template('{{ ' + '(' * DEEP + '1' + ')' * DEEP + ' }}'),
     ANY),
    ('template nested in lists', template('{{ ' + '[' * DEEP + ']' * DEEP + ' }}'), ANY),
    ('template nested in ifs', template('{% if 1 %}' * DEEP + '{% endif %}' * DEEP), ANY),
    ('template of nots', template('{{ ' + 'not ' * DEEP + '1 }}'), EITHER),
    ('template of filters', template('{{ 1' + '|int' * DEEP + ' }}'), EITHER),
    ('recursive macro', template('{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'), DIES),
    ('endless range', template('{% for i in range(1000000000000) %}x{% endfor %}'), HANGS),
    ('ranges in ranges', template('{% for i in range(99999) %}{% for j in range(99999) %}x'
                                  '{% endfor %}{% endfor %}'), HANGS),
    ('template that doubles', doubling('x' * 100000), 'too complex'),
    ('template that doubles slowly', doubling('x'), HANGS),
    ('template of bad UTF-8', key('tokenizer.chat_template', STR, b'\xff\xfe{{ 1 }}'), EITHER),
    ('template as a number', key('tokenizer.chat_template', U32, 7), EITHER),
    ('empty template', template(''), EITHER),
]


def cut(data):
    """Heads that lie, files that end early."""
    yield 'nothing behind the magic', data[:4], 'truncated'
    yield 'half a head', data[:20], 'truncated'
    yield 'head alone', data[:24], ANY
    yield 'half the keys', data[:3000], ANY
    yield 'half the weights', data[:len(data) * 3 // 4], ANY
    yield 'one byte short', data[:-1], ANY
    for version in 0, 1, 4, 0xffffffff:
        yield f'version {version}', data[:4] + i(version) + data[8:], 'version'
    yield 'the other byte order', data[:4] + b'\0\0\0\x03' + data[8:], 'byte order'
    for n in 1 << 31, 1 << 60, 1 << 63, (1 << 64) - 1:
        yield f'{n} tensors', data[:8] + q(n) + data[16:], ANY
        yield f'{n} keys', data[:16] + q(n) + data[24:], ANY
    yield 'another kind of file', b'PK\3\4' + data[4:], 'not a GGUF file'
    yield 'a saved state', b'ggsn' + data[4:], 'not a GGUF file'


def cases(model, others=()):
    """model: bytes of a tiny llama; others: [(name, bytes)] of files that are no model."""
    yield 'as it is', model, SERVED
    yield 'as it is, written again', Gguf(model).bytes(), SERVED
    for name, change, want in CHANGED:
        yield name, change(Gguf(model)).bytes(), want
    yield from cut(model)
    for name, data in others:
        yield name, data, ANY
