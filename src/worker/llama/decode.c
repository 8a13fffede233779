#include "worker/llama/decode.h"

#include "worker/llama/logs.h"
#include "worker/llama/threads.h"

#include "crash/crash.h"

#include <stdlib.h>
#include <string.h>

void
model_begin(struct model *m)
{
	m->now = &m->batch;
	m->batch.n_tokens = 0;
}

/* Where each token and its wish for a row go. */
static int32_t
add(struct model *m, uint32_t pos, int32_t seq, bool wants_row)
{
	struct llama_batch *b = m->now;
	int32_t i = b->n_tokens++;

	b->pos[i] = (llama_pos)pos;
	b->n_seq_id[i] = 1;
	b->seq_id[i][0] = seq;
	b->logits[i] = wants_row;
	return i;
}

void
model_add(
    struct model *m, int32_t token, uint32_t pos, int32_t seq, bool wants_row)
{
	int32_t i = add(m, pos, seq, wants_row);

	m->batch.token[i] = token;
}

int
model_begin_embeds(struct model *m)
{
	struct llama_batch *b = &m->embeds;
	llama_pos *pos;

	m->now = b;
	if (b->embd == NULL) {
		*b = llama_batch_init(
		    (int32_t)m->n_batch, (int32_t)m->n_embd, 1);
		if (b->embd == NULL || b->pos == NULL || b->seq_id == NULL ||
		    b->logits == NULL)
			return ERR_NOMEM;
		pos = realloc(b->pos, sizeof(*pos) * m->n_batch * m->n_pos);
		if (pos == NULL)
			return ERR_NOMEM;
		b->pos = pos;
	}
	b->n_tokens = 0;
	return 0;
}

void
model_add_embed(struct model *m, const float *row, uint32_t pos, int32_t seq,
    bool wants_row)
{
	int32_t i = add(m, pos, seq, wants_row);

	memcpy(m->embeds.embd + (size_t)i * m->n_embd, row,
	    m->n_embd * sizeof(*row));
}

/* Embeddings for a model that counts in several directions need each: text
 * goes on in all of the first three alike. */
static void
spread_positions(const struct model *m)
{
	const struct llama_batch *b = m->now;
	size_t n = (size_t)b->n_tokens;

	if (b->embd == NULL)
		return;
	for (uint32_t p = 1; p < m->n_pos; p++) {
		if (p < 3)
			memcpy(b->pos + p * n, b->pos, n * sizeof(*b->pos));
		else
			memset(b->pos + p * n, 0, n * sizeof(*b->pos));
	}
}

/* The sequences of the batch, each once: rows of one come together. */
static void
note_batch(const struct model *m, enum batch_kind kind)
{
	const struct llama_batch *b = m->now;
	int32_t seqs[LASTWORDS_BATCH];
	uint32_t n = 0;

	for (int32_t i = 0; i < b->n_tokens && n < LASTWORDS_BATCH; i++)
		if (n == 0 || seqs[n - 1] != b->seq_id[i][0])
			seqs[n++] = b->seq_id[i][0];
	crash_note_batch(kind == BATCH_STEP ? STEP_TOKENS : STEP_CHUNK,
	    (uint32_t)b->n_tokens, seqs, n);
}

int
model_run(struct model *m, enum batch_kind kind, enum kernels k,
    const struct adapter_set *set)
{
	int32_t r;

	note_batch(m, kind);
	threads_attach(m, kind);
	adapters_use(&m->adapters, m->ctx, set);
	kernels_use(k, m->cpu);
	spread_positions(m);
	logs_forget();
	r = llama_decode(m->ctx, *m->now);
	crash_note_step(STEP_NONE, 0);
	return r == 0 ? 0 : ERR_INTERNAL;
}

float *
model_row(const struct model *m, int32_t i)
{
	return llama_get_logits_ith(m->ctx, i);
}

void
model_want_hidden(struct model *m, bool is_wanted)
{
	/* Each call is a line in its log. */
	if (m->gives_hidden != is_wanted)
		llama_set_embeddings(m->ctx, is_wanted);
	m->gives_hidden = is_wanted;
}

const float *
model_hidden(const struct model *m, int32_t i)
{
	return llama_get_embeddings_ith(m->ctx, i);
}

const float *
model_scores(const struct model *m, int32_t seq)
{
	return llama_get_embeddings_seq(m->ctx, seq);
}

void
model_clear(struct model *m, bool has_data)
{
	llama_memory_t mem = llama_get_memory(m->ctx);

	if (mem != NULL)
		llama_memory_clear(mem, has_data);
}

int
model_cut(struct model *m, int32_t seq, uint32_t from)
{
	llama_memory_t mem = llama_get_memory(m->ctx);

	if (mem == NULL)
		return 0;
	return llama_memory_seq_rm(mem, seq, (llama_pos)from, -1)
	    ? 0
	    : ERR_INTERNAL;
}

struct str
model_piece(const struct model *m, int32_t token, bool special, char *room,
    size_t n_room)
{
	int32_t n = llama_token_to_piece(
	    m->vocab, token, room, (int32_t)n_room, 0, special);

	/* A piece that does not fit is negative: no real one is so long. */
	return (struct str){ room, n > 0 ? (size_t)n : 0 };
}

bool
model_is_end(const struct model *m, int32_t token)
{
	return llama_vocab_is_eog(m->vocab, token);
}
