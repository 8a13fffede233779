"""Starts Bulkhead in odd ways, and sees that it serves."""
import ctypes
import os
import subprocess
from bulkhead import fake_text

VARIABLES = {'--port': 'LLAMA_ARG_PORT', '--http-socket': 'BULKHEAD_HTTP_SOCKET',
             '--rpc-socket': 'RKLLM_UDS_PATH', '-m': 'LLAMA_ARG_MODEL',
             '--libexec': 'BULKHEAD_LIBEXEC', '--crash-dir': 'BULKHEAD_CRASH_DIR'}
TOKENS = 5
FAKE = f'tokens {TOKENS}'


def by_environment(args, env):
    """The same settings, in variables."""
    options = dict(zip(args[1::2], args[2::2]))
    return args[:1], dict(env, **{VARIABLES[k]: v for k, v in options.items()})


def serves(s, text=None):
    """A stream on both surfaces, and the status."""
    assert s.stream(seed=3).rest() == (text or fake_text(TOKENS, 3))
    with s.rpc() as r:
        r.init(s.model)
        assert r.run('Once', seed=4)[0] == (text or fake_text(TOKENS, 4))
    assert s.status()['keeper']['pid'] == s.pid
    return s


def can(*command):
    """Whether this machine lets us; says so when it does not."""
    try:
        if subprocess.run(command, capture_output=True).returncode == 0:
            return True
    except FileNotFoundError:
        pass
    print(f'skipped: this machine does not allow {" ".join(command)}', flush=True)
    return False


def execve(path, args, env):
    """execve(2) with what os.execve() refuses: no args, or None for a null pointer."""
    def array(texts):
        return (ctypes.c_char_p * (len(texts) + 1))(*[t.encode() for t in texts], None)
    variables = array([f'{k}={v}' for k, v in env.items()])
    ctypes.CDLL(None).execve(path.encode(), args if args is None else array(args), variables)
    os._exit(127)
