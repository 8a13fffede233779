"""What was measured, as tables, and what PERFORMANCE.md wanted of it."""

import collections
import datetime
import os
import platform
import statistics
import subprocess

# Whose text must be whose: ours computes on the canonical schedule.
EXPECTED = {"ours": "canonical", "tuned": "raw", "as it comes": "raw"}

# PERFORMANCE.md's targets, by model and streams.
FASTER = {("demo", 1): 2, ("demo", 8): 4, ("demo", 64): 6,
          ("100m", 1): 1.05, ("100m", 8): 1.15, ("100m", 64): 1.3}
OF_LIMIT = {"100m": 0.99}
CPU_OF_TUNED = {1: 1 / 10, 64: 1 / 20}
FLOORS = 2
IDLE_BYTES = 2048
RESIDENT = {"bulkhead": (4 << 20, 0), "bulkhead-front": (12 << 20, 1000)}
QUIET = 0.95  # of a core, had by who wants it all
# A timer now and then is no wake-up of a connection.
IDLE_WAKES_S = 1


def speed(run):
    return run.tokens_s


def cpu(run):
    return sum(run.cpu_us.values())


def front(run):
    return sum(us for name, us in run.cpu_us.items() if "worker" not in name)


class Cell:
    """One model and number of streams: every run of everyone."""

    def __init__(self, model, streams, tokens):
        self.model = model
        self.streams = streams
        self.tokens = tokens
        self.runs = collections.defaultdict(dict)

    def add(self, name, via, repeat, run):
        self.runs[name, via][repeat] = run

    def median(self, what, name, via=""):
        """None where it did not take part."""
        seen = [what(run) for run in self.runs[name, via].values()]
        seen = [v for v in seen if v is not None]
        return statistics.median(seen) if seen else None

    def paired(self, how, one, other):
        """The median of how(what one did, what the other did) by repeat."""
        a, b = self.runs[one], self.runs[other]
        both = [how(a[r], b[r]) for r in a if r in b]
        return statistics.median(both) if both else None

    def faster(self, one, other):
        return self.paired(lambda a, b: a.tokens_s / b.tokens_s, one, other)

    def beyond(self, name, via="", loop="raw"):
        """CPU per token that the raw loop does not need."""
        return self.paired(lambda a, b: cpu(a) - cpu(b), (name, via),
                           (loop, ""))

    def equal(self, name, via):
        """The share of streams with the raw loop's text."""
        want = next(iter(self.runs[EXPECTED[name], ""].values())).texts
        same = [a == b for run in self.runs[name, via].values()
                for a, b in zip(run.texts, want)]
        return sum(same) / len(same) if same else None

    def transports(self):
        return [via for via in ("tcp", "unix")
                if any(key[1] == via and runs
                       for key, runs in self.runs.items())]


def number(value, digits=0, unit=""):
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def table(head, rows):
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def growth(base, row):
    """Bytes of its own that a server took since it had no connections."""
    return sum(m.anon for m in row.memory.values()) - sum(
        m.anon for m in base.memory.values())


def command(*argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True,
                              stderr=subprocess.DEVNULL)
        return done.stdout.decode().strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def cpu_name():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


class Results:
    def __init__(self, root, args):
        self.root = root
        self.args = args
        self.cells = []
        self.idle = []
        self.floor_us = None
        self.load_before = os.getloadavg()[0]

    def is_gate_passed(self):
        """One stream alone has no excuse to differ."""
        return all(cell.equal(name, via) in (None, 1)
                   for cell in self.cells if cell.streams == 1
                   for name in EXPECTED for via in cell.transports())

    def text(self):
        lines = self.heading()
        if self.cells:
            lines += self.targets() + self.speeds() + self.costs()
            lines += self.latencies() + self.gate()
        if self.idle:
            lines += self.idle_table()
        return "\n".join(lines).rstrip() + "\n"

    def share_of_core(self):
        """What the raw loop had of the cores that it could have used."""
        shares = [cpu(run) * run.tokens_s / 1e6 for cell in self.cells
                  for run in cell.runs["raw", ""].values()]
        if not shares:
            return []
        share = statistics.median(shares) / self.args.threads
        busy = ("" if share > QUIET else ": others were busy, so tokens per"
                " second say little here, and CPU time more")
        return [f"- the raw loop had {share:.0%} of the core that it wanted"
                f"{busy}"]

    def heading(self):
        git = ("git", "-C", self.root)
        commit = command(*git, "rev-parse", "--short=12", "HEAD")
        if command(*git, "status", "--porcelain", "--", "src", "engine"):
            commit += " with changes"
        when = datetime.datetime.now().astimezone()
        return [
            "# Bulkhead beside llama-server", "",
            "Written by `make bench`. How it is measured: bench/run; what is"
            " wanted: PERFORMANCE.md.", "",
            f"- {cpu_name()}, {os.cpu_count()} cores, Linux"
            f" {platform.release()}",
            f"- {when:%Y-%m-%d %H:%M %z}, commit {commit or 'unknown'}",
            f"- {self.args.repeats} repeats, threads of each:"
            f" {self.args.threads}, nice {self.args.nice}; load average"
            f" {self.load_before:.1f} before, {os.getloadavg()[0]:.1f} after",
            *self.share_of_core(),
            "- figures 3 to 8 and 10, and the model of 1B, are not measured"
            " yet",
            "",
        ]

    def rows(self):
        for cell in self.cells:
            for via in cell.transports():
                yield cell, via, [f"{cell.model}, {cell.streams} ×"
                                  f" {cell.tokens}, {via}"]

    def speeds(self):
        rows = []
        for cell, via, row in self.rows():
            for name, how in (("raw", ""), ("canonical", ""), ("ours", via),
                              ("tuned", via), ("as it comes", via)):
                row.append(number(cell.median(speed, name, how)))
            row.append(number(cell.faster(("ours", via), ("tuned", via)), 2))
            row.append(number(cell.faster(("raw", ""), ("tuned", via)), 2))
            row.append(number(cell.faster(("ours", via), ("raw", "")), 3))
            row.append(number(cell.faster(("ours", via), ("canonical", "")),
                              3))
            rows.append(row)
        head = ["tokens/s", "limit", "limit, canonical", "ours", "tuned",
                "as it comes", "ours / tuned", "limit / tuned",
                "ours / limit", "ours / canonical"]
        return ["## Figure 1: tokens per second, all streams together", "",
                "The limit is a greedy loop over libllama; canonical is the"
                " same loop on the schedule that makes a resume exact.", "",
                *table(head, rows)]

    def costs(self):
        rows = []
        for cell, via, row in self.rows():
            ours = cell.beyond("ours", via)
            tuned = cell.beyond("tuned", via)
            row += [number(cell.median(cpu, "raw"), 1),
                    number(cell.beyond("canonical"), 1), number(ours, 1),
                    number(cell.beyond("ours", via, "canonical"), 1),
                    number(cell.median(front, "ours", via), 1),
                    number(cell.median(lambda r: r.wakes, "ours", via), 2),
                    number(tuned, 1),
                    number(cell.beyond("as it comes", via), 1)]
            row.append(number(None if ours is None or tuned is None
                              else ours / tuned, 3))
            rows.append(row)
        head = ["CPU µs per token", "raw loop", "canonical beyond it",
                "ours beyond it", "ours beyond canonical",
                "front and keeper", "wakes per token", "tuned beyond raw",
                "as it comes beyond raw", "ours / tuned"]
        return ["## Figure 2: server CPU beyond the raw loop", "",
                "One send, one wake and one format take"
                f" {self.floor_us:.1f} µs here.", "", *table(head, rows)]

    def latencies(self):
        rows = []
        for cell, via, row in self.rows():
            for name in EXPECTED:
                for what in (lambda r: r.first_us, lambda r: r.gap_p99_us):
                    us = cell.median(what, name, via)
                    row.append(number(us and us / 1e3, 1))
            rows.append(row)
        head = ["ms"] + [f"{name}: {what}" for name in EXPECTED
                         for what in ("first token p50", "gap p99")]
        return ["## Also seen: when tokens came", "", *table(head, rows)]

    def gate(self):
        rows = []
        for cell, via, row in self.rows():
            for name in EXPECTED:
                same = cell.equal(name, via)
                row.append(number(None if same is None else 100 * same, 0,
                                  " %"))
            rows.append(row)
        return ["## The gate: streams whose text is the raw loop's", "",
                "Ours is compared with the loop on the canonical schedule."
                " One stream alone must be equal; more at once change the"
                " shape of a batch, and with it the bits of the logits.", "",
                *table(["equal", *EXPECTED], rows)]

    def idle_table(self):
        rows, notes = [], []
        for idle in self.idle:
            base = idle.rows[0]
            for row in idle.rows:
                grown = growth(base, row)
                rows.append([
                    f"{idle.name}, {row.count:,}", f"{row.open:,}",
                    ", ".join(f"{name} {m.rss / 2**20:.1f}"
                              for name, m in row.memory.items()),
                    number(grown / row.count if row.count else None),
                    number(row.wakes_s, 1)])
            if idle.skipped:
                notes.append(f"{idle.name}: no more: {idle.skipped}.")
        head = ["connections, each used once", "still open at the end",
                "resident MiB", "bytes per connection", "wake-ups a second"]
        return ["## Figure 9: idle connections", "",
                "Bytes are of the processes' own memory; the kernel's sockets"
                " are not in them.", "", *table(head, rows), *notes, ""]

    def targets(self):
        found = [*self.speed_targets(), *self.cpu_targets(),
                 *self.idle_targets()]
        met = sum(is_met for is_met, _ in found)
        lines = [f"- {'met' if is_met else '**not met**'}: {text}"
                 for is_met, text in found]
        gate = "passed" if self.is_gate_passed() else "**not passed**"
        return [f"## Targets: {met} of {len(found)} met, gate {gate}", "",
                *lines, ""]

    def speed_targets(self):
        for cell, via, row in self.rows():
            want = FASTER.get((cell.model, cell.streams))
            got = cell.faster(("ours", via), ("tuned", via))
            most = cell.faster(("raw", ""), ("tuned", via))
            if want and got is not None:
                yield got >= want, (f"{row[0]}: {got:.2f} times tuned, {want}"
                                    f" wanted; the limit is {most:.2f} times")
            want = OF_LIMIT.get(cell.model)
            got = cell.faster(("ours", via), ("raw", ""))
            if want and got is not None:
                yield got >= want, (f"{row[0]}: {got:.3f} of the limit,"
                                    f" {want} wanted")

    def cpu_targets(self):
        for cell, via, row in self.rows():
            ours, tuned = cell.beyond("ours", via), cell.beyond("tuned", via)
            want = CPU_OF_TUNED.get(cell.streams)
            if ours is None:
                continue
            if want and tuned is not None:
                yield ours <= want * tuned, (
                    f"{row[0]}: {ours:.1f} µs beyond the raw loop, tuned"
                    f" {tuned:.1f}; {want:g} of it wanted")
            most = FLOORS * self.floor_us
            own = cell.beyond("ours", via, "canonical")
            yield ours <= most, (f"{row[0]}: {ours:.1f} µs beyond the raw"
                                 f" loop, {most:.1f} wanted; {own:.1f} beyond"
                                 " the canonical one")

    def idle_targets(self):
        for idle in self.idle:
            if idle.name != "ours":
                continue
            base = idle.rows[0]
            for row in idle.rows:
                yield from self.idle_row_targets(base, row)

    @staticmethod
    def idle_row_targets(base, row):
        text = f"{row.count:,} idle connections"
        for name, (most, count) in RESIDENT.items():
            if name in row.memory and row.count <= count:
                got = row.memory[name].rss
                yield got < most, (f"{text}: {name} has {got / 2**20:.1f} MiB"
                                   f" resident, under {most >> 20} wanted")
        if not row.count:
            return
        each = growth(base, row) / row.count
        yield each <= IDLE_BYTES, (f"{text}: {each:,.0f} bytes each,"
                                   f" {IDLE_BYTES} wanted")
        wakes = max(0.0, row.wakes_s - base.wakes_s)
        yield wakes <= IDLE_WAKES_S, (f"{text}: {wakes:.1f} wake-ups a second,"
                                      " none wanted")
