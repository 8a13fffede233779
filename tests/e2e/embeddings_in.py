#!/usr/bin/env python3
"""Input types 2 and 3: rows of embeddings instead of a prompt, and at an image's marks; on a model
whose own table of embeddings is known, so that what they say can be compared."""
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import RpcError, Server, cases, made_model, refusal
from gguf import Gguf

SHORT = {'max_new_tokens': 10, 'seed': 4}


def run(rpc, source, **infer):
    """The text of a run, and its last reply."""
    ident = rpc.send('rkllm.run', None, source, {**SHORT, **infer}, None)
    replies = list(rpc.replies(ident))
    return ''.join(r['text'] or '' for r in replies), replies[-1]['perf']


def tokens(ids):
    return {'input_type': 1, 'token_input': {'input_ids': ids, 'n_tokens': len(ids)}}


class Table:
    """A float32 model's embeddings."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            gguf = Gguf(f.read())
        dims, at = next((d, o) for n, d, _, o in gguf.tensors if n == b'token_embd.weight')
        self.width, self.data = dims[0], gguf.data[at:]

    def rows(self, ids):
        return [x for i in ids for x in
                struct.unpack_from(f'<{self.width}f', self.data, i * self.width * 4)]


def loaded(server, **params):
    """Without the penalty for what the prompt has: it sees ids, and no rows."""
    rpc = server.rpc()
    rpc.init('', ignore_eos_token=True, repeat_penalty=1, **params)
    return rpc


def embed(values, n):
    return {'input_type': 2, 'embed_input': {'embed': values, 'n_tokens': n}}


def images(prompt, values, **fields):
    return {'input_type': 3, 'multimodal_input': {'prompt': prompt, 'image_embed': values,
                                                  **fields}}


def rows_say_what_their_tokens_say(server, table):
    ids = [300 + 7 * i for i in range(40)]
    with loaded(server) as rpc:
        text, perf = run(rpc, tokens(ids))
        again, other = run(rpc, embed(table.rows(ids), len(ids)))
        assert text and again == text and other['prefill_tokens'] == perf['prefill_tokens'] == 40
        # Their number may be left out, and be wrong.
        del_n = embed(table.rows(ids), 0)
        del del_n['embed_input']['n_tokens']
        assert run(rpc, del_n)[0] == text


def they_survive_their_worker(server, table):
    ids = [300 + 7 * i for i in range(30)]
    with loaded(server) as rpc:
        source = embed(table.rows(ids), len(ids))
        calm = run(rpc, source, max_new_tokens=60)[0]
        ident = rpc.send('rkllm.run', None, source, {**SHORT, 'max_new_tokens': 60}, None)
        first = rpc.next(ident)
        server.kill_worker()
        rest = ''.join(r['text'] or '' for r in rpc.replies(ident))
        assert (first['text'] or '') + rest == calm


def images_stand_at_their_marks(server, table):
    first, second = table.rows(range(400, 406)), table.rows(range(500, 506))
    with loaded(server, img_start='<s>', img_end='</s>', img_content='<pad>') as rpc:
        none = run(rpc, {'prompt_input': 'Look at and : what?'})[1]
        one = run(rpc, images('Look at <image>: what?', first, n_image_tokens=6))
        assert one[1]['prefill_tokens'] > none['prefill_tokens'] + 3
        assert run(rpc, images('Look at <image>: what?', second, n_image_tokens=6))[0] != one[0]
        two = run(rpc, images('Look at <image> and <image>: what?', first + second,
                              n_image_tokens=6, n_image=2, image_width=28, image_height=28))
        assert two[1]['prefill_tokens'] >= one[1]['prefill_tokens'] + 6
        # As since 1.3.0; and by the mark for the content itself.
        nested = {'input_type': 3, 'multimodal_input': {
            'prompt': 'Look at <image>: what?', 'image': {'image_embed': first,
                                                          'n_image_tokens': 6, 'n_image': 1}}}
        assert run(rpc, nested)[0] == one[0]
        assert run(rpc, images('Look at <s><pad></s>: what?', first))[0] == one[0]


def an_image_stays_in_a_conversation(server, table):
    def talk(rpc, kill):
        said = [run(rpc, images('Look: <image>', table.rows(range(400, 430))), keep_history=1)]
        if kill:
            server.kill_worker()
        said.append(run(rpc, {'prompt_input': 'And?'}, keep_history=1))
        said.append(run(rpc, images('Or <image>', table.rows(range(500, 510))), keep_history=1))
        if kill:
            server.kill_worker()
        said.append(run(rpc, {'prompt_input': 'Which?'}, keep_history=1))
        return [text for text, _ in said], size(rpc)

    def size(rpc):
        return rpc.call('rkllm.get_kv_cache_size', None)['cache_sizes'][0]

    with loaded(server) as rpc:
        calm = talk(rpc, False)
        assert calm[1] > 40 + 4 * SHORT['max_new_tokens']
    with loaded(server) as rpc:
        assert talk(rpc, True) == calm
        # What is cut out is gone, and so are its rows.
        rpc.call('rkllm.clear_kv_cache', None, 0, [5], [size(rpc) - 20])
        assert run(rpc, {'prompt_input': 'Still?'}, keep_history=1)[0]


def images_have_a_bound(server, table):
    """What conversations hold counts as what is being received does."""
    with made_model('--preset', 'tiny-llama', '--type', 'f32', '--ctx', '8192') as path:
        with Server('--input-max', '2M', '--body-max', '1M', '-c', '8192',
                    models=[path]) as small:
            with loaded(small) as rpc:
                big = images('Look: <image>', table.rows([400 + i % 90 for i in range(250)]))
                for _ in range(40):
                    try:
                        run(rpc, big, keep_history=1, max_new_tokens=1)
                    except RpcError as error:
                        assert error.code == -32002 and '--input-max' in error.message, error
                        break
                else:
                    raise AssertionError('never refused')
                # What there is can be cleared, and then there is room.
                rpc.call('rkllm.clear_kv_cache', None, 0, None, None)
                run(rpc, big, keep_history=1, max_new_tokens=1)


def what_is_refused(server, table):
    two = table.rows([400, 401])
    bad = [(embed(two, 3), 'embed_input.embed'), (embed(two[:-1], 2), 'embed_input.embed'),
           (embed([], 1), 'embed_input.embed'), (embed(two[:-1] + ['x'], 2), 'embed_input.embed'),
           (embed(two[:-1] + [1e300], 2), 'embed_input.embed'),
           ({'input_type': 2}, 'embed_input'), ({'input_type': 3}, 'multimodal_input'),
           (images('no mark', two), 'multimodal_input.prompt'),
           (images('<image><image>', two), 'multimodal_input.prompt'),
           (images('<image>', two, n_image_tokens=3), 'multimodal_input.image_embed'),
           (images('<image>', two, n_image=2), 'multimodal_input.prompt'),
           (images('<image>', two, n_image=0), 'multimodal_input.n_image'),
           (images('<image>', None), 'multimodal_input.image_embed'),
           (images(None, two), 'multimodal_input.prompt')]
    with loaded(server) as rpc:
        for source, field in bad:
            error = refusal(run, rpc, source)
            assert error.code == -32602 and error.data['field'] == field, (source.keys(), error)
        error = refusal(run, rpc, images('<image>', two, video={'n_video': 1}))
        assert error.code == -32005, error


if __name__ == '__main__':
    with made_model('--preset', 'tiny-llama', '--type', 'f32') as path:
        with Server(models=[path]) as the_server:
            cases(rows_say_what_their_tokens_say, they_survive_their_worker,
                  images_stand_at_their_marks, an_image_stays_in_a_conversation,
                  images_have_a_bound, what_is_refused, args=(the_server, Table(path)))
