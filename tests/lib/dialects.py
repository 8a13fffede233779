"""The dialects that generations are asked for in, and their streams."""
import json
import re

from bulkhead import Http

SAY = [{'role': 'user', 'content': 'Tell me a story.'}]
# name -> path, body
ASKS = {
    'completion': ('/v1/completions', {'prompt': 'Once',
                                       'stream_options': {'include_usage': True}}),
    'chat': ('/v1/chat/completions', {'messages': SAY, 'stream_options': {'include_usage': True}}),
    'anthropic': ('/v1/messages', {'messages': SAY, 'max_tokens': 500}),
    'responses': ('/v1/responses', {'input': 'Tell me a story.'}),
}

IDS = re.compile(r'\b(cmpl|chatcmpl|msg|resp|rs|fc)([-_])[0-9a-f]{24}')


def plain(value):
    """An event without what differs between two answers to the same question."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()
                if k not in ('created', 'created_at', 'timings')}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return IDS.sub(r'\1\2', value) if isinstance(value, str) else value


def events(where, name, on_event=None, **fields):
    """Every (event name, data) of a stream in that dialect, comments left out."""
    path, body = ASKS[name]
    got = []
    with Http(where) as h:
        h.request('POST', path, {**body, 'stream': True, **fields}, ['Connection: close'])
        status, headers = h.head()
        assert status == 200, (status, h.file.read())
        assert headers['content-type'].startswith('text/event-stream'), headers
        for event in iter_events(h):
            got.append(event)
            if on_event:
                on_event(got)
    return got


def iter_events(h):
    rest = b''
    for data in iter(h.chunk, b''):
        rest += data
        *whole, rest = rest.split(b'\n\n')
        for event in whole:
            fields = dict(line.split(b': ', 1) for line in event.split(b'\n')
                          if not line.startswith(b':'))
            if b'data' in fields:
                text = fields[b'data'].decode()
                yield (fields.get(b'event', b'').decode(),
                       text if text == '[DONE]' else plain(json.loads(text)))
    assert rest == b'', rest


def error_of(name, reply):
    """The message of a refusal, which must have the form of its dialect."""
    body = reply.json
    if name == 'anthropic':
        assert body['type'] == 'error' and body['error']['type'].endswith('_error'), body
    else:
        assert {'message', 'type', 'param', 'code'} <= set(body['error']), body
    return body['error']['message']
