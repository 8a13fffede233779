"""Figure 9: what connections cost that say nothing."""

import collections
import json
import resource
import subprocess
import time

import servers

COUNTS = (1000, 10000)
WATCH_S = 5
SETTLE_S = 1
SPARE = 200  # descriptors that a server wants for itself

# rows: a Row for each number of connections; skipped: why there are not more.
Idle = collections.namedtuple("Idle", "name rows skipped")
# open: how many of them the server had not closed at the end of the watch.
Row = collections.namedtuple("Row", "count open memory wakes_s")


def raise_limit():
    """As many descriptors as allowed, for all that is started from here."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def watch(server, seconds):
    """Memory by process, and wake-ups a second."""
    before, start = server.wakes(), time.monotonic()
    time.sleep(seconds)
    wakes = servers.wakes_since(before, server.wakes())
    return server.memory(), wakes / (time.monotonic() - start)


class Crowd:
    """Connections, each used once, then held. Use with `with`."""

    def __init__(self, setup, server, count):
        self.name = server.name
        self.count = count
        self.child = subprocess.Popen(
            [setup.tool("bench-load"), "--to", server.tcp, "--idle",
             str(count), "--used"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        opened = json.loads(self.child.stdout.readline())["open"]
        if opened < self.count:
            self.__exit__()
            raise servers.Failed(f"{self.name} took {opened} connections of"
                                 f" {self.count}")
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.open = json.loads(self.child.stdout.readline())["open"]
        self.child.wait()


def measure(name, setup, is_quick, screen):
    limit = raise_limit()
    rows, skipped = [], None
    with servers.Server(name, setup) as server:
        time.sleep(2 * SETTLE_S)
        screen.say(f"idle connections: {name}, 0")
        rows.append(Row(0, 0, *watch(server, WATCH_S)))
        for count in COUNTS[:1] if is_quick else COUNTS:
            if count + SPARE > limit:
                skipped = f"only {limit} descriptors are allowed here"
                break
            if name != "ours" and count > COUNTS[0]:
                skipped = "it keeps a thread for each, and 1,028 at most"
                break
            screen.say(f"idle connections: {name}, {count}")
            with Crowd(setup, server, count) as crowd:
                time.sleep(SETTLE_S)
                seen = watch(server, WATCH_S)
            rows.append(Row(count, crowd.open, *seen))
    return Idle(name, rows, skipped)
