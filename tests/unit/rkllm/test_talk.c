/* A conversation's tokens: added, cleared, cut, shifted as an engine would. */
#include "rkllm/talk.h"
#include "wire/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIST(...)                                                              \
	(struct i32s)                                                          \
	{                                                                      \
		(const int32_t[]){ __VA_ARGS__ },                              \
		    sizeof((const int32_t[]){ __VA_ARGS__ }) / sizeof(int32_t) \
	}

static int
set_up(void **state)
{
	*state = calloc(1, sizeof(struct talk));
	talk_init(*state, 9);
	return 0;
}

static int
tear_down(void **state)
{
	talk_done(*state);
	free(*state);
	return 0;
}

static void
assert_list(struct i32s got, struct i32s want)
{
	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, want.p, want.n * sizeof(int32_t));
}

static void
assert_goes_on(const struct talk *t, struct i32s history, struct i32s turns)
{
	struct gen_submit g = { 0 };
	struct buf mem;

	buf_init(&mem, MIB);
	assert_int_equal(talk_fill(t, &mem, &g), 0);
	buf_done(&mem);
	assert_int_equal(g.cache_key, 9);
	assert_list(g.history, history);
	assert_list(g.turns, turns);
}

static void
assert_goes_on_from_nothing(const struct talk *t)
{
	struct gen_submit g = { 0 };
	struct buf mem;

	buf_init(&mem, MIB);
	assert_int_equal(talk_fill(t, &mem, &g), 0);
	buf_done(&mem);
	assert_int_equal(g.cache_key, 9);
	assert_int_equal(g.history.n, 0);
	assert_int_equal(g.turns.n, 0);
}

/* Two turns, the first with a system prompt of 2 tokens. */
static void
say_two(struct talk *t)
{
	struct talk_turn one = { .prompt = LIST(1, 2, 3, 4),
		.out = LIST(5, 6),
		.n_system = 2,
		.n_ctx = 100 };
	struct talk_turn two = { .prompt = LIST(1, 2, 3, 4, 5, 6, 7, 8),
		.turns = LIST(4, 6),
		.out = LIST(9),
		.n_ctx = 100 };

	assert_int_equal(talk_add(t, &one), 0);
	assert_goes_on(t, LIST(1, 2, 3, 4, 5, 6), LIST(4, 6));
	assert_int_equal(talk_add(t, &two), 0);
}

static void
test_turns_add_up(void **state)
{
	struct talk *t = *state;

	assert_goes_on_from_nothing(t);
	assert_int_equal(talk_size(t), 0);
	say_two(t);
	assert_goes_on(t, LIST(1, 2, 3, 4, 5, 6, 7, 8, 9), LIST(4, 6, 8, 9));
	assert_int_equal(talk_size(t), 9);
}

static void
test_clear(void **state)
{
	struct talk *t = *state;

	say_two(t);
	talk_clear(t, true);
	assert_int_equal(talk_size(t), 2);
	/* It is rendered again, with the next first turn. */
	assert_goes_on_from_nothing(t);
	talk_clear(t, true);
	assert_int_equal(talk_size(t), 2);
	say_two(t);
	talk_clear(t, false);
	assert_int_equal(talk_size(t), 0);
	assert_goes_on_from_nothing(t);
	talk_clear(t, true);
	assert_int_equal(talk_size(t), 0);
}

static void
test_cut(void **state)
{
	struct talk *t = *state;
	struct fail why;

	say_two(t);
	assert_int_equal(talk_cut(t, 7, 9, &why), 0);
	assert_goes_on(t, LIST(1, 2, 3, 4, 5, 6, 7), LIST(4, 6));
	assert_int_equal(talk_cut(t, 3, 3, &why), 0);
	assert_int_equal(talk_size(t), 7);
	say_two(t);
	assert_int_equal(talk_cut(t, 1, 3, &why), 0);
	assert_int_equal(talk_size(t), 7);
	assert_int_equal(t->n_system, 1);
	assert_int_equal(t->turns.len, 0);
	talk_clear(t, true);
	assert_int_equal(talk_size(t), 1);
	say_two(t);
	assert_int_equal(talk_cut(t, 0, 9, &why), 0);
	assert_goes_on_from_nothing(t);
	assert_int_equal(talk_size(t), 0);
}

static void
test_cut_outside(void **state)
{
	static const uint32_t bad[][2] = { { 0, 10 }, { 5, 4 }, { 10, 10 },
		{ UINT32_MAX, UINT32_MAX } };
	struct talk *t = *state;
	struct fail why;

	say_two(t);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    talk_cut(t, bad[i][0], bad[i][1], &why), ERR_INVALID);
		assert_string_equal(why.field, "start_pos");
		assert_int_equal(talk_size(t), 9);
	}
}

/* As the worker does: full after a token, and one more to come. */
static void
test_shift(void **state)
{
	struct talk *t = *state;
	struct talk_turn turn = { .prompt = LIST(1, 2, 3, 4),
		.turns = LIST(1, 2),
		.out = LIST(5, 6, 7, 8, 9),
		.n_ctx = 8,
		.n_keep = 2,
		.may_shift = true };

	assert_int_equal(talk_add(t, &turn), 0);
	/* At 8 tokens the 3 behind the first 2 went. */
	assert_goes_on(t, LIST(1, 2, 6, 7, 8, 9), LIST(5, 6));
	turn.out.n = 4;
	assert_int_equal(talk_add(t, &turn), 0);
	assert_goes_on(t, LIST(1, 2, 3, 4, 5, 6, 7, 8), LIST(1, 2, 4, 8));
}

/* More turns than are told apart: then it is one prompt. */
static void
test_many_turns(void **state)
{
	enum { MANY = 2048 };
	struct talk *t = *state;
	int32_t tokens[MANY + 1], ends[MANY];
	struct talk_turn turn = { .out = LIST(7), .n_ctx = 100000 };

	for (int32_t i = 0; i < MANY; i++)
		tokens[i] = ends[i] = i;
	tokens[MANY] = MANY;
	turn.prompt = (struct i32s){ tokens, MANY + 1 };
	turn.turns = (struct i32s){ ends, MANY };
	assert_int_equal(talk_add(t, &turn), 0);
	assert_int_equal(talk_size(t), MANY + 2);
	assert_int_equal(buf_len(&t->turns) / sizeof(int32_t), 2);
}

/* Rows of one float: those that are spoken of stay, in the order of tokens. */
static void
test_embeds(void **state)
{
	static const float rows[] = { 10, 11, 12, 13 }, more[] = { 20 };
	static const float want[] = { 13, 11, 20 };
	struct talk *t = *state;
	struct talk_turn turn = { .prompt = LIST(5, -4, -2, 6),
		.out = LIST(7),
		.embeds = { (const char *)rows, sizeof(rows) },
		.row = sizeof(float),
		.n_ctx = 100 };
	struct gen_submit g = { 0 };
	struct fail why;
	struct buf mem;

	buf_init(&mem, MIB);
	assert_int_equal(talk_add(t, &turn), 0);
	g.embeds = (struct str){ (const char *)more, sizeof(more) };
	assert_int_equal(talk_fill(t, &mem, &g), 0);
	assert_list(g.history, LIST(5, -1, -2, 6, 7));
	assert_int_equal(g.n_old_embeds, 2);
	assert_int_equal(g.n_row, 1);
	assert_int_equal(g.embeds.n, sizeof(want));
	assert_memory_equal(g.embeds.p, want, sizeof(want));
	/* Of one length. */
	g.n_row = 2;
	assert_int_equal(talk_fill(t, &mem, &g), ERR_INVALID);
	assert_int_equal(talk_cut(t, 0, 2, &why), 0);
	memset(&g, 0, sizeof(g));
	buf_reset(&mem);
	assert_int_equal(talk_fill(t, &mem, &g), 0);
	assert_list(g.history, LIST(-1, 6, 7));
	assert_int_equal(g.turns.n, 0);
	assert_int_equal(buf_len(&t->embeds), sizeof(float));
	assert_memory_equal(buf_data(&t->embeds), &rows[1], sizeof(float));
	talk_clear(t, true);
	assert_int_equal(buf_len(&t->embeds), 0);
	turn.prompt = LIST(5, -5);
	assert_int_equal(talk_add(t, &turn), ERR_INTERNAL);
	assert_int_equal(talk_size(t), 0);
	turn.prompt = LIST(5, -1);
	turn.out = LIST(7, -1000000);
	assert_int_equal(talk_add(t, &turn), ERR_INTERNAL);
	assert_int_equal(talk_size(t), 0);
	buf_done(&mem);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_turns_add_up),
		TEST(test_clear),
		TEST(test_cut),
		TEST(test_cut_outside),
		TEST(test_shift),
		TEST(test_many_turns),
		TEST(test_embeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
