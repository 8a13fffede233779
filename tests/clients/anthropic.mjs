#!/usr/bin/env node
// npm's @anthropic-ai/sdk, as people use it, against the demo model.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { library, serve } from './server.mjs';

const { default: Anthropic } = await library('@anthropic-ai/sdk');
const messages = [{ role: 'user', content: 'Tell me a story.' }];
const story = { model: 'demo', max_tokens: 60, messages, seed: 1 };
let server, client;

before(async () => {
	server = await serve('--ctx-size', '2048');
	client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
});
after(() => server.stop());

async function collect(stream) {
	const events = [];
	for await (const event of stream) events.push(event);
	return events;
}

const textOf = (message) => message.content.map((b) => b.text ?? '').join('');

test('a message, streamed and not, says the same', async () => {
	const whole = await client.messages.create(story);
	assert.equal(whole.type, 'message');
	assert.equal(whole.role, 'assistant');
	assert.equal(whole.model, 'demo');
	assert.match(whole.id, /^msg_/);
	assert.deepEqual(whole.content.map((b) => b.type), ['text']);
	assert.ok(textOf(whole).length > 20);
	assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
	const streamed = await client.messages.stream(story).finalMessage();
	assert.deepEqual(streamed.content.map((b) => [b.type, b.text]),
		whole.content.map((b) => [b.type, b.text]));
	assert.equal(streamed.stop_reason, whole.stop_reason);
	assert.equal(streamed.usage.output_tokens, whole.usage.output_tokens);
});

test('the events come in Anthropic\'s order', async () => {
	const events = await collect(await client.messages.create({ ...story, stream: true }));
	const types = events.map((e) => e.type);
	assert.deepEqual([types[0], types[1], ...types.slice(-3)], ['message_start',
		'content_block_start', 'content_block_stop', 'message_delta', 'message_stop']);
	assert.deepEqual(new Set(types.slice(2, -3)), new Set(['content_block_delta']));
	assert.deepEqual(events[0].message.content, []);
	assert.equal(events[0].message.stop_reason, null);
	assert.equal(events.at(-2).delta.stop_reason, 'max_tokens');
});

test('a stop sequence is named and never shows', async () => {
	const ask = { ...story, max_tokens: 80, temperature: 0 };
	const free = textOf(await client.messages.create(ask));
	const stop = free.split(' ').slice(4, 6).join(' ');
	const message = await client.messages.create({ ...ask, stop_sequences: ['never said', stop] });
	assert.equal(textOf(message), free.slice(0, free.indexOf(stop)));
	assert.equal(message.stop_reason, 'stop_sequence');
	assert.equal(message.stop_sequence, stop);
});

test('a system prompt is part of the prompt, as text or as blocks', async () => {
	const system = 'You tell stories about dogs.';
	const plain = await client.messages.create({ ...story, max_tokens: 5 });
	const text = await client.messages.create({ ...story, max_tokens: 5, system });
	const blocks = await client.messages.create({ ...story, max_tokens: 5,
		system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }] });
	const sum = ({ usage: u }) => u.input_tokens + u.cache_read_input_tokens;
	assert.ok(sum(text) > sum(plain));
	assert.equal(sum(blocks), sum(text));
});

const tools = ['add', 'subtract'].map((name) => ({
	name, description: `Does ${name}.`, input_schema: {
		type: 'object', required: ['a', 'b'],
		properties: { a: { type: 'integer' }, b: { type: 'integer' } } },
}));
const sum = { model: 'demo', max_tokens: 100, seed: 1, temperature: 0, tools,
	messages: [{ role: 'user', content: 'Use the tool to add 2 and 3.' }] };

test('a tool is called, streamed and not, the same', async () => {
	const ask = { ...sum, tool_choice: { type: 'tool', name: 'add' } };
	const whole = await client.messages.create(ask);
	assert.equal(whole.stop_reason, 'tool_use');
	const call = whole.content.find((b) => b.type === 'tool_use');
	assert.equal(call.name, 'add');
	assert.equal(typeof call.input.a, 'number');
	const pieces = [];
	const streamed = await client.messages.stream(ask)
		.on('inputJson', (piece) => pieces.push(piece)).finalMessage();
	assert.equal(streamed.stop_reason, 'tool_use');
	assert.deepEqual(streamed.content.find((b) => b.type === 'tool_use'), call);
	assert.ok(pieces.length > 2, 'the arguments came in pieces');
	assert.deepEqual(JSON.parse(pieces.join('')), call.input);
});

test('what the tool said goes back to the model', async () => {
	const first = await client.messages.create({ ...sum, tool_choice: { type: 'any' } });
	const call = first.content.find((b) => b.type === 'tool_use');
	const second = await client.messages.create({ ...sum, messages: [...sum.messages,
		{ role: 'assistant', content: first.content },
		{ role: 'user', content: [
			{ type: 'tool_result', tool_use_id: call.id,
				content: [{ type: 'text', text: '5' }] },
			{ type: 'text', text: 'Thank you.' }] }] });
	const size = ({ usage: u }) => u.input_tokens + u.cache_read_input_tokens;
	assert.ok(size(second) > size(first));
	assert.ok(['end_turn', 'tool_use', 'max_tokens'].includes(second.stop_reason));
});

test('tokens are counted as they will be', async () => {
	for (const ask of [story, sum, { ...story, system: 'Be brief.' }]) {
		const { max_tokens: _, ...counted } = ask;
		const { input_tokens: n } = await client.messages.countTokens(counted);
		const { usage } = await client.messages.create({ ...ask, max_tokens: 1 });
		assert.equal(n, usage.input_tokens + usage.cache_read_input_tokens);
	}
	await assert.rejects(client.messages.countTokens({ model: 'demo', messages: [] }),
		Anthropic.BadRequestError);
});

test('output_config.format rules the answer', async () => {
	const schema = { type: 'object', additionalProperties: false, required: ['kind'],
		properties: { kind: { enum: ['cat', 'dog'] } } };
	const message = await client.messages.create({ ...story,
		output_config: { format: { type: 'json_schema', schema } } });
	assert.ok(['cat', 'dog'].includes(JSON.parse(textOf(message)).kind));
});

test('the beta interface and models are there too', async () => {
	const plain = await client.messages.create(story);
	const beta = await client.beta.messages.create({ ...story, betas: ['any-2025-01-01'] });
	assert.equal(textOf(beta), textOf(plain));
	const ids = [];
	for await (const model of client.models.list()) ids.push(model.id);
	assert.ok(ids.includes('demo'), String(ids));
	assert.equal((await client.models.retrieve('demo')).id, 'demo');
});

test('the client runs the tools itself', async () => {
	const asked = [];
	const runner = client.beta.messages.toolRunner({ ...sum, max_iterations: 3, tools: [{
		...tools[0], type: 'custom', parse: (input) => input,
		run: ({ a, b }) => { asked.push([a, b]); return String(a + b); } }] });
	const last = await runner.runUntilDone();
	assert.equal(last.role, 'assistant');
	assert.ok(asked.length >= 1 && typeof asked[0][0] === 'number', JSON.stringify(asked));
});

test('an abort in mid-stream ends the work', async () => {
	const before = await server.counter('generations_cancelled_total');
	const stream = client.messages.stream({ ...story, max_tokens: 1500, ignore_eos: true });
	await assert.rejects(async () => {
		for await (const event of stream)
			if (event.type === 'content_block_delta') stream.abort();
	}, Anthropic.APIUserAbortError);
	await server.until(async () =>
		await server.counter('generations_cancelled_total') > before);
});

test('errors are those of the client library', async () => {
	const cases = [
		[{ model: 'none such' }, Anthropic.NotFoundError, 'not_found_error'],
		[{ temperature: 'hot' }, Anthropic.BadRequestError, 'invalid_request_error'],
		[{ max_tokens: 0 }, Anthropic.BadRequestError, 'invalid_request_error'],
		[{ messages: [] }, Anthropic.BadRequestError, 'invalid_request_error'],
		[{ messages: [{ role: 'user', content: 'word '.repeat(9000) }] },
			Anthropic.BadRequestError, 'invalid_request_error'],
		[{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
			Anthropic.BadRequestError, 'invalid_request_error'],
		[{ tool_choice: { type: 'any' } }, Anthropic.BadRequestError,
			'invalid_request_error'],
	];
	for (const [wrong, kind, type] of cases)
		for (const stream of [false, true])
			await assert.rejects(client.messages.create({ ...story, ...wrong, stream }),
				(e) => {
					assert.ok(e instanceof kind, `${e.constructor.name}: ${e.message}`);
					assert.equal(e.error.type, 'error');
					assert.equal(e.error.error.type, type);
					assert.ok(e.error.error.message.length > 10);
					return true;
				});
	assert.ok((await client.messages.create({ ...story, max_tokens: 5 })).content.length > 0);
});

test('sixteen at once each get their own', async () => {
	const seeds = Array.from({ length: 16 }, (_, i) => i);
	const said = await Promise.all(seeds.map(async (seed) =>
		textOf(await client.messages.stream({ ...story, seed }).finalMessage())));
	assert.ok(said.every((text) => text.length > 0));
	assert.ok(new Set(said).size > 8);
});
