/*
 * rawloop - the limit: greedy decoding by libllama and nothing else.
 *
 * The same prompts, threads and split KV cache as the servers, the likeliest
 * token of each row, no text until the clock has stopped. Two schedules:
 *
 *	plain       prompts share batches, then one token of each sequence a
 *	            step; the fastest, so the limit for any server
 *	--chunk N   Bulkhead's canonical schedule (src/worker/plan.h): whole
 *	            chunks alone, written again when tokens complete them. The
 *	            bits of its logits are those that the worker must have, and
 *	            the difference to plain is the price of exact resumes
 *
 * Prints one JSON object: times, counts and each sequence's text.
 */
#include "args.h"
#include "engine.h"

#include "base/clock.h"
#include "json/write.h"
#include "worker/plan.h"

#include <ggml-cpu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPORT_MAX (64u << 20)
#define LANES 16

struct seq {
	llama_token *tokens; /* the prompt, then what was generated */
	struct plan plan;
	uint32_t n_past;  /* in the cache */
	uint32_t n_known; /* of tokens */
	int32_t row;	  /* of the batch, whose logits choose the next token;
			   * -1: none */
};

struct loop {
	const char *model_path;
	const char *prompts;
	uint32_t threads;
	uint32_t n_gen; /* tokens of each sequence to generate */
	uint32_t ctx_size;
	uint32_t batch_size;
	uint32_t chunk; /* 0: plain */
	struct llama_model *model;
	struct llama_context *ctx;
	const struct llama_vocab *vocab;
	struct ggml_threadpool *pool;
	int32_t n_vocab;
	llama_token *eog; /* never chosen */
	size_t n_eog;
	struct llama_batch batch;
	struct seq *seqs;
	uint32_t n; /* seqs */
	uint64_t decodes;
};

static int
complain(const char *what, const char *name)
{
	fprintf(stderr, "bench-rawloop: %s: %s\n", name, what);
	return -1;
}

static int
add_prompt(struct loop *l, const char *text)
{
	struct seq *more = realloc(l->seqs, (l->n + 1) * sizeof(*more));
	struct seq *s;
	int32_t n;

	if (more == NULL)
		return complain("no memory", l->prompts);
	l->seqs = more;
	s = &more[l->n++];
	*s = (struct seq){ .tokens = calloc(l->ctx_size, sizeof(llama_token)) };
	if (s->tokens == NULL)
		return complain("no memory", l->prompts);
	n = llama_tokenize(l->vocab, text, (int32_t)strlen(text), s->tokens,
	    (int32_t)l->ctx_size, true, true);
	if (n <= 0 || (uint32_t)n > l->batch_size ||
	    (uint32_t)n + l->n_gen > l->ctx_size)
		return complain("empty or longer than batch or context", text);
	s->plan.n_prompt = s->n_known = (uint32_t)n;
	s->plan.rule = l->chunk > 0 ? PLAN_ROWS : PLAN_FREE;
	s->plan.chunk = l->chunk > 0 ? l->chunk : UINT32_MAX;
	return 0;
}

/* Prompts that end with a NUL each, because they have newlines in them. */
static int
read_prompts(struct loop *l)
{
	FILE *f = fopen(l->prompts, "r");
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	if (f == NULL)
		return complain("cannot be read", l->prompts);
	while (rc == 0 && getdelim(&line, &size, '\0', f) > 0)
		rc = add_prompt(l, line);
	free(line);
	fclose(f);
	return rc;
}

/* Without a pool of its own a context makes and joins threads at each step. */
static void
attach_pool(struct loop *l)
{
	ggml_backend_dev_t cpu =
	    ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
	ggml_backend_reg_t reg = ggml_backend_dev_backend_reg(cpu);
	struct ggml_threadpool_params params =
	    ggml_threadpool_params_default((int)l->threads);
	struct ggml_threadpool *(*make)(struct ggml_threadpool_params *);

	if (l->threads < 2)
		return;
	*(void **)&make =
	    ggml_backend_reg_get_proc_address(reg, "ggml_threadpool_new");
	if (make != NULL)
		l->pool = make(&params);
	if (l->pool != NULL)
		llama_attach_threadpool(l->ctx, l->pool, l->pool);
}

static int
find_eog(struct loop *l)
{
	l->eog = calloc((size_t)l->n_vocab, sizeof(*l->eog));
	if (l->eog == NULL)
		return complain("no memory", l->model_path);
	for (llama_token t = 0; t < l->n_vocab; t++)
		if (llama_vocab_is_eog(l->vocab, t))
			l->eog[l->n_eog++] = t;
	return 0;
}

static int
open_model(struct loop *l)
{
	struct llama_model_params params = llama_model_default_params();

	l->model = llama_model_load_from_file(l->model_path, params);
	if (l->model == NULL)
		return complain("does not load", l->model_path);
	l->vocab = llama_model_get_vocab(l->model);
	l->n_vocab = llama_vocab_n_tokens(l->vocab);
	return find_eog(l);
}

static int
open_context(struct loop *l)
{
	struct llama_context_params params = llama_context_default_params();

	params.n_ctx = l->n * l->ctx_size;
	params.n_seq_max = l->n;
	params.n_batch = params.n_ubatch = l->batch_size;
	params.n_threads = params.n_threads_batch = (int32_t)l->threads;
	params.kv_unified = false;
	l->ctx = llama_init_from_model(l->model, params);
	if (l->ctx == NULL)
		return complain("no context", l->model_path);
	l->batch = llama_batch_init((int32_t)l->batch_size, 0, 1);
	attach_pool(l);
	return 0;
}

/* The likeliest token. The greatest value is sought in lanes, which compile
 * to vector instructions; an index would keep them from it. */
static llama_token
likeliest(const struct loop *l, float *logits)
{
	float lane[LANES], best;
	int32_t i, n = l->n_vocab - l->n_vocab % LANES;

	for (size_t e = 0; e < l->n_eog; e++)
		logits[l->eog[e]] = -INFINITY;
	for (int k = 0; k < LANES; k++)
		lane[k] = -INFINITY;
	for (i = 0; i < n; i += LANES)
		for (int k = 0; k < LANES; k++)
			lane[k] =
			    logits[i + k] > lane[k] ? logits[i + k] : lane[k];
	best = lane[0];
	for (int k = 1; k < LANES; k++)
		best = lane[k] > best ? lane[k] : best;
	for (i = n; i < l->n_vocab; i++)
		best = logits[i] > best ? logits[i] : best;
	for (i = 0; i < l->n_vocab && logits[i] != best; i++)
		continue;
	return i;
}

/* Decodes the batch and chooses a token for every sequence that has a row. */
static int
flush(struct loop *l)
{
	if (l->batch.n_tokens == 0)
		return 0;
	if (llama_decode(l->ctx, l->batch) != 0)
		return complain("llama_decode failed", l->model_path);
	l->decodes++;
	l->batch.n_tokens = 0;
	for (uint32_t i = 0; i < l->n; i++) {
		struct seq *s = &l->seqs[i];

		if (s->row < 0)
			continue;
		s->tokens[s->n_known++] =
		    likeliest(l, llama_get_logits_ith(l->ctx, s->row));
		s->row = -1;
	}
	return 0;
}

static void
put(struct loop *l, const struct seq *s, uint32_t pos)
{
	struct llama_batch *b = &l->batch;
	int32_t at = b->n_tokens++;

	b->token[at] = s->tokens[pos];
	b->pos[at] = (llama_pos)pos;
	b->n_seq_id[at] = 1;
	b->seq_id[at][0] = (llama_seq_id)(s - l->seqs);
	b->logits[at] = pos + 1 == s->n_known;
}

/* Adds a piece of the schedule to the batch, which is flushed where it is in
 * the way. */
static int
add(struct loop *l, struct seq *s, struct plan_op op)
{
	llama_memory_t memory = llama_get_memory(l->ctx);
	llama_seq_id id = (llama_seq_id)(s - l->seqs);

	if ((uint32_t)l->batch.n_tokens + op.n > l->batch_size && flush(l) != 0)
		return -1;
	if (op.from < s->n_past &&
	    !llama_memory_seq_rm(memory, id, (llama_pos)op.from, -1))
		return complain("a chunk cannot be removed", l->model_path);
	for (uint32_t i = 0; i < op.n; i++)
		put(l, s, op.from + i);
	s->n_past = op.from + op.n;
	if (s->n_past == s->n_known)
		s->row = l->batch.n_tokens - 1;
	return 0;
}

/* Those pieces of all sequences that go alone, or those that go together;
 * returns how many tokens were decoded, or -1. */
static int64_t
go_round(struct loop *l, uint32_t n_gen, bool is_alone)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		struct seq *s = &l->seqs[i];
		struct plan_op op = plan_next(&s->plan, s->n_past, s->n_known);
		bool alone = l->chunk > 0 && op.kind != PLAN_SINGLE;

		if (s->n_known == s->plan.n_prompt + n_gen || alone != is_alone)
			continue;
		if (add(l, s, op) != 0 || (is_alone && flush(l) != 0))
			return -1;
		n += op.n;
	}
	return flush(l) == 0 ? n : -1;
}

static int
generate(struct loop *l, uint32_t n_gen)
{
	int64_t alone, together;

	do {
		alone = go_round(l, n_gen, true);
		together = alone < 0 ? -1 : go_round(l, n_gen, false);
	} while (together >= 0 && alone + together > 0);
	return together < 0 ? -1 : 0;
}

/* Back to the prompts alone. */
static void
rewind_all(struct loop *l)
{
	llama_memory_clear(llama_get_memory(l->ctx), false);
	l->decodes = 0;
	for (uint32_t i = 0; i < l->n; i++) {
		l->seqs[i].n_past = 0;
		l->seqs[i].n_known = l->seqs[i].plan.n_prompt;
		l->seqs[i].row = -1;
	}
}

static void
put_text(const struct loop *l, const struct seq *s, struct buf *b)
{
	struct buf text;

	buf_init(&text, REPORT_MAX);
	for (uint32_t i = s->plan.n_prompt; i < s->n_known; i++) {
		char piece[256];
		int32_t n = llama_token_to_piece(
		    l->vocab, s->tokens[i], piece, sizeof(piece), 0, false);

		if (n > 0)
			buf_put(&text, piece, (size_t)n);
	}
	json_put_str(b, buf_str(&text));
	buf_done(&text);
}

static uint64_t
n_prompts(const struct loop *l)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < l->n; i++)
		n += l->seqs[i].plan.n_prompt;
	return n;
}

static int
report(const struct loop *l, uint64_t wall_us, uint64_t cpu_us)
{
	struct json_out o;
	struct buf b;
	int rc;

	buf_init(&b, REPORT_MAX);
	o = json_out(&b);
	json_open(&o, '{');
	json_key_u64(&o, "tokens", (uint64_t)l->n * l->n_gen);
	json_key_u64(&o, "wall_us", wall_us);
	json_key_u64(&o, "cpu_us", cpu_us);
	json_key_u64(&o, "prompt_tokens", n_prompts(l));
	json_key_u64(&o, "decodes", l->decodes);
	json_key(&o, "texts");
	json_open(&o, '[');
	for (uint32_t i = 0; i < l->n; i++) {
		json_item(&o);
		put_text(l, &l->seqs[i], &b);
	}
	json_close(&o, ']');
	json_close(&o, '}');
	buf_puts(&b, "\n");
	rc = buf_err(&b);
	if (rc == 0)
		fwrite(buf_data(&b), buf_len(&b), 1, stdout);
	buf_done(&b);
	return rc;
}

/* The CPU time of this process in microseconds. */
static uint64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Once in short, as the servers do when they start, then on the clock. */
static int
measure(struct loop *l)
{
	uint64_t wall, cpu;

	rewind_all(l);
	if (generate(l, l->n_gen < 4 ? l->n_gen : 4) != 0)
		return -1;
	rewind_all(l);
	wall = clock_us();
	cpu = cpu_us();
	if (generate(l, l->n_gen) != 0)
		return -1;
	cpu = cpu_us() - cpu;
	wall = clock_us() - wall;
	return report(l, wall, cpu);
}

static void
loop_done(struct loop *l)
{
	if (l->ctx != NULL)
		llama_batch_free(l->batch);
	llama_free(l->ctx);
	llama_model_free(l->model);
	for (uint32_t i = 0; i < l->n; i++)
		free(l->seqs[i].tokens);
	free(l->seqs);
	free(l->eog);
}

int
main(int argc, char **argv)
{
	struct loop l = {
		.threads = 1,
		.n_gen = 256,
		.ctx_size = 512,
		.batch_size = 512,
	};
	const struct arg rows[] = {
		{ "model", ARG_TEXT, &l.model_path, "GGUF file" },
		{ "prompts", ARG_TEXT, &l.prompts, "file; a NUL after each" },
		{ "threads", ARG_U32, &l.threads, "(1)" },
		{ "tokens", ARG_U32, &l.n_gen, "of each sequence (256)" },
		{ "ctx", ARG_U32, &l.ctx_size, "of each sequence (512)" },
		{ "batch", ARG_U32, &l.batch_size, "tokens at most (512)" },
		{ "chunk", ARG_U32, &l.chunk, "canonical schedule" },
	};
	int rc;

	args_parse(rows, sizeof(rows) / sizeof(rows[0]),
	    "bench-rawloop - greedy decoding, timed", argc, argv);
	if (l.model_path == NULL || l.prompts == NULL) {
		fprintf(stderr, "bench-rawloop: wants --model, --prompts\n");
		return 2;
	}
	engine_ready();
	rc = open_model(&l);
	if (rc == 0)
		rc = read_prompts(&l);
	if (rc == 0)
		rc = open_context(&l);
	if (rc == 0)
		rc = measure(&l);
	loop_done(&l);
	return rc == 0 ? 0 : 1;
}
