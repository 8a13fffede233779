"""Starts Bulkhead for a test, speaks to it, and looks at its processes.

A script of scenario/, e2e/ or chaos/ begins with

    import sys, os
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
    from bulkhead import Server

Server(fake="tokens 5") serves a script of the fake worker (tests/fake/script.h), Server() the demo
model. Leaving the `with` block stops it and fails the test unless it exits 0, takes its children
and its socket files along, and no sanitizer has spoken. Nothing here waits without a deadline.
"""
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get('BULKHEAD_SOURCE') or os.path.realpath(
    os.path.join(os.path.dirname(__file__), '..', '..'))
BIN = os.environ.get('BULKHEAD_BIN') or os.path.join(SOURCE, 'build', 'bin')
MODEL = os.environ.get('BULKHEAD_MODEL') or os.path.join(SOURCE, 'models', 'demo', 'demo.gguf')
SANITIZE = os.environ.get('BULKHEAD_SANITIZE', '')
SLOW = 4 if SANITIZE else 1
DEADLINE = 30 * SLOW  # seconds, for anything that is sure to come
COMPLAINTS = re.compile(r'(Address|Thread|Leak|Undefined\w*)Sanitizer|runtime error:')


def until(what, seconds=DEADLINE, pause=0.01):
    """Calls what() until it gives something true, which is returned."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f'waited {seconds} s in vain: {getattr(what, "__name__", what)}')
        time.sleep(pause)


def settled(look, pause=0.05):
    """What look() gives once it has given the same five times."""
    seen = []

    def same():
        seen.append(look())
        return len(seen) >= 5 and all(x == seen[-1] for x in seen[-5:])
    until(same, pause=pause)
    return seen[-1]


def cases(*functions, args=()):
    """Runs each, whatever the others do; exits 1 if one failed."""
    failed = []
    for fn in functions:
        start = time.monotonic()
        try:
            fn(*args)
            verdict = 'ok'
        except Exception as why:  # the next case has its own truth
            import traceback
            traceback.print_exc()
            verdict = f'FAILED: {why}'
            failed.append(fn.__name__)
        print(f'{fn.__name__}: {verdict} ({time.monotonic() - start:.2f} s)', flush=True)
    if failed:
        raise SystemExit(f'{len(failed)} failed: {", ".join(failed)}')


# Processes

def stat_of(pid):
    """(name, state, parent) or None."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            text = f.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = text[text.index('(') + 1:text.rindex(')')], text[text.rindex(')') + 2:].split()
    return name, rest[0], int(rest[1])


def is_alive(pid):
    was = stat_of(pid)
    return was is not None and was[1] not in 'ZX'


def children(pid):
    """pid -> name of the living children."""
    found = {}
    for entry in os.listdir('/proc'):
        was = stat_of(entry) if entry.isdigit() else None
        if was and was[2] == pid and was[1] not in 'ZX':
            found[int(entry)] = was[0]
    return found


def rss_kib(pid):
    """Resident memory of its own and shared, in KiB."""
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))


def n_fds(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


# HTTP

class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json['error']

    def __repr__(self):
        return f'Reply({self.status}, {self.body[:300]!r})'


TLS_PORTS = {}  # port -> ssl context to connect there with


class Connection:
    """A socket, as bytes. where: a path, or host and port."""

    def __init__(self, where, timeout=DEADLINE, rcvbuf=None):
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.connect(where)
        context = None if isinstance(where, str) else TLS_PORTS.get(where[1])
        if context:
            self.sock = context.wrap_socket(self.sock, server_hostname='localhost',
                                            suppress_ragged_eofs=True)
        self.file = self.sock.makefile('rb')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def raw(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)


class Http(Connection):
    """One HTTP connection: nothing is hidden, nothing repaired."""

    send = Connection.raw

    def request(self, method, path, body=None, headers=()):
        """Sends one; a body that is not bytes goes as JSON."""
        lines = [f'{method} {path} HTTP/1.1', 'Host: test', *headers]
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            lines.append('Content-Type: application/json')
        if body is not None:
            lines.append(f'Content-Length: {len(body)}')
        self.send('\r\n'.join(lines + ['', '']).encode() + (body or b''))

    def head(self):
        """The status and the headers (lower case) of the next reply."""
        line = self.file.readline()
        if not line:
            raise EOFError('closed without a reply')
        status, headers = int(line.split()[1]), {}
        for line in iter(self.file.readline, b'\r\n'):
            name, _, value = line.decode().partition(':')
            headers[name.lower()] = value.strip()
        return status, headers

    def chunk(self):
        """The next chunk of a chunked body; b'' at its end."""
        line = self.file.readline()
        if not line:
            raise EOFError('closed inside a chunked body')
        n = int(line.split(b';')[0], 16)
        data = self.file.read(n)
        if len(data) != n or self.file.read(2) != b'\r\n':
            raise EOFError('closed inside a chunk')
        return data

    def reply(self):
        status, headers = self.head()
        if headers.get('transfer-encoding') == 'chunked':
            body = b''.join(iter(self.chunk, b''))
        elif 'content-length' in headers:
            body = self.file.read(int(headers['content-length']))
        else:
            body = b'' if status in (100, 204, 304) else self.file.read()
        return Reply(status, headers, body)

    def events(self):
        """The data of each SSE event as text, comments left out, after head()."""
        rest = b''
        for data in iter(self.chunk, b''):
            rest += data
            *events, rest = rest.split(b'\n\n')
            for event in events:
                for line in event.split(b'\n'):
                    if line.startswith(b'data: '):
                        yield line[6:].decode()
        assert rest == b'', rest

    def is_closed(self):
        """Waits for the peer's end: True if nothing else came."""
        return self.file.read(1) == b''


def piece(event):
    """The text in an event of /v1/completions or /v1/chat/completions."""
    choice = event['choices'][0] if event.get('choices') else {}
    return choice.get('text') or (choice.get('delta') or {}).get('content') or ''


class Stream:
    """A streaming completion on a connection of its own: iterate for its events."""

    def __init__(self, where, path, body, on_sent=None, **options):
        self.http = Http(where, **options)
        self.http.request('POST', path, dict(body, stream=True))
        if on_sent:
            on_sent()
        self.status, self.headers = self.http.head()
        if self.status != 200:
            data = self.http.file.read(int(self.headers['content-length']))
            raise AssertionError(f'{path}: {self.status} {data!r}')
        self.texts, self.error, self.finish, self.done = [], None, None, False
        self.usage = None
        self.source = self.parse()

    def parse(self):
        for data in self.http.events():
            if data == '[DONE]':
                self.done = True
                continue
            event = json.loads(data)
            self.error = event.get('error', self.error)
            self.usage = event.get('usage') or self.usage
            if event.get('choices'):
                self.finish = event['choices'][0].get('finish_reason') or self.finish
            if piece(event):
                self.texts.append(piece(event))
            yield event

    def __iter__(self):
        return self.source

    def until(self, n):
        """Reads until n pieces of text have come."""
        while len(self.texts) < n:
            next(self.source)
        return self

    def rest(self):
        """Reads to the end; the whole text."""
        for _ in self.source:
            pass
        self.http.close()
        return ''.join(self.texts)


# JSON-RPC

class RpcError(Exception):
    def __init__(self, error):
        super().__init__(f'{error["code"]}: {error["message"]}')
        self.code, self.message, self.data = error['code'], error['message'], error.get('data')


def refusal(call, *args, **named):
    """The error of a call that must fail."""
    try:
        got = call(*args, **named)
    except RpcError as error:
        return error
    raise AssertionError(f'not refused: {got}')


class Rpc(Connection):
    """One JSON-RPC connection. Replies are kept by id until they are asked for."""

    def __init__(self, path, timeout=DEADLINE, rcvbuf=None):
        super().__init__(path, timeout, rcvbuf)
        self.last_id = 0
        self.kept = {}

    def line(self):
        """The next reply on the wire."""
        line = self.file.readline()
        if not line.endswith(b'\n'):
            raise EOFError(f'closed after {line!r}')
        return json.loads(line)

    def send(self, method, *params):
        self.last_id += 1
        self.raw(json.dumps({'jsonrpc': '2.0', 'id': self.last_id, 'method': method,
                             'params': list(params)}) + '\n')
        return self.last_id

    def next(self, ident):
        """The next reply with that id: its result; an error is raised.

        So is one without an id: of a request that could not even be read.
        """
        while not self.kept.get(ident):
            got = self.line()
            if got['id'] is None:
                raise RpcError(got['error'])
            self.kept.setdefault(got['id'], []).append(got)
        got = self.kept[ident].pop(0)
        if 'error' in got:
            raise RpcError(got['error'])
        return got['result']

    def call(self, method, *params):
        return self.next(self.send(method, *params))

    def ping(self):
        """A call that needs no model."""
        assert self.call('rkllm.get_constants', None)['CPU_MASKS']['CPU0'] == 1

    def init(self, model, **params):
        param = self.call('rkllm.createDefaultParam')
        param.update(model_path=model, **params)
        return self.call('rkllm.init', None, param, None)

    def start(self, prompt, **infer):
        """Sends a run; gives its id."""
        return self.send('rkllm.run', None, {'role': 'user', 'input_type': 0,
                         'enable_thinking': False, 'prompt_input': prompt},
                         dict({'mode': 0, 'keep_history': 0}, **infer), None)

    def replies(self, ident):
        """Every reply of a run, the last one included."""
        while True:
            got = self.next(ident)
            yield got
            if got['_callback_state'] in (2, 3):
                return

    def run(self, prompt, **infer):
        """The text and the last reply."""
        all_of_it = list(self.replies(self.start(prompt, **infer)))
        return ''.join(r['text'] or '' for r in all_of_it), all_of_it[-1]


@contextlib.contextmanager
def made_model(*options):
    """A small model of random weights, by mkmodel; its path, for as long as the block lasts."""
    folder = tempfile.mkdtemp(prefix='bulkhead-test-')
    path = os.path.join(folder, 'made.gguf')
    try:
        subprocess.run([os.path.join(BIN, 'mkmodel'), *options, '--out', path], check=True,
                       stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=10 * DEADLINE)
        yield path
    finally:
        shutil.rmtree(folder)


# The server

def tests_tls():
    """Every server speaks HTTPS: another test runs this one (tests/e2e/over_tls.py)."""
    import tls
    return tls.Files(os.environ['BULKHEAD_TEST_TLS'])


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_us():
    """In the child: whoever kills a test that takes too long leaves no server behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """`bulkhead serve` in a folder of its own, on sockets of its own."""

    def __init__(self, *options, fake=None, models=None, env=None, expect=0, wait=True,
                 wrap=(), clean=True, rpc_option=True, exe='bulkhead', launch=None,
                 faulty=False, fake_worker=False, log=None, tls=None):
        self.dir = tempfile.mkdtemp(prefix='bulkhead-test-')
        self.rpc_path = os.path.join(self.dir, 'rpc.sock')
        self.http_path = os.path.join(self.dir, 'http.sock')
        self.log_path = os.path.join(self.dir, 'log')
        self.out_path = os.path.join(self.dir, 'out')
        self.crash_dir = os.path.join(self.dir, 'crashes')
        self.expect, self.clean, self.port = expect, clean, None
        self.tls = tls or (tests_tls() if os.environ.get('BULKHEAD_TEST_TLS') else None)
        if self.tls:
            options = ('--ssl-cert-file', self.tls.cert, '--ssl-key-file', self.tls.key, *options)
            self.tls = self.tls.context()
        self.seen = {}  # pid -> name of every child that was looked at
        if fake is not None:
            models = [self.script('fake.gguf', fake)]
        if fake is not None or fake_worker:
            options = ('--libexec', self.fake_bin(), *options)
        if faulty:
            options = ('--libexec', self.fake_bin('faulty-worker'), *options)
        self.model = (models or [MODEL])[0]
        self.args = [*wrap, os.path.join(BIN, exe), *(['serve'] if exe == 'bulkhead' else []),
                     '--port', '0', '--http-socket', self.http_path,
                     '--crash-dir', self.crash_dir]
        if rpc_option:
            self.args += ['--rpc-socket', self.rpc_path]
        for model in [MODEL] if models is None else models:
            self.args += ['-m', model]
        self.args += options
        keep = {k: v for k, v in os.environ.items()
                if not k.startswith(('RKLLM_', 'LLAMA_', 'BULKHEAD_'))}
        if SANITIZE:  # two that wait for each other, beside another test's, take minutes there
            keep['LLAMA_ARG_THREADS'] = '1'
        keep.update(env or {})
        if launch:  # (args, env) in another form
            self.args, keep = launch(self.args, keep)
        with open(self.out_path, 'wb') as out, open(self.log_path, 'wb') as to:
            self.proc = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=out,
                                         stderr=to if log is None else log, env=keep, preexec_fn=die_with_us)
        self.pid = self.proc.pid
        if wait:
            self.wait_ready()

    def script(self, name, text):
        """Writes a model file that is a script of the fake worker's."""
        path = os.path.join(self.dir, name)
        with open(path, 'w') as f:
            f.write('GGUF\n' + '\n'.join(line.strip() for line in text.splitlines()) + '\n')
        return path

    def fake_bin(self, worker='fake-worker'):
        """A folder where the worker is the fake one, or another."""
        folder = os.path.join(self.dir, 'libexec')
        os.makedirs(folder, exist_ok=True)
        for link, to in ('bulkhead-front', 'bulkhead-front'), ('bulkhead-worker', worker):
            os.symlink(os.path.join(BIN, to), os.path.join(folder, link))
        return folder

    def wait_ready(self):
        def is_ready():
            if self.proc.poll() is not None:
                raise AssertionError(f'exited {self.proc.returncode}: {self.log()[-2000:]}')
            return 'Server started successfully' in self.out()
        try:
            until(is_ready)
            found = re.search(r'https?://[^\s/]*:(\d+)', self.out() + self.log())
            self.port = int(found.group(1)) if found else None
            if self.tls:
                TLS_PORTS[self.port] = self.tls
            self.children()
        except BaseException:
            self.kill()
            raise

    def out(self):
        with open(self.out_path, errors='replace') as f:
            return f.read()

    def log(self):
        with open(self.log_path, errors='replace') as f:
            return f.read()

    def wait_log(self, text, times=1):
        """Waits until the log has it that many times."""
        until(lambda: len(re.findall(text, self.log())) >= times)

    # Its processes

    def children(self):
        found = children(self.pid)
        self.seen.update(found)
        return found

    def pid_of(self, name):
        """The only living child of that name, as soon as there is one."""
        def one():
            pids = [pid for pid, n in self.children().items() if n == name[:15]]
            return pids[0] if len(pids) == 1 else None
        return until(one)

    @property
    def front(self):
        return self.pid_of('bulkhead-front')

    @property
    def worker(self):
        return self.pid_of('bulkhead-worker')

    def worker_of(self, model):
        """The worker of one of several models."""
        return next(m['pid'] for m in self.status()['models'] if m['name'] == model)

    def kill_worker(self, signo=signal.SIGKILL):
        pid = self.worker
        os.kill(pid, signo)
        return pid

    def kill_any_worker(self):
        """kill -9 of the worker if there is one just now; whether there was."""
        for pid, name in self.children().items():
            if name == 'bulkhead-worker':
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    return True
        return False

    def go(self):
        """Ends every hold of the fake worker."""
        open(self.model + '.go', 'w').close()

    def lives(self):
        """How many workers have been given the (fake) model."""
        base = os.path.basename(self.model) + '.life'
        return sum(name.startswith(base) for name in os.listdir(self.dir))

    # Speaking to it

    @property
    def tcp(self):
        return ('127.0.0.1', self.port)

    def http(self, **options):
        return Http(self.tcp, **options)

    def rpc(self, **options):
        return Rpc(self.rpc_path, **options)

    def get(self, path):
        with self.http() as h:
            h.request('GET', path, headers=['Connection: close'])
            return h.reply()

    def post(self, path, body, headers=()):
        with self.http() as h:
            h.request('POST', path, body, headers=['Connection: close', *headers])
            return h.reply()

    def complete(self, prompt='Once', **fields):
        """The text of a completion, which must succeed."""
        got = self.post('/v1/completions', dict(fields, prompt=prompt))
        assert got.status == 200, got
        return got.json['choices'][0]['text']

    def stream(self, prompt='Once', rcvbuf=None, on_sent=None, **fields):
        return Stream(self.tcp, '/v1/completions', dict(fields, prompt=prompt), on_sent,
                      rcvbuf=rcvbuf)

    def metric(self, name):
        text = self.get('/metrics').body.decode()
        found = re.search(rf'^\w*{name}(?:{{[^}}]*}})? ([0-9.e+]+)$', text, re.M)
        assert found, f'no metric {name}'
        return float(found.group(1))

    def wait_metric(self, name, value):
        until(lambda: self.metric(name) >= value)

    def status(self):
        """`bulkhead status --json`."""
        got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'status', '--json', '--rpc-socket',
                              self.rpc_path], capture_output=True, text=True, timeout=DEADLINE)
        assert got.returncode == 0, got.stderr
        return json.loads(got.stdout)

    # What its dead left

    def crashes(self):
        """The ids of the obituaries, the oldest first."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(name[:-5] for name in os.listdir(self.crash_dir)
                          if name.endswith('.json') and not name.startswith('.'))
        return []

    def obituary(self, ident=None):
        """One of them, or the newest, as soon as it is whole."""
        def whole():
            found = self.crashes()
            if ident and ident not in found or not found:
                return None
            with open(os.path.join(self.crash_dir, (ident or found[-1]) + '.json')) as f:
                got = json.load(f)
            return got if got['autopsy'] != 'not finished' else None
        return until(whole)

    # Its end

    def term(self):
        self.children()
        self.proc.send_signal(signal.SIGTERM)

    def wait(self, seconds=2 * DEADLINE):
        """Waits for its end and checks what every end must leave behind: nothing."""
        code = self.proc.wait(seconds)
        gone = [pid for pid in self.seen if is_alive(pid) and stat_of(pid)[0] == self.seen[pid]]
        assert not gone, f'still alive: {[(p, self.seen[p]) for p in gone]}'
        for path in self.rpc_path, self.http_path:
            assert self.expect != 0 or not os.path.exists(path), f'{path} was left behind'
        return code

    def stop(self):
        if self.proc.poll() is None:
            self.term()
        code = self.wait()
        assert self.expect is None or code == self.expect, f'exit status {code}'
        complaint = COMPLAINTS.search(self.log())
        assert not (complaint and self.clean), self.log()[complaint.start():]

    def kill(self):
        """For a test that has failed: nothing may stay."""
        self.children()
        for pid in [self.pid, *self.seen]:
            with contextlib.suppress(ProcessLookupError):
                if pid == self.pid or stat_of(pid) and stat_of(pid)[0] == self.seen[pid]:
                    os.kill(pid, signal.SIGKILL)
        self.proc.wait()
        sys.stderr.write(f'--- {" ".join(self.args)}\n--- out\n{self.out()}'
                         f'--- log (its end)\n{self.log()[-6000:]}---\n')
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
        except BaseException:
            self.kill()
            raise
        if kind is None:
            shutil.rmtree(self.dir)
        else:
            self.kill()


def fake_text(n, seed=1, start=0):
    """What the fake worker says: see tests/fake/fake.h."""
    return ''.join(f'{seed}:{k} ' for k in range(start, n))
