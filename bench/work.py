"""The work: models, prompts, one run of the load generator or the raw loop."""

import collections
import contextlib
import hashlib
import json
import os
import subprocess
import time

from servers import CHUNK, CTX, Failed, wakes_since

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The raw loop's two schedules, and the arguments that choose them.
SCHEDULES = {"raw": [], "canonical": ["--chunk", str(CHUNK)]}

ANIMALS = "fox owl bear hare otter crab heron mole".split()
THINGS = "lantern kite key map drum shell boat acorn".split()
# A random model knows no language: a few letters are many tokens to it.
PROMPTS = {
    "demo": "<|im_start|>user\nTell me a story about a {} and a {}."
            "<|im_end|>\n<|im_start|>assistant\n",
    "100m": "{} {}",
}

# What one run came to. Times are in microseconds; cpu_us is per token, by
# process; texts are compared later.
Run = collections.namedtuple(
    "Run", "tokens_s cpu_us wakes first_us gap_p99_us texts")


def tools(build):
    """Where the executables are: in that build folder, or as told."""
    return os.environ.get("BULKHEAD_BIN") or os.path.join(ROOT, build, "bin")


def prompts(model, n):
    """Up to 64 prompts that differ."""
    return [PROMPTS[model].format(ANIMALS[i % 8], THINGS[i // 8 % 8])
            for i in range(n)]


def model_path(setup, name):
    """The demo model, or a random one, made once into the user's cache."""
    if name == "demo":
        return os.path.join(ROOT, "models", "demo", "demo.gguf")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(cache, "bulkhead", "models")
    path = os.path.join(folder, f"{name}-{maker_hash()}.gguf")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(
            [setup.tool("mkmodel"), "--preset", name, "--out", path],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def maker_hash():
    """Changes with what a model of the same name would be."""
    folder = os.path.join(ROOT, "tools", "mkmodel")
    h = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        if name.endswith((".c", ".h")):
            with open(os.path.join(folder, name), "rb") as f:
                h.update(f.read())
    return h.hexdigest()[:12]


def call(argv):
    """What a tool printed, as JSON."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        name = os.path.basename(argv[0])
        raise Failed(f"{name}: {done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout)


def floor_us(setup):
    return min(call([setup.tool("bench-floor")])["us"] for _ in range(3))


class Together(contextlib.ExitStack):
    """Servers that are up at the same time, by name."""

    def __init__(self, servers):
        super().__init__()
        self.servers = servers

    def __enter__(self):
        super().__enter__()
        return {s.name: self.enter_context(s) for s in self.servers}


class Job:
    """The same requests for everyone."""

    def __init__(self, setup, model, streams, tokens):
        setup.model = model_path(setup, model)
        setup.streams = streams
        self.setup = setup
        self.streams = streams
        self.tokens = tokens
        self.prompts = os.path.join(setup.folder, "prompts")
        self.requests = os.path.join(setup.folder, "requests")
        texts = prompts(model, streams)
        with open(self.prompts, "w", encoding="utf-8") as f:
            f.write("".join(text + "\0" for text in texts))
        with open(self.requests, "w", encoding="utf-8") as f:
            f.write("".join(json.dumps(self.request(text)) + "\n"
                            for text in texts))

    def request(self, prompt):
        """Each time computed from nothing, and as long as it was asked for."""
        return {
            "prompt": prompt, "max_tokens": self.tokens, "temperature": 0,
            "ignore_eos": True, "cache_prompt": False, "stream": True,
            "stream_options": {"include_usage": True},
        }

    def raw(self, schedule):
        """The raw loop over libllama."""
        out = call([
            self.setup.tool("bench-rawloop"), "--model", self.setup.model,
            "--prompts", self.prompts, "--tokens", str(self.tokens),
            "--threads", str(self.setup.threads), "--ctx", str(CTX),
            *SCHEDULES[schedule]])
        n = out["tokens"]
        return Run(n / out["wall_us"] * 1e6, {"rawloop": out["cpu_us"] / n},
                   None, None, None, out["texts"])

    def stream(self, server, to):
        """One run of all streams against a server."""
        cpu, wakes = server.cpu_us(), server.wakes()
        out = call([self.setup.tool("bench-load"), "--to", to,
                    "--requests", self.requests])
        time.sleep(0.05)  # what it does after the last token is its cost too
        cpu = server.cpu_us() - cpu
        wakes = wakes_since(wakes, server.wakes())
        self.check(server, out["streams"])
        n = self.tokens * self.streams
        first = sorted(s["first_us"] for s in out["streams"])
        return Run(n / out["wall_us"] * 1e6,
                   {name: us / n for name, us in cpu.items()}, wakes / n,
                   first[len(first) // 2], out["gap_p99_us"],
                   [s["text"] for s in out["streams"]])

    def check(self, server, streams):
        for s in streams:
            if s["why"]:
                raise Failed(f"{server.name}: {s['why']}")
            if s["tokens"] != self.tokens:
                raise Failed(f"{server.name}: a stream of {s['tokens']}"
                             f" tokens, not {self.tokens}")
