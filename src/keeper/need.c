#include "keeper/need.h"

#include "wire/msg.h"

#define OVERHEAD (32ull * MIB) /* of a worker that has no model yet */
#define NUMBER 2u	       /* bytes of one in a cache */
#define SHARE 8u      /* of the machine that caches may take, all in all */
#define CTX_CAP 8192u /* as worker/llama/room.c */
#define CTX_LEAST 512u
#define SEQ_CAP 64u
#define CELLS 256u /* llama.cpp has so many of a sequence at once */
#define SEQ_FEW 4u
#define ROWS 6u		  /* of n_embd floats that a layer has at once */
#define GUESS_FACTOR 8u	  /* a cache and buffers, beside so many weights */
#define MOST (1ull << 50) /* a file that says more is not believed */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Numbers from a stranger's file: never around the corner. */
static uint64_t
times(uint64_t a, uint64_t b)
{
	uint64_t n;

	return __builtin_mul_overflow(a, b, &n) ? MOST : least(n, MOST);
}

/* Heads with a cache, of all layers. */
static uint64_t
all_heads(const struct probe *p)
{
	uint64_t n = 0;

	if (p->heads_kv.n == 0)
		return times(p->n_layer, p->n_head_kv);
	for (uint32_t i = 0; i < p->heads_kv.n; i++)
		n += p->heads_kv.p[i] > 0 ? (uint64_t)p->heads_kv.p[i] : 0;
	return n;
}

/* Latent attention keeps one row a layer for all heads. */
static uint64_t
cache_of_token(const struct probe *p)
{
	uint64_t numbers = p->n_lora_kv != 0
	    ? times(p->n_layer, (uint64_t)p->n_lora_kv + p->head_k)
	    : times(all_heads(p), (uint64_t)p->head_k + p->head_v);

	return times(numbers, NUMBER);
}

/* In floats, of every layer. */
static uint64_t
state_of(const struct probe *p)
{
	uint64_t conv, ssm;

	if (p->ssm_inner == 0)
		return 0;
	conv = times(p->ssm_conv > 0 ? p->ssm_conv - 1 : 0,
	    p->ssm_inner + 2 * times(p->ssm_group, p->ssm_state));
	ssm = times(p->ssm_state, p->ssm_inner);
	return times(times(conv + ssm, p->n_layer), sizeof(float));
}

static uint64_t
sequence(const struct need *n, uint64_t n_ctx)
{
	return n->state + times(n->token, n_ctx);
}

static uint64_t
context(const struct need *n, const struct need_settings *s, uint32_t trained)
{
	uint64_t few = s->n_seq != 0 ? s->n_seq : SEQ_FEW;
	uint64_t n_ctx = trained > 0 ? trained : CTX_LEAST;

	if (s->n_ctx != 0)
		return s->n_ctx;
	n_ctx = least(n_ctx, CTX_CAP);
	while (n_ctx / 2 >= CTX_LEAST &&
	    times(sequence(n, n_ctx), few) > s->machine / SHARE)
		n_ctx /= 2;
	return n_ctx;
}

static uint64_t
sequences(const struct need *n, const struct need_settings *s, uint64_t n_ctx)
{
	uint64_t each = sequence(n, n_ctx);
	uint64_t fit = each == 0 ? SEQ_CAP : s->machine / SHARE / each;

	if (s->n_seq != 0)
		return s->n_seq;
	fit = least(fit, SEQ_CAP);
	return fit > 0 ? fit : 1;
}

void
need_of(const struct probe *p, const struct need_settings *s, struct need *ret)
{
	uint64_t n_ctx, n_seq, batch, floats;

	*ret = (struct need){ .weights = least(p->n_bytes, MOST),
		.token = cache_of_token(p),
		.state = state_of(p) };
	n_ctx = context(ret, s, p->n_ctx_train);
	n_seq = sequences(ret, s, n_ctx);
	n_ctx = (n_ctx + CELLS - 1) / CELLS * CELLS;
	batch = n_seq > s->chunk ? n_seq : s->chunk;
	ret->cache = times(sequence(ret, n_ctx), n_seq);
	floats = times(ROWS, p->n_embd) + 2 * (uint64_t)p->n_vocab +
	    times(p->n_head, least(n_ctx, CTX_CAP));
	ret->buffers = times(times(batch, floats), sizeof(float));
	ret->total =
	    least(ret->weights + ret->cache + ret->buffers, MOST) + OVERHEAD;
}

uint64_t
need_guess(uint64_t bytes, uint64_t machine)
{
	uint64_t cache = times(bytes, GUESS_FACTOR);

	return least(bytes, MOST) + least(cache, machine / SHARE) + OVERHEAD;
}
