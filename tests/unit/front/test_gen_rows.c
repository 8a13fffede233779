/*
 * Rows of a prompt, from a worker that may lie: what does not fit to the
 * request, to the prompt or to what came before ends its channel. And what a
 * next worker is told.
 */
#include "gen_world.h"

/* The prompt of say_started() has three tokens, a row of logits three floats,
 * of hidden states two. */
#define ROW 3u

struct rows_owner {
	struct owner o; /* first: heard_done() and others take it as theirs */
	float data[16];
	uint32_t n;
};

static void
heard_rows(void *arg, struct gen *g, const struct gen_rows *r)
{
	struct rows_owner *o = arg;

	(void)g;
	assert_true(o->n * sizeof(float) + r->data.n <= sizeof(o->data));
	memcpy(o->data + o->n, r->data.p, r->data.n);
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

	memset(o, 0, sizeof(*o));
	assert_int_equal(
	    gen_start(w->m, &s, &w->order, &rows_ops, o, &o->o.g, &o->o.why),
	    0);
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.mode, mode);
	assert_int_equal(s.rows_done, 0);
	say_started(w, s.gen);
	turn(w);
	return s.gen;
}

static const float numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static struct gen_rows
rows(uint64_t gen, uint32_t first, uint32_t n)
{
	return (struct gen_rows){ .gen = gen,
		.mode = MODE_LOGITS,
		.n_cols = ROW,
		.n_rows = 3,
		.first = first,
		.data = { (const char *)(numbers + first * ROW),
		    n * ROW * sizeof(float) } };
}

static void
say_rows(struct world *w, struct gen_rows r)
{
	assert_int_equal(chan_send(w->worker, MSG_GEN_ROWS, &r, -1), 0);
	turn(w);
}

static void
rows_come_and_end(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;
	uint64_t g = begin(w, &o, MODE_LOGITS);

	say_rows(w, rows(g, 0, 1));
	assert_int_equal(o.n, ROW);
	say_rows(w, rows(g, 1, 2));
	assert_memory_equal(o.data, numbers, sizeof(numbers));
	say_done(w, g, REASON_LENGTH);
	turn(w);
	assert_int_equal(o.o.n_done, 1);
	assert_int_equal(o.o.n_tokens, 0);
}

static void
death_goes_on_behind_what_was_delivered(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;
	uint64_t g = begin(w, &o, MODE_LOGITS);
	struct gen_submit s;

	say_rows(w, rows(g, 0, 2));
	die(w);
	say_model(w, MODEL_UP, "");
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.gen, g);
	assert_int_equal(s.resume, 1);
	assert_int_equal(s.mode, MODE_LOGITS);
	assert_int_equal(s.rows_done, 2);
	assert_int_equal(s.tokens.n, 3);
	say_started(w, g);
	say_rows(w, rows(g, 2, 1));
	say_done(w, g, REASON_LENGTH);
	turn(w);
	assert_int_equal(o.o.n_done, 1);
	assert_memory_equal(o.data, numbers, sizeof(numbers));
}

/* What is on its way when the end is asked for is nobody's any more. */
static void
cancelled_gets_no_more(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;
	uint64_t g = begin(w, &o, MODE_LOGITS);

	say_rows(w, rows(g, 0, 1));
	gen_cancel(o.o.g);
	say_rows(w, rows(g, 1, 1));
	assert_int_equal(o.n, ROW);
	say_done(w, g, REASON_CANCEL);
	turn(w);
	assert_int_equal(o.o.n_done, 1);
	assert_int_equal(o.o.reason, REASON_CANCEL);
}

enum lie {
	LIE_MODE,
	LIE_COLS,
	LIE_ALL,
	LIE_EARLY,
	LIE_LATE,
	LIE_EMPTY,
	LIE_CUT,
	LIE_MORE,
	LIE_STRANGER,
	N_LIES
};

static struct gen_rows
lie(uint64_t gen, enum lie which)
{
	static float room[12];
	struct gen_rows r = rows(gen, 1, 1);

	r.mode = which == LIE_MODE ? MODE_HIDDEN : r.mode;
	r.n_cols += which == LIE_COLS;
	r.n_rows += which == LIE_ALL;
	r.first -= which == LIE_EARLY;
	r.first += which == LIE_LATE;
	r.data.n = which == LIE_EMPTY ? 0 : r.data.n;
	r.data.n -= which == LIE_CUT;
	r.gen += which == LIE_STRANGER ? 1u << 20 : 0;
	if (which == LIE_MORE)
		r.data = (struct str){ (const char *)room, sizeof(room) };
	return r;
}

static void
every_lie_ends_the_channel(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;

	for (int which = 0; which < N_LIES; which++) {
		uint64_t g = begin(w, &o, MODE_LOGITS);

		say_rows(w, rows(g, 0, 1));
		say_rows(w, lie(g, (enum lie)which));
		assert_null(w->m->chan);
		assert_int_equal(o.n, ROW);
		gen_drop(o.o.g);
		turn(w);
		say_model(w, MODEL_UP, "");
	}
}

static void
say_wrong(struct world *w, enum gen_mode mode, enum gen_reason reason)
{
	static struct rows_owner o;
	uint64_t g = begin(w, &o, mode);

	if (reason != 0)
		say_done(w, g, reason);
	else if (mode == MODE_GENERATE)
		say_rows(w, rows(g, 0, 1));
	else
		say_token(w, g, 7);
	turn(w);
	assert_null(w->m->chan);
	assert_int_equal(o.o.n_done + o.o.n_tokens, 0);
	gen_drop(o.o.g);
	turn(w);
	say_model(w, MODEL_UP, "");
}

static void
lies_by_another_kind(void **state)
{
	struct world *w = *state;

	say_wrong(w, MODE_GENERATE, 0);		  /* rows that nobody wants */
	say_wrong(w, MODE_HIDDEN, 0);		  /* a token */
	say_wrong(w, MODE_LOGITS, REASON_LENGTH); /* over, and rows missing */
	say_wrong(w, MODE_LOGITS, REASON_EOS);
}

/* Some engines cannot say how many numbers a row has, nor count a prompt: the
 * first frame does, and the others must agree. */
static void
first_frame_says_what_is_not_known(void **state)
{
	struct world *w = *state;
	static struct rows_owner o;
	uint64_t g;
	struct gen_rows r;

	w->m->state.n_vocab = 0;
	g = begin(w, &o, MODE_LOGITS);
	r = rows(g, 0, 1);
	r.n_cols = 1;
	say_rows(w, r);
	assert_int_equal(o.n, 3);
	say_done(w, g, REASON_LENGTH);
	turn(w);
	assert_int_equal(o.o.n_done, 1);
	g = begin(w, &o, MODE_LOGITS);
	r.gen = g;
	r.data.n = sizeof(float);
	say_rows(w, r);
	assert_int_equal(o.n, 1);
	r = rows(g, 1, 1);
	say_rows(w, r);
	assert_null(w->m->chan);
	gen_drop(o.o.g);
	turn(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_come_and_end),
		TEST(death_goes_on_behind_what_was_delivered),
		TEST(cancelled_gets_no_more),
		TEST(every_lie_ends_the_channel),
		TEST(lies_by_another_kind),
		TEST(first_frame_says_what_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
