#!/usr/bin/env node
// OpenAI's responses by npm's openai client, as people use it, against the demo
// model.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openai, serve } from './server.mjs';

const OpenAI = await openai();
const story = { model: 'demo', input: 'Tell me a story.', max_output_tokens: 60, seed: 1,
	temperature: 0.8 };
let server, client;

before(async () => {
	server = await serve('--ctx-size', '2048');
	client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
after(() => server.stop());

async function collect(stream) {
	const events = [];
	for await (const event of stream) events.push(event);
	return events;
}

// But for what differs between two answers, or is the client's own.
const strip = (value) => JSON.parse(JSON.stringify(value, (key, v) =>
	['id', 'created_at', 'parsed'].includes(key) ? undefined : v));

test('a response, streamed and not, says the same', async () => {
	const whole = await client.responses.create(story);
	assert.equal(whole.object, 'response');
	assert.ok(whole.output_text.length > 20);
	assert.equal(whole.status, 'incomplete');
	assert.equal(whole.incomplete_details.reason, 'max_output_tokens');
	assert.equal(whole.usage.total_tokens,
		whole.usage.input_tokens + whole.usage.output_tokens);
	const final = await client.responses.stream(story).finalResponse();
	assert.equal(final.output_text, whole.output_text);
	assert.deepEqual(strip(final.output), strip(whole.output));
	assert.deepEqual(final.usage, whole.usage);
});

test('the events are numbered and in order', async () => {
	const events = await collect(await client.responses.create({ ...story, stream: true }));
	assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
	const types = events.map((e) => e.type);
	assert.deepEqual(types.filter((t, i) => t !== types[i - 1]), ['response.created',
		'response.in_progress', 'response.output_item.added',
		'response.content_part.added', 'response.output_text.delta',
		'response.output_text.done', 'response.content_part.done',
		'response.output_item.done', 'response.incomplete']);
	const text = events.map((e) => e.type === 'response.output_text.delta' ? e.delta : '').join('');
	assert.equal(events.find((e) => e.type === 'response.output_text.done').text, text);
	assert.equal(events.at(-1).response.output[0].content[0].text, text);
	assert.equal(events[0].response.status, 'in_progress');
	assert.equal(new Set(events.map((e) => e.item_id ?? e.item?.id).filter(Boolean)).size, 1);
});

test('what was said before goes back as items', async () => {
	const first = await client.responses.create(story);
	const second = await client.responses.create({ ...story, instructions: 'Be brief.',
		input: [{ role: 'developer', content: 'You tell stories.' },
			{ role: 'user', content: story.input }, ...first.output,
			{ role: 'user', content: [{ type: 'input_text', text: 'Go on.' }] }] });
	assert.ok(second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens);
	assert.equal(second.instructions, 'Be brief.');
});

const tools = ['add', 'subtract'].map((name) => ({
	type: 'function', name, description: `Does ${name}.`, strict: true, parameters: {
		type: 'object', required: ['a', 'b'], additionalProperties: false,
		properties: { a: { type: 'integer' }, b: { type: 'integer' } } },
}));
const sum = { ...story, temperature: 0, max_output_tokens: 100, tools,
	input: 'Use the tool to add 2 and 3.' };

test('a tool is called, streamed and not, the same', async () => {
	const ask = { ...sum, tool_choice: { type: 'function', name: 'add' } };
	const whole = await client.responses.create(ask);
	const [call] = whole.output.filter((item) => item.type === 'function_call');
	assert.equal(call.name, 'add');
	assert.equal(typeof JSON.parse(call.arguments).a, 'number');
	assert.deepEqual(whole.tool_choice, ask.tool_choice);
	const events = await collect(await client.responses.create({ ...ask, stream: true }));
	const pieces = events.filter((e) => e.type === 'response.function_call_arguments.delta');
	assert.ok(pieces.length > 2, 'the arguments came in pieces');
	assert.equal(pieces.map((e) => e.delta).join(''), call.arguments);
	assert.equal(events.find((e) => e.type === 'response.function_call_arguments.done')
		.arguments, call.arguments);
	assert.equal(events.at(-1).type, 'response.completed');
	assert.deepEqual(strip(events.at(-1).response.output), strip(whole.output));
});

test('what the tool said goes back to the model', async () => {
	const first = await client.responses.create({ ...sum, tool_choice: 'required' });
	const [call] = first.output.filter((item) => item.type === 'function_call');
	const second = await client.responses.create({ ...sum, input: [
		{ role: 'user', content: sum.input }, ...first.output,
		{ type: 'function_call_output', call_id: call.call_id, output: '5' }] });
	assert.ok(second.usage.input_tokens > first.usage.input_tokens);
	assert.ok(second.output.length > 0);
});

test('tokens are counted as they will be', async () => {
	for (const ask of [story, sum, { ...story, instructions: 'Be brief.' }]) {
		const { max_output_tokens: _, ...counted } = ask;
		const count = await client.responses.inputTokens.count(counted);
		assert.equal(count.object, 'response.input_tokens');
		const { usage } = await client.responses.create(ask);
		assert.equal(count.input_tokens, usage.input_tokens);
	}
});

test('text.format json_schema is obeyed', async () => {
	const schema = { type: 'object', additionalProperties: false, required: ['kind'],
		properties: { kind: { enum: ['cat', 'dog'] } } };
	const response = await client.responses.parse({ ...story,
		text: { format: { type: 'json_schema', name: 'pet', strict: true, schema } } });
	assert.ok(['cat', 'dog'].includes(JSON.parse(response.output_text).kind));
	assert.equal(response.status, 'completed');
});

test('an abort in mid-stream ends the work', async () => {
	const before = await server.counter('generations_cancelled_total');
	const stream = await client.responses.create({ ...story, max_output_tokens: 1500,
		stream: true, ignore_eos: true });
	for await (const event of stream)
		if (event.type === 'response.output_text.delta') stream.controller.abort();
	await server.until(async () =>
		await server.counter('generations_cancelled_total') > before);
});

test('errors are those of the client library', async () => {
	const cases = [
		[{ model: 'none such' }, OpenAI.NotFoundError, 'model'],
		[{ temperature: 'hot' }, OpenAI.BadRequestError, 'temperature'],
		[{ max_output_tokens: 0 }, OpenAI.BadRequestError, 'max_output_tokens'],
		[{ input: [] }, OpenAI.BadRequestError, 'input'],
		[{ input: [{ type: 'item_reference', id: 'msg_1' }] }, OpenAI.BadRequestError,
			'input[0].type'],
		[{ input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }] },
			OpenAI.BadRequestError, 'input[0].content'],
		[{ input: 'word '.repeat(9000) }, OpenAI.BadRequestError, null],
		[{ previous_response_id: 'resp_1' }, OpenAI.BadRequestError, 'previous_response_id'],
		[{ background: true }, OpenAI.BadRequestError, 'background'],
		[{ tool_choice: 'required' }, OpenAI.BadRequestError, 'tool_choice'],
		[{ include: ['message.output_text.logprobs'] }, OpenAI.BadRequestError,
			'top_logprobs'],
	];
	for (const [wrong, kind, param] of cases)
		for (const stream of [false, true])
			await assert.rejects(client.responses.create({ ...story, ...wrong, stream }), (e) => {
				assert.ok(e instanceof kind, `${e.constructor.name}: ${e.message}`);
				assert.ok(e.error.message.length > 10);
				if (param !== null) assert.equal(e.param, param);
				return true;
			});
	assert.ok((await client.responses.create(story)).output.length === 1);
});
