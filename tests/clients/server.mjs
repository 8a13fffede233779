// Starts `bulkhead serve` for a test of this folder, and finds the client that it
// is of. Not a test itself.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import assert from 'node:assert/strict';

const source = process.env.BULKHEAD_SOURCE ??
	new URL('../..', import.meta.url).pathname;
const bin = process.env.BULKHEAD_BIN ?? join(source, 'build/bin');
const model = process.env.BULKHEAD_MODEL ?? join(source, 'models/demo/demo.gguf');

// A client library of package.json's; the test is skipped where there is none.
export async function library(name) {
	try {
		return await import(name);
	} catch (e) {
		if (e.code !== 'ERR_MODULE_NOT_FOUND') throw e;
		console.log('skipped: run npm ci --prefix tests/clients');
		process.exit(77);
	}
}

export const openai = async () => (await library('openai')).default;

// Resolves once it is ready, with its url, what was logged, and how to end it.
export async function serve(...options) {
	const dir = mkdtempSync(join(tmpdir(), 'bulkhead-test-'));
	const child = spawn(join(bin, 'bulkhead'), ['serve', '--port', '0',
		'--rpc-socket', join(dir, 'rpc.sock'), '-m', model, ...options],
		{ stdio: ['ignore', 'pipe', 'pipe'] });
	let said = '', log = '';
	const ended = once(child, 'exit');
	child.stderr.on('data', (d) => { log += d; });
	await new Promise((resolve, reject) => {
		child.stdout.on('data', (d) => {
			said += d;
			if (said.includes('Server started successfully')) resolve();
		});
		child.on('exit', () => reject(new Error(`no server: ${log}`)));
	});
	const [url] = (said + log).match(/http:\/\/[^\s/]*:\d+/);
	return {
		url,
		log: () => log,
		// A number of /metrics.
		async counter(name) {
			const text = await (await fetch(`${url}/metrics`)).text();
			return Number(text.match(new RegExp(`^\\w*${name}(?:\\{.*\\})? (\\S+)$`, 'm'))[1]);
		},
		// Asks until the answer is true, up to a deadline.
		async until(what) {
			const deadline = Date.now() + 20000;
			while (!await what()) assert.ok(Date.now() < deadline, 'it never came true');
		},
		async stop() {
			child.kill('SIGTERM');
			const [code, signal] = await ended;
			rmSync(dir, { recursive: true });
			if (code !== 0) throw new Error(`ended by ${code ?? signal}: ${log}`);
		},
	};
}
