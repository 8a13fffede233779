/*
 * world - the llama engine with the demo model, for tests; what generations
 * say is noted down.
 */
#ifndef TESTS_WORKER_WORLD_H
#define TESTS_WORKER_WORLD_H

#include "worker/llama/sched.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST_TOKENS 1024
#define MOST_GENS 16
#define MOST_TURNS 64

/* What one generation has said. */
struct told {
	uint64_t id;
	int32_t prompt[MOST_TOKENS];
	uint32_t n_prompt;
	uint32_t n_cached; /* of the prompt */
	uint32_t n_system;
	int32_t turns[MOST_TURNS];
	uint32_t n_turns;
	int32_t tokens[MOST_TOKENS];
	size_t ends[MOST_TOKENS]; /* of the text, after each token */
	float mu[MOST_TOKENS];
	uint32_t n_tokens;
	char text[16384];
	size_t n_text;
	int reason; /* of its end; 0: none yet */
	char stop[64];
	int err; /* it failed */
	char field[64];
	char why[512];
	float logprob; /* of the last token */
	uint8_t n_tops;
	uint64_t hashes[MOST_TOKENS]; /* of the logits; 0: none came */
	uint32_t n_verdicts;	      /* how a resume compares */
	bool agrees;
	float *rows; /* malloc(3)'s; NULL: none came */
	uint32_t n_rows;
	uint32_t n_cols;
};

struct world {
	struct engine *engine;
	bool by_shapes; /* as where no other rule is exact */
	struct told told[MOST_GENS];
	uint64_t next_id;
};

static inline struct told *
told_of(struct world *w, uint64_t id)
{
	return &w->told[id % MOST_GENS];
}

static inline void
add_text(struct told *t, struct str s)
{
	assert_true(t->n_text + s.n < sizeof(t->text));
	if (s.n > 0)
		memcpy(t->text + t->n_text, s.p, s.n);
	t->n_text += s.n;
	t->text[t->n_text] = '\0';
}

static inline void
copy_str(char *to, size_t room, struct str s)
{
	(void)snprintf(to, room, "%.*s", (int)s.n, s.p);
}

static inline void
world_started(void *arg, const struct gen_started *s)
{
	struct told *t = told_of(arg, s->gen);

	assert_true(t->id == s->gen && t->n_tokens == 0);
	t->n_prompt = s->prompt.n;
	t->n_cached = s->n_cached;
	t->n_system = s->n_system;
	t->n_turns = s->turns.n;
	if (s->turns.n > 0)
		memcpy(t->turns, s->turns.p, s->turns.n * sizeof(int32_t));
	if (s->prompt.n > 0)
		memcpy(t->prompt, s->prompt.p, s->prompt.n * sizeof(int32_t));
}

static inline void
world_step(void *arg, const struct step *s)
{
	struct told *t = told_of(arg, s->gen);

	assert_true(t->id == s->gen && t->reason == 0 && t->err == 0);
	add_text(t, s->text);
	t->tokens[t->n_tokens] = s->token;
	t->mu[t->n_tokens] = s->mu;
	t->hashes[t->n_tokens] = s->flags & STEP_HASH ? s->hash : 0;
	t->ends[t->n_tokens++] = t->n_text;
	t->logprob = s->logprob;
	t->n_tops = s->n_tops;
}

static inline void
world_done(void *arg, const struct gen_done *d)
{
	struct told *t = told_of(arg, d->gen);

	assert_true(t->id == d->gen && t->reason == 0 && t->err == 0);
	add_text(t, d->text);
	t->reason = d->reason;
	copy_str(t->stop, sizeof(t->stop), d->stop);
}

static inline void
world_failed(void *arg, const struct gen_failed *f)
{
	struct told *t = told_of(arg, f->gen);

	assert_true(t->id == f->gen && t->reason == 0 && t->err == 0);
	t->err = f->err;
	copy_str(t->field, sizeof(t->field), f->field);
	copy_str(t->why, sizeof(t->why), f->text);
}

static inline void
world_checked(void *arg, const struct gen_checked *c)
{
	struct told *t = told_of(arg, c->gen);

	assert_true(t->id == c->gen && t->reason == 0 && t->err == 0);
	assert_int_equal(t->n_verdicts, 0);
	t->n_verdicts++;
	t->agrees = c->agrees;
}

/* One after the other, none twice; the first may be that of a resume. */
static inline void
world_rows(void *arg, const struct gen_rows *r)
{
	struct told *t = told_of(arg, r->gen);
	size_t each = r->n_cols * sizeof(float);

	assert_true(t->id == r->gen && t->reason == 0 && t->err == 0);
	assert_true(r->data.n > 0 && r->data.n % each == 0);
	if (t->rows == NULL) {
		t->rows = calloc(r->n_rows, each);
		t->n_rows = r->first;
		t->n_cols = r->n_cols;
	}
	assert_non_null(t->rows);
	assert_int_equal(r->first, t->n_rows);
	assert_true(r->first + r->data.n / each <= r->n_rows);
	memcpy((char *)t->rows + t->n_rows * each, r->data.p, r->data.n);
	t->n_rows += (uint32_t)(r->data.n / each);
}

/* What no machine here would choose: BULKHEAD_RULE=shapes. */
static inline void
world_force_rule(struct world *w)
{
	const char *rule = getenv("BULKHEAD_RULE");

	w->by_shapes = rule != NULL && strcmp(rule, "shapes") == 0;
	if (!w->by_shapes)
		return;
	w->engine->m.rule = PLAN_SHAPES;
	w->engine->m.kernels = KERNELS_OWN;
}

/* Loads a model; 77 if there is none, for main to exit with. */
static inline int
world_load_file(
    struct world *w, const char *path, uint32_t n_seq, uint32_t chunk)
{
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	struct worker_load cfg = { .name = STR("demo"),
		.path = STR("demo.gguf"),
		.n_seq = n_seq,
		.n_threads = 1,
		.n_threads_batch = 1,
		.chunk = chunk,
		.use_mmap = 1 };
	struct engine_events events = { w, world_started, world_step,
		world_done, world_failed, world_checked, world_rows, NULL,
		NULL };
	struct files files = { .model = fd };
	struct fail why = { 0 };
	int err;

	if (fd < 0)
		return 77;
	err = engine_llama.load(&w->engine, &cfg, &files, &events, NULL, &why);
	(void)close(fd);
	if (err != 0)
		print_error("%s\n", why.text);
	else
		world_force_rule(w);
	return err;
}

/* The demo model. */
static inline int
world_load(struct world *w, uint32_t n_seq, uint32_t chunk)
{
	return world_load_file(w, getenv("BULKHEAD_MODEL"), n_seq, chunk);
}

/* A story, sampled as llama-server would by default. */
static inline struct gen_submit
world_story(void)
{
	return (struct gen_submit){
		.input = INPUT_CHAT,
		.messages = STR("[{\"role\": \"user\", \"content\": "
				"\"Tell me a story.\"}]"),
		.seed = 42,
		.temperature = 0.8F,
		.dynatemp_exponent = 1,
		.top_k = 40,
		.top_p = 0.95F,
		.min_p = 0.05F,
		.typical_p = 1,
		.top_n_sigma = -1,
		.xtc_threshold = 0.1F,
		.repeat_last_n = 64,
		.repeat_penalty = 1,
		.dry_base = 1.75F,
		.dry_allowed_length = 2,
		.dry_penalty_last_n = -1,
		.mirostat_tau = 5,
		.mirostat_eta = 0.1F,
		.ignore_eos = 1,
		.max_tokens = 60,
	};
}

/* Gives it an id and hands it over. */
static inline struct told *
world_submit(struct world *w, struct gen_submit g)
{
	struct told *t;

	g.gen = ++w->next_id;
	t = told_of(w, g.gen);
	free(t->rows);
	memset(t, 0, sizeof(*t));
	t->id = g.gen;
	engine_llama.submit(w->engine, &g);
	return t;
}

static inline void
world_run(struct world *w)
{
	while (engine_llama.has_work(w->engine))
		engine_llama.step(w->engine);
}

static inline struct told *
world_one(struct world *w, const struct gen_submit *g)
{
	struct told *t = world_submit(w, *g);

	world_run(w);
	return t;
}

#endif
