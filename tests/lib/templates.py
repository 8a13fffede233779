"""The chat templates of other models: llama.cpp's own collection, beside its sources."""
import glob
import os
import subprocess
import sys

from bulkhead import SOURCE


def template_files(names):
    """The paths of those, or with the argument `all` of every one. The test is skipped without."""
    got = subprocess.run([os.path.join(SOURCE, 'engine', 'fetch')], capture_output=True, text=True)
    found = sorted(glob.glob(os.path.join(got.stdout.strip(), 'models/templates/*.jinja')))
    if got.returncode or not found:
        print('skipped: no sources of llama.cpp are at hand, or no templates in them')
        sys.exit(77)
    if 'all' in sys.argv:
        return found
    wanted = [f for f in found if os.path.basename(f)[:-6] in names]
    assert len(wanted) == len(names), wanted
    return wanted
