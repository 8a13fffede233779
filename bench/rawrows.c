/*
 * rawrows - the limit for modes 1 and 2: the hidden states or logits of a
 * prompt by libllama and nothing else, in batches of a size. With --out they
 * are written as they lie in memory, for whoever compares bits; the time is
 * that of decoding and of getting at them. A line of JSON says what it took.
 */
#include "args.h"
#include "engine.h"

#include "base/clock.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct loop {
	const char *model_path;
	const char *ids_path;
	const char *out_path;
	uint32_t threads;
	uint32_t ctx_size;
	uint32_t batch_size;
	bool wants_hidden;
	struct llama_model *model;
	struct llama_context *ctx;
	struct llama_batch batch;
	llama_token *ids;
	uint32_t n;
	size_t n_cols;
	FILE *out;
	float sum; /* so that every row is looked at */
	uint64_t us;
};

static int
complain(const char *what, const char *name)
{
	fprintf(stderr, "bench-rawrows: %s: %s\n", name, what);
	return -1;
}

static int
read_ids(struct loop *l)
{
	FILE *f = fopen(l->ids_path, "rb");

	l->ids = calloc(l->ctx_size, sizeof(*l->ids));
	if (f == NULL || l->ids == NULL)
		return complain("cannot be read", l->ids_path);
	l->n = (uint32_t)fread(l->ids, sizeof(*l->ids), l->ctx_size, f);
	(void)fclose(f);
	return l->n > 0 ? 0 : complain("is empty", l->ids_path);
}

/* As a worker does: the weights as they lie in the file. */
static int
open_model(struct loop *l)
{
	struct llama_model_params mp = llama_model_default_params();
	struct llama_context_params cp = llama_context_default_params();

	mp.use_extra_bufts = false;
	l->model = llama_model_load_from_file(l->model_path, mp);
	if (l->model == NULL)
		return complain("does not load", l->model_path);
	cp.n_ctx = l->ctx_size;
	cp.n_batch = cp.n_ubatch = l->batch_size;
	cp.n_threads = cp.n_threads_batch = (int32_t)l->threads;
	cp.swa_full = true;
	cp.embeddings = l->wants_hidden;
	l->ctx = llama_init_from_model(l->model, cp);
	if (l->ctx == NULL)
		return complain("no context", l->model_path);
	l->batch = llama_batch_init((int32_t)l->batch_size, 0, 1);
	l->n_cols = l->wants_hidden
	    ? (size_t)llama_model_n_embd_out(l->model)
	    : (size_t)llama_vocab_n_tokens(llama_model_get_vocab(l->model));
	return 0;
}

static int
decode(struct loop *l, uint32_t from, uint32_t n)
{
	l->batch.n_tokens = (int32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		l->batch.token[i] = l->ids[from + i];
		l->batch.pos[i] = (llama_pos)(from + i);
		l->batch.n_seq_id[i] = 1;
		l->batch.seq_id[i][0] = 0;
		l->batch.logits[i] = 1;
	}
	return llama_decode(l->ctx, l->batch);
}

static int
measure(struct loop *l)
{
	for (uint32_t at = 0; at < l->n; at += l->batch_size) {
		uint32_t n =
		    l->n - at < l->batch_size ? l->n - at : l->batch_size;
		uint64_t start = clock_us();

		if (decode(l, at, n) != 0)
			return complain("llama_decode failed", l->model_path);
		for (uint32_t i = 0; i < n; i++) {
			const float *row = l->wants_hidden
			    ? llama_get_embeddings_ith(l->ctx, (int32_t)i)
			    : llama_get_logits_ith(l->ctx, (int32_t)i);

			l->sum += row[0];
			if (i == 0)
				l->us += clock_us() - start;
			if (l->out != NULL)
				(void)fwrite(
				    row, sizeof(*row), l->n_cols, l->out);
		}
	}
	return 0;
}

static int
run(struct loop *l)
{
	struct rusage usage = { 0 };
	int rc = read_ids(l);

	if (rc == 0)
		rc = open_model(l);
	if (rc == 0 && l->out_path != NULL &&
	    (l->out = fopen(l->out_path, "wb")) == NULL)
		rc = complain("cannot be written", l->out_path);
	if (rc == 0)
		rc = measure(l);
	if (l->out != NULL && fclose(l->out) != 0)
		rc = complain("cannot be written", l->out_path);
	(void)getrusage(RUSAGE_SELF, &usage);
	if (rc == 0)
		printf("{\"rows\":%u,\"cols\":%zu,\"batch\":%u,\"ms\":%.1f,"
		       "\"peak_mib\":%.1f,\"sum\":%g}\n",
		    l->n, l->n_cols, l->batch_size, (double)l->us / 1000,
		    (double)usage.ru_maxrss / 1024, (double)l->sum);
	return rc;
}

int
main(int argc, char **argv)
{
	struct loop l = { .threads = 1, .ctx_size = 4096, .batch_size = 64 };
	const struct arg rows[] = {
		{ "model", ARG_TEXT, &l.model_path, "GGUF file" },
		{ "ids", ARG_TEXT, &l.ids_path, "file of int32 token ids" },
		{ "out", ARG_TEXT, &l.out_path, "file for the rows" },
		{ "hidden", ARG_FLAG, &l.wants_hidden, "not logits" },
		{ "threads", ARG_U32, &l.threads, "(1)" },
		{ "ctx", ARG_U32, &l.ctx_size, "(4096)" },
		{ "batch", ARG_U32, &l.batch_size, "tokens (64)" },
	};
	int rc;

	args_parse(rows, sizeof(rows) / sizeof(rows[0]),
	    "bench-rawrows - rows of a prompt, timed", argc, argv);
	if (l.model_path == NULL || l.ids_path == NULL) {
		fprintf(stderr, "bench-rawrows: wants --model, --ids\n");
		return 2;
	}
	engine_ready();
	rc = run(&l);
	if (l.ctx != NULL)
		llama_batch_free(l.batch);
	llama_free(l.ctx);
	llama_model_free(l.model);
	free(l.ids);
	return rc == 0 ? 0 : 1;
}
