#include "worker/llama/room.h"

#include <sys/sysinfo.h>

#define CTX_CAP 8192u	   /* tokens of a sequence when nobody asked for more */
#define CTX_LEAST 512u	   /* as few as are tried to save memory */
#define SEQ_CAP 64u	   /* sequences when nobody asked for a number */
#define SEQ_FEW 4u	   /* a shorter context is better than fewer of them */
#define SHARE 8u	   /* of the machine's memory: one in so many bytes */
#define LEAST (1ull << 30) /* where the machine does not tell */

static uint64_t
share_of_machine(void)
{
	struct sysinfo info;

	if (sysinfo(&info) != 0)
		return LEAST;
	return (uint64_t)info.totalram * info.mem_unit / SHARE;
}

/* At 16 bits; a little too much where heads are smaller than usual. */
static uint64_t
cache_of_token(const struct llama_model *w)
{
	uint64_t heads = (uint64_t)llama_model_n_head(w);
	uint64_t head_size =
	    heads == 0 ? 0 : (uint64_t)llama_model_n_embd(w) / heads;

	return 2 * 2 * (uint64_t)llama_model_n_layer(w) *
	    (uint64_t)llama_model_n_head_kv(w) * head_size;
}

/* What is kept of a sequence after another token; 0 if it cannot be decoded. */
static uint64_t
grow(struct llama_context *ctx)
{
	llama_token token = 0;

	if (llama_decode(ctx, llama_batch_get_one(&token, 1)) != 0)
		return 0;
	return llama_state_seq_get_size(ctx, 0);
}

static int
measure(struct llama_model *w, struct room *ret)
{
	struct llama_context_params p = llama_context_default_params();
	struct llama_context *ctx;
	uint64_t one, two;

	p.n_ctx = 2;
	p.n_seq_max = 1;
	p.n_batch = p.n_ubatch = 1;
	p.no_perf = true;
	ctx = llama_init_from_model(w, p);
	if (ctx == NULL)
		return ERR_NOMEM;
	one = grow(ctx);
	two = grow(ctx);
	llama_free(ctx);
	if (one == 0 || two < one)
		return ERR_INTERNAL;
	ret->token = two - one;
	ret->state = one - ret->token;
	return 0;
}

int
room_of(struct llama_model *w, bool has_state, struct room *ret)
{
	*ret = (struct room){ cache_of_token(w), 0, share_of_machine() };
	return has_state ? measure(w, ret) : 0;
}

static uint64_t
sequence(const struct room *r, uint32_t n_ctx)
{
	return r->state + r->token * n_ctx;
}

uint32_t
room_ctx(const struct room *r, uint32_t trained, uint32_t n_seq)
{
	uint32_t n = trained > 0 ? trained : CTX_LEAST;

	if (n_seq == 0)
		n_seq = SEQ_FEW;
	if (n > CTX_CAP)
		n = CTX_CAP;
	while (n / 2 >= CTX_LEAST && sequence(r, n) * n_seq > r->most)
		n /= 2;
	return n;
}

uint32_t
room_most(const struct room *r, uint32_t trained, uint32_t n_seq)
{
	uint64_t each = r->most / (n_seq > 0 ? n_seq : 1);
	uint64_t n = trained > 0 ? trained : CTX_CAP;

	if (sequence(r, (uint32_t)n) > each && r->token > 0)
		n = each > r->state ? (each - r->state) / r->token : 0;
	return n > CTX_LEAST ? (uint32_t)n : CTX_LEAST;
}

uint32_t
room_seqs(const struct room *r, uint32_t n_ctx)
{
	uint64_t each = sequence(r, n_ctx);
	uint64_t n = each == 0 ? SEQ_CAP : r->most / each;
	uint64_t most = llama_max_parallel_sequences();

	if (n > SEQ_CAP)
		n = SEQ_CAP;
	if (n > most)
		n = most;
	return n > 0 ? (uint32_t)n : 1;
}
