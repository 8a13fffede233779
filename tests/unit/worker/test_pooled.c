/* Embeddings and ranks are what libllama's own pooling contexts give for the
 * same prompt: of a model that generates and of an encoder, alone, in company
 * and in a worker that comes after another. */
#include "../emulated.h"
#include "world.h"

#include "worker/llama/pool.h"

#include <math.h>

#define N_SEQ 3
#define CHUNK 64
#define N_PROMPT 150u
/* How far two may be apart: sums in another order; ... */
#define NEAR 2e-6
/* ... and keys, values and Q8_0's products in batches of other sizes. That these
 * are libllama's to the bit in the same batches, test_rows shows. */
#define CHUNKED 2e-2

static char folder[] = "/tmp/bulkhead-pooled-XXXXXX";
static char path[128];
static struct world *world;
static int32_t prompt[N_PROMPT];
static float want[4096];
static size_t n_want;

/* A model made by these options; the demo model for none. */
static void
open_model(const char *options)
{
	char command[512];

	(void)snprintf(path, sizeof(path), "%s", getenv("BULKHEAD_MODEL"));
	if (options != NULL) {
		(void)snprintf(path, sizeof(path), "%s/made.gguf", folder);
		(void)snprintf(command, sizeof(command),
		    "%s/mkmodel %s --out %s 2>/dev/null",
		    getenv("BULKHEAD_BIN"), options, path);
		assert_int_equal(system(command), 0);
	}
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	assert_int_equal(world_load_file(world, path, N_SEQ, CHUNK), 0);
	for (uint32_t i = 0; i < N_PROMPT; i++)
		prompt[i] = (int32_t)((i * 7919u + 13u) %
			(world->engine->m.n_vocab - 300) +
		    300);
}

static void
close_model(void)
{
	for (size_t i = 0; i < MOST_GENS; i++)
		free(world->told[i].rows);
	engine_llama.free(world->engine);
	free(world);
}

static struct llama_context *
raw_context(struct llama_model *weights, enum llama_pooling_type p)
{
	struct llama_context_params c = llama_context_default_params();

	c.n_ctx = c.n_batch = c.n_ubatch = 512;
	c.n_threads = c.n_threads_batch = 1;
	c.embeddings = true;
	c.pooling_type = p;
	return llama_init_from_model(weights, c);
}

/* libllama and nothing else: one row of n tokens, as it is. */
static void
ask_libllama(enum llama_pooling_type p, uint32_t n)
{
	struct llama_model_params params = llama_model_default_params();
	struct llama_batch b = llama_batch_init((int32_t)n, 0, 1);
	struct llama_model *weights;
	struct llama_context *ctx;
	const float *row;

	params.use_extra_bufts = false;
	weights = llama_model_load_from_file(path, params);
	assert_non_null(weights);
	ctx = raw_context(weights, p);
	assert_non_null(ctx);
	b.n_tokens = (int32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		b.token[i] = prompt[i];
		b.pos[i] = (llama_pos)i;
		b.n_seq_id[i] = 1;
		b.seq_id[i][0] = 0;
		b.logits[i] = 1;
	}
	assert_int_equal(llama_decode(ctx, b), 0);
	row = llama_get_embeddings_seq(ctx, 0);
	assert_non_null(row);
	n_want = p == LLAMA_POOLING_TYPE_RANK
	    ? llama_model_n_cls_out(weights)
	    : (size_t)llama_model_n_embd_out(weights);
	memcpy(want, row, n_want * sizeof(*row));
	llama_batch_free(b);
	llama_free(ctx);
	llama_model_free(weights);
}

static struct gen_submit
wanted(enum gen_mode mode, enum pooling p, uint32_t n)
{
	struct gen_submit g = world_story();

	g.input = INPUT_TOKENS;
	g.messages = STR("");
	g.tokens = (struct i32s){ prompt, n };
	g.mode = (uint8_t)mode;
	g.pooling = (uint8_t)p;
	g.normalize = NORMALIZE_NOT;
	return g;
}

/* Of two vectors, beside the length of the second. */
static double
distance(const float *a, const float *b, size_t n)
{
	double apart = 0, length = 0;

	for (size_t k = 0; k < n; k++) {
		apart += pow((double)a[k] - (double)b[k], 2);
		length += pow((double)b[k], 2);
	}
	assert_true(length > 0);
	return sqrt(apart / length);
}

static void
check(const struct told *t)
{
	bool is_one = world->engine->m.only_embeds || t->n_prompt <= CHUNK;

	assert_string_equal(t->why, "");
	assert_int_equal(t->reason, REASON_LENGTH);
	assert_int_equal(t->n_rows, 1);
	assert_int_equal(t->n_cols, n_want);
	assert_float_equal(
	    distance(t->rows, want, n_want), 0, is_one ? NEAR : CHUNKED);
}

static const struct {
	enum pooling ours;
	enum llama_pooling_type theirs;
} ways[] = {
	{ POOL_MEAN, LLAMA_POOLING_TYPE_MEAN },
	{ POOL_CLS, LLAMA_POOLING_TYPE_CLS },
	{ POOL_LAST, LLAMA_POOLING_TYPE_LAST },
};

static void
each_way(void)
{
	const uint32_t lengths[] = { 1, 2, CHUNK, CHUNK + 1, N_PROMPT };

	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)
		for (size_t i = 0; i < 5; i++) {
			struct gen_submit g =
			    wanted(MODE_EMBED, ways[w].ours, lengths[i]);

			ask_libllama(ways[w].theirs, lengths[i]);
			check(world_one(world, &g));
		}
}

static void
test_model_that_generates(void **state)
{
	(void)state;
	open_model(NULL);
	assert_int_equal(world->engine->m.pooling, POOL_MODEL);
	each_way();
	close_model();
}

static void
test_encoder(void **state)
{
	struct gen_submit g;

	(void)state;
	skip_emulated("another program makes the model");
	open_model("--preset tiny-bert");
	assert_int_equal(world->engine->m.pooling, POOL_MEAN);
	assert_true(world->engine->m.only_embeds);
	each_way();
	ask_libllama(LLAMA_POOLING_TYPE_MEAN, N_PROMPT);
	g = wanted(MODE_EMBED, POOL_MODEL, N_PROMPT);
	check(world_one(world, &g));
	/* It has nothing to say. */
	g = wanted(MODE_GENERATE, POOL_MODEL, 3);
	assert_int_equal(world_one(world, &g)->err, ERR_UNSUPPORTED);
	g = wanted(MODE_LOGITS, POOL_MODEL, 3);
	assert_int_equal(world_one(world, &g)->err, ERR_UNSUPPORTED);
	close_model();
}

/* What the file says of pooling holds where nobody says otherwise. */
static void
test_file_says_last(void **state)
{
	struct gen_submit g;

	(void)state;
	skip_emulated("another program makes the model");
	open_model("--preset tiny-qwen2 --pooling 3");
	assert_int_equal(world->engine->m.pooling, POOL_LAST);
	ask_libllama(LLAMA_POOLING_TYPE_LAST, N_PROMPT);
	g = wanted(MODE_EMBED, POOL_ONE, N_PROMPT);
	check(world_one(world, &g));
	close_model();
}

static void
check_ranker(const char *options)
{
	struct gen_submit g;

	open_model(options);
	assert_true(world->engine->m.is_ranker);
	for (uint32_t n = 1; n <= N_PROMPT; n += 149) {
		ask_libllama(LLAMA_POOLING_TYPE_RANK, n);
		g = wanted(MODE_RANK, POOL_MODEL, n);
		check(world_one(world, &g));
	}
	g = wanted(MODE_EMBED, POOL_MODEL, 3);
	assert_int_equal(world_one(world, &g)->err, ERR_UNSUPPORTED);
	close_model();
}

static void
test_ranker(void **state)
{
	(void)state;
	skip_emulated("another program makes the model");
	check_ranker("--preset tiny-bert --pooling 4");
	/* One that has a cache, and no head of its own. */
	check_ranker("--preset tiny-qwen2 --pooling 4");
}

/* Nobody else has a ranking head, or embeds without being asked. */
static void
test_refused(void **state)
{
	struct gen_submit g;

	(void)state;
	open_model(NULL);
	g = wanted(MODE_RANK, POOL_MODEL, 3);
	assert_int_equal(world_one(world, &g)->err, ERR_UNSUPPORTED);
	g = wanted(MODE_EMBED, POOL_RANK, 3);
	assert_int_equal(world_one(world, &g)->err, ERR_UNSUPPORTED);
	g = wanted(MODE_EMBED, (enum pooling)(POOL_COUNT + 1), 3);
	assert_int_equal(world_one(world, &g)->err, ERR_UNSUPPORTED);
	/* One that was delivered is not computed again. */
	g = wanted(MODE_EMBED, POOL_MEAN, N_PROMPT);
	g.resume = 1;
	g.rows_done = 1;
	assert_int_equal(world_one(world, &g)->reason, REASON_LENGTH);
	assert_null(told_of(world, world->next_id)->rows);
	close_model();
}

/* Beside streams, and several at once, the bits are those of one alone. */
static void
test_in_company(void **state)
{
	struct gen_submit g, s;
	struct told lone, *stream, *a, *b;
	float alone[4096];
	size_t n;

	(void)state;
	open_model(NULL);
	g = wanted(MODE_EMBED, POOL_MEAN, N_PROMPT);
	lone = *world_one(world, &g);
	n = lone.n_cols * sizeof(float);
	memcpy(alone, lone.rows, n);
	s = world_story();
	stream = world_submit(world, s);
	for (int i = 0; i < 5; i++)
		engine_llama.step(world->engine);
	a = world_submit(world, g);
	b = world_submit(world, g);
	world_run(world);
	assert_memory_equal(a->rows, alone, n);
	assert_memory_equal(b->rows, alone, n);
	assert_true(stream->n_tokens > 0);
	close_model();
}

static float
norm(const float *v, size_t n, int p)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += pow(fabs((double)v[i]), p);
	return (float)pow(sum, 1.0 / p);
}

/* -1, 0, 1, 2 and more, as llama-server's embd_normalize. */
static void
test_normalize(void **state)
{
	const float v[4] = { 3, -4, 0, 12 };
	const float zero[4] = { 0 };
	float r[4];

	(void)state;
	memcpy(r, v, sizeof(r));
	pool_normalize(r, 4, NORMALIZE_NOT);
	assert_memory_equal(r, v, sizeof(r));
	pool_normalize(r, 4, NORMALIZE_MAX);
	assert_float_equal(r[3], 32760, 0.01);
	assert_float_equal(r[1], -4.0 / 12 * 32760, 0.01);
	for (int p = NORMALIZE_SUM; p <= 5; p++) {
		memcpy(r, v, sizeof(r));
		pool_normalize(r, 4, p);
		assert_float_equal(norm(r, 4, p), 1, 1e-5);
	}
	memcpy(r, zero, sizeof(r));
	pool_normalize(r, 4, NORMALIZE_LENGTH);
	assert_memory_equal(r, zero, sizeof(r));
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int
drop_folder(void **state)
{
	char made[160];

	(void)state;
	(void)snprintf(made, sizeof(made), "%s/made.gguf", folder);
	(void)unlink(made);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_model_that_generates),
		cmocka_unit_test(test_encoder),
		cmocka_unit_test(test_file_says_last),
		cmocka_unit_test(test_ranker),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_in_company),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
