#!/usr/bin/env python3
"""Trains the demo model, a small Llama, on corpus.py's output and writes it as GGUF.

    train.py corpus.jsonl demo.gguf [--minutes 60] [--batch 12] [--length 448]

Needs (Debian): python3-torch python3-sentencepiece libopenblas0-pthread; without
OpenBLAS it is ten times slower. Beside the output it leaves the tokenizer and the
encoded corpus, and uses them again. MODEL_CARD.md says how demo.gguf was made.
"""

import argparse
import json
import math
import os
import struct
import time

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F

VOCAB, DIM, LAYERS, HEADS, KV_HEADS, FFN, CONTEXT = 1024, 128, 5, 4, 2, 352, 1024
HEAD_DIM = DIM // HEADS
BOS = 1
SPECIAL = ["<|im_start|>", "<|im_end|>"]
EPSILON = 1e-5
ROPE_BASE = 10000.0

# GGUF: value types, token types (llama.h), tensor types and the alignment of data.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
TENSOR_F32, TENSOR_Q8_0 = 0, 8
FILE_Q8_0 = 7
ALIGN = 32


def train_tokenizer(documents, prefix):
    text = prefix + ".txt"
    with open(text, "w", encoding="utf-8") as f:
        for document in documents[:20000]:
            for line in document.split("\n"):
                if line.strip():
                    f.write(line + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=text,
        model_prefix=prefix,
        vocab_size=VOCAB,
        model_type="bpe",
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=SPECIAL,
        num_threads=2,
        input_sentence_size=200000,
        unk_id=0,
        bos_id=BOS,
        eos_id=2,
        pad_id=-1,
        max_sentence_length=8192,
    )
    os.unlink(text)


def encode(documents, tokenizer):
    """All documents as one stream of tokens, each begun and ended."""
    end = tokenizer.piece_to_id("<|im_end|>")
    tokens = []
    for document in documents:
        tokens.append(BOS)
        tokens += tokenizer.encode(document)
        if not document.endswith("<|im_end|>\n"):
            tokens.append(end)
    return np.array(tokens, np.int16)


def rotate(x, cos, sin):
    """Interleaved rotary embedding, the Llama order of GGUF.

    x: [batch, heads, time, head_dim]
    """
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def rms(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * weight


def matrix(rows, cols, scale=1.0):
    return torch.nn.Parameter(torch.randn(rows, cols) * 0.02 * scale)


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        # What is added to the residual stream starts smaller with depth.
        last = 1 / math.sqrt(2 * LAYERS)
        self.attn_norm = torch.nn.Parameter(torch.ones(DIM))
        self.ffn_norm = torch.nn.Parameter(torch.ones(DIM))
        self.q = matrix(HEADS * HEAD_DIM, DIM)
        self.k = matrix(KV_HEADS * HEAD_DIM, DIM)
        self.v = matrix(KV_HEADS * HEAD_DIM, DIM)
        self.o = matrix(DIM, HEADS * HEAD_DIM, last)
        self.gate = matrix(FFN, DIM)
        self.up = matrix(FFN, DIM)
        self.down = matrix(DIM, FFN, last)

    def heads(self, x, weight, count):
        batch, length, _ = x.shape
        return F.linear(x, weight).view(batch, length, count, HEAD_DIM).transpose(1, 2)

    def attention(self, x, cos, sin, mask):
        batch, length, _ = x.shape
        q = rotate(self.heads(x, self.q, HEADS), cos, sin)
        k = rotate(self.heads(x, self.k, KV_HEADS), cos, sin)
        v = self.heads(x, self.v, KV_HEADS)
        k = k.repeat_interleave(HEADS // KV_HEADS, 1)
        v = v.repeat_interleave(HEADS // KV_HEADS, 1)
        p = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(HEAD_DIM) + mask, -1)
        return F.linear((p @ v).transpose(1, 2).reshape(batch, length, -1), self.o)

    def forward(self, x, cos, sin, mask):
        x = x + self.attention(rms(x, self.attn_norm), cos, sin, mask)
        h = rms(x, self.ffn_norm)
        return x + F.linear(F.silu(F.linear(h, self.gate)) * F.linear(h, self.up), self.down)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = matrix(VOCAB, DIM)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = torch.nn.Parameter(torch.ones(DIM))
        freq = 1.0 / (ROPE_BASE ** (torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM))
        angle = torch.outer(torch.arange(CONTEXT).float(), freq)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, tokens, targets):
        """The mean loss of predicting targets, which are tokens one later."""
        length = tokens.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = F.embedding(tokens, self.embed)
        for block in self.blocks:
            x = block(x, self.cos[:length], self.sin[:length], mask)
        logits = F.linear(rms(x, self.norm), self.embed)
        return F.cross_entropy(logits.view(-1, VOCAB), targets.reshape(-1))


def quantize_q8_0(weights):
    """Blocks of 32 weights: a scale in 16 bits, then 32 signed bytes."""
    blocks = np.ascontiguousarray(weights, dtype=np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(1) / 127.0
    inverse = np.where(scale > 0, 1.0 / np.where(scale > 0, scale, 1), 0)
    q = np.rint(blocks * inverse[:, None]).astype(np.int8)
    out = np.empty((blocks.shape[0], 34), np.uint8)
    out[:, :2] = scale.astype(np.float16).view(np.uint8).reshape(-1, 2)
    out[:, 2:] = q.view(np.uint8)
    return out.tobytes()


def u32(v):
    return struct.pack("<I", v)


def u64(v):
    return struct.pack("<Q", v)


def string(b):
    return u64(len(b)) + b


class Gguf:
    """GGUF version 3, little-endian: header, key-values, tensor infos, aligned data."""

    def __init__(self):
        self.keys = []
        self.infos = []
        self.data = b""

    def put(self, key, kind, payload):
        self.keys.append(string(key.encode()) + u32(kind) + payload)

    def text(self, key, value):
        self.put(key, STRING, string(value.encode()))

    def integer(self, key, value):
        self.put(key, U32, u32(value))

    def number(self, key, value):
        self.put(key, F32, struct.pack("<f", value))

    def boolean(self, key, value):
        self.put(key, BOOL, bytes([value]))

    def array(self, key, kind, count, payload):
        self.put(key, ARRAY, u32(kind) + u64(count) + payload)

    def tensor(self, name, parameter):
        """Vectors in f32, matrices in Q8_0."""
        w = parameter.detach().numpy()
        flat = w.ndim == 1
        raw = w.astype("<f4").tobytes() if flat else quantize_q8_0(w)
        dims = b"".join(u64(d) for d in w.shape[::-1])
        kind = TENSOR_F32 if flat else TENSOR_Q8_0
        self.infos.append(
            string(name.encode()) + u32(w.ndim) + dims + u32(kind) + u64(len(self.data))
        )
        self.data += raw + b"\0" * (-len(raw) % ALIGN)

    def write(self, path):
        head = b"GGUF" + u32(3) + u64(len(self.infos)) + u64(len(self.keys))
        head += b"".join(self.keys) + b"".join(self.infos)
        with open(path, "wb") as f:
            f.write(head + b"\0" * (-len(head) % ALIGN) + self.data)


def put_model_keys(g):
    g.text("general.architecture", "llama")
    g.text("general.name", "Bulkhead demo")
    g.text(
        "general.description",
        "A very small chat model trained on a synthetic corpus; for trying a server, not for"
        " answers.",
    )
    g.text("general.license", "MIT")
    g.integer("general.file_type", FILE_Q8_0)
    g.integer("llama.context_length", CONTEXT)
    g.integer("llama.embedding_length", DIM)
    g.integer("llama.block_count", LAYERS)
    g.integer("llama.feed_forward_length", FFN)
    g.integer("llama.attention.head_count", HEADS)
    g.integer("llama.attention.head_count_kv", KV_HEADS)
    g.integer("llama.rope.dimension_count", HEAD_DIM)
    g.integer("llama.vocab_size", VOCAB)
    g.number("llama.attention.layer_norm_rms_epsilon", EPSILON)
    g.number("llama.rope.freq_base", ROPE_BASE)


def token_kind(tokenizer, i):
    if tokenizer.is_unknown(i):
        return UNKNOWN
    if tokenizer.is_control(i) or tokenizer.id_to_piece(i) in SPECIAL:
        return CONTROL
    return BYTE if tokenizer.is_byte(i) else NORMAL


def put_tokenizer_keys(g, tokenizer, template):
    pieces = [tokenizer.id_to_piece(i).encode() for i in range(VOCAB)]
    scores = [tokenizer.get_score(i) for i in range(VOCAB)]
    kinds = [token_kind(tokenizer, i) for i in range(VOCAB)]
    g.text("tokenizer.ggml.model", "llama")
    g.text("tokenizer.ggml.pre", "default")
    g.array("tokenizer.ggml.tokens", STRING, VOCAB, b"".join(map(string, pieces)))
    g.array("tokenizer.ggml.scores", F32, VOCAB, struct.pack(f"<{VOCAB}f", *scores))
    g.array("tokenizer.ggml.token_type", I32, VOCAB, struct.pack(f"<{VOCAB}i", *kinds))
    g.integer("tokenizer.ggml.bos_token_id", BOS)
    g.integer("tokenizer.ggml.eos_token_id", tokenizer.piece_to_id("<|im_end|>"))
    g.integer("tokenizer.ggml.unknown_token_id", 0)
    g.boolean("tokenizer.ggml.add_bos_token", True)
    g.boolean("tokenizer.ggml.add_eos_token", False)
    g.boolean("tokenizer.ggml.add_space_prefix", False)
    g.text("tokenizer.chat_template", template)


def put_tensors(g, model):
    g.tensor("token_embd.weight", model.embed)
    g.tensor("output_norm.weight", model.norm)
    for i, b in enumerate(model.blocks):
        name = f"blk.{i}."
        g.tensor(name + "attn_norm.weight", b.attn_norm)
        g.tensor(name + "attn_q.weight", b.q)
        g.tensor(name + "attn_k.weight", b.k)
        g.tensor(name + "attn_v.weight", b.v)
        g.tensor(name + "attn_output.weight", b.o)
        g.tensor(name + "ffn_norm.weight", b.ffn_norm)
        g.tensor(name + "ffn_gate.weight", b.gate)
        g.tensor(name + "ffn_up.weight", b.up)
        g.tensor(name + "ffn_down.weight", b.down)


def write_gguf(path, model, tokenizer):
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "template.jinja"), encoding="utf-8") as f:
        template = f.read().rstrip("\n")
    g = Gguf()
    put_model_keys(g)
    put_tokenizer_keys(g, tokenizer, template)
    put_tensors(g, model)
    g.write(path)


def load_corpus(corpus, out):
    """The tokenizer and the stream of tokens; made once, kept beside the output."""
    with open(corpus, encoding="utf-8") as f:
        documents = [json.loads(line) for line in f]
    prefix = out + ".spm"
    if not os.path.exists(prefix + ".model"):
        train_tokenizer(documents, prefix)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")
    cache = out + ".tokens.npy"
    if not os.path.exists(cache):
        np.save(cache, encode(documents, tokenizer))
    stream = np.load(cache)
    per_token = sum(map(len, documents)) / len(stream)
    print(f"{len(stream)} tokens of {per_token:.2f} characters", flush=True)
    return tokenizer, stream


def make_optimizer(model, rate):
    decay = [p for p in model.parameters() if p.ndim == 2]
    flat = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": decay, "weight_decay": 0.05}, {"params": flat, "weight_decay": 0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95))


def rate_at(rate, step, done):
    """Warm up over 100 steps, then along a cosine to a twentieth."""
    return rate * min(1, (step + 1) / 100) * (0.05 + 0.475 * (1 + math.cos(math.pi * done)))


def draw_batch(r, stream, batch, length):
    at = r.integers(0, len(stream) - length - 1, batch)
    x = np.stack([stream[i : i + length] for i in at]).astype(np.int64)
    y = np.stack([stream[i + 1 : i + length + 1] for i in at]).astype(np.int64)
    return torch.from_numpy(x), torch.from_numpy(y)


def train(model, stream, args, save):
    """Until the time is up; calls save() every 500 steps."""
    optimizer = make_optimizer(model, args.rate)
    r = np.random.default_rng(1)
    begin, shown, losses = time.time(), 0, []
    while (done := (time.time() - begin) / (args.minutes * 60)) < 1:
        rate = rate_at(args.rate, len(losses), done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model(*draw_batch(r, stream, args.batch, args.length))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if time.time() - shown > 30:
            seconds = time.time() - begin
            speed = len(losses) * args.batch * args.length / seconds
            print(
                f"{seconds:7.0f}s step {len(losses):6d} loss {np.mean(losses[-50:]):.4f}"
                f" rate {rate:.5f} tokens/s {speed:.0f}",
                flush=True,
            )
            shown = time.time()
        if len(losses) % 500 == 0:
            save()
    print(f"final loss {np.mean(losses[-200:]):.4f} after {len(losses)} steps")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("corpus", help="what corpus.py wrote")
    p.add_argument("out", help="GGUF file to write")
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--batch", type=int, default=12, help="sequences in a step")
    p.add_argument("--length", type=int, default=448, help="tokens of a sequence")
    p.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    p.add_argument("--threads", type=int, default=2)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    tokenizer, stream = load_corpus(args.corpus, args.out)
    model = Model()
    print(sum(p.numel() for p in model.parameters()), "parameters", flush=True)
    save = lambda: write_gguf(args.out, model, tokenizer)
    train(model, stream, args, save)
    save()


if __name__ == "__main__":
    main()
