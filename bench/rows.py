#!/usr/bin/env python3
"""Logits of a 2,000-token prompt by mode 2, as JSON and as a memfd, beside libllama alone.

usage: bench/rows.py MODEL [REPETITIONS]   (MODEL: mkmodel --preset tiny-llama --vocab 32000
                                           --ctx 4096 --type q8_0 --out MODEL)
One thread; what each took, the most memory that front and worker had, and their CPU time.
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tests', 'lib'))
from bulkhead import BIN, Server
from rows import LOGITS, MemfdClient, start

N, CTX = 2000, 4096
LAST = b'"_callback_state":2}}\n'


def peak_mib(pid):
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1)) / 1024


def cpu_s(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def raw(model, ids, batch, times):
    with tempfile.NamedTemporaryFile() as f:
        f.write(struct.pack(f'{len(ids)}i', *ids))
        f.flush()
        got = [json.loads(subprocess.run(
            [os.path.join(BIN, 'bench-rawrows'), '--model', model, '--ids', f.name, '--batch',
             str(batch)], check=True, capture_output=True).stdout) for _ in range(times)]
    print(f'llama_decode, batches of {batch}: {[round(g["ms"]) for g in got]} ms, '
          f'{got[0]["peak_mib"]:.0f} MiB', flush=True)


def take_json(rpc, ids):
    """As fast as it comes, without a look at it."""
    start(rpc, ids, LOGITS)
    n, end = 0, b''
    while LAST not in end:
        got = rpc.sock.recv(1 << 20)
        n += len(got)
        end = (end + got)[-100:]
    return n


def take_memfd(rpc, ids):
    start(rpc, ids, LOGITS, arrays='memfd')
    client = MemfdClient(rpc)
    got, f = client.array(LOGITS)
    f.close()
    client.line()
    return got['logits']['logits']['bytes']


def bulkhead(model, ids, name, take, times):
    with Server('--ctx-size', str(CTX), '--threads', '1', '--threads-batch', '1', '--parallel', '4',
                models=[model]) as s, s.rpc() as rpc:
        rpc.init('')
        pids = {'front': s.front, 'worker': s.worker}
        had = {what: (peak_mib(pid), cpu_s(pid)) for what, pid in pids.items()}
        ms = []
        for _ in range(times):
            begun = time.monotonic()
            n = take(rpc, ids)
            ms.append(round(1000 * (time.monotonic() - begun)))
        print(f'{name}: {ms} ms, {n / 1e6:.0f} MB', flush=True)
        for what, pid in pids.items():
            print(f'  {what}: {had[what][0]:.1f} MiB, then {peak_mib(pid):.1f}; CPU '
                  f'{(cpu_s(pid) - had[what][1]) / times:.2f} s each', flush=True)


def main():
    model, times = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ids = [(i * 7919 + 13) % 500 for i in range(N)]
    bulkhead(model, ids, 'JSON', take_json, times)
    bulkhead(model, ids, 'memfd', take_memfd, times)
    for batch in 64, 128, 512:
        raw(model, ids, batch, times)


main()
