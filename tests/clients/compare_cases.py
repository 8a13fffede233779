"""What compare asks both servers: a name, a method, a path and a body."""

MESSAGES = [{'role': 'user', 'content': 'Tell me a story.'}]
SUM = [{'role': 'user', 'content': 'Use the tool to add 2 and 3.'}]
BEGUN = [*MESSAGES, {'role': 'assistant', 'content': 'Once upon a time there was a big'}]
TOOLS = [{'type': 'function', 'function': {
    'name': 'add', 'description': 'Adds.', 'parameters': {
        'type': 'object', 'required': ['a', 'b'],
        'properties': {'a': {'type': 'integer'}, 'b': {'type': 'integer'}}}}}]
SCHEMA = {'type': 'object', 'required': ['age', 'kind'], 'additionalProperties': False,
          'properties': {'age': {'type': 'integer', 'minimum': 0, 'maximum': 99},
                         'kind': {'enum': ['cat', 'dog']}}}
# What a slot of llama-server's has left from before is no matter of ours.
GREEDY = {'temperature': 0, 'seed': 1, 'cache_prompt': False}
SHORT = dict(GREEDY, max_tokens=16)
NATIVE = dict(GREEDY, n_predict=16)
CHAT = dict(SHORT, model='demo', messages=MESSAGES)
PROMPT = dict(SHORT, model='demo', prompt='Once upon a time')
COMPLETION = dict(NATIVE, prompt='Once upon a time')
MESSAGES_BODY = {'model': 'demo', 'messages': MESSAGES, 'max_tokens': 16, 'temperature': 0}
RESPONSE = {'model': 'demo', 'input': 'Tell me a story.', 'max_output_tokens': 16, 'temperature': 0}


def post(name, path, body, **more):
    return name, 'POST', path, dict(body, **more)


def get(name, path):
    return name, 'GET', path, None


# Of a server that generates.
CASES = [
    get('health', '/health'),
    get('metrics', '/metrics'),
    get('health v1', '/v1/health'),
    get('models', '/v1/models'),
    get('props', '/props'),
    get('slots', '/slots'),
    get('lora-adapters', '/lora-adapters'),
    post('lora-adapters set', '/lora-adapters', {}),
    post('tokenize', '/tokenize', {'content': 'Once upon a time'}),
    post('tokenize pieces', '/tokenize', {'content': 'Once é', 'with_pieces': True,
                                          'add_special': True}),
    post('tokenize specials', '/tokenize', {'content': '<|im_start|>user', 'parse_special': False}),
    post('detokenize', '/detokenize', {'tokens': [1, 2, 300]}),
    post('apply-template', '/apply-template', {'messages': MESSAGES}),
    post('completion', '/completion', COMPLETION),
    post('completion stream', '/completion', COMPLETION, stream=True),
    post('completion probs', '/completion', COMPLETION, n_probs=2),
    post('completion probs stream', '/completion', COMPLETION, n_probs=2, stream=True),
    post('completion stop', '/completion', COMPLETION, n_predict=100, stop=['.']),
    post('completion tokens', '/completion', COMPLETION, return_tokens=True),
    post('completion prompts', '/completion', COMPLETION, prompt=['Once', 'The']),
    post('completion ids', '/completion', COMPLETION, prompt=[1, 300, 301]),
    post('completion n', '/completion', COMPLETION, n_cmpl=2),
    post('completion fields', '/completion', COMPLETION,
         response_fields=['content', 'generation_settings/n_predict']),
    post('completion grammar', '/completion', COMPLETION, grammar='root ::= "yes" | "no"'),
    post('completion schema', '/completion', COMPLETION, n_predict=60, json_schema=SCHEMA),
    post('completion bias', '/completion', COMPLETION, logit_bias=[[300, 5.0], [301, False]]),
    post('completion penalties', '/completion', COMPLETION, n_predict=60, repeat_penalty=1.3,
         frequency_penalty=0.5, presence_penalty=0.2),
    post('completion dry', '/completion', COMPLETION, n_predict=60, dry_multiplier=0.8),
    post('completion timings', '/completion', COMPLETION, stream=True, timings_per_token=True),
    post('completion progress', '/completion', COMPLETION, stream=True, return_progress=True),
    post('completion none', '/completion', COMPLETION, n_predict=0),
    post('infill', '/infill', {'input_prefix': 'a', 'input_suffix': 'b', 'n_predict': 4}),
    post('rerank', '/v1/rerank', {'query': 'a', 'documents': ['b']}),
    post('v1 completion', '/v1/completions', PROMPT),
    post('v1 completion stream', '/v1/completions', PROMPT, stream=True,
         stream_options={'include_usage': True}),
    post('v1 completion logprobs', '/v1/completions', PROMPT, logprobs=2),
    post('v1 completion n', '/v1/completions', PROMPT, n=2),
    post('v1 completion echo', '/v1/completions', PROMPT, echo=True),
    post('v1 completion stop', '/v1/completions', PROMPT, max_tokens=100, stop='.'),
    post('chat', '/v1/chat/completions', CHAT),
    post('chat stream', '/v1/chat/completions', CHAT, stream=True,
         stream_options={'include_usage': True}),
    post('chat logprobs', '/v1/chat/completions', CHAT, logprobs=True, top_logprobs=2),
    post('chat stop', '/v1/chat/completions', CHAT, max_tokens=200, stop=['.']),
    post('chat whole', '/v1/chat/completions', CHAT, max_tokens=400),
    post('chat schema', '/v1/chat/completions', CHAT, max_tokens=80, response_format={
        'type': 'json_schema', 'json_schema': {'name': 'pet', 'schema': SCHEMA}}),
    post('chat tool', '/v1/chat/completions', dict(CHAT, messages=SUM), tools=TOOLS,
         max_tokens=100),
    post('chat tool required', '/v1/chat/completions', dict(CHAT, messages=SUM), tools=TOOLS,
         tool_choice='required', max_tokens=100),
    post('chat tool stream', '/v1/chat/completions', dict(CHAT, messages=SUM), tools=TOOLS,
         max_tokens=100, stream=True),
    post('chat n', '/v1/chat/completions', CHAT, n=2),
    post('chat object', '/v1/chat/completions', CHAT, max_tokens=200,
         response_format={'type': 'json_object'}),
    post('chat budget', '/v1/chat/completions', dict(GREEDY, model='demo', messages=MESSAGES),
         max_completion_tokens=5),
    post('chat penalties', '/v1/chat/completions', CHAT, max_tokens=60, frequency_penalty=0.5,
         presence_penalty=0.3, logit_bias={'300': -5}),
    post('chat history', '/v1/chat/completions', dict(CHAT, messages=[
        {'role': 'system', 'content': 'Be brief.'}, *MESSAGES,
        {'role': 'assistant', 'content': 'Once.'}, *MESSAGES])),
    post('chat parts', '/v1/chat/completions', dict(CHAT, messages=[
        {'role': 'user', 'content': [{'type': 'text', 'text': 'Tell me'},
                                     {'type': 'text', 'text': ' a story.'}]}])),
    post('chat answered call', '/v1/chat/completions', dict(CHAT, tools=TOOLS, messages=[
        *SUM, {'role': 'assistant', 'content': None, 'tool_calls': [
            {'id': 'a', 'type': 'function', 'function': {
                'name': 'add', 'arguments': '{"a":2,"b":3}'}}]},
        {'role': 'tool', 'tool_call_id': 'a', 'content': '5'}])),
    post('chat grammar', '/v1/chat/completions', CHAT, grammar='root ::= "yes" | "no"'),
    post('chat kwargs', '/v1/chat/completions', CHAT,
         chat_template_kwargs={'enable_thinking': False}),
    post('chat input tokens', '/v1/chat/completions/input_tokens', CHAT),
    post('chat goes on', '/v1/chat/completions', dict(CHAT, messages=BEGUN)),
    post('chat goes on stream', '/v1/chat/completions', dict(CHAT, messages=BEGUN), stream=True),
    post('chat goes on tools', '/v1/chat/completions', dict(CHAT, messages=BEGUN), tools=TOOLS),
    post('chat developer', '/v1/chat/completions', dict(CHAT, messages=[
        {'role': 'developer', 'content': 'Be brief.'}, *MESSAGES])),
    post('chat no reasoning', '/v1/chat/completions', CHAT, reasoning_effort='none',
         reasoning_format='none'),
    post('responses', '/v1/responses', RESPONSE),
    post('responses items', '/v1/responses', RESPONSE, instructions='Be brief.', input=[
        *MESSAGES, {'type': 'message', 'role': 'assistant', 'content': [
            {'type': 'output_text', 'text': 'Once.'}]}, *MESSAGES]),
    post('responses items input tokens', '/v1/responses/input_tokens', RESPONSE, input=[
        *SUM, {'type': 'function_call', 'call_id': 'a', 'name': 'add',
               'arguments': '{"a":2,"b":3}'},
        {'type': 'function_call_output', 'call_id': 'a', 'output': '5'}]),
    post('responses stream', '/v1/responses', RESPONSE, stream=True),
    post('responses tool', '/v1/responses', RESPONSE, input='Use the tool to add 2 and 3.',
         max_output_tokens=100, tools=[dict(TOOLS[0]['function'], type='function')]),
    post('responses input tokens', '/v1/responses/input_tokens', RESPONSE),
    post('messages', '/v1/messages', MESSAGES_BODY),
    post('messages stream', '/v1/messages', MESSAGES_BODY, stream=True),
    post('messages blocks', '/v1/messages', dict(MESSAGES_BODY, system=[
        {'type': 'text', 'text': 'Be brief.'}], messages=[
            {'role': 'user', 'content': [{'type': 'text', 'text': 'Tell me a story.'}]}])),
    post('messages goes on', '/v1/messages', dict(MESSAGES_BODY, messages=BEGUN)),
    post('messages answered call count', '/v1/messages/count_tokens', dict(MESSAGES_BODY, messages=[
        *SUM, {'role': 'assistant', 'content': [
            {'type': 'text', 'text': 'I add.'},
            {'type': 'tool_use', 'id': 'a', 'name': 'add', 'input': {'a': 2, 'b': 3}}]},
        {'role': 'user', 'content': [
            {'type': 'tool_result', 'tool_use_id': 'a', 'content': '5'}]}])),
    post('messages stop', '/v1/messages', MESSAGES_BODY, max_tokens=200, stop_sequences=['.']),
    post('messages tool', '/v1/messages', dict(MESSAGES_BODY, messages=SUM), max_tokens=100, tools=[
        {'name': 'add', 'description': 'Adds.',
         'input_schema': TOOLS[0]['function']['parameters']}]),
    post('messages tool stream', '/v1/messages', dict(MESSAGES_BODY, messages=SUM), max_tokens=100,
         stream=True, tools=[{'name': 'add', 'description': 'Adds.',
                              'input_schema': TOOLS[0]['function']['parameters']}]),
    post('messages count', '/v1/messages/count_tokens', MESSAGES_BODY),
    # Errors
    get('nothing there', '/nothing/there'),
    post('bad json', '/v1/chat/completions', CHAT, messages='x'),
    post('no messages', '/v1/chat/completions', {'model': 'demo'}),
    post('no prompt', '/completion', {'n_predict': 4}),
    post('bad grammar', '/completion', COMPLETION, grammar='root ::= ('),
    post('bad temperature', '/completion', COMPLETION, temperature='hot'),
    post('too long', '/v1/chat/completions', dict(CHAT, messages=[
        {'role': 'user', 'content': 'word ' * 3000}])),
    post('bad token', '/completion', COMPLETION, prompt=[99999999]),
    post('embedding off', '/v1/embeddings', {'model': 'demo', 'input': 'a'}),
]

# Of one that makes embeddings.
EMBEDDINGS = [
    post('embedding', '/embedding', {'content': 'Once upon a time'}),
    post('embeddings', '/embeddings', {'content': ['Once', 'upon']}),
    post('embedding ids', '/embedding', {'content': [1, 300, 301]}),
    post('embedding plain', '/embedding', {'content': 'Once', 'embd_normalize': -1}),
    post('v1 embeddings', '/v1/embeddings', {'model': 'demo', 'input': 'Once upon a time'}),
    post('v1 embeddings list', '/v1/embeddings', {'model': 'demo', 'input': ['Once', 'The']}),
    post('v1 embeddings base64', '/v1/embeddings', {'model': 'demo', 'input': 'Once',
                                                    'encoding_format': 'base64'}),
    post('v1 embeddings bad', '/v1/embeddings', {'model': 'demo'}),
]
