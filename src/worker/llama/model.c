/*
 * Loading, in steps that each say what is wrong; and the batches.
 *
 * The KV cache is split: each sequence has cells of its own, so what one
 * computes does not depend on where another's tokens lie. Sliding-window
 * layers keep all cells (swa_full), or chunks could not be rewritten. A batch
 * never holds more than a chunk or one token of each sequence, so n_batch is
 * no bigger and the compute buffers stay small.
 *
 * Weights stay as they lie in the file, but with --resume fast: the routines
 * for repacked ones depend on the number of rows for some types, and repacking
 * takes memory of each worker's own and time at each restart.
 */
#include "worker/llama/model.h"

#include "worker/llama/backends.h"
#include "worker/llama/check.h"
#include "worker/llama/exact.h"
#include "worker/llama/logs.h"
#include "worker/llama/room.h"
#include "worker/llama/splits.h"
#include "worker/llama/threads.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A batch whose rows are all wanted has so many tokens (from 64 on attention
 * has a routine that is several times as fast), but for larger vocabularies:
 * logits are in three places until they are on their way. */
#define ROWS_MOST 64u
#define ROWS_BYTES (16u << 20)

/* Of a model that takes a prompt in one batch only, unless somebody asks for
 * more: what that takes grows with its square. */
#define WHOLE_CTX 2048u
#define WHOLE_SEQS 4u

struct load {
	struct model *m;
	const struct worker_load *cfg;
	struct progress *p;
	struct fail *why;
};

static int
load_failed(const struct load *l, const char *what)
{
	const char *words = logs_error();

	return fail_set(l->why, ERR_LOAD_FAILED, "model", "%.*s: %s%s%s",
	    (int)l->cfg->path.n, l->cfg->path.p, what,
	    words[0] != '\0' ? ": " : "", words);
}

/* Whether llama.cpp ran into the end of the file. */
static bool
is_cut_short(void)
{
	const char *words = logs_error();

	return strstr(words, "file bounds") != NULL ||
	    strstr(words, "failed to read") != NULL;
}

static bool
on_progress(float done, void *arg)
{
	const struct load *l = arg;

	if (l->p != NULL) {
		atomic_store(&l->p->percent, (uint32_t)(done * 100));
		atomic_fetch_add(&l->p->count, 1);
	}
	return !l->m->is_interrupted;
}

static struct llama_model_params
weights_params(struct load *l)
{
	struct llama_model_params p = llama_model_default_params();

	p.n_gpu_layers = l->cfg->n_gpu_layers > INT32_MAX
	    ? -1
	    : (int32_t)l->cfg->n_gpu_layers;
	p.load_mode =
	    l->cfg->use_mmap ? LLAMA_LOAD_MODE_MMAP : LLAMA_LOAD_MODE_NONE;
	p.use_extra_bufts = l->m->is_fast;
	p.progress_callback = on_progress;
	p.progress_callback_user_data = l;
	return p;
}

static int
open_whole(struct load *l, int fd, FILE **ret)
{
	int copy = dup(fd);

	*ret = copy < 0 ? NULL : fdopen(copy, "rb");
	if (*ret == NULL) {
		if (copy >= 0)
			(void)close(copy);
		return fail_set(
		    l->why, ERR_NOMEM, "model", "%s", strerror(errno));
	}
	rewind(*ret);
	return 0;
}

/* One file of all parts, if there are several. */
static int
open_weights(struct load *l, const struct files *files, FILE **ret)
{
	int fds[WORKER_PARTS_MAX] = { files->model };
	char *path;
	int err;

	if (files->n_parts == 0)
		return open_whole(l, files->model, ret);
	for (uint32_t i = 0; i < files->n_parts; i++)
		fds[i + 1] = files->parts[i];
	path = str_dup(l->cfg->path);
	if (path == NULL)
		return ERR_NOMEM;
	err = splits_open(fds, files->n_parts + 1, path, ret, l->why);
	free(path);
	return err;
}

static int
load_weights(struct load *l, const struct files *files)
{
	struct llama_model_params params = weights_params(l);
	FILE *f = NULL;
	int err = open_weights(l, files, &f);

	if (err != 0)
		return err;
	if (files->n_parts > 0)
		params.load_mode = LLAMA_LOAD_MODE_NONE;
	l->m->weights = llama_model_load_from_file_ptr(f, params);
	(void)fclose(f);
	if (l->m->weights != NULL)
		return 0;
	return load_failed(
	    l, is_cut_short() ? "truncated or damaged" : "cannot be loaded");
}

static int
unsupported(const struct load *l, const char *what)
{
	return fail_set(l->why, ERR_UNSUPPORTED, "model", "%.*s: %s",
	    (int)l->cfg->path.n, l->cfg->path.p, what);
}

/* What kinds of model can generate here. */
static int
check_kind(const struct load *l)
{
	const struct model *m = l->m;

	if (llama_vocab_type(m->vocab) == LLAMA_VOCAB_TYPE_NONE)
		return unsupported(l, "has no vocabulary");
	if (!llama_model_has_decoder(m->weights))
		return unsupported(l, "has no decoder: it cannot generate");
	if (llama_model_has_encoder(m->weights))
		return unsupported(l,
		    "is an encoder-decoder model, which is "
		    "not supported");
	if (llama_model_is_diffusion(m->weights))
		return unsupported(l,
		    "is a diffusion model, which is not "
		    "supported");
	return 0;
}

/* End tokens first: they are banned only where ignore_eos says so. */
static int
scan_vocab(struct load *l)
{
	struct model *m = l->m;
	int32_t n_more = 0;
	const llama_token *more =
	    llama_vocab_get_suppress_tokens(m->vocab, &n_more);

	m->bans = calloc((size_t)m->n_vocab + (size_t)n_more, sizeof(*m->bans));
	if (m->bans == NULL)
		return ERR_NOMEM;
	for (int32_t t = 0; t < (int32_t)m->n_vocab; t++) {
		size_t n_text = strlen(llama_vocab_get_text(m->vocab, t));

		if (llama_vocab_is_eog(m->vocab, t))
			m->bans[m->n_ends++] = t;
		if (n_text > m->longest)
			m->longest = n_text;
	}
	m->n_bans = m->n_ends;
	for (int32_t i = 0; i < n_more; i++)
		if (more[i] >= 0 && (uint32_t)more[i] < m->n_vocab)
			m->bans[m->n_bans++] = more[i];
	return 0;
}

/* Of each embedding: as llama.cpp reads them. */
static uint32_t
count_positions(const struct llama_model *weights)
{
	enum llama_rope_type type = llama_model_rope_type(weights);

	return type == LLAMA_ROPE_TYPE_MROPE || type == LLAMA_ROPE_TYPE_IMROPE
	    ? 4
	    : 1;
}

static int
look_at_model(struct load *l)
{
	struct model *m = l->m;
	int32_t n;

	m->vocab = llama_model_get_vocab(m->weights);
	n = llama_vocab_n_tokens(m->vocab);
	m->n_vocab = n > 0 ? (uint32_t)n : 0;
	n = llama_model_n_embd_inp(m->weights);
	m->n_embd = n > 0 ? (uint32_t)n : 0;
	m->n_pos = count_positions(m->weights);
	n = llama_model_n_embd_out(m->weights);
	m->n_cols = n > 0 ? (uint32_t)n : 0;
	m->is_one_way = llama_model_is_recurrent(m->weights) ||
	    llama_model_is_hybrid(m->weights);
	(void)llama_model_meta_val_str(
	    m->weights, "general.architecture", m->arch, sizeof(m->arch));
	(void)llama_model_desc(m->weights, m->desc, sizeof(m->desc));
	m->pooling = l->cfg->pooling != POOL_MODEL
	    ? (enum pooling)l->cfg->pooling
	    : pool_of_file(m->weights, m->arch);
	m->is_ranker = m->pooling == POOL_RANK;
	m->no_embeds = l->cfg->no_embeds;
	m->is_suffix_first = l->cfg->spm_infill;
	m->n_scores = m->is_ranker ? llama_model_n_cls_out(m->weights) : 0;
	m->only_embeds = m->is_ranker || pool_looks_ahead(m->weights, m->arch);
	return check_kind(l);
}

/* One token more than a prompt may have: of an answer that never comes. */
static void
fill_in_whole(struct load *l)
{
	struct model *m = l->m;
	int32_t trained = llama_model_n_ctx_train(m->weights);
	uint32_t most = trained > 0 ? (uint32_t)trained : WHOLE_CTX;
	uint32_t n = l->cfg->n_ctx;

	if (n == 0)
		n = l->cfg->ctx_wanted;
	if (n == 0)
		n = most < WHOLE_CTX ? most : WHOLE_CTX;
	/* Behind that it has no positions. */
	if (n > most)
		n = most;
	m->n_ctx = n + 1;
	m->n_ctx_most = most + 1;
	m->n_seq = l->cfg->n_seq != 0 ? l->cfg->n_seq : WHOLE_SEQS;
	m->chunk = n;
}

/* What nobody has said: the context, the number of sequences. */
static int
fill_in(struct load *l)
{
	struct model *m = l->m;
	int32_t trained = llama_model_n_ctx_train(m->weights);
	struct room room;
	int err = 0;

	m->n_ctx = m->n_ctx_most = l->cfg->n_ctx;
	m->n_seq = l->cfg->n_seq;
	if (m->n_ctx == 0 || m->n_seq == 0)
		err = room_of(m->weights, m->is_one_way, &room);
	if (err != 0)
		return load_failed(l, "cannot decode");
	if (m->n_ctx == 0) {
		m->n_ctx_most = room_most(
		    &room, trained > 0 ? (uint32_t)trained : 0, m->n_seq);
		m->n_ctx = l->cfg->ctx_wanted;
		if (m->n_ctx > m->n_ctx_most)
			m->n_ctx = m->n_ctx_most;
	}
	if (m->n_ctx == 0) {
		m->n_ctx = room_ctx(
		    &room, trained > 0 ? (uint32_t)trained : 0, m->n_seq);
		if (trained > 0 && m->n_ctx < (uint32_t)trained)
			log_info("%.*s: context of %u tokens per sequence, of "
				 "the model's %d; --ctx-size sets it",
			    (int)l->cfg->name.n, l->cfg->name.p, m->n_ctx,
			    trained);
	}
	if (m->n_seq == 0)
		m->n_seq = room_seqs(&room, m->n_ctx);
	return 0;
}

static bool
on_abort_asked(void *arg)
{
	const struct model *m = arg;

	return m->is_interrupted != 0 ||
	    (m->deadline_us != UINT64_MAX && clock_us() > m->deadline_us);
}

/* How many rows of logits a batch may have. Where all are wanted it depends on
 * the model alone, so that another worker's batches are the same. */
static void
set_rows(struct model *m)
{
	size_t row = (size_t)m->n_vocab * sizeof(float);

	m->rows_chunk = ROWS_MOST < m->chunk ? ROWS_MOST : m->chunk;
	while (m->rows_chunk > 1 && m->rows_chunk * row > ROWS_BYTES)
		m->rows_chunk /= 2;
	m->n_rows = m->n_seq > EXACT_HASHES + 1 ? m->n_seq : EXACT_HASHES + 1;
	if (m->n_rows < m->rows_chunk)
		m->n_rows = m->rows_chunk;
	if (m->only_embeds)
		m->rows_chunk = m->n_rows = m->n_batch;
	if (m->n_rows > m->n_batch)
		m->n_rows = m->n_batch;
}

static struct llama_context_params
context_params(struct load *l)
{
	struct llama_context_params p = llama_context_default_params();
	struct model *m = l->m;

	m->n_batch = m->chunk > m->n_seq ? m->chunk : m->n_seq;
	p.n_ctx = m->n_ctx * m->n_seq;
	p.n_seq_max = m->n_seq;
	p.n_batch = m->n_batch;
	p.n_ubatch = m->n_batch;
	set_rows(m);
	p.n_outputs_max = m->n_rows;
	/* Rows are pooled here, but for the head that is not ours to apply. */
	p.pooling_type =
	    m->is_ranker ? LLAMA_POOLING_TYPE_RANK : LLAMA_POOLING_TYPE_NONE;
	p.embeddings = m->only_embeds;
	p.kv_unified = false;
	p.swa_full = true;
	p.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
	p.no_perf = true;
	p.abort_callback = on_abort_asked;
	p.abort_callback_data = m;
	p.n_threads = 1;
	p.n_threads_batch = 1;
	return p;
}

/* llama.cpp rounds a sequence's cells up; the context asked for stays what a
 * sequence may hold. */
static int
try_context(struct load *l)
{
	struct model *m = l->m;
	int err = 0;

	if (m->only_embeds)
		fill_in_whole(l);
	else
		err = fill_in(l);
	if (err != 0)
		return err;
	if (m->chunk > m->n_ctx)
		m->chunk = m->n_ctx;
	if ((uint64_t)m->n_ctx * m->n_seq > INT32_MAX)
		return fail_set(l->why, ERR_LOAD_FAILED, "ctx-size",
		    "%u sequences of %u tokens are more than llama.cpp can "
		    "count",
		    m->n_seq, m->n_ctx);
	m->ctx = llama_init_from_model(m->weights, context_params(l));
	return m->ctx != NULL ? 0 : load_failed(l, "cannot make its context");
}

/* One that keeps nothing of a prompt takes it at once. */
static int
make_context(struct load *l)
{
	struct model *m = l->m;
	int err = try_context(l);

	if (err == 0 && !m->only_embeds && llama_get_memory(m->ctx) == NULL) {
		llama_free(m->ctx);
		m->ctx = NULL;
		m->only_embeds = true;
		err = try_context(l);
	}
	if (err != 0)
		return err;
	m->gives_hidden = m->only_embeds;
	m->cpu = kernels_backend();
	m->batch = llama_batch_init((int32_t)m->n_batch, 0, 1);
	if (m->batch.token == NULL || m->batch.pos == NULL ||
	    m->batch.seq_id == NULL || m->batch.logits == NULL)
		return ERR_NOMEM;
	return 0;
}

static int
open_chat(struct load *l)
{
	int err = chat_open(
	    l->m->weights, l->cfg->template_override, &l->m->chat, l->why);
	struct fail was;

	if (err == 0 || l->why == NULL)
		return err;
	was = *l->why;
	return fail_set(l->why, err, was.field, "%.*s: %s", (int)l->cfg->path.n,
	    l->cfg->path.p, was.text);
}

static int
load_adapters(struct load *l, const struct files *files)
{
	int err = 0;

	for (uint32_t i = 0; i < files->n_adapters && err == 0; i++)
		err = adapters_add(&l->m->adapters, l->m->weights, (int32_t)i,
		    files->adapters[i].fd, files->adapters[i].path, l->why);
	return err;
}

static int
check_limits(const struct load *l)
{
	size_t most = llama_max_parallel_sequences();

	if (l->cfg->n_seq > most)
		return fail_set(l->why, ERR_INVALID, "parallel",
		    "parallel: must be at most %zu, not %u", most,
		    l->cfg->n_seq);
	if (l->cfg->chunk == 0 || l->cfg->chunk > 4096)
		return fail_set(l->why, ERR_INVALID, "chunk",
		    "chunk: must be 1 to 4096, not %u", l->cfg->chunk);
	return 0;
}

int
model_load(struct model *m, const struct worker_load *cfg,
    const struct files *files, struct progress *p, struct fail *why)
{
	struct load l = { m, cfg, p, why };
	int err = check_limits(&l);

	if (err == 0)
		err = check_gguf(files->model, cfg->path, why);
	if (err != 0)
		return err;
	logs_init();
	logs_forget();
	err = backends_load(why);
	if (err != 0)
		return err;
	m->deadline_us = UINT64_MAX;
	/* Prompt caches are of one file. */
	if (files->n_parts == 0)
		digested_open(&m->file, files->model);
	m->chunk = cfg->chunk;
	m->gpu_layers = cfg->n_gpu_layers;
	m->is_fast = cfg->resume_mode == RESUME_FAST;
	if (!kernels_init() && !m->is_fast)
		log_warn("the engine's routines for products cannot be chosen");
	err = load_weights(&l, files);
	if (err == 0)
		err = look_at_model(&l);
	if (err == 0)
		err = scan_vocab(&l);
	if (err == 0)
		err = load_adapters(&l, files);
	if (err == 0)
		err = make_context(&l);
	if (err == 0)
		err = open_chat(&l);
	if (err == ERR_NOMEM && why != NULL && why->code == 0)
		return fail_set(why, err, NULL, "out of memory");
	return err;
}

void
model_done(struct model *m)
{
	chat_free(m->chat);
	if (m->batch.token != NULL)
		llama_batch_free(m->batch);
	if (m->embeds.embd != NULL)
		llama_batch_free(m->embeds);
	if (m->ctx != NULL)
		llama_free(m->ctx);
	threads_free(m);
	if (m->weights != NULL)
		llama_model_free(m->weights);
	free(m->bans);
	digested_close(&m->file);
	*m = (struct model){ 0 };
}
