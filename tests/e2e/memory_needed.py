#!/usr/bin/env python3
"""What a model is said to need before it is loaded, beside what its worker takes."""
import os
import shutil
import subprocess
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, MODEL, SANITIZE, Server, rss_kib, until

if SANITIZE:
    sys.exit(77)  # whose memory is no measure
PRESETS = ('tiny-llama', 'tiny-gemma3', 'tiny-mamba', 'tiny-lfm2', 'tiny-granitehybrid',
           'tiny-qwen35')
folder = tempfile.mkdtemp(prefix='bulkhead-test-')


def about(s):
    return {m['name']: m for m in s.status()['models']}


try:
    shutil.copy(MODEL, os.path.join(folder, 'demo.gguf'))
    for preset in PRESETS:
        subprocess.run([os.path.join(BIN, 'mkmodel'), '--preset', preset, '--out',
                        os.path.join(folder, preset + '.gguf')], check=True, timeout=10 * DEADLINE,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with Server('--models-dir', folder, '--models-max', '1', models=()) as s:
        until(lambda: all(m['arch'] for m in about(s).values()))
        said = {name: m['memory'] / 2**20 for name, m in about(s).items()}
        assert len(said) == 1 + len(PRESETS)
        for name, mib in said.items():
            s.complete(model=name, max_tokens=30)
            took = rss_kib(about(s)[name]['pid']) / 2**10
            print(f'{name}: said {mib:.0f} MiB, took {took:.0f} MiB', flush=True)
            assert 0.8 * took <= mib <= 1.3 * took + 32, name
            # From now on it is what it took.
            assert abs(about(s)[name]['memory'] / 2**20 - took) < 10, name
finally:
    shutil.rmtree(folder)
