/*
 * What takes no slot: it waits for none, and has its own bounds; and pooled
 * rows, of which a worker may lie too.
 */
#include "gen_world.h"

#define AT_ONCE 8 /* asides in a worker, src/front/model.c */

static int
ask(struct world *w, struct owner *o, enum gen_mode mode)
{
	struct gen_submit s = { .input = INPUT_PROMPT,
		.prompt = STR("hi"),
		.seed = 42,
		.mode = (uint8_t)mode };

	memset(o, 0, sizeof(*o));
	return gen_start(w->m, &s, &w->order, &ops, o, &o->g, &o->why);
}

static uint64_t
taken(struct world *w, enum gen_mode mode)
{
	struct gen_submit s;

	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.mode, mode);
	return s.gen;
}

static void
expect_nothing(struct world *w)
{
	struct frame fr;

	turn(w);
	assert_int_equal(chan_recv(w->worker, &fr), ERR_AGAIN);
}

static void
no_slot_is_waited_for(void **state)
{
	struct world *w = *state;
	static struct owner full[SLOTS], waits, aside;
	uint64_t id;

	for (size_t i = 0; i < SLOTS; i++) {
		assert_int_equal(start(w, &full[i]), 0);
		(void)taken(w, MODE_GENERATE);
	}
	assert_int_equal(start(w, &waits), 0);
	expect_nothing(w);
	assert_int_equal(ask(w, &aside, MODE_TOKENS), 0);
	id = taken(w, MODE_TOKENS);
	assert_int_equal(w->m->n_active, SLOTS + 1);
	assert_int_equal(w->m->n_asides, 1);
	say_started(w, id);
	say_done(w, id, REASON_LENGTH);
	turn(w);
	assert_int_equal(aside.n_started, 1);
	assert_int_equal(aside.n_done, 1);
	assert_int_equal(w->m->n_asides, 0);
	/* Its end is no slot's. */
	expect_nothing(w);
	assert_int_equal(w->f.metrics.prompt_tokens_total, 0);
}

static void
asides_fill_no_slot(void **state)
{
	struct world *w = *state;
	static struct owner asides[AT_ONCE], one;

	for (size_t i = 0; i < AT_ONCE; i++) {
		assert_int_equal(ask(w, &asides[i], MODE_TEXT), 0);
		(void)taken(w, MODE_TEXT);
	}
	assert_int_equal(start(w, &one), 0);
	(void)taken(w, MODE_GENERATE);
}

static void
they_are_bounded(void **state)
{
	struct world *w = *state;
	static struct owner in[AT_ONCE], waiting[3], last;
	uint64_t id[AT_ONCE];

	for (size_t i = 0; i < AT_ONCE; i++) {
		assert_int_equal(ask(w, &in[i], MODE_TOKENS), 0);
		id[i] = taken(w, MODE_TOKENS);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ask(w, &waiting[i], MODE_TOKENS), 0);
	expect_nothing(w);
	assert_int_equal(ask(w, &last, MODE_TOKENS), ERR_BUSY);
	assert_non_null(strstr(last.why.text, "3 requests wait"));
	/* The other queue is empty. */
	assert_int_equal(start(w, &last), 0);
	(void)taken(w, MODE_GENERATE);
	say_started(w, id[0]);
	say_done(w, id[0], REASON_LENGTH);
	turn(w);
	(void)taken(w, MODE_TOKENS);
	expect_nothing(w);
}

static void
a_death_is_not_heard_of(void **state)
{
	struct world *w = *state;
	static struct owner waits, had;
	uint64_t id;

	assert_int_equal(ask(w, &waits, MODE_TOKENS), 0);
	assert_int_equal(ask(w, &had, MODE_TOKENS), 0);
	(void)taken(w, MODE_TOKENS);
	id = taken(w, MODE_TOKENS);
	/* One had begun: what it was told counts, once. */
	say_started(w, id);
	turn(w);
	die(w);
	assert_int_equal(w->m->n_asides, 0);
	say_model(w, MODEL_UP, "");
	for (int i = 0; i < 2; i++) {
		id = taken(w, MODE_TOKENS);
		say_started(w, id);
		say_done(w, id, REASON_LENGTH);
		turn(w);
	}
	assert_int_equal(waits.n_started + had.n_started, 2);
	assert_int_equal(waits.n_done + had.n_done, 2);
	assert_int_equal(waits.n_failed + had.n_failed, 0);
}

/* One that kills its workers alone is found, as any other. */
static void
poison_is_convicted(void **state)
{
	struct world *w = *state;
	static struct owner bad;

	assert_int_equal(ask(w, &bad, MODE_TEXT), 0);
	for (int i = 0; i < 4; i++) {
		(void)taken(w, MODE_TEXT);
		die(w);
		say_model(w, MODEL_UP, "");
	}
	turn(w);
	assert_int_equal(bad.n_failed, 1);
	assert_int_equal(bad.why.code, ERR_POISON);
	assert_int_equal(ask(w, &bad, MODE_TEXT), ERR_POISON);
}

static void
the_model_goes(void **state)
{
	struct world *w = *state;
	static struct owner in, waits[AT_ONCE];

	assert_int_equal(ask(w, &in, MODE_TOKENS), 0);
	die(w);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(ask(w, &waits[i], MODE_TOKENS), 0);
	say_model(w, MODEL_FAILED, "gone");
	assert_int_equal(in.n_failed, 1);
	assert_int_equal(waits[0].n_failed, 1);
	assert_int_equal(waits[1].n_failed, 1);
	assert_int_equal(w->f.n_gens, 0);
}

/*
 * Rows
 */

static const float numbers[] = { 1, 2, 3, 4, 5, 6 };

struct rows_owner {
	struct owner o;
	uint32_t n;
};

static void
heard_rows(void *arg, struct gen *g, const struct gen_rows *r)
{
	struct rows_owner *o = arg;

	(void)g;
	o->n += (uint32_t)(r->data.n / sizeof(float));
}

static uint64_t
begin(struct world *w, struct rows_owner *o, enum gen_mode mode)
{
	static const struct gen_ops rows_ops = {
		.started = heard_started,
		.token = heard_token,
		.rows = heard_rows,
		.done = heard_done,
		.failed = heard_failed,
	};
	struct gen_submit s = { .input = INPUT_PROMPT,
		.prompt = STR("hi"),
		.seed = 42,
		.mode = (uint8_t)mode };
	uint64_t id;

	memset(o, 0, sizeof(*o));
	assert_int_equal(
	    gen_start(w->m, &s, &w->order, &rows_ops, o, &o->o.g, &o->o.why),
	    0);
	id = taken(w, mode);
	say_started(w, id);
	turn(w);
	return id;
}

static void
say_rows(struct world *w, uint64_t gen, enum gen_mode mode, uint32_t n_cols,
    uint32_t n_rows, uint32_t n)
{
	struct gen_rows r = { .gen = gen,
		.mode = (uint8_t)mode,
		.n_cols = n_cols,
		.n_rows = n_rows,
		.data = { (const char *)numbers, n * n_cols * sizeof(float) } };

	assert_int_equal(chan_send(w->worker, MSG_GEN_ROWS, &r, -1), 0);
	turn(w);
}

/* One for all, or one of each of the prompt's three tokens. */
static void
pooled_or_each(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;

	for (uint32_t n = 1; n <= 3; n += 2) {
		uint64_t id = begin(w, &o, MODE_EMBED);

		say_rows(w, id, MODE_EMBED, 2, n, n);
		say_done(w, id, REASON_LENGTH);
		turn(w);
		assert_int_equal(o.o.n_done, 1);
		assert_int_equal(o.n, 2 * n);
	}
	assert_non_null(w->m->chan);
}

static void
scores_have_any_width(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;
	uint64_t id = begin(w, &o, MODE_RANK);

	say_rows(w, id, MODE_RANK, 5, 1, 1);
	say_done(w, id, REASON_LENGTH);
	turn(w);
	assert_int_equal(o.o.n_done, 1);
	assert_int_equal(o.n, 5);
}

/* mode, columns, rows said, rows sent */
static const struct {
	enum gen_mode mode;
	uint32_t n_cols, n_rows, n;
} lies[] = {
	{ MODE_EMBED, 2, 2, 2 },  /* neither one nor each */
	{ MODE_EMBED, 3, 1, 1 },  /* another width than the model's */
	{ MODE_EMBED, 2, 1, 2 },  /* more than it says */
	{ MODE_HIDDEN, 2, 1, 1 }, /* not what was asked for */
	{ MODE_RANK, 2, 1, 1 },
	{ MODE_EMBED, 0, 1, 1 },
};

static void
lies_end_the_channel(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		uint64_t id = begin(w, &o, MODE_EMBED);

		say_rows(w, id, lies[i].mode, lies[i].n_cols, lies[i].n_rows,
		    lies[i].n);
		assert_null(w->m->chan);
		assert_int_equal(o.n, 0);
		gen_drop(o.o.g);
		say_model(w, MODEL_UP, "");
		turn(w);
	}
}

static void
nothing_came(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;
	uint64_t id = begin(w, &o, MODE_EMBED);

	say_done(w, id, REASON_LENGTH);
	turn(w);
	assert_null(w->m->chan);
	assert_int_equal(o.o.n_done, 0);
	gen_drop(o.o.g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_slot_is_waited_for),
		TEST(asides_fill_no_slot),
		TEST(they_are_bounded),
		TEST(a_death_is_not_heard_of),
		TEST(poison_is_convicted),
		TEST(the_model_goes),
		TEST(pooled_or_each),
		TEST(scores_have_any_width),
		TEST(lies_end_the_channel),
		TEST(nothing_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
