#!/usr/bin/env python3
"""Modes 1 and 2 on the real engine: the numbers are libllama's own, to the bit, however many they
are, whoever dies, however slowly they are read; and the front keeps only a part of them."""
import array
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import (BIN, SANITIZE, Server, cases, made_model, n_fds, refusal, rss_kib, settled,
                      until)
from rows import HIDDEN, LOGITS, PLACES, Line, MemfdClient, raw_rows, start

if not os.path.exists(os.path.join(BIN, 'bench-rawrows')):
    sys.exit(77)

VOCAB, EMBD = 32000, 64
BATCH = 64  # R of docs/IPC.md
N_LARGE = 200 if SANITIZE else 2048
FRONT_MIB = 48  # over what it has when idle, times what a sanitizer takes
OPTIONS = '--ctx-size', '4096', '--threads', '1', '--threads-batch', '1', '--parallel', '4'


def some_ids(n, seed=1):
    return [(i * 7919 + seed * 131) % 500 for i in range(n)]


def check_same(line, raw):
    """The array is what the file holds, and no more; gives how many rows came."""
    place, inner, size = PLACES[line.mode]
    for got in line.each():
        want = raw.read(len(got) * got.itemsize)
        assert got.tobytes() == want, 'other numbers'
    tail = line.tail()
    assert tail[place][inner] == [] and tail['_callback_state'] == 0 and tail['text'] is None
    assert raw.tell() == tail[place]['num_tokens'] * tail[place][size] * 4
    return tail[place]['num_tokens']


def run(rpc, model, ids, mode):
    """One whole run, compared; its last reply."""
    raw = raw_rows(model, ids, mode, BATCH)
    ident = start(rpc, ids, mode)
    line = Line(rpc.file, mode)
    assert check_same(line, raw) == len(ids)
    last, = line.lines(1)
    assert last['id'] == ident and last['result']['_callback_state'] == 2
    assert raw.read(1) == b'' and line.rest == b''
    return last['result']


def rpc_status(server):
    with server.rpc() as rpc:
        return rpc.call('bulkhead.status')


def loaded(server, **options):
    rpc = server.rpc(**options)
    rpc.init('')
    return rpc


# Each gets a server with a model of a large vocabulary.

def both_modes_of_any_length(server):
    with loaded(server) as rpc:
        for mode in HIDDEN, LOGITS:
            for n in 1, 2, BATCH, BATCH + 1, 150:
                perf = run(rpc, server.model, some_ids(n), mode)['perf']
                assert perf['prefill_tokens'] == n and perf['generate_tokens'] == 0
                assert perf['prefill_time_ms'] > 0 and perf['memory_usage_mb'] > 1


def text_goes_through_the_template(server):
    with loaded(server) as rpc:
        data, last = rpc.replies(rpc.start('Hello', mode=HIDDEN))
        layer = data['last_hidden_layer']
        assert layer['embd_size'] == EMBD and layer['num_tokens'] == last['perf']['prefill_tokens']
        assert len(layer['hidden_states']) == EMBD * layer['num_tokens']
        assert data['logits'] == {'logits': None, 'vocab_size': 0, 'num_tokens': 0}


def thousands_of_rows_pass_through(server):
    """A slow reader, then a fast one: the front never has more than a part."""
    idle = rss_kib(server.front)
    raw = raw_rows(server.model, some_ids(N_LARGE), LOGITS, BATCH)
    parked = server.metric('generations_parked_total')
    with loaded(server) as rpc:
        start(rpc, some_ids(N_LARGE), LOGITS)
        line = Line(rpc.file, LOGITS)
        server.wait_metric('generations_parked_total', parked + 1)
        most = rss_kib(server.front)

        class Watched:
            """The file, with a look at the front now and then."""
            def read(self, n):
                nonlocal most
                self.n = getattr(self, "n", 0) + 1
                most = max(most, rss_kib(server.front)) if self.n % 32 == 0 else most
                return raw.read(n)

            tell = raw.tell
        assert check_same(line, Watched()) == N_LARGE
        assert line.lines(1)[0]['result']['_callback_state'] == 2
    print(f'front: {idle} KiB idle, {most} at most; worker {rss_kib(server.worker)} KiB')
    if not SANITIZE:
        assert most - idle < FRONT_MIB * 1024, (idle, most)


def abort_needs_no_reader(server):
    """It is heard although nothing is read, and the line ends where it is."""
    cancelled = server.metric('generations_cancelled_total')
    parked = server.metric('generations_parked_total')
    with loaded(server) as rpc:
        ident = start(rpc, some_ids(1500), LOGITS)
        server.wait_metric('generations_parked_total', parked + 1)
        asked = rpc.send('rkllm.is_running', None)
        abort = rpc.send('rkllm.abort', None)
        server.wait_metric('generations_cancelled_total', cancelled + 1)
        line = Line(rpc.file, LOGITS)
        n = check_same(line, raw_rows(server.model, some_ids(1500), LOGITS, BATCH))
        assert 0 < n < 1500, n
        first, second, last = line.lines(3)
        assert first['id'] == asked and first['result']['is_running'] is True
        assert second['id'] == abort and second['result']['success'] is True
        assert last['id'] == ident and last['result']['_callback_state'] == 2
        assert rpc.call('rkllm.is_running', None)['is_running'] is False


def killed_worker_shows_nowhere(server):
    parked = server.metric('generations_parked_total')
    with loaded(server) as rpc:
        for mode, n in (LOGITS, 700), (HIDDEN, 3000):
            raw = raw_rows(server.model, some_ids(n), mode, BATCH)
            start(rpc, some_ids(n), mode)
            line = Line(rpc.file, mode)
            if mode == LOGITS:
                server.wait_metric('generations_parked_total', parked + 1)
            server.kill_worker()
            assert check_same(line, raw) == n
            assert line.lines(1)[0]['result']['_callback_state'] == 2


def runs_share_a_connection(server):
    """Each reply is a line of its own; text goes on when an array has ended."""
    with loaded(server) as rpc:
        ids = {start(rpc, some_ids(200, i), mode): (mode, i)
               for i, mode in enumerate((LOGITS, HIDDEN, LOGITS))}
        text = rpc.start('x', max_new_tokens=20)
        wanted = set(ids) | {text}
        seen, n_text = {}, 0
        while wanted:
            got = json.loads(rpc.file.readline())
            ident, result = got['id'], got['result']
            if result['_callback_state'] == 2:
                wanted.remove(ident)
            elif ident == text:
                n_text += 1
            else:
                assert ident not in seen
                place, inner, _ = PLACES[ids[ident][0]]
                seen[ident] = array.array('f', result[place][inner])
        assert n_text > 0
        for ident, (mode, i) in ids.items():
            raw = raw_rows(server.model, some_ids(200, i), mode, BATCH)
            assert seen[ident].tobytes() == raw.read()


def memfd_has_the_same(server):
    """And is whole when the worker was killed; the front has no more of it than otherwise."""
    n = N_LARGE
    idle = rss_kib(server.front)
    with loaded(server) as rpc:
        client = MemfdClient(rpc)
        for mode in HIDDEN, LOGITS:
            ident = start(rpc, some_ids(n), mode, arrays='memfd')
            if mode == LOGITS:
                until(lambda: rpc_status(server)['generations'] == 1)
                server.kill_worker()
            got, f = client.array(mode)
            with f, raw_rows(server.model, some_ids(n), mode, BATCH) as raw:
                while True:
                    piece = f.read(1 << 20)
                    assert piece == raw.read(1 << 20)
                    if not piece:
                        break
            assert got['text'] is None
            last = client.line()
            assert last['id'] == ident and last['result']['_callback_state'] == 2
        assert client.text == b'' and client.fds == []
    if not SANITIZE:
        assert rss_kib(server.front) - idle < 8 * 1024


def memfds_are_limited_and_given_back(server):
    """The limit is of what is on its way; what is read counts no more."""
    with loaded(server) as rpc:
        client = MemfdClient(rpc)
        before = settled(lambda: n_fds(server.front))
        for _ in range(20):
            start(rpc, some_ids(1000), LOGITS, arrays='memfd')  # 122 MiB each, of 512
            client.array(LOGITS)[1].close()
            client.line()
        until(lambda: n_fds(server.front) <= before)
        start(rpc, [1] * 3, LOGITS, arrays='memfd')
        start(rpc, [1] * 4095, LOGITS, arrays='memfd')
        client.array(LOGITS)[1].close()
        client.line()
        client.array(LOGITS)[1].close()
        client.line()
    with Server(*OPTIONS, '--array-max', '64M', models=[server.model]) as small:
        with loaded(small) as rpc:
            error = refusal(rpc.next, start(rpc, some_ids(500), LOGITS, arrays='memfd'))
            assert error.code == -32002 and '--array-max' in error.message, error
            assert error.data == {'field': 'arrays'}
            error = refusal(rpc.next, start(rpc, some_ids(5), LOGITS, arrays=1))
            assert error.code == -32602, error


def vanished_client_is_forgotten(server):
    for _ in range(3):
        rpc = loaded(server)
        start(rpc, some_ids(1000), LOGITS)
        Line(rpc.file, LOGITS)
        rpc.close()
    with server.rpc() as rpc:
        until(lambda: rpc.call('bulkhead.status')['generations'] == 0)


def streams_beside_are_what_they_are_alone(server):
    infer = {'seed': 7, 'max_new_tokens': 200}
    with loaded(server) as text, loaded(server) as rpc:
        alone = text.run('Hello', **infer)[0]
        ident = text.start('Hello', **infer)
        run(rpc, server.model, some_ids(300), HIDDEN)
        assert ''.join(r['text'] or '' for r in text.replies(ident)) == alone


def main():
    with made_model('--preset', 'tiny-llama', '--vocab', str(VOCAB), '--embd', str(EMBD),
                    '--ctx', '4096', '--type', 'q8_0') as model:
        with Server(*OPTIONS, models=[model]) as server:
            begun = time.monotonic()
            cases(both_modes_of_any_length, text_goes_through_the_template,
                  thousands_of_rows_pass_through, abort_needs_no_reader,
                  killed_worker_shows_nowhere, runs_share_a_connection,
                  memfd_has_the_same, memfds_are_limited_and_given_back,
                  vanished_client_is_forgotten, streams_beside_are_what_they_are_alone,
                  args=(server,))
            print(f'{time.monotonic() - begun:.1f} s')


main()
