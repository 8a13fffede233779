#!/usr/bin/env node
// npm's openai client, as people use it, against the demo model.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openai, serve } from './server.mjs';

const OpenAI = await openai();
const messages = [{ role: 'user', content: 'Tell me a story.' }];
const model = 'demo';
let server, client;

before(async () => {
	server = await serve();
	client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
after(() => server.stop());

async function collect(stream) {
	const chunks = [];
	for await (const chunk of stream) chunks.push(chunk);
	return chunks;
}

const textOf = (chunks, index = 0) => chunks.flatMap((c) => c.choices)
	.filter((c) => c.index === index)
	.map((c) => c.text ?? c.delta.content ?? '').join('');

test('models are listed', async () => {
	const ids = (await collect(await client.models.list())).map((m) => m.id);
	assert.ok(ids.includes(model), String(ids));
});

test('a chat, streamed and not, says the same', async () => {
	const ask = { model, messages, max_tokens: 60, seed: 1, temperature: 0.8 };
	const whole = await client.chat.completions.create(ask);
	const [choice] = whole.choices;
	assert.equal(choice.message.role, 'assistant');
	assert.ok(choice.message.content.length > 20);
	assert.ok(['stop', 'length'].includes(choice.finish_reason));
	assert.equal(whole.object, 'chat.completion');
	assert.equal(whole.usage.total_tokens,
		whole.usage.prompt_tokens + whole.usage.completion_tokens);
	const chunks = await collect(await client.chat.completions.create({
		...ask, stream: true, stream_options: { include_usage: true } }));
	assert.equal(textOf(chunks), choice.message.content);
	assert.equal(chunks[0].choices[0].delta.role, 'assistant');
	assert.equal(chunks[0].object, 'chat.completion.chunk');
	assert.deepEqual(chunks.at(-1).choices, []);
	assert.deepEqual(chunks.at(-1).usage, whole.usage);
	assert.equal(chunks.at(-2).choices[0].finish_reason, choice.finish_reason);
	assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
});

test('embeddings, as the client asks for them and as numbers', async () => {
	const input = ['Once upon a time', 'The end'];
	const ours = await client.embeddings.create({ model, input });
	const plain = await client.embeddings.create({ model, input, encoding_format: 'float' });
	assert.equal(ours.object, 'list');
	assert.deepEqual(ours.data.map((d) => d.index), [0, 1]);
	assert.equal(ours.data[0].embedding.length, 128);
	ours.data.forEach((d, i) => d.embedding.forEach((v, k) =>
		assert.ok(Math.abs(v - plain.data[i].embedding[k]) < 1e-6)));
	assert.equal(ours.usage.prompt_tokens, ours.usage.total_tokens);
	await assert.rejects(client.embeddings.create({ model, input, dimensions: 7 }),
		(e) => e.status === 400 && e.param === 'dimensions');
	await assert.rejects(client.embeddings.create({ model, input: [] }),
		(e) => e.status === 400 && e.param === 'input');
});

test('a completion, streamed and not, says the same', async () => {
	const ask = { model, prompt: 'Once upon a time', max_tokens: 40, seed: 3 };
	const whole = await client.completions.create(ask);
	const chunks = await collect(await client.completions.create({ ...ask, stream: true }));
	assert.equal(textOf(chunks), whole.choices[0].text);
	assert.equal(whole.object, 'text_completion');
	assert.equal(whole.usage.completion_tokens <= 40, true);
});

test('n gives that many choices, which differ and repeat', async () => {
	const ask = { model, prompt: 'Once', n: 3, max_tokens: 30, seed: 5, temperature: 1 };
	const { choices } = await client.completions.create(ask);
	const texts = choices.map((c) => c.text);
	assert.deepEqual(choices.map((c) => c.index), [0, 1, 2]);
	assert.ok(new Set(texts).size > 1);
	const chunks = await collect(await client.completions.create({ ...ask, stream: true }));
	assert.deepEqual([0, 1, 2].map((i) => textOf(chunks, i)), texts);
});

test('a stop string ends it and never shows', async () => {
	const ask = { model, prompt: 'Once upon a time', max_tokens: 80, seed: 7, temperature: 0 };
	const free = (await client.completions.create(ask)).choices[0].text;
	const words = free.split(' ');
	const stop = words.slice(4, 6).join(' '); // spans tokens
	const expected = free.slice(0, free.indexOf(stop));
	const { choices: [choice] } = await client.completions.create({ ...ask, stop });
	assert.equal(choice.text, expected);
	assert.equal(choice.finish_reason, 'stop');
	const chunks = await collect(await client.completions.create({
		...ask, stop: ['never said', stop], stream: true }));
	assert.equal(textOf(chunks), expected);
});

test('logprobs come with each token', async () => {
	const { choices: [choice] } = await client.chat.completions.create({
		model, messages, max_tokens: 8, seed: 1, temperature: 0,
		logprobs: true, top_logprobs: 3 });
	const { content } = choice.logprobs;
	assert.ok(content.length > 0 && content.length <= 8);
	for (const token of content) {
		assert.ok(token.logprob <= 0);
		assert.equal(token.top_logprobs.length, 3);
		assert.deepEqual([...token.bytes], [...Buffer.from(token.token)]);
		// Greedy takes the likeliest.
		assert.equal(token.top_logprobs[0].token, token.token);
		assert.ok(token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob);
	}
	assert.equal(content.map((t) => t.token).join('').startsWith(choice.message.content), true);
	const plain = await client.completions.create({ model, prompt: 'Once', max_tokens: 5,
		logprobs: 2, seed: 1 });
	const { tokens, token_logprobs: logprobs, top_logprobs: tops } = plain.choices[0].logprobs;
	assert.equal(tokens.length, logprobs.length);
	assert.equal(tops.length, tokens.length);
});

test('the same seed repeats, another does not', async () => {
	const say = async (seed) => (await client.completions.create({ model, prompt: 'Once',
		max_tokens: 60, seed, temperature: 1 })).choices[0].text;
	const [a, again, b] = [await say(11), await say(11), await say(12)];
	assert.equal(a, again);
	assert.notEqual(a, b);
});

test('response_format json_schema is obeyed', async () => {
	const schema = { type: 'object', additionalProperties: false,
		properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer',
			minimum: 0, maximum: 99 }, kind: { enum: ['cat', 'dog'] } },
		required: ['name', 'age', 'kind'] };
	for (const seed of [1, 2, 3]) {
		const { choices: [choice] } = await client.chat.completions.create({
			model, messages, seed, max_tokens: 200, temperature: 0.8,
			response_format: { type: 'json_schema',
				json_schema: { name: 'pet', schema, strict: true } } });
		assert.equal(choice.finish_reason, 'stop', choice.message.content);
		const pet = JSON.parse(choice.message.content);
		assert.deepEqual(Object.keys(pet), ['name', 'age', 'kind']);
		assert.ok(typeof pet.name === 'string' && pet.name.length <= 8);
		assert.ok(Number.isInteger(pet.age) && pet.age >= 0 && pet.age <= 99);
		assert.ok(['cat', 'dog'].includes(pet.kind));
	}
});

test('response_format json_object gives an object', async () => {
	const { choices: [choice] } = await client.chat.completions.create({
		model, messages, seed: 1, max_tokens: 300, temperature: 0,
		response_format: { type: 'json_object' } });
	if (choice.finish_reason === 'stop') {
		assert.equal(typeof JSON.parse(choice.message.content), 'object');
	} else {
		assert.match(choice.message.content, /^\s*\{/);
	}
});

test('an abort in mid-stream ends the work', async () => {
	const gauge = async (name) => Number((await (await fetch(`${server.url}/metrics`)).text())
		.match(new RegExp(`^\\w*${name}(?:\\{.*\\})? (\\S+)$`, 'm'))[1]);
	const before = await gauge('generations_cancelled_total');
	const stream = await client.completions.create({ model, prompt: 'Once', stream: true,
		max_tokens: 3000, seed: 1, ...{ ignore_eos: true } });
	for await (const chunk of stream) {
		assert.ok(chunk.choices);
		stream.controller.abort();
		break;
	}
	const deadline = Date.now() + 20000;
	while (await gauge('generations_cancelled_total') === before) {
		assert.ok(Date.now() < deadline, 'it was never cancelled');
	}
});

test('errors are those of the client library', async () => {
	const good = { model, messages, max_tokens: 5 };
	const cases = [
		[{ ...good, model: 'none such' }, OpenAI.NotFoundError, 'model'],
		[{ ...good, temperature: 'hot' }, OpenAI.BadRequestError, 'temperature'],
		[{ ...good, top_p: 7 }, OpenAI.BadRequestError, 'top_p'],
		[{ ...good, n: 0 }, OpenAI.BadRequestError, 'n'],
		[{ ...good, messages: [] }, OpenAI.BadRequestError, 'messages'],
		[{ ...good, messages: [{ role: 'user', content: 'word '.repeat(9000) }] },
			OpenAI.BadRequestError, null],
	];
	for (const [body, kind, param] of cases) {
		await assert.rejects(client.chat.completions.create(body), (e) => {
			assert.ok(e instanceof kind, `${e.constructor.name}: ${e.message}`);
			assert.ok(e.error.message.length > 10);
			if (param !== null) assert.equal(e.param, param);
			return true;
		});
	}
	await assert.rejects(client.embeddings.create({ model, input: [] }), { status: 400 });
	// And the client is none the worse for it.
	assert.ok((await client.chat.completions.create(good)).choices.length === 1);
});

test('sixteen at once each get their own', async () => {
	const ask = (seed) => ({ model, prompt: 'Once', max_tokens: 40, seed, temperature: 0.8 });
	const seeds = Array.from({ length: 16 }, (_, i) => i);
	const streams = await Promise.all(seeds.map(async (seed) => textOf(await collect(
		await client.completions.create({ ...ask(seed), stream: true })))));
	assert.ok(streams.every((text) => text.length > 0));
	assert.ok(new Set(streams).size > 8);
});

const tools = ['add', 'subtract'].map((name) => ({
	type: 'function',
	function: { name, description: `Does ${name}.`, parameters: {
		type: 'object', required: ['a', 'b'],
		properties: { a: { type: 'integer' }, b: { type: 'integer' } } } },
}));
const sum = [{ role: 'user', content: 'Use the tool to add 2 and 3.' }];

test('a tool is called, streamed and not, the same', async () => {
	const ask = { model, messages: sum, tools, max_tokens: 100, seed: 1, temperature: 0,
		tool_choice: { type: 'function', function: { name: 'add' } } };
	const whole = await client.chat.completions.create(ask);
	const [{ message, finish_reason }] = whole.choices;
	assert.equal(finish_reason, 'tool_calls');
	assert.equal(message.tool_calls[0].function.name, 'add');
	assert.equal(typeof JSON.parse(message.tool_calls[0].function.arguments).a, 'number');
	const streamed = await client.chat.completions.stream(ask).finalChatCompletion();
	assert.equal(streamed.choices[0].finish_reason, 'tool_calls');
	assert.deepEqual(streamed.choices[0].message.tool_calls.map(({ id, function: f }) =>
		({ id, name: f.name, arguments: f.arguments })),
	message.tool_calls.map(({ id, function: f }) =>
		({ id, name: f.name, arguments: f.arguments })));
});

test('the client runs the tools itself', async () => {
	const asked = [];
	const runner = client.chat.completions.runTools({
		model, messages: sum, max_tokens: 100, seed: 1, temperature: 0,
		tools: [{ type: 'function', function: {
			...tools[0].function, parse: JSON.parse,
			function: ({ a, b }) => { asked.push([a, b]); return String(a + b); } } }],
	});
	assert.equal(typeof await runner.finalContent(), 'string');
	assert.equal(asked.length >= 1, true);
});
