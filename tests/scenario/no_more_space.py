#!/usr/bin/env python3
"""No room where obituaries or sockets go: what serves goes on, and nothing half is left there."""
import contextlib
import os
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, DEADLINE, Http, RpcError, Server, cases, fake_text, until
from launch import FAKE, can

ALONE = ('unshare', '-m' if os.geteuid() == 0 else '-rm')  # mounts are ours alone
FULL = 'No space left on device'


@contextlib.contextmanager
def cramped(path, option):
    """A folder that is a file system with little room, as mount's option says."""
    os.makedirs(path, exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'mode=700,{option}', 'none', path], check=True)
    try:
        yield path
    finally:
        subprocess.run(['umount', '-l', path], check=True)


def fill(path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(fd, bytes(4096)):
            pass
    os.close(fd)


def a_death_without_room_for_its_obituary():
    with Server(fake='tokens 5\npause 5') as s, cramped(s.crash_dir, 'size=64k') as folder:
        def dies(seed):
            stream = s.stream(seed=seed).until(1)
            s.kill_worker()
            assert stream.rest() == fake_text(5, seed)
        fill(os.path.join(folder, 'much'))
        for i in range(3):
            dies(i)
            s.wait_log(f'cannot write .*{FULL}', i + 1)
        assert os.listdir(folder) == ['much'], os.listdir(folder)
        os.remove(os.path.join(folder, 'much'))
        dies(4)
        until(s.crashes)
        assert s.obituary()['signal'] == 'SIGKILL', s.obituary()


def started(folder):
    """Whether a server whose sockets are to lie there comes to serve; it ends in good order."""
    def there(args, env):
        return [a.replace(os.path.dirname(a), folder) if a.endswith('.sock') else a
                for a in args], env
    with Server(fake=FAKE, wait=False, expect=None, launch=there) as s:
        until(lambda: s.proc.poll() is not None or 'Server started' in s.out())
        if s.proc.poll() is None:
            with Http(os.path.join(folder, 'http.sock')) as h:
                h.request('GET', '/health')
                assert h.reply().status == 200
            s.term()
            assert s.wait() == 0
            return True
        errors = [line for line in s.log().splitlines() if ' error: ' in line]
        assert s.proc.returncode == 4 and len(errors) == 1 and FULL in errors[0], s.log()
        return False


def sockets_without_room():
    """Each of the sockets' files is once the first for which there is none."""
    with cramped('/var/tmp', 'size=1m'):
        served = []
        for n in range(1, 9):
            with cramped('/var/tmp/sockets', f'nr_inodes={n}') as folder:
                served.append(started(folder))
                assert not os.listdir(folder), os.listdir(folder)
    assert not served[0] and served[-1] and served == sorted(served), served


def a_prompt_cache_without_room():
    """Its run ends by an error that says so, and the file that was there is still there."""
    with cramped('/var/tmp', 'size=1m') as folder, \
            Server('--prompt-cache-dir', folder) as s, s.rpc() as rpc:
        def save(n):
            return rpc.run('Once ' * n, max_new_tokens=1, prompt_cache_params={
                'save_prompt_cache': 1, 'prompt_cache_path': 'x'})[0]
        rpc.init('', max_context_len=1024)
        save(70)
        size = os.path.getsize(os.path.join(folder, 'x'))
        fill(os.path.join(folder, 'much'))
        for _ in range(2):
            try:
                raise AssertionError(f'saved: {save(300)}')
            except RpcError as e:
                assert e.code == -32004 and FULL in e.message, e
        until(lambda: sorted(os.listdir(folder)) == ['much', 'x'])
        assert os.path.getsize(os.path.join(folder, 'x')) == size
        rpc.call('rkllm.load_prompt_cache', None, 'x')
        os.remove(os.path.join(folder, 'much'))
        save(100)
        assert os.path.getsize(os.path.join(folder, 'x')) > size


def run_without_a_folder():
    """bulkhead run puts its server's socket below /tmp."""
    with cramped('/tmp', 'nr_inodes=1'):
        got = subprocess.run([os.path.join(BIN, 'bulkhead'), 'run', 'Once'], capture_output=True,
                             text=True, timeout=DEADLINE)
    assert got.returncode == 1 and FULL in got.stderr, got
    assert len(got.stderr.splitlines()) == 1, got


if sys.argv[1:]:
    cases(a_death_without_room_for_its_obituary, sockets_without_room,
          a_prompt_cache_without_room,
          *([] if BIN.startswith('/tmp') else [run_without_a_folder]))
elif can(*ALONE, 'mount', '-t', 'tmpfs', 'none', '/tmp'):
    os.execvp(ALONE[0], [*ALONE, sys.executable, os.path.realpath(__file__), 'inside'])
else:
    raise SystemExit(77)
