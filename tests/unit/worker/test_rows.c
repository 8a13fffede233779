/* Hidden states and logits of a prompt are what libllama gives to whoever
 * decodes it in the same batches, to the bit: alone, in company, resumed. */
#include "world.h"

#define N_SEQ 4
#define CHUNK 64
#define PROMPT_MOST 300u

static struct world *world;
static int32_t prompt[PROMPT_MOST];
static float *raw[MODE_COUNT]; /* rows of the whole prompt */
static uint32_t n_most;	       /* tokens of it; what the context holds */

static uint32_t
cols_of(enum gen_mode mode)
{
	const struct model *m = &world->engine->m;

	return mode == MODE_HIDDEN ? m->n_cols : m->n_vocab;
}

/* libllama and nothing else. */
static struct llama_context *
raw_context(struct llama_model *weights, enum gen_mode mode)
{
	struct llama_context_params p = llama_context_default_params();

	p.n_ctx = world->engine->m.n_ctx;
	p.n_batch = p.n_ubatch = world->engine->m.rows_chunk;
	p.n_threads = p.n_threads_batch = 1;
	p.swa_full = true;
	p.embeddings = mode == MODE_HIDDEN;
	return llama_init_from_model(weights, p);
}

static void
raw_batch(
    struct llama_context *ctx, struct llama_batch *b, uint32_t from, uint32_t n)
{
	b->n_tokens = (int32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		b->token[i] = prompt[from + i];
		b->pos[i] = (llama_pos)(from + i);
		b->n_seq_id[i] = 1;
		b->seq_id[i][0] = 0;
		b->logits[i] = 1;
	}
	assert_int_equal(llama_decode(ctx, *b), 0);
}

static float *
raw_loop(struct llama_model *weights, enum gen_mode mode)
{
	struct llama_context *ctx = raw_context(weights, mode);
	uint32_t step = world->engine->m.rows_chunk, cols = cols_of(mode);
	struct llama_batch b = llama_batch_init((int32_t)step, 0, 1);
	float *all = calloc((size_t)n_most * cols, sizeof(*all));

	assert_true(ctx != NULL && all != NULL);
	for (uint32_t at = 0; at < n_most; at += step) {
		uint32_t n = n_most - at < step ? n_most - at : step;

		raw_batch(ctx, &b, at, n);
		for (uint32_t i = 0; i < n; i++)
			memcpy(all + (size_t)(at + i) * cols,
			    mode == MODE_HIDDEN
				? llama_get_embeddings_ith(ctx, (int32_t)i)
				: llama_get_logits_ith(ctx, (int32_t)i),
			    cols * sizeof(*all));
	}
	llama_batch_free(b);
	llama_free(ctx);
	return all;
}

static int
run_raw_loops(void **state)
{
	struct llama_model_params p = llama_model_default_params();
	struct llama_model *weights;
	const struct model *m = &world->engine->m;

	(void)state;
	n_most = m->n_ctx - 1 < PROMPT_MOST ? m->n_ctx - 1 : PROMPT_MOST;
	for (uint32_t i = 0; i < n_most; i++)
		prompt[i] = (int32_t)((i * 7919u + 13u) % m->n_vocab);
	p.use_extra_bufts = false;
	weights = llama_model_load_from_file(getenv("BULKHEAD_MODEL"), p);
	if (weights == NULL)
		return 1;
	kernels_use(KERNELS_OWN, m->cpu);
	raw[MODE_HIDDEN] = raw_loop(weights, MODE_HIDDEN);
	raw[MODE_LOGITS] = raw_loop(weights, MODE_LOGITS);
	llama_model_free(weights);
	return 0;
}

static int
forget_raw_loops(void **state)
{
	(void)state;
	free(raw[MODE_HIDDEN]);
	free(raw[MODE_LOGITS]);
	return 0;
}

static struct gen_submit
wanted(enum gen_mode mode, uint32_t n_prompt)
{
	struct gen_submit g = world_story();

	g.input = INPUT_TOKENS;
	g.messages = STR("");
	g.tokens = (struct i32s){ prompt, n_prompt };
	g.mode = (uint8_t)mode;
	g.resume_mode = RESUME_EXACT;
	return g;
}

/* Those from the first-th on. */
static void
check_rows_of(
    const struct told *t, enum gen_mode mode, uint32_t first, uint32_t n_prompt)
{
	size_t cols = cols_of(mode);

	assert_int_equal(t->err, 0);
	assert_int_equal(t->reason, REASON_LENGTH);
	assert_int_equal(t->n_tokens, 0);
	assert_int_equal(t->n_rows, n_prompt);
	assert_int_equal(t->n_cols, cols);
	assert_memory_equal(t->rows + first * cols, raw[mode] + first * cols,
	    (n_prompt - first) * cols * sizeof(float));
}

static void
test_any_length(void **state)
{
	uint32_t r = world->engine->m.rows_chunk;
	const uint32_t lengths[] = { 1, 2, r - 1, r, r + 1, n_most };

	(void)state;
	for (int mode = MODE_HIDDEN; mode <= MODE_LOGITS; mode++) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths);
		     i++) {
			uint32_t n = lengths[i];
			struct gen_submit g = wanted((enum gen_mode)mode, n);
			struct told *t;

			/* The tail's shape is another's in the raw loop. */
			t = world_one(world, &g);
			if (n % r == 0 || n == n_most)
				check_rows_of(t, (enum gen_mode)mode, 0, n);
			assert_int_equal(t->n_rows, n);
			assert_int_equal(t->reason, REASON_LENGTH);
		}
	}
}

/* Streams beside say what they say alone. */
static void
test_in_company(void **state)
{
	struct gen_submit s = world_story();
	struct told lone, *stream, *hidden, *logits;
	struct gen_submit h = wanted(MODE_HIDDEN, n_most);
	struct gen_submit l = wanted(MODE_LOGITS, n_most);

	(void)state;
	s.resume_mode = RESUME_EXACT;
	lone = *world_one(world, &s);
	stream = world_submit(world, s);
	for (int i = 0; i < 5; i++)
		engine_llama.step(world->engine);
	hidden = world_submit(world, h);
	engine_llama.step(world->engine);
	logits = world_submit(world, l);
	world_run(world);
	check_rows_of(hidden, MODE_HIDDEN, 0, n_most);
	check_rows_of(logits, MODE_LOGITS, 0, n_most);
	assert_int_equal(stream->n_tokens, lone.n_tokens);
	assert_memory_equal(stream->tokens, lone.tokens,
	    lone.n_tokens * sizeof(lone.tokens[0]));
	if (world->engine->m.rule == PLAN_ROWS)
		assert_memory_equal(stream->hashes, lone.hashes,
		    lone.n_tokens * sizeof(lone.hashes[0]));
}

static void
test_resumed(void **state)
{
	uint32_t r = world->engine->m.rows_chunk;
	const uint32_t done[] = { 0, 1, r, r + r / 2, n_most - 1, n_most };

	(void)state;
	for (int mode = MODE_HIDDEN; mode <= MODE_LOGITS; mode++) {
		for (size_t i = 0; i < sizeof(done) / sizeof(*done); i++) {
			struct gen_submit g =
			    wanted((enum gen_mode)mode, n_most);
			struct told *t;

			g.resume = 1;
			g.rows_done = done[i];
			t = world_one(world, &g);
			if (done[i] < n_most)
				check_rows_of(
				    t, (enum gen_mode)mode, done[i], n_most);
			else
				assert_true(t->reason == REASON_LENGTH &&
				    t->rows == NULL);
		}
	}
}

/* One that is parked neither computes nor sends; then it goes on. */
static void
test_parked(void **state)
{
	struct gen_submit g = wanted(MODE_LOGITS, n_most);
	struct told *t = world_submit(world, g);
	uint32_t n;

	(void)state;
	engine_llama.step(world->engine);
	n = t->n_rows;
	engine_llama.park(world->engine, t->id, true);
	assert_false(engine_llama.has_work(world->engine));
	assert_int_equal(t->n_rows, n);
	engine_llama.park(world->engine, t->id, false);
	world_run(world);
	check_rows_of(t, MODE_LOGITS, 0, n_most);
}

static void
test_cancelled(void **state)
{
	struct gen_submit g = wanted(MODE_LOGITS, n_most);
	struct told *t = world_submit(world, g);

	(void)state;
	engine_llama.step(world->engine);
	assert_true(t->n_rows > 0 && t->n_rows < n_most);
	engine_llama.cancel(world->engine, t->id);
	assert_int_equal(t->reason, REASON_CANCEL);
	assert_false(engine_llama.has_work(world->engine));
}

static void
check_refused(struct gen_submit g, const char *field)
{
	struct told *t = world_one(world, &g);

	assert_int_equal(t->err, ERR_INVALID);
	assert_string_equal(t->field, field);
}

static void
test_refused(void **state)
{
	struct gen_submit g = wanted(MODE_COUNT, 3);

	(void)state;
	check_refused(g, "mode");
	g.mode = MODE_LOGITS;
	g.rows_done = 4;
	check_refused(g, "rows_done");
	g.rows_done = 0;
	g.done = (struct i32s){ prompt, 1 };
	check_refused(g, "done");
}

int
main(void)
{
	static struct world w;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_length),
		cmocka_unit_test(test_in_company),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_parked),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_refused),
	};
	int failed = world_load(&w, N_SEQ, CHUNK);

	if (failed != 0)
		return failed == 77 ? 77 : 1;
	world = &w;
	failed = cmocka_run_group_tests(tests, run_raw_loops, forget_raw_loops);
	for (int i = 0; i < MOST_GENS; i++)
		free(w.told[i].rows);
	engine_llama.free(w.engine);
	return failed;
}
