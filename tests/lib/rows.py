"""Hidden states and logits as they come over the socket, however many there are; and those of
libllama alone, by bench-rawrows."""
import array
import json
import os
import socket
import struct
import subprocess
import tempfile

from bulkhead import BIN, DEADLINE

HIDDEN, LOGITS = 1, 2
PLACES = {HIDDEN: ('last_hidden_layer', 'hidden_states', 'embd_size'),
          LOGITS: ('logits', 'logits', 'vocab_size')}
PIECE = 65536


def floats(text):
    """Bytes of JSON numbers, with commas between them, as float32."""
    return array.array('f', map(float, text.split(b',')))


class Line:
    """One reply whose array may be too long to be kept: give() gets each piece of it."""

    def __init__(self, file, mode):
        self.file, self.mode = file, mode
        self.size = self.most = 0
        self.rest = b''
        place, inner, _ = PLACES[mode]
        self.head = self.until(f'"{place}":{{"{inner}":['.encode())

    def until(self, mark):
        got = b''
        while not got.endswith(mark):
            c = self.file.read(1)
            assert c and c != b'\n', got[-200:]
            got += c
        return got

    def each(self):
        """Every piece of the array, as floats."""
        left = b''
        while True:
            text = self.file.read1(PIECE)
            assert text, 'closed in an array'
            end = text.find(b']')
            if end >= 0:
                if left + text[:end]:
                    yield floats(left + text[:end])
                # What follows is short, and a line of its own ends it.
                self.rest = text[end:]
                return
            text = left + text
            cut = text.rfind(b',')
            left = text[cut + 1:]
            if cut > 0:
                yield floats(text[:cut])

    def tail(self):
        """The reply without its array, once each() has ended; what came behind it is kept."""
        while b'\n' not in self.rest:
            more = self.file.read1(PIECE)
            assert more, 'closed in a line'
            self.rest += more
        line, self.rest = self.rest.split(b'\n', 1)
        return json.loads(self.head + line)['result']

    def lines(self, n):
        """The n replies behind it."""
        while self.rest.count(b'\n') < n:
            more = self.file.read1(PIECE)
            assert more, f'closed, with {self.rest[-300:]!r}'
            self.rest += more
        *lines, self.rest = self.rest.split(b'\n', n)
        return [json.loads(line) for line in lines]


def start(rpc, ids, mode, **infer):
    """Sends a run over token ids; gives its id."""
    return rpc.send('rkllm.run', None,
                    {'input_type': 1, 'token_input': {'input_ids': ids, 'n_tokens': len(ids)}},
                    dict({'mode': mode}, **infer), None)


class MemfdClient:
    """Reads a connection's replies by recvmsg(2): the descriptors come in the order of the replies
    that tell of them, no later than those."""

    def __init__(self, rpc):
        self.sock, self.text, self.fds = rpc.sock, b'', []

    def line(self):
        while b'\n' not in self.text:
            data, fds, flags, _ = socket.recv_fds(self.sock, PIECE, 4)
            assert data and not flags & socket.MSG_CTRUNC
            self.text += data
            self.fds += fds
        line, self.text = self.text.split(b'\n', 1)
        return json.loads(line)

    def array(self, mode):
        """The next reply, and the file that it tells of."""
        got = self.line()['result']
        place, inner, size = PLACES[mode]
        told = got[place][inner]
        assert told['memfd'] is True and told['dtype'] == 'float32', told
        assert told['shape'] == [got[place]['num_tokens'], got[place][size]], told
        f = os.fdopen(self.fds.pop(0), 'rb')
        assert os.fstat(f.fileno()).st_size == told['bytes'] == 4 * told['shape'][0] * told['shape'][1]
        return got, f


def raw_rows(model, ids, mode, batch, ctx=4096):
    """A file, without a name, of the rows that libllama gives; float32 as they lie in memory."""
    out = tempfile.TemporaryFile()
    with tempfile.NamedTemporaryFile() as f:
        f.write(struct.pack(f'{len(ids)}i', *ids))
        f.flush()
        subprocess.run([os.path.join(BIN, 'bench-rawrows'), '--model', model, '--ids', f.name,
                        '--out', f'/proc/{os.getpid()}/fd/{out.fileno()}', '--batch', str(batch),
                        '--ctx', str(ctx), *(['--hidden'] if mode == HIDDEN else [])],
                       check=True, timeout=10 * DEADLINE, stdout=subprocess.DEVNULL)
    out.seek(0)
    return out
