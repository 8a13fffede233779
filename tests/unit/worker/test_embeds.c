/* Embeddings in a prompt's place: those of the model's own table say what its
 * tokens say, to the bit; alone, as images, in a conversation, resumed. */
#include "world.h"

#include "wire/embed.h"

#include <ggml.h>
#include <gguf.h>

#define CHUNK 16
#define KEY 7u
#define MOST 256

static struct world *world;
static uint32_t n_embd;

/* The model's table, in floats. */
static float *table;

static void
load_table(void)
{
	struct ggml_context *ctx = NULL;
	struct gguf_init_params p = { .no_alloc = false, .ctx = &ctx };
	struct gguf_context *g =
	    gguf_init_from_file(getenv("BULKHEAD_MODEL"), p);
	struct ggml_tensor *t;
	size_t n;

	assert_non_null(g);
	t = ggml_get_tensor(ctx, "token_embd.weight");
	assert_non_null(t);
	n_embd = (uint32_t)t->ne[0];
	n = (size_t)(t->ne[0] * t->ne[1]);
	table = calloc(n, sizeof(*table));
	if (t->type == GGML_TYPE_F32)
		memcpy(table, t->data, n * sizeof(*table));
	else
		ggml_get_type_traits(t->type)->to_float(
		    t->data, table, (int64_t)n);
	gguf_free(g);
	ggml_free(ctx);
}

static float rows[MOST * 4096];

static struct str
rows_of(const int32_t *tokens, uint32_t n)
{
	assert_true(n <= MOST && n_embd <= 4096);
	for (uint32_t i = 0; i < n; i++)
		memcpy(rows + (size_t)i * n_embd,
		    table + (size_t)tokens[i] * n_embd, n_embd * sizeof(*rows));
	return (struct str){ (const char *)rows,
		(size_t)n * n_embd * sizeof(*rows) };
}

static bool
is_exact(void)
{
	return world->engine->m.rule == PLAN_ROWS;
}

static void
check_same(const struct told *a, const struct told *b)
{
	assert_int_equal(a->err, 0);
	assert_int_equal(b->err, 0);
	assert_int_equal(a->n_prompt, b->n_prompt);
	if (!is_exact())
		return;
	assert_string_equal(a->text, b->text);
	assert_memory_equal(
	    a->hashes, b->hashes, a->n_tokens * sizeof(uint64_t));
}

static void
test_as_tokens(void **state)
{
	struct gen_submit g = world_story(), e;
	struct told run = *world_one(world, &g), *other;

	(void)state;
	e = g;
	e.input = INPUT_EMBEDS;
	e.embeds = rows_of(run.prompt, run.n_prompt);
	other = world_one(world, &e);
	assert_int_equal(other->prompt[0], embed_token(0));
	check_same(&run, other);
}

/* In the midst of text, where the marks are: the same batches, for where ids
 * and embeddings meet a batch ends, so only what is said is compared. */
static void
test_images(void **state)
{
	struct gen_submit g = world_story();
	struct told run, other;
	int32_t ids[4] = { 310, 320, 330, 340 };

	(void)state;
	g.messages = STR("[{\"role\":\"user\",\"content\":"
			 "\"Look: <image> and <image>. What?\"}]");
	g.embeds = rows_of(ids, 4);
	g.n_images = 2;
	g.n_image_embeds = 2;
	g.image_start = STR("[");
	g.image_end = STR("]");
	run = *world_one(world, &g);
	assert_int_equal(run.err, 0);
	for (uint32_t i = 0, k = 0; i < run.n_prompt; i++)
		if (embed_is(run.prompt[i]))
			assert_int_equal(run.prompt[i], embed_token(k++));
	/* By a mark of its own there is nothing around it. */
	g.messages = STR("[{\"role\":\"user\",\"content\":"
			 "\"Look: [@] and [@]. What?\"}]");
	g.image_mark = STR("@");
	other = *world_one(world, &g);
	assert_int_equal(other.err, 0);
	assert_true(other.n_tokens > 0);
}

/* Of modes 1 and 2: as of the tokens; and resumed, where ids and embeddings
 * meet in the midst of a batch. */
static void
test_numbers(void **state)
{
	struct gen_submit g = world_story(), e, rest;
	int32_t ids[2] = { 310, 320 };

	(void)state;
	for (uint8_t mode = MODE_HIDDEN; mode <= MODE_LOGITS; mode++) {
		struct told *a, *b;
		size_t row;

		g.mode = mode;
		a = world_one(world, &g);
		e = g;
		e.input = INPUT_EMBEDS;
		e.embeds = rows_of(a->prompt, a->n_prompt);
		b = world_one(world, &e);
		row = a->n_cols * sizeof(float);
		assert_int_equal(b->n_rows, a->n_prompt);
		assert_int_equal(b->n_cols, a->n_cols);
		assert_memory_equal(a->rows, b->rows, a->n_rows * row);
		e = g;
		e.messages = STR("[{\"role\":\"user\",\"content\":"
				 "\"Look: <image>, and what is it?\"}]");
		e.embeds = rows_of(ids, 2);
		e.n_images = 1;
		e.n_image_embeds = 2;
		e.image_start = e.image_end = STR("|");
		a = world_one(world, &e);
		assert_int_equal(a->err, 0);
		rest = e;
		rest.resume = 1;
		rest.tokens = (struct i32s){ a->prompt, a->n_prompt };
		rest.rows_done = a->n_prompt / 2;
		b = world_one(world, &rest);
		assert_int_equal(b->reason, REASON_LENGTH);
		assert_int_equal(b->n_rows, a->n_rows);
		assert_memory_equal(
		    (const char *)a->rows + rest.rows_done * row,
		    (const char *)b->rows + rest.rows_done * row,
		    (a->n_rows - rest.rows_done) * row);
	}
}

static void
expect(struct gen_submit g, int err, const char *field)
{
	struct told *t = world_one(world, &g);

	assert_int_equal(t->err, err);
	assert_string_equal(t->field, field);
}

static void
test_refusals(void **state)
{
	struct gen_submit g = world_story(), e;
	int32_t ids[4] = { 310, 320, 330, 340 };

	(void)state;
	g.messages = STR("[{\"role\":\"user\",\"content\":"
			 "\"Look: <image>.\"}]");
	g.embeds = rows_of(ids, 4);
	g.n_images = 1;
	g.n_image_embeds = 4;
	e = g;
	e.n_images = 2;
	e.n_image_embeds = 2;
	expect(e, ERR_INVALID, "multimodal_input.prompt");
	e = g;
	e.n_image_embeds = 3;
	expect(e, ERR_INVALID, "multimodal_input.image_embed");
	e = g;
	e.embeds.n -= 4;
	expect(e, ERR_INVALID, "embed");
	e = g;
	e.n_old_embeds = 5;
	expect(e, ERR_INVALID, "embed");
	e = g;
	e.input = INPUT_EMBEDS;
	e.embeds.n = 0;
	expect(e, ERR_INVALID, "embed");
	e = g;
	e.input = INPUT_TOKENS;
	e.embeds.n = 0;
	e.tokens = (struct i32s){ (int32_t[]){ 1, -1 }, 2 };
	expect(e, ERR_INVALID, "prompt");
}

/* Two turns, the first with an image; then without what was kept, and resumed.
 */
static void
test_conversation(void **state)
{
	struct gen_submit g = world_story();
	int32_t ids[40], history[MOST_TOKENS], turns[2];
	struct told first, run, *other;

	(void)state;
	for (int32_t i = 0; i < 40; i++)
		ids[i] = 300 + 3 * i;
	g.messages = STR("[{\"role\":\"user\",\"content\":"
			 "\"Look: <image>.\"}]");
	g.embeds = rows_of(ids, 40);
	g.n_images = 1;
	g.n_image_embeds = 40;
	g.cache_key = KEY;
	first = *world_one(world, &g);
	assert_int_equal(first.err, 0);
	memcpy(history, first.prompt, first.n_prompt * sizeof(int32_t));
	memcpy(history + first.n_prompt, first.tokens,
	    first.n_tokens * sizeof(int32_t));
	turns[0] = (int32_t)first.n_prompt;
	turns[1] = (int32_t)(first.n_prompt + first.n_tokens);
	g.history = (struct i32s){ history, (uint32_t)turns[1] };
	g.turns = (struct i32s){ turns, 2 };
	g.n_old_embeds = 40;
	g.n_images = 0;
	g.messages = STR("[{\"role\":\"user\",\"content\":\"And?\"}]");
	run = *world_one(world, &g);
	assert_int_equal(run.err, 0);
	if (is_exact())
		assert_int_equal(run.n_cached, turns[1] - 1);
	g.cache_key = 0;
	other = world_one(world, &g);
	assert_int_equal(other->n_cached, 0);
	check_same(&run, other);
	/* Another image at the same place is another conversation. */
	g.cache_key = KEY;
	ids[0] = 299;
	(void)rows_of(ids, 40);
	assert_true(world_one(world, &g)->n_cached < first.n_prompt);
	ids[0] = 300;
	(void)rows_of(ids, 40);
	for (uint32_t n = 0; n < run.n_tokens; n += 7) {
		struct gen_submit rest = g;

		rest.resume = 1;
		rest.history = (struct i32s){ 0 };
		rest.tokens = (struct i32s){ run.prompt, run.n_prompt };
		rest.turns = (struct i32s){ run.turns, run.n_turns };
		rest.done = (struct i32s){ run.tokens, n };
		other = world_one(world, &rest);
		assert_int_equal(other->err, 0);
		if (is_exact())
			assert_memory_equal(other->tokens, run.tokens + n,
			    other->n_tokens * sizeof(int32_t));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_tokens),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_conversation),
	};
	static struct world w;
	int err = world_load(&w, 2, CHUNK);

	world = &w;
	if (err != 0)
		return err;
	load_table();
	err = cmocka_run_group_tests(tests, NULL, NULL);
	engine_llama.free(w.engine);
	free(table);
	return err;
}
