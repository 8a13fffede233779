"""Requests that are wrong on purpose: mutants of valid ones, over HTTP and JSON-RPC."""
import json

NUMBERS = [b'0', b'-0', b'-1', b'1.5', b'1e999', b'-1e999', b'1e-999', b'2147483648', b'4294967296',
           b'9007199254740993', b'18446744073709551616', b'1' * 400, b'0.' + b'1' * 400, b'1e5',
           b'01', b'+1', b'.5', b'1.', b'0x10', b'NaN', b'Infinity', b'-']
TEXTS = [b'""', b'"\\u0000"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xff"', b'"\xc0\xaf"',
         b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\\x"', b'"\n"', b'"\0"', b'"\xf0\x9f\x98\x80"',
         b'"%s%n%s"', b'"' + b'A' * 70000 + b'"', b'"<|im_start|>"', b'"{{ 1 }}"', b'"</s>"',
         b'"\\ud83d\\ude00"', b"'x'", b'"x', b'"root ::= root"', b'"root ::= (\\"a\\"*)*"',
         b'"root ::= ' + b'(' * 3000 + b'"', b'"../../etc/passwd"', b'"/dev/zero"']
SHAPES = [b'null', b'true', b'false', b'[]', b'{}', b'[[]]', b'[{}]', b'{"a":{"b":{}}}', b'[null]',
          b'[' * 70 + b']' * 70, b'[' * 2000 + b']' * 2000, b'{"a":' * 70 + b'1' + b'}' * 70,
          b'[' * 500, b'}', b']', b',', b'', b'[1,2', b'{"a":1,"a":2}', b'{"a"}', b'{1:2}',
          b'[' + b'1,' * 3000 + b'1]', b'{' + b','.join(b'"%d":1' % i for i in range(500)) + b'}',
          b'[' + b'"x",' * 300 + b'"x"]', b'nul', b'/**/1', b'[1,]',
          b'{"type":"object","properties":{"a":{"$ref":"#"}}}', b'{"$ref":"#/nowhere"}',
          b'{"type":"string","pattern":"(a*)*b{99999}"}', b'{"type":"array","minItems":1000000}',
          b'{"enum":[]}', b'{"type":"integer","minimum":1e300}']
HOSTILE = NUMBERS + TEXTS + SHAPES


class Raw(bytes):
    """Stands in a tree for JSON, or what is none."""


def put(value, rng=None):
    """The tree as bytes; with rng, now and then, oddly."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, dict):
        rows = [json.dumps(k).encode() + b':' + put(v, rng) for k, v in value.items()]
        if rng and rows and rng.randrange(40) == 0:
            rows.append(rng.choice(rows))
        return b'{' + b','.join(rows) + b'}'
    if isinstance(value, list):
        return b'[' + b','.join(put(v, rng) for v in value) + b']'
    return json.dumps(value, ensure_ascii=bool(rng and rng.randrange(2))).encode()


def places(value, found=None, path=()):
    """The path of every value in it."""
    found = [] if found is None else found
    found.append(path)
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            places(value[key], found, (*path, key))
    return found


def at(value, path):
    for key in path:
        value = value[key]
    return value


def hurt(rng, value, fields):
    """Another value somewhere, a field more, one less, one of another's value."""
    path = rng.choice(places(value))
    if not path:
        return Raw(rng.choice(HOSTILE)) if rng.randrange(20) == 0 else value
    parent, key, how = at(value, path[:-1]), path[-1], rng.randrange(8)
    if how < 4:
        parent[key] = Raw(rng.choice(HOSTILE))
    elif how == 4:
        del parent[key]
    elif how == 5 and isinstance(parent, dict):
        parent[rng.choice(fields)] = Raw(rng.choice(HOSTILE))
    elif how == 6:
        parent[key] = json.loads(json.dumps(at(value, rng.choice(places(value))), default=str))
    elif isinstance(parent, list):
        parent.extend([parent[key]] * rng.choice((1, 5, 200)))
    else:
        parent[rng.choice(fields)] = parent[key]
    return value


def scramble(rng, data):
    new = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 10))):
        i = rng.randrange(len(new) + 1)
        how = rng.randrange(4)
        if how == 0:
            new[i:i] = rng.choice((b'\0', b'\r\n', b'\n', b'"', b'{', b'\xff', b' ', b'A' * 300))
        elif how == 1:
            del new[i:i + rng.choice((1, 2, 40))]
        elif how == 2:
            del new[i:]
        elif i < len(new):
            new[i] = rng.randrange(256)
    return bytes(new)


def tree(rng, base, fields):
    """Bytes of a mutated body."""
    value = json.loads(json.dumps(base))
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if isinstance(value, Raw):
            break
        value = hurt(rng, value, fields)
    data = put(value, rng)
    return scramble(rng, data) if rng.randrange(8) == 0 else data


# HTTP

COMPLETION = {'prompt': 'Once', 'max_tokens': 3, 'seed': 1, 'temperature': 0.8, 'stop': ['x y z'],
              'stream': True, 'logprobs': 1, 'logit_bias': {'5': 1}, 'n': 1, 'top_k': 40,
              'stream_options': {'include_usage': True}, 'repeat_penalty': 1.1}
CHAT = {'messages': [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': [
    {'type': 'text', 'text': 'Hi'}]}], 'max_completion_tokens': 3, 'stream': False,
    'chat_template_kwargs': {'a': 'b'}, 'response_format': {'type': 'json_object'},
    'logprobs': True, 'top_logprobs': 2}
TARGETS = ['/v1/completions', '/v1/chat/completions', '/completions', '/chat/completions', '/health',
           '/metrics', '/v1/models', '/v1/models/demo', '/', '/v1/models/%2e%2e%00', '*', '/nothing',
           '/props', '/slots', '/tokenize', '/v1/messages', '/v1/embeddings', 'http://x/health']
HEADERS = [b'Transfer-Encoding: chunked', b'Content-Length: 5', b'Content-Length: -1', b'Host: y',
           b'Content-Encoding: gzip', b'Expect: 100-continue', b'Connection: keep-alive',
           b'Connection: upgrade', b'Upgrade: websocket', b'Content-Type: text/plain', b'X: a\r\n b',
           b'X : y', b': y', b'X', b'X: ' + b'a' * 40000, b'Authorization: Bearer \xff\0',
           b'Content-Length: 99999999999999999999', b'Transfer-Encoding: gzip, chunked',
           b'Accept: text/event-stream', b'Range: bytes=0-', b'X-' + b'a' * 300 + b': 1']
FIELDS_HTTP = [*COMPLETION, *CHAT, 'grammar', 'json_schema', 'mirostat', 'dry_multiplier', 'tools',
               'dry_sequence_breakers', 'suffix', 'echo', 'best_of', 'model', 'min_p', 'functions',
               'xtc_probability', 'ignore_eos', 'resume', 'deadline', 'user', 'cache_prompt']


def chunked(rng, body):
    out = b''
    while body:
        n = rng.randrange(1, len(body) + 1)
        ext = rng.choice((b'', b'', b';a=b', b';"'))
        out += b'%x' % n + ext + b'\r\n' + body[:n] + b'\r\n'
        body = body[n:]
    return out + b'0\r\n' + rng.choice((b'', b'', b'X: y\r\n')) + b'\r\n'


def http(rng):
    """One mutated request, whole or not."""
    path, base = rng.choice((('/v1/completions', COMPLETION), ('/v1/chat/completions', CHAT)))
    method, version = b'POST', b'HTTP/1.1'
    body = tree(rng, base, FIELDS_HTTP) if rng.randrange(5) else put(base)
    if rng.randrange(10) == 0:
        path = rng.choice(TARGETS)
    if rng.randrange(20) == 0:
        method = rng.choice((b'GET', b'HEAD', b'OPTIONS', b'PUT', b'DELETE', b'CONNECT', b'x', b''))
    if rng.randrange(40) == 0:
        version = rng.choice((b'HTTP/1.0', b'HTTP/2.0', b'HTTP/0.9', b'', b'http/1.1'))
    lines = [b' '.join((method, path.encode(), version)), b'Host: test', b'Connection: close']
    if rng.randrange(8) == 0:
        lines.append(b'Transfer-Encoding: chunked')
        body = chunked(rng, body)
    else:
        lines.append(b'Content-Length: %d' % (len(body) + rng.choice((0,) * 20 + (-1, 1, 1000))))
    if rng.randrange(6) == 0:
        lines.insert(rng.randrange(1, len(lines) + 1), rng.choice(HEADERS))
    if rng.randrange(20) == 0:
        del lines[rng.randrange(1, len(lines))]
    data = rng.choice((b'\r\n',) * 30 + (b'\n', b'\r')).join([*lines, b'', b'']) + body
    if rng.randrange(15) == 0:
        data = scramble(rng, data)
    if rng.randrange(15) == 0:
        data = data.replace(b'Connection: close', b'X: y') + http(rng)
    return data


# JSON-RPC

RUN = {'jsonrpc': '2.0', 'id': 1, 'method': 'rkllm.run', 'params': [
    None, {'role': 'user', 'enable_thinking': False, 'input_type': 0, 'prompt_input': 'Hi'},
    {'mode': 0, 'keep_history': 0, 'max_new_tokens': 3, 'seed': 1, 'lora_params': None,
     'prompt_cache_params': None, 'sampling_params': {'temperature': 0.8, 'top_k': 4}}, None]}
TOKENS = {'jsonrpc': '2.0', 'id': 'a', 'method': 'rkllm.run_async', 'params': {
    'rkllm_input': {'input_type': 1, 'token_input': {'input_ids': [5, 6, 7], 'n_tokens': 3}},
    'rkllm_infer_params': {'max_new_tokens': 2}}}
INIT = {'jsonrpc': '2.0', 'id': 2, 'method': 'rkllm.init', 'params': [None, {
    'model_path': '', 'max_context_len': 0, 'max_new_tokens': 3, 'top_k': 40, 'top_p': 0.9,
    'temperature': 0.8, 'repeat_penalty': 1.1, 'mirostat': 0, 'ignore_eos_token': False,
    'extend_param': {'base_domain_id': 0}}, None]}
CALLS = [{'jsonrpc': '2.0', 'id': 3, 'method': f'rkllm.{m}', 'params': [None]}
         for m in ('createDefaultParam', 'get_constants', 'abort', 'is_running', 'destroy',
                   'load_lora', 'clear_kv_cache', 'release_prompt_cache')]
CALLS.append({'jsonrpc': '2.0', 'id': 5, 'method': 'rkllm.load_lora', 'params': [None, {
    'lora_adapter_path': '/nowhere.gguf', 'lora_adapter_name': 'a', 'scale': 1.0}]})
CALLS.append({'jsonrpc': '2.0', 'id': 6, 'method': 'rkllm.load_prompt_cache',
              'params': [None, 'nowhere']})
CALLS.append({'jsonrpc': '2.0', 'id': 4, 'method': 'bulkhead.status'})
FIELDS_RPC = ['jsonrpc', 'id', 'method', 'params', 'param', 'rkllm_input', 'prompt_input', 'seed',
              'model_path', 'max_context_len', 'mode', 'keep_history', 'lora_params', 'n_tokens',
              'input_ids', 'role', 'input_type', 'embed_input', 'is_async', 'top_p',
              'lora_adapter_path', 'lora_adapter_name', 'scale', 'prompt_cache_path']


def rpc(rng):
    """What one client sends: some calls, one of them wrong, alone or in batches."""
    out = []
    for base in [INIT, rng.choice((RUN, RUN, TOKENS, INIT, rng.choice(CALLS)))]:
        out.append(tree(rng, base, FIELDS_RPC) if base is not INIT or rng.randrange(4) == 0
                   else put(base))
    if rng.randrange(4) == 0:
        out.append(tree(rng, rng.choice((RUN, *CALLS)), FIELDS_RPC))
    how = rng.randrange(8)
    if how == 0:
        return b'[' + b','.join(out) + rng.choice((b']', b']', b'', b',]'))
    if how == 1:
        return scramble(rng, b'\n'.join(out))
    return rng.choice((b'\n', b'\n', b'', b' ', b'\r\n', b',')).join(out) + b'\n'
