#!/usr/bin/env python3
"""Embeddings and ranks over HTTP: the numbers are libllama's, in both forms, of a model that
generates and of an encoder, whoever dies in the midst; wrong fields are refused."""
import array
import base64
import json
import math
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, SANITIZE, Server, cases, made_model, rss_kib, until
from rows import HIDDEN, raw_rows

if not os.path.exists(os.path.join(BIN, 'bench-rawrows')):
    sys.exit(77)

EMBD, BATCH = 128, 64  # of the demo model; R of docs/IPC.md
N_MANY = 60 if SANITIZE else 600
TEXT = 'Once upon a time there was a small dog who lived by the sea. ' * 6


def embed(server, path, status=200, **body):
    got = server.post(path, body)
    assert got.status == status, (path, body, got)
    return got.json


def vectors(server, value, **fields):
    got = embed(server, '/v1/embeddings', input=value, **fields)
    assert got['object'] == 'list' and got['model']
    assert [d['index'] for d in got['data']] == list(range(len(got['data'])))
    assert all(d['object'] == 'embedding' for d in got['data'])
    return [d['embedding'] for d in got['data']]


def ids_of(server, text):
    return server.post('/tokenize', {'content': text, 'add_special': True}).json['tokens']


def raw(server, text):
    """libllama's hidden state of each token."""
    ids = ids_of(server, text)
    rows = array.array('f')
    f = raw_rows(server.model, ids, HIDDEN, BATCH)
    rows.frombytes(f.read())
    return [rows[i:i + EMBD].tolist() for i in range(0, len(rows), EMBD)]


def f32(values):
    """What JSON's shortest texts stand for."""
    return array.array('f', values).tolist()


def unit(v):
    length = math.sqrt(sum(x * x for x in v))
    return [x / length for x in v]


def apart(a, b):
    assert len(a) == len(b), (len(a), len(b))
    return max(abs(x - y) for x, y in zip(a, b))


def libllamas_rows_pooled(server):
    for text in 'Hi', TEXT:
        rows = raw(server, text)
        mean = [sum(col) / len(rows) for col in zip(*rows)]
        for pooling, want in (('mean', mean), ('cls', rows[0]), ('last', rows[-1])):
            got, = vectors(server, text, pooling=pooling)
            assert apart(got, unit(want)) < 1e-5, pooling
        # Nobody says how: the mean.
        assert vectors(server, text) == vectors(server, text, pooling='mean')


def libllamas_rows_as_they_are(server):
    """llama-server's own form: nothing is pooled, unless that is asked for; to the bit."""
    for path in '/embedding', '/embeddings':
        for field in 'content', 'input':
            got, = embed(server, path, **{field: TEXT})
            assert got['index'] == 0, got['index']
            assert list(map(f32, got['embedding'])) == raw(server, TEXT), (path, field)
    pooled, = embed(server, '/embeddings', input=TEXT, pooling='mean', embd_normalize=-1)
    assert len(pooled['embedding']) == 1
    assert apart(unit(pooled['embedding'][0]), vectors(server, TEXT)[0]) < 1e-6
    assert embed(server, '/v1/embeddings', content='Hi') == embed(server, '/embeddings', input='Hi')


def norms(server):
    plain = vectors(server, TEXT, embd_normalize=-1)[0]
    for how, length in ((0, max(map(abs, plain)) / 32760), (1, sum(map(abs, plain))),
                        (3, sum(abs(x) ** 3 for x in plain) ** (1 / 3))):
        got = vectors(server, TEXT, embd_normalize=how)[0]
        assert apart([x * length for x in got], plain) < 1e-4, how


def forms_of_input(server):
    ids = ids_of(server, 'Hi there')
    one = vectors(server, 'Hi there')
    assert vectors(server, ids) == one and vectors(server, [ids]) == one
    assert vectors(server, ['Hi there']) == one
    assert vectors(server, ['Hi there', ids, 'Hi there']) == 3 * one
    assert vectors(server, {'prompt_string': 'Hi there'}) == one
    assert vectors(server, [ids[0], 'Hi there']) == one
    got = embed(server, '/v1/embeddings', input=['Hi there', 'Hi'])
    n = len(ids) + len(ids_of(server, 'Hi'))
    assert got['usage'] == {'prompt_tokens': n, 'total_tokens': n}


def base64_is_the_same(server):
    texts = ['Hi', TEXT, 'x']
    for b, want in zip(vectors(server, texts, encoding_format='base64'), vectors(server, texts)):
        got = array.array('f')
        got.frombytes(base64.b64decode(b, validate=True))
        assert got.tolist() == f32(want)
    assert vectors(server, 'Hi', encoding_format='float', dimensions=EMBD, user='me') == \
        vectors(server, 'Hi')


def many_in_order(server):
    """More than are computed at once; each is that of the text alone."""
    texts = [f'{i} {"word " * (i % 7)}' for i in range(N_MANY)]
    got = vectors(server, texts)
    assert len(got) == N_MANY and len({tuple(v) for v in got}) == N_MANY
    for i in 0, 1, N_MANY // 2, N_MANY - 1:
        assert vectors(server, texts[i]) == [got[i]]


def long_ones_among_short_ones(server):
    """What is through before its turn waits, however long that takes; none is lost."""
    texts = [f'{i} {"word " * (120 if i % 40 == 0 else 1)}' for i in range(N_MANY)]
    want = vectors(server, texts[:1]) + vectors(server, texts[-1:])
    for _ in range(3):
        got = vectors(server, texts)
        assert len(got) == N_MANY and len({tuple(v) for v in got}) == N_MANY
        assert [got[0], got[-1]] == want


def large_answers_are_streamed(server):
    """The front has a part of it at a time, however slowly it is read."""
    idle = rss_kib(server.front)
    texts = [TEXT * 2] * (N_MANY // 20)
    with server.http() as h:
        h.request('POST', '/embeddings', {'input': texts})
        status, headers = h.head()
        assert status == 200 and headers['content-type'] == 'application/json'
        assert headers.get('transfer-encoding') == 'chunked' or SANITIZE
        most, body = 0, b''
        if 'transfer-encoding' in headers:
            for data in iter(h.chunk, b''):
                most, body = max(most, rss_kib(server.front)), body + data
        else:
            body = h.file.read(int(headers['content-length']))
    got = json.loads(body)
    assert [d['index'] for d in got] == list(range(len(texts)))
    assert all(d == dict(got[0], index=d['index']) for d in got)
    print(f'{len(body) >> 20} MiB, front {idle} KiB idle, {most} at most')
    assert SANITIZE or most - idle < 48 * 1024


def refused(server):
    def no(word, status=400, path='/v1/embeddings', **body):
        error = embed(server, path, status, **body)['error']
        assert word in error['message'], error
        if path.startswith('/v1/'):
            assert set(error) >= {'message', 'type', 'param', 'code'}, error
        else:
            assert error['code'] == status, error
    for path in '/v1/embeddings', '/embeddings', '/embedding':
        no('must be provided', path=path)
        no('input', path=path, input=[])
        no('input', path=path, input=5)
        no('input', path=path, input=[{}])
        no('input', path=path, input=['x', None])
        no('input', path=path, input=[1, -1])
        no('token', path=path, input=[1 << 20])
        no('context', path=path, input='x ' * 5000)
        no('context', path=path, input=['x', 'x ' * 5000])
        no('encoding_format', path=path, input='x', encoding_format='int8')
        no('embd_normalize', path=path, input='x', embd_normalize='2')
        no('pooling', path=path, input='x', pooling='rank')
        no('none', 404, path=path, input='x', model='none')
        no('none', 404, path=path + '?model=none', input='x')
        no('at most 4096', path=path, input=['x'] * 4097)
    no('dimensions', input='x', dimensions=EMBD - 1)
    no('not OAI compatible', input='x', pooling='none')
    no('multimodal', 501, input={'prompt_string': 'x', 'multimodal_data': ['aa']})
    no('reranking', 501, path='/rerank', query='x', documents=['y'])


def a_worker_dies_in_the_midst(server):
    """Again and again, while vectors come: the answer is the undisturbed one."""
    texts = [f'{i} ' + TEXT for i in range(40)]
    want = vectors(server, texts)
    rows = embed(server, '/embeddings', input=texts[:3])
    deaths = server.metric('worker_deaths_total')
    for path, value, check in (
            ('/v1/embeddings', texts, lambda b: [d['embedding'] for d in b['data']] == want),
            ('/embeddings', texts[:3], lambda b: b == rows)):
        before = server.metric('prompt_tokens_total')
        with server.http() as h:
            pid = server.worker
            h.request('POST', path, {'input': value})
            until(lambda: server.metric('prompt_tokens_total') > before)
            os.kill(pid, signal.SIGKILL)
            got = h.reply()
        assert got.status == 200 and check(got.json), path
    assert server.metric('worker_deaths_total') == deaths + 2
    assert server.metric('generations_resumed_total') >= 1


def streams_beside(server):
    want = server.complete('Once', max_tokens=60, seed=3)
    stream = server.stream('Once', max_tokens=60, seed=3).until(2)
    assert len(vectors(server, [TEXT] * 20)) == 20
    assert stream.rest() == want


def encoder(server):
    got = vectors(server, ['Hi there', 'Hi there', 'another'])
    assert len(got[0]) == 64 and got[0] == got[1] != got[2]
    assert abs(sum(x * x for x in got[0]) - 1) < 1e-5
    native, = embed(server, '/embedding', content='Hi there')
    assert native['embedding'] == [got[0]], 'its file says how to pool'
    # As many tokens as it has positions, and one more.
    ids = [10 + i % 500 for i in range(513)]
    assert len(vectors(server, ids[:512])) == 1
    assert 'context' in embed(server, '/v1/embeddings', 400, input=ids)['error']['message']
    error = server.post('/v1/completions', {'prompt': 'x'})
    assert error.status == 501 and 'embedding model' in error.error['message']
    pid = server.worker
    os.kill(pid, signal.SIGKILL)
    assert vectors(server, ['Hi there', 'Hi there', 'another']) == got


def ranker(server):
    documents = ['hi', 'it is a bear', 'The giant panda is a bear of China.', 'hi']

    def rank(status=200, path='/v1/rerank', **fields):
        return embed(server, path, status, **dict({'query': 'What is panda?'}, **fields))
    got = rank(documents=documents)
    results = got['results']
    scores = [r['relevance_score'] for r in results]
    assert got['object'] == 'list' and got['model'] == 'made'
    assert got['usage']['prompt_tokens'] == got['usage']['total_tokens'] > 20
    assert sorted(r['index'] for r in results) == [0, 1, 2, 3]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 3
    for path in '/rerank', '/reranking', '/v1/reranking':
        assert rank(path=path, documents=documents) == got
    assert rank(documents=documents, top_n=2)['results'] == results[:2]
    tei = rank(texts=documents, return_text=True)
    assert [r['score'] for r in tei] == scores
    assert all(r['text'] == documents[r['index']] for r in tei)
    assert 'text' not in rank(texts=documents)[0]
    # The same score alone, and by whom else: the head sees one document.
    alone = rank(documents=[documents[2]])['results'][0]['relevance_score']
    assert alone == next(r['relevance_score'] for r in results if r['index'] == 2)
    for word, fields in (('query', {'query': None}), ('query', {'query': 5}),
                         ('documents', {}), ('documents', {'documents': []}),
                         ('documents', {'documents': 'x'}), ('documents', {'documents': ['x', 5]}),
                         ('top_n', {'documents': ['x'], 'top_n': -1}),
                         ('context', {'documents': ['x ' * 2000]})):
        assert word in rank(400, **fields)['error']['message'], fields
    assert 'rank' in embed(server, '/v1/embeddings', 501, input='x')['error']['message']


def settings():
    """llama-server's options, in its words."""
    with Server('--pooling', 'last') as server:
        assert vectors(server, TEXT) == vectors(server, TEXT, pooling='last')
        assert len(embed(server, '/embeddings', input='Hi there')[0]['embedding']) == 1
    with Server('--pooling', 'none') as server:
        assert 'not OAI' in embed(server, '/v1/embeddings', 400, input='x')['error']['message']
        assert len(embed(server, '/embeddings', input='Hi there')[0]['embedding']) > 1
    with Server('--no-embeddings') as server:
        for path in '/v1/embeddings', '/embedding':
            error = embed(server, path, 501, input='x')['error']
            assert '--embeddings' in error['message'], error
        assert server.complete('Once', max_tokens=2)
    with Server('--embedding') as server:
        assert vectors(server, 'x')
    with made_model('--preset', 'tiny-bert', '--pooling', '4') as model:
        with Server('--pooling', 'cls', models=[model]) as server:
            assert vectors(server, 'x')
    with made_model('--preset', 'tiny-bert') as model:
        with Server('--rerank', models=[model]) as server:
            got = embed(server, '/rerank', query='x', documents=['y', 'z'])
            assert len(got['results']) == 2


cases(settings)
with Server('--parallel', '4', '--threads', '1', '--threads-batch', '1') as its_server:
    cases(libllamas_rows_pooled, libllamas_rows_as_they_are, norms, forms_of_input,
          base64_is_the_same, many_in_order, long_ones_among_short_ones,
          large_answers_are_streamed, refused, streams_beside,
          a_worker_dies_in_the_midst, args=(its_server,))
with made_model('--preset', 'tiny-bert') as model:
    with Server(models=[model]) as its_server:
        cases(encoder, args=(its_server,))
with made_model('--preset', 'tiny-bert', '--pooling', '4') as model:
    with Server(models=[model]) as its_server:
        cases(ranker, args=(its_server,))
