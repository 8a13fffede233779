"""The servers under test: how each is started, and what its processes cost.

A server is started for one model and one number of streams and listens on
TCP and on a Unix socket at once. Costs are read from the kernel's accounts
of all its processes, because the load generator shares the cores.
"""

import collections
import contextlib
import os
import signal
import socket
import subprocess
import time

CTX = 512  # tokens of a stream: prompt and answer
CHUNK = 64  # bulkhead's, and of the raw loop on the same schedule
START_S = 60
STOP_S = 10

Memory = collections.namedtuple("Memory", "rss anon")  # bytes


class Failed(Exception):
    """Something under test did not do its part; the text says what."""


def bulkhead_argv(setup):
    return [
        setup.tool("bulkhead"), "serve", "--model", setup.model,
        "--host", "127.0.0.1", "--port", str(setup.port),
        "--http-socket", setup.socket, "--no-rpc",
        "--threads", str(setup.threads),
        "--threads-batch", str(setup.threads),
        "--parallel", str(setup.streams), "--ctx-size", str(CTX),
        "--chunk", str(CHUNK), "--max-clients", "20000", "--idle-timeout", "0",
    ]


def as_it_comes_argv(setup):
    """Four slots over one cache, which must hold what four streams need."""
    return [
        setup.llama_server, "--model", setup.model,
        "--host", f"127.0.0.1,{setup.socket}", "--port", str(setup.port),
        "--threads", str(setup.threads), "--ctx-size", str(4 * CTX),
    ]


def tuned_argv(setup):
    return [
        setup.llama_server, "--model", setup.model,
        "--host", f"127.0.0.1,{setup.socket}", "--port", str(setup.port),
        "--threads", str(setup.threads),
        "--ctx-size", str(CTX * setup.streams),
        "--parallel", str(setup.streams), "--no-kv-unified", "-b", "512",
    ]


ARGV = {
    "ours": bulkhead_argv,
    "tuned": tuned_argv,
    "as it comes": as_it_comes_argv,
}


class Setup:
    """What a server is started with."""

    def __init__(self, tools, folder, threads, nice=0):
        self.tools = tools
        self.nice = nice
        self.llama_server = os.environ.get("LLAMA_SERVER", "llama-server")
        self.folder = folder
        self.threads = threads
        self.model = None
        self.streams = None
        self.port = None
        self.socket = None

    def tool(self, name):
        return os.path.join(self.tools, name)

    def place(self, name):
        """Somewhere to listen for the server of this name."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.socket = self.file(name, ".sock")

    def file(self, name, suffix):
        return os.path.join(self.folder, name.replace(" ", "-") + suffix)


class Server:
    """A server; it runs within `with`."""

    def __init__(self, name, setup):
        setup.place(name)
        self.name = name
        self.tcp = f"127.0.0.1:{setup.port}"
        self.unix = setup.socket
        self.nice = setup.nice
        self.argv = ARGV[name](setup)
        self.log = setup.file(name, ".log")
        self.child = None

    def __enter__(self):
        # llama-server leaves its own and does not replace it.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.unix)
        with open(self.log, "wb") as log:
            try:
                self.child = subprocess.Popen(
                    self.argv, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, start_new_session=True)
            except OSError as e:
                raise Failed(f"{self.name}: {e}") from e
        deadline = time.monotonic() + START_S
        while not self.is_healthy():
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Failed(f"{self.name} does not start:\n"
                             f"{self.last_words()}")
            time.sleep(0.05)
        if self.nice:
            for pid in self.processes():
                prefer_session(pid, self.nice)
        return self

    def __exit__(self, *_):
        if self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()

    def last_words(self):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-20:])

    def is_healthy(self):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(1)
                s.connect(self.unix)
                s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
                          b"Connection: close\r\n\r\n")
                return s.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def processes(self):
        """Its processes by id, with the name of each."""
        found, todo = {}, [self.child.pid]
        while todo:
            pid = todo.pop()
            try:
                with open(f"/proc/{pid}/comm") as f:
                    found[pid] = f.read().strip()
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as f:
                        todo += map(int, f.read().split())
            except OSError:
                continue
        return found

    def cpu_us(self):
        """CPU time so far of each process by name, threads that ended too."""
        used = collections.Counter()
        for pid, name in self.processes().items():
            used[name] += process_cpu_ns(pid) / 1e3
        return used

    def wakes(self):
        """How often each of its threads has waited for something so far."""
        found = {}
        for pid in self.processes():
            found.update(thread_wakes(pid))
        return found

    def memory(self):
        """A Memory of each process by name."""
        return {name: process_memory(pid)
                for pid, name in self.processes().items()}


def prefer_session(pid, nice):
    """Where the kernel groups by session (sched(7), autogroup), a priority
    counts only among the processes of one; this is that of the session."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/autogroup", "w") as f:
            f.write(str(nice))


def process_cpu_ns(pid):
    """As clock_getcpuclockid(3) has it: the process's own clock, exact."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def thread_wakes(pid):
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):  # the thread ended
            with open(f"/proc/{pid}/task/{task}/status") as f:
                for line in f:
                    if line.startswith("voluntary_ctxt_switches"):
                        found[task] = int(line.split()[1])
    return found


def wakes_since(before, after):
    """At least: a thread that ended takes its count with it."""
    return sum(n - before.get(task, 0) for task, n in after.items())


def process_memory(pid):
    sizes = {}
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f.readlines()[1:]:
            name, kib = line.split()[:2]
            sizes[name] = int(kib) * 1024
    return Memory(sizes["Rss:"], sizes["Anonymous:"])
