#!/usr/bin/env node
// Asks a model over the RKLLM socket and prints the answer as it comes.
//
// One connection: init, run, and rkllm.abort on Ctrl-C. A request is a line of
// JSON; so is each reply, which has the id of its request. A run has many.
// No packages are needed.
import { createConnection } from 'node:net';
import { parseArgs } from 'node:util';

const REFUSED = 1, USAGE = 2, NO_SERVER = 3, ABORTED = 130;
// _callback_state of a reply to run; 1, of half a character, has no text.
const FINISH = 2, ERROR = 3;

const usage = `usage: client.mjs [-s SOCKET] [-m MODEL] [-n TOKENS] [--seed N] PROMPT

  -s, --socket PATH     where the server listens (RKLLM_UDS_PATH, or
                        /tmp/rkllm.sock)
  -m, --model FILE      the model; none: the server's default one
  -n, --max-tokens N    the longest answer (256)
      --seed N          draw the same answer again

Ctrl-C ends the answer. Exit status: 0 all of it came, 1 the server
refused, 2 usage, 3 no server, or it went away, 130 aborted.
`;

class Refused extends Error {
	constructor({ code, message, data }) {
		super(`error ${code}: ${message}` +
			(data ? ` ${JSON.stringify(data)}` : ''));
		Object.assign(this, { code, data });
	}
}

class Client {
	#sock;
	#lines;
	#lastId = 0;

	constructor(path) {
		this.#sock = createConnection(path);
		this.#sock.setEncoding('utf8'); // characters come whole
		this.#lines = this.#split();
	}

	// Not node:readline: it takes U+2028, which JSON has as it is, for a
	// line's end.
	async *#split() {
		let rest = '';
		for await (const piece of this.#sock) {
			const lines = (rest + piece).split('\n');
			rest = lines.pop();
			yield* lines;
		}
	}

	// Sends a request; gives its id. The handle's place comes first.
	send(method, ...params) {
		const id = ++this.#lastId;
		this.#sock.write(JSON.stringify({ jsonrpc: '2.0', id, method,
			params: [null, ...params] }) + '\n');
		return id;
	}

	// The next reply with that id: its result. Others, as abort's, are
	// skipped.
	async reply(id) {
		for (;;) {
			const { value, done } = await this.#lines.next();
			if (done) throw new Error('the server went away');
			const got = JSON.parse(value);
			// null: the server could not read it
			if (got.id !== id && got.id !== null) continue;
			if (got.error) throw new Refused(got.error);
			return got.result;
		}
	}

	call(method, ...params) {
		return this.reply(this.send(method, ...params));
	}

	// The replies of a run, the last one included.
	async *stream(id) {
		let got;
		do yield got = await this.reply(id);
		while (got._callback_state !== FINISH &&
			got._callback_state !== ERROR);
	}

	close() {
		this.#sock.destroy();
	}
}

// Prints the answer; gives the exit status.
async function ask(client, model, prompt, infer) {
	await client.call('rkllm.init', { model_path: model });
	const run = client.send('rkllm.run', { role: 'user', input_type: 0,
		prompt_input: prompt }, infer);
	let aborted = false;
	// Only asks for the end: the run's last reply comes all the same. Once:
	// a second Ctrl-C ends us at once.
	process.once('SIGINT', () => {
		aborted = true;
		client.send('rkllm.abort');
	});
	let state;
	for await (const got of client.stream(run)) {
		process.stdout.write(got.text ?? '');
		state = got._callback_state;
	}
	process.stdout.write('\n');
	if (aborted) {
		console.error('client: aborted');
		return ABORTED;
	}
	if (state === ERROR) {
		console.error('client: the run failed');
		return REFUSED;
	}
	return 0;
}

function number(text) {
	if (!/^-?\d+$/.test(text)) throw new Error(`${text} is not a whole number`);
	return Number(text);
}

// What the command line says; does not come back if that is not a question.
function options() {
	try {
		const { values, positionals } = parseArgs({ allowPositionals: true,
			options: {
				socket: { type: 'string', short: 's' },
				model: { type: 'string', short: 'm', default: '' },
				'max-tokens': { type: 'string', short: 'n',
					default: '256' },
				seed: { type: 'string' },
				help: { type: 'boolean', short: 'h' },
			} });
		if (values.help) {
			process.stdout.write(usage);
			process.exit();
		}
		if (positionals.length !== 1) throw new Error('one PROMPT is wanted');
		const infer = { mode: 0,
			max_new_tokens: number(values['max-tokens']) };
		if (values.seed !== undefined) infer.seed = number(values.seed);
		return { infer, model: values.model, prompt: positionals[0],
			path: values.socket ?? (process.env.RKLLM_UDS_PATH ||
				'/tmp/rkllm.sock') };
	} catch (why) {
		console.error(`client: ${why.message}; see --help`);
		process.exit(USAGE);
	}
}

const { path, model, prompt, infer } = options();
const client = new Client(path);
try {
	process.exitCode = await ask(client, model, prompt, infer);
} catch (why) {
	const refused = why instanceof Refused;
	console.error(`client: ${refused ? '' : `${path}: `}${why.message}`);
	process.exitCode = refused ? REFUSED : NO_SERVER;
}
client.close();
