#!/usr/bin/env python3
"""librkllmrt.so by ctypes, as the servers do it that come with Rockchip's: structs of their own, a
thread that runs while another reads what it says, abort."""
import ctypes
import os
import queue
import sys
import threading

BIN, MODEL = os.environ['BULKHEAD_BIN'], os.environ['BULKHEAD_MODEL']
NORMAL, WAITING, FINISH, ERROR = range(4)
F, I32, STR, BOOL = ctypes.c_float, ctypes.c_int32, ctypes.c_char_p, ctypes.c_bool


class Extend(ctypes.Structure):
    _fields_ = [('base_domain_id', I32), ('embed_flash', ctypes.c_int8),
                ('enabled_cpus_num', ctypes.c_int8), ('enabled_cpus_mask', ctypes.c_uint32),
                ('n_batch', ctypes.c_uint8), ('use_cross_attn', ctypes.c_int8),
                ('reserved', ctypes.c_uint8 * 104)]


class Param(ctypes.Structure):
    _fields_ = [('model_path', STR), ('max_context_len', I32), ('max_new_tokens', I32),
                ('top_k', I32), ('n_keep', I32), ('top_p', F), ('temperature', F),
                ('repeat_penalty', F), ('frequency_penalty', F), ('presence_penalty', F),
                ('mirostat', I32), ('mirostat_tau', F), ('mirostat_eta', F),
                ('skip_special_token', BOOL), ('ignore_eos_token', BOOL), ('is_async', BOOL),
                ('extend_param', Extend)]


class Tokens(ctypes.Structure):
    _fields_ = [('input_ids', ctypes.POINTER(I32)), ('n_tokens', ctypes.c_size_t)]


class Union(ctypes.Union):
    _fields_ = [('prompt_input', STR), ('token_input', Tokens), ('room', ctypes.c_uint8 * 144)]


class Input(ctypes.Structure):
    _fields_ = [('role', STR), ('enable_thinking', BOOL), ('input_type', ctypes.c_int),
                ('input', Union)]


class Infer(ctypes.Structure):
    _fields_ = [('mode', ctypes.c_int), ('lora', ctypes.c_void_p), ('cache', ctypes.c_void_p),
                ('sampling', ctypes.c_void_p), ('keep_history', ctypes.c_int),
                ('max_new_tokens', ctypes.c_int)]


class Perf(ctypes.Structure):
    _fields_ = [('prefill_time_ms', F), ('prefill_tokens', ctypes.c_int), ('generate_time_ms', F),
                ('generate_tokens', ctypes.c_int), ('memory_usage_mb', F)]


class Rows(ctypes.Structure):
    _fields_ = [('data', ctypes.POINTER(F)), ('width', ctypes.c_int), ('n', ctypes.c_int)]


class Result(ctypes.Structure):
    _fields_ = [('text', STR), ('token_id', I32), ('hidden', Rows), ('logits', Rows),
                ('perf', Perf)]


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Result), ctypes.c_void_p, ctypes.c_int)


class Callbacks(ctypes.Structure):
    _fields_ = [('result_callback', Callback), ('rest', ctypes.c_void_p * 5)]


class Model:
    def __init__(self, path):
        self.lib = ctypes.CDLL(os.path.join(BIN, '..', 'lib', 'rkllmrt', '1.3', 'librkllmrt.so'))
        self.lib.rkllm_createDefaultParam.restype = Param
        self.said = queue.Queue()
        self.handle = ctypes.c_void_p()
        self.callbacks = Callbacks(Callback(self.hear))
        param = self.lib.rkllm_createDefaultParam()
        param.model_path = path.encode()
        param.temperature = 0
        assert self.lib.rkllm_init(ctypes.byref(self.handle), ctypes.byref(param),
                                   ctypes.byref(self.callbacks)) == 0

    def hear(self, result, _, state):
        r = result.contents
        self.said.put((state, r.text, r.perf.generate_tokens))
        return 0

    def run(self, prompt):
        given = Input(role=b'user', input_type=0)
        given.input.prompt_input = prompt.encode()
        return self.lib.rkllm_run(self.handle, ctypes.byref(given), ctypes.byref(Infer()), None)

    def stream(self, prompt):
        """(state, text, tokens), as they come."""
        thread = threading.Thread(target=self.run, args=(prompt,))
        thread.start()
        state = NORMAL
        while state in (NORMAL, WAITING):
            state, text, n = self.said.get(timeout=30)
            yield state, text, n
        thread.join()


def main():
    assert [ctypes.sizeof(s) for s in (Param, Input, Infer, Result, Callbacks)] == \
        [184, 160, 40, 72, 48]
    model = Model(MODEL)
    said = list(model.stream('Tell me about a lighthouse.'))
    text = b''.join(text or b'' for _, text, _ in said)
    assert said[-1][0] == FINISH and said[-1][2] == len(said) - 1 and b'lighthouse' in text, said
    first = model.stream('Tell me about a lighthouse.')
    next(first)
    model.lib.rkllm_abort(model.handle)
    assert list(first)[-1][0] == FINISH
    assert model.run('Hello') == 0
    assert model.lib.rkllm_destroy(model.handle) == 0


if os.environ['BULKHEAD_SANITIZE']:
    sys.exit(77)  # Python would have to be built with it
main()
