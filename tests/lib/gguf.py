"""GGUF files that are wrong on purpose: a reader, a writer that can lie, mutations, named classes.

A file is a list of pieces, each with the name of what it is ('n_kv', 'string length', 'offset' ...),
so that a mutation knows what it hurts. The format: ggml's docs/gguf.md.
"""
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STR, ARR, U64, I64, F64 = range(13)
FORMATS = {U8: 'B', I8: 'b', U16: 'H', I16: 'h', U32: 'I', I32: 'i', F32: 'f', BOOL: 'B', U64: 'Q',
           I64: 'q', F64: 'd'}
HOSTILE = [0, 1, 2, 3, 31, 33, 127, 255, 256, 511, 513, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
           0xfffffffe, 0xffffffff, 1 << 32, (1 << 32) + 1, 1 << 40, 1 << 58, 1 << 60, (1 << 61) - 1,
           1 << 61, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 32, (1 << 64) - 1]


class Array:
    def __init__(self, kind, items):
        self.kind, self.items = kind, items


class Lie(bytes):
    """Bytes that stand for a whole value as they are."""


class Gguf:
    """keys: [(name, type, value)], tensors: [(name, dims, type, offset)], data: the rest."""

    def __init__(self, data):
        self.raw, self.at = data, 4
        self.version = self.number(U32)
        n_tensors, n_keys = self.number(U64), self.number(U64)
        self.keys = [self.key() for _ in range(n_keys)]
        self.tensors = [self.tensor() for _ in range(n_tensors)]
        start = self.at + -self.at % 32
        self.data = data[start:]

    def number(self, kind):
        size = struct.calcsize('<' + FORMATS[kind])
        got = struct.unpack_from('<' + FORMATS[kind], self.raw, self.at)[0]
        self.at += size
        return got

    def string(self):
        n = self.number(U64)
        self.at += n
        return self.raw[self.at - n:self.at]

    def value(self, kind):
        if kind == STR:
            return self.string()
        if kind == ARR:
            of, n = self.number(U32), self.number(U64)
            return Array(of, [self.value(of) for _ in range(n)])
        return self.number(kind)

    def key(self):
        name, kind = self.string(), self.number(U32)
        return name, kind, self.value(kind)

    def tensor(self):
        name, n = self.string(), self.number(U32)
        dims = [self.number(U64) for _ in range(n)]
        return name, dims, self.number(U32), self.number(U64)

    def copy(self):
        new = object.__new__(Gguf)
        new.version, new.keys, new.data = self.version, list(self.keys), self.data
        new.tensors = [(n, list(d), t, o) for n, d, t, o in self.tensors]
        return new

    # Changing it; each gives the file, so that a case is one expression

    def set(self, name, kind, value):
        """Puts a key in the place of the one of that name, or behind all."""
        name = name.encode() if isinstance(name, str) else name
        where = [i for i, k in enumerate(self.keys) if k[0] == name]
        for i in where[:1] or [len(self.keys)]:
            self.keys[i:i + 1] = [(name, kind, value)]
        return self

    def drop(self, name):
        self.keys = [k for k in self.keys if k[0] != name.encode()]
        return self

    def get(self, name):
        return next(v for n, _, v in self.keys if n == name.encode())

    def set_tensor(self, i, **what):
        fields = dict(zip(('name', 'dims', 'kind', 'offset'), self.tensors[i]), **what)
        self.tensors[i] = tuple(fields.values())
        return self

    # Writing it

    def pieces(self):
        """[(what, bytes)], the padding and the data last."""
        out = [('magic', b'GGUF'), ('version', struct.pack('<I', self.version)),
               ('count', struct.pack('<Q', len(self.tensors))),
               ('count', struct.pack('<Q', len(self.keys)))]
        for name, kind, value in self.keys:
            put_string(out, name, 'key')
            out.append(('type', struct.pack('<I', kind)))
            put_value(out, kind, value)
        for name, dims, kind, offset in self.tensors:
            put_string(out, name, 'tensor name')
            out.append(('n_dims', struct.pack('<I', len(dims))))
            out += [('dim', struct.pack('<Q', d & (1 << 64) - 1)) for d in dims]
            out += [('tensor type', struct.pack('<I', kind)),
                    ('offset', struct.pack('<Q', offset))]
        out.append(('padding', bytes(-sum(len(b) for _, b in out) % 32)))
        return out

    def bytes(self):
        return b''.join(b for _, b in self.pieces()) + self.data


def put_string(out, text, what='string'):
    out += [('length', struct.pack('<Q', len(text))), (what, text)]


def put_value(out, kind, value):
    if isinstance(value, Lie):
        out.append(('value', bytes(value)))
    elif kind == STR:
        put_string(out, value)
    elif kind == ARR:
        out += [('array type', struct.pack('<I', value.kind)),
                ('length', struct.pack('<Q', len(value.items)))]
        if value.kind in (STR, ARR):
            for item in value.items:
                put_value(out, value.kind, item)
        else:
            out.append(('items', struct.pack(f'<{len(value.items)}{FORMATS[value.kind]}',
                                             *value.items)))
    else:
        out.append(('value', struct.pack('<' + FORMATS[kind], value)))


# Mutations

def hostile(rng, old):
    """A number in as many bytes as the old one."""
    size = len(old)
    value = int.from_bytes(old, 'little')
    new = rng.choice([*HOSTILE, value - 1, value + 1, value * 2, value << 8, value ^ 1 << rng.randrange(
        8 * size), rng.getrandbits(8 * size)])
    return (new & (1 << 8 * size) - 1).to_bytes(size, 'little')


def scramble(rng, old):
    """Some bytes are others, more or fewer."""
    new = bytearray(old)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(new) + 1)
        how = rng.randrange(4)
        if how == 0:
            new[at:at] = rng.choice((b'\0', b'\xff', b'{{', b'%n', b'\xed\xa0\x80', b'A' * 300))
        elif how == 1:
            del new[at:at + rng.choice((1, 2, 50))]
        elif at < len(new):
            new[at] = rng.randrange(256)
    return bytes(new)


NUMBERS = {'version', 'count', 'length', 'type', 'array type', 'n_dims', 'dim', 'tensor type',
           'offset'}


class Mutator:
    """Mutants of one file; its pieces are made once."""

    def __init__(self, data):
        self.gguf = Gguf(data)
        self.pieces = self.gguf.pieces()
        kinds = {}
        for i, (what, old) in enumerate(self.pieces):
            kinds.setdefault((what, len(old) if what == 'value' else 0), []).append(i)
        self.by_kind = list(kinds.values())

    def mutant(self, rng):
        how = rng.randrange(20)
        if how == 0:
            return self.truncated(rng)
        if how == 1:
            return self.flipped(rng)
        if how < 5:
            return self.rearranged(rng)
        pieces = [b for _, b in self.pieces]
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            self.hurt(rng, pieces)
        return b''.join(pieces) + self.gguf.data

    def hurt(self, rng, pieces):
        """One piece. Every kind of piece is as likely, or tokens would be most of it."""
        i = rng.choice(rng.choice(self.by_kind))
        what = self.pieces[i][0]
        if what in NUMBERS or what == 'value' and pieces[i]:
            pieces[i] = hostile(rng, pieces[i])
        elif rng.randrange(3) == 0 and what == 'items' and len(pieces[i]) >= 8:
            at = rng.randrange(len(pieces[i]) // 4) * 4
            old = pieces[i]
            pieces[i] = old[:at] + hostile(rng, old[at:at + 4]) + old[at + 4:]
        else:
            new = scramble(rng, pieces[i])
            # Its length goes along or, now and then, does not.
            if what in ('key', 'string', 'tensor name') and rng.randrange(4):
                pieces[i - 1] = struct.pack('<Q', len(new))
            pieces[i] = new

    def truncated(self, rng):
        """At the edge of a piece, or one byte beside it, or anywhere."""
        data = b''.join(b for _, b in self.pieces)
        if rng.randrange(2):
            edge = sum(len(b) for _, b in self.pieces[:rng.randrange(len(self.pieces))])
            return (data + self.gguf.data)[:max(0, edge + rng.choice((-1, 0, 1)))]
        data += self.gguf.data
        return data[:rng.randrange(len(data))]

    def flipped(self, rng):
        data = bytearray(self.gguf.bytes())
        end = rng.choice((64, 4096, len(data)))
        for _ in range(rng.choice((1, 8, 64, 1000))):
            data[rng.randrange(4, end)] = rng.randrange(256)
        return bytes(data)

    def rearranged(self, rng):
        """Keys and tensors twice, gone, in another order, with each other's values."""
        g = self.gguf.copy()
        rows = rng.choice((g.keys, g.tensors))
        for _ in range(rng.choice((1, 1, 3))):
            i, k = rng.randrange(len(rows)), rng.randrange(len(rows))
            how = rng.randrange(4)
            if how == 0:
                rows.append(rows[i])
            elif how == 1 and len(rows) > 1:
                del rows[i]
            elif how == 2:
                rows[i], rows[k] = (rows[i][0], *rows[k][1:]), (rows[k][0], *rows[i][1:])
            else:
                rows[i], rows[k] = rows[k], rows[i]
        return g.bytes()
