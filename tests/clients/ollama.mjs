#!/usr/bin/env node
// npm's ollama client, as people use it, against the demo model.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { library, serve } from './server.mjs';

const { Ollama } = await library('ollama');
const messages = [{ role: 'user', content: 'Tell me a story.' }];
const model = 'demo';
let server, client;

before(async () => {
	server = await serve();
	client = new Ollama({ host: server.url });
});
after(() => server.stop());

async function collect(stream) {
	const parts = [];
	for await (const part of stream) parts.push(part);
	return parts;
}

test('what there is, is told', async () => {
	const { models } = await client.list();
	assert.deepEqual(models.map((m) => m.name), ['demo:latest']);
	assert.ok(models[0].size > 1e6 && !Number.isNaN(Date.parse(models[0].modified_at)));
	const shown = await client.show({ model });
	assert.equal(shown.details.family, 'llama');
	assert.ok(shown.capabilities.includes('completion'));
	assert.equal(shown.model_info['general.architecture'], 'llama');
	const running = (await client.ps()).models;
	assert.equal(running[0].digest, models[0].digest);
	assert.ok(Date.parse(running[0].expires_at) > Date.now());
	assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);
});

test('a chat, streamed and not, says the same', async () => {
	const ask = { model, messages, options: { num_predict: 60, seed: 1 } };
	const whole = await client.chat(ask);
	assert.equal(whole.message.role, 'assistant');
	assert.ok(whole.message.content.length > 20);
	const parts = await collect(await client.chat({ ...ask, stream: true }));
	assert.equal(parts.map((p) => p.message.content).join(''), whole.message.content);
	assert.ok(parts.slice(0, -1).every((p) => p.done === false));
	const last = parts.at(-1);
	assert.equal(last.done, true);
	assert.equal(last.done_reason, whole.done_reason);
	assert.equal(last.eval_count, whole.eval_count);
	assert.equal(last.prompt_eval_count, whole.prompt_eval_count);
	assert.ok(last.total_duration > 0 && last.eval_duration > 0);
});

test('a prompt, streamed and not, says the same', async () => {
	const ask = { model: 'demo:latest', prompt: 'Tell me a story.',
		options: { num_predict: 40, seed: 3 } };
	const whole = await client.generate(ask);
	const parts = await collect(await client.generate({ ...ask, stream: true }));
	assert.equal(parts.map((p) => p.response).join(''), whole.response);
	assert.equal(whole.model, 'demo:latest');
	const chat = await client.chat({ model, messages, options: ask.options });
	assert.equal(chat.message.content, whole.response);
});

test('a call of a tool comes whole, and its answer goes back', async () => {
	const tools = ['add', 'subtract'].map((name) => ({ type: 'function', function: {
		name, description: `Does ${name}.`, parameters: { type: 'object', required: ['a', 'b'],
			properties: { a: { type: 'integer' }, b: { type: 'integer' } } } } }));
	const sum = [{ role: 'user', content: 'Use the tool to add 2 and 3.' }];
	const ask = { model, messages: sum, tools,
		options: { temperature: 0, seed: 1, num_predict: 100, repeat_penalty: 1 } };
	const whole = await client.chat(ask);
	const [call] = whole.message.tool_calls;
	assert.equal(call.function.name, 'add');
	assert.equal(typeof call.function.arguments.a, 'number');
	const parts = await collect(await client.chat({ ...ask, stream: true }));
	assert.deepEqual(parts.flatMap((p) => p.message.tool_calls ?? []), whole.message.tool_calls);
	const more = await client.chat({ ...ask, messages: [...sum, whole.message,
		{ role: 'tool', tool_name: 'add', content: '5' }] });
	assert.equal(more.done, true);
});

test('a format is obeyed', async () => {
	const format = { type: 'object', additionalProperties: false, required: ['age', 'kind'],
		properties: { age: { type: 'integer', minimum: 0, maximum: 99 },
			kind: { enum: ['cat', 'dog'] } } };
	for (const seed of [1, 2, 3]) {
		const { message } = await client.chat({ model, messages, format,
			options: { seed, num_predict: 200 } });
		const pet = JSON.parse(message.content);
		assert.deepEqual(Object.keys(pet), ['age', 'kind']);
		assert.ok(Number.isInteger(pet.age) && ['cat', 'dog'].includes(pet.kind));
	}
	const { response } = await client.generate({ model, prompt: 'A pet.', format: 'json',
		options: { seed: 1, num_predict: 300 } });
	assert.match(response, /^\s*\{/);
});

test('thinking may be asked for, or not', async () => {
	for (const think of [true, false, 'low']) {
		const got = await client.chat({ model, messages, think,
			options: { num_predict: 10, seed: 1 } });
		assert.equal(got.done, true);
	}
});

test('logprobs come along', async () => {
	const got = await client.generate({ model, prompt: 'Once', raw: true, logprobs: true,
		top_logprobs: 2, options: { num_predict: 5, temperature: 0 } });
	assert.equal(got.logprobs.length, 5);
	assert.ok(got.logprobs.every((l) => l.logprob <= 0 && l.top_logprobs.length === 2));
});

test('an abort in mid-stream ends the work', async () => {
	const endless = { model, messages, stream: true,
		options: { num_predict: 900, seed: 1, ignore_eos: true } };
	for (const end of [(stream) => stream.abort(), () => client.abort()]) {
		const before = await server.counter('generations_cancelled_total');
		const stream = await client.chat(endless);
		await assert.rejects(async () => {
			for await (const part of stream) {
				assert.ok(part.message);
				end(stream);
			}
		}, { name: 'AbortError' });
		await server.until(async () =>
			await server.counter('generations_cancelled_total') > before);
	}
});

test('errors are those of the client library', async () => {
	const good = { model, messages, options: { num_predict: 5 } };
	const cases = [
		[{ ...good, model: 'none such' }, 404, /model 'none such' not found/],
		[{ ...good, options: { temperature: 'hot' } }, 400, /options\.temperature/],
		[{ ...good, format: 'xml' }, 400, /format/],
		[{ ...good, messages: [{ role: 'king', content: '' }] }, 400, /role/],
		[{ ...good, messages: [{ role: 'user', content: 'word '.repeat(9000) }] }, 400, /context/],
		[{ ...good, messages: [{ role: 'user', content: '', images: ['aGk='] }] }, 400, /images/],
	];
	for (const [body, status, words] of cases) {
		for (const stream of [false, true]) {
			await assert.rejects(client.chat({ ...body, stream }), (e) => {
				assert.equal(e.name, 'ResponseError');
				assert.equal(e.status_code, status);
				assert.match(e.error, words);
				return true;
			});
		}
	}
	assert.equal((await client.chat(good)).done, true);
});

test('what an operator does is refused, and a model that is there is pulled', async () => {
	await assert.rejects(client.pull({ model: 'none such' }), { status_code: 501 });
	await assert.rejects(client.delete({ model }), { status_code: 501 });
	await assert.rejects(client.copy({ source: model, destination: 'x' }), { status_code: 501 });
	await assert.rejects(client.create({ model: 'x', from: model }), { status_code: 501 });
	assert.equal((await client.pull({ model })).status, 'success');
	const parts = await collect(await client.pull({ model, stream: true }));
	assert.deepEqual(parts.map((p) => p.status), ['success']);
});

test('texts become vectors', async () => {
	const { embeddings } = await client.embed({ model, input: ['Once', 'The end.'] });
	assert.equal(embeddings.length, 2);
	assert.equal(embeddings[0].length, embeddings[1].length);
	const { embedding } = await client.embeddings({ model, prompt: 'Once' });
	assert.equal(embedding.length, embeddings[0].length);
	await assert.rejects(client.embed({ model: 'none such', input: 'a' }), { status_code: 404 });
});

test('a model is loaded by asking nothing', async () => {
	const got = await client.generate({ model, prompt: '', keep_alive: '5m' });
	assert.equal(got.done_reason, 'load');
	const parts = await collect(await client.chat({ model, messages: [], stream: true }));
	assert.deepEqual(parts.map((p) => p.done_reason), ['load']);
});

test('sixteen at once each get their own', async () => {
	const seeds = Array.from({ length: 16 }, (_, i) => i);
	const texts = await Promise.all(seeds.map(async (seed) => (await collect(
		await client.generate({ model, prompt: 'Once', raw: true, stream: true,
			options: { num_predict: 40, seed } }))).map((p) => p.response).join('')));
	assert.ok(texts.every((text) => text.length > 0));
	assert.ok(new Set(texts).size > 8);
});
