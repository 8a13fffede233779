/*
 * The front's core with this test as keeper and worker: generations, their
 * journal, what happens when a worker dies or lies.
 */
#include "gen_world.h"

#include "wire/part.h"

static void
runs_to_its_end(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.gen, gen_id(o.g));
	assert_int_equal(s.seed, 42);
	assert_int_equal(s.resume, 0);
	say_started(w, s.gen);
	say_token(w, s.gen, 7);
	say_token(w, s.gen, 8);
	say_done(w, s.gen, REASON_EOS);
	turn(w);
	assert_int_equal(o.n_started, 1);
	assert_int_equal(o.n_tokens, 2);
	assert_int_equal(o.tokens[1], 8);
	assert_int_equal(o.n_done, 1);
	assert_int_equal(o.reason, REASON_EOS);
	assert_int_equal(w->f.n_gens, 0);
}

static void
goes_on_after_a_death_with_what_was_delivered(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	expect(w, MSG_GEN_SUBMIT, &s);
	say_started(w, s.gen);
	say_token(w, s.gen, 7);
	say_token(w, s.gen, 8);
	die(w);
	assert_int_equal(o.n_tokens, 2);
	assert_int_equal(gen_state(o.g), GEN_QUEUED);
	say_model(w, MODEL_UP, "");
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.resume, 1);
	assert_int_equal(s.tokens.n, 3);
	assert_int_equal(s.tokens.p[2], 3);
	assert_int_equal(s.done.n, 2);
	assert_int_equal(s.done.p[1], 8);
	assert_true(s.mu == 8.0f);
	assert_int_equal(s.seed, 42);
	say_started(w, s.gen);
	say_token(w, s.gen, 9);
	say_done(w, s.gen, REASON_LENGTH);
	turn(w);
	assert_int_equal(o.n_started, 1);
	assert_int_equal(o.n_tokens, 3);
	assert_int_equal(o.n_done, 1);
	assert_int_equal(w->f.metrics.generations_resumed_total, 1);
}

static void
death_before_the_prompt_is_known_sends_the_record_again(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	die(w);
	say_model(w, MODEL_UP, "");
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.resume, 0);
	assert_true(str_is(s.prompt, "hi"));
}

static void
order_stays_after_a_death(void **state)
{
	struct world *w = *state;
	static struct owner o[4];
	struct gen_submit s;

	for (int i = 0; i < 4; i++)
		assert_int_equal(start(w, &o[i]), 0);
	assert_int_equal(w->m->n_active, SLOTS);
	assert_int_equal(queue_len(&w->m->queue), 2);
	die(w);
	assert_int_equal(w->m->n_active, 0);
	assert_int_equal(queue_len(&w->m->queue), 4);
	say_model(w, MODEL_UP, "");
	/* One suspect at a time, until it has got a token. */
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.gen, gen_id(o[0].g));
	assert_int_equal(w->m->n_active, 1);
	say_started(w, gen_id(o[0].g));
	say_token(w, gen_id(o[0].g), 5);
	turn(w);
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.gen, gen_id(o[1].g));
	/* A slot that becomes free goes to the next that waits. */
	say_started(w, gen_id(o[1].g));
	say_done(w, gen_id(o[1].g), REASON_EOS);
	turn(w);
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.gen, gen_id(o[2].g));
}

static void
full_queue_is_refused(void **state)
{
	struct world *w = *state;
	static struct owner o[6];

	for (int i = 0; i < 5; i++)
		assert_int_equal(start(w, &o[i]), 0);
	assert_int_equal(start(w, &o[5]), ERR_BUSY);
	assert_non_null(strstr(o[5].why.text, "the limit is 3"));
}

static void
cancel_is_answered_once_in_every_state(void **state)
{
	struct world *w = *state;
	static struct owner o[3];
	struct gen_submit s;
	struct gen_cancel c;

	for (int i = 0; i < 3; i++)
		assert_int_equal(start(w, &o[i]), 0);
	gen_cancel(o[2].g); /* queued */
	gen_cancel(o[2].g);
	assert_int_equal(o[2].n_done, 0);
	gen_turn(&w->f);
	assert_int_equal(o[2].n_done, 1);
	assert_int_equal(o[2].reason, REASON_CANCEL);
	gen_cancel(o[0].g); /* in the worker */
	expect(w, MSG_GEN_SUBMIT, &s);
	expect(w, MSG_GEN_SUBMIT, &s);
	expect(w, MSG_GEN_CANCEL, &c);
	assert_int_equal(c.gen, gen_id(o[0].g));
	say_done(w, c.gen, REASON_CANCEL);
	turn(w);
	assert_int_equal(o[0].n_done, 1);
	gen_cancel(o[1].g); /* the worker dies before it answers */
	die(w);
	assert_int_equal(o[1].n_done, 1);
	assert_int_equal(o[1].reason, REASON_CANCEL);
	assert_int_equal(w->f.n_gens, 0);
}

static void
dropped_owner_hears_nothing(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	expect(w, MSG_GEN_SUBMIT, &s);
	gen_drop(o.g);
	gen_drop(NULL);
	say_started(w, s.gen);
	say_token(w, s.gen, 5);
	say_done(w, s.gen, REASON_CANCEL);
	turn(w);
	assert_int_equal(o.n_started + o.n_tokens + o.n_done + o.n_failed, 0);
	assert_int_equal(w->f.n_gens, 0);
}

static void
gives_up_after_deaths_without_a_token(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;
	int deaths = 0;

	assert_int_equal(start(w, &o), 0);
	while (o.n_failed == 0 && deaths < 10) {
		die(w);
		deaths++;
		say_model(w, MODEL_UP, "");
		if (o.n_failed == 0)
			expect(w, MSG_GEN_SUBMIT, &s);
	}
	assert_int_equal(deaths, 4);
	assert_int_equal(o.why.code, ERR_POISON);
}

/* How many deaths without a token a lone request gets, each by a SIGKILL from
 * outside; the keeper says so before or after the channel shows the end. */
static int
count_kills(struct world *w, bool is_told_first)
{
	static struct owner owners[2];
	struct owner *o = &owners[is_told_first];
	struct gen_submit s;
	int kills = 0;

	assert_int_equal(start(w, o), 0);
	while (o->n_failed == 0 && kills < 100) {
		expect(w, MSG_GEN_SUBMIT, &s);
		w->outside = w->pid;
		if (is_told_first)
			say_model(w, MODEL_RESTARTING, "");
		die(w);
		/* Once more changes nothing. */
		say_model(w, MODEL_RESTARTING, "");
		say_model(w, MODEL_RESTARTING, "");
		kills++;
		say_model(w, MODEL_UP, "");
	}
	assert_int_equal(o->why.code, ERR_POISON);
	return kills;
}

static void
kills_from_outside_count_little(void **state)
{
	assert_int_equal(count_kills(*state, false), 16);
}

static void
kills_that_are_told_first_count_as_little(void **state)
{
	assert_int_equal(count_kills(*state, true), 16);
}

/* What killed the last worker says nothing of this one's end. */
static void
only_the_death_that_was_told_is_excused(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;
	int deaths = 0;

	assert_int_equal(start(w, &o), 0);
	w->outside = w->pid;
	for (; o.n_failed == 0 && deaths < 10; deaths++) {
		expect(w, MSG_GEN_SUBMIT, &s);
		die(w);
		say_model(w, MODEL_RESTARTING, "");
		say_model(w, MODEL_UP, "");
	}
	assert_int_equal(deaths, 5);
}

static void
tokens_between_deaths_are_progress(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	for (int i = 0; i < 20; i++) {
		expect(w, MSG_GEN_SUBMIT, &s);
		assert_int_equal(s.done.n, i);
		say_started(w, s.gen);
		say_token(w, s.gen, i);
		die(w);
		say_model(w, MODEL_UP, "");
	}
	assert_int_equal(o.n_tokens, 20);
	assert_int_equal(o.n_failed, 0);
}

static void
failed_model_answers_all_and_refuses_more(void **state)
{
	struct world *w = *state;
	static struct owner o[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(start(w, &o[i]), 0);
	die(w);
	say_model(w, MODEL_FAILED, "gave up after 5 deaths");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(o[i].n_failed, 1);
		assert_int_equal(o[i].why.code, ERR_GAVE_UP);
		assert_string_equal(o[i].why.text, "gave up after 5 deaths");
	}
	assert_int_equal(start(w, &o[0]), ERR_GAVE_UP);
}

/* The keeper is told that the worker is mad, and the stream goes on. */
static void
expect_broken(struct world *w, struct owner *o)
{
	struct model_suspects s;
	struct frame fr;

	turn(w);
	assert_null(w->m->chan);
	assert_int_equal(chan_recv(w->keeper, &fr), 0);
	assert_int_equal(fr.msg, MSG_MODEL_BROKEN);
	assert_int_equal(chan_recv(w->keeper, &fr), 0);
	assert_int_equal(fr.msg, MSG_MODEL_SUSPECTS);
	assert_int_equal(frame_unpack(&fr, &s), 0);
	assert_int_equal(strs_count(s.suspects), 1);
	assert_int_equal(o->n_failed, 0);
	assert_int_equal(gen_state(o->g), GEN_QUEUED);
}

static void
model_goes_under_a_choice_that_was_dropped_for_another(void **state)
{
	struct world *w = *state;
	static struct owner o[SLOTS + 1]; /* the last one is queued */

	for (unsigned i = 0; i <= SLOTS; i++)
		assert_int_equal(start(w, &o[i]), 0);
	o[0].drops = o[SLOTS].g;
	say_model(w, MODEL_GONE, "unloaded");
	gen_turn(&w->f);
	assert_int_equal(o[SLOTS].n_failed, 0);
	assert_int_equal(w->f.n_gens, 0);
}

static void
lie_about_an_unknown_generation(void **state)
{
	struct world *w = *state;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	say_token(w, gen_id(o.g) + 1, 5);
	expect_broken(w, &o);
}

static void
lie_by_a_token_before_the_start(void **state)
{
	struct world *w = *state;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	say_token(w, gen_id(o.g), 5);
	expect_broken(w, &o);
	assert_int_equal(o.n_tokens, 0);
}

static void
lie_by_more_tokens_than_the_context(void **state)
{
	struct world *w = *state;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	say_started(w, gen_id(o.g));
	for (int i = 0; i < 99; i++)
		say_token(w, gen_id(o.g), 5);
	expect_broken(w, &o);
	assert_int_equal(o.n_tokens, 98); /* 3 of 100 are the prompt's */
}

/* It would be read as a place of embeddings. */
static void
lie_by_a_token_below_0(void **state)
{
	struct world *w = *state;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	say_started(w, gen_id(o.g));
	say_token(w, gen_id(o.g), -1);
	expect_broken(w, &o);
	assert_int_equal(o.n_tokens, 0);
}

/* Turns that are not in the prompt. */
static void
lie_by_turns(void **state)
{
	static const int32_t prompt[] = { 1, 2, 3 }, turns[] = { 2, 4 };
	struct world *w = *state;
	struct gen_started s = { .prompt = { prompt, 3 },
		.turns = { turns, 2 } };
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	s.gen = gen_id(o.g);
	assert_int_equal(chan_send(w->worker, MSG_GEN_STARTED, &s, -1), 0);
	expect_broken(w, &o);
}

static void
lie_by_a_broken_frame(void **state)
{
	struct world *w = *state;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	assert_int_equal(
	    chan_send_packed(w->worker, MSG_GEN_STEP, "abc", 3, -1), 0);
	expect_broken(w, &o);
}

static void
say_text(struct world *w, uint64_t gen, uint8_t flags, struct str text)
{
	struct step s = { .gen = gen, .flags = flags, .text = text };
	struct buf b;

	buf_init(&b, KIB);
	step_put(&b, &s);
	assert_int_equal(chan_send_packed(w->worker, MSG_GEN_STEP, buf_data(&b),
			     buf_len(&b), -1),
	    0);
	buf_done(&b);
}

static void
lie_by_parts_that_nobody_asked_for(void **state)
{
	struct world *w = *state;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	say_started(w, gen_id(o.g));
	say_text(w, gen_id(o.g), STEP_PARTS, STR(""));
	expect_broken(w, &o);
}

/* Parts are owed, but these are none, or of calls that have not begun. */
static void
lie_by_broken_parts(void **state)
{
	const struct part early = { .kind = PART_ARGUMENTS, .text = STR("x") };
	const struct part late = { .kind = PART_CALL, .call = 1 };
	static const struct gen_ops tool_ops = {
		.takes_parts = true,
		.started = heard_started,
		.token = heard_token,
		.done = heard_done,
		.failed = heard_failed,
	};
	struct world *w = *state;
	static struct owner o[3];

	for (int i = 0; i < 3; i++) {
		struct gen_submit s = { .input = INPUT_CHAT, .seed = 42 };
		struct buf b;

		buf_init(&b, KIB);
		if (i == 0)
			buf_puts(&b, "text");
		else
			part_put(&b, i == 1 ? &early : &late);
		assert_int_equal(gen_start(w->m, &s, &w->order, &tool_ops,
				     &o[i], &o[i].g, &o[i].why),
		    0);
		say_started(w, gen_id(o[i].g));
		say_text(w, gen_id(o[i].g), STEP_PARTS, buf_str(&b));
		expect_broken(w, &o[i]);
		gen_drop(o[i].g);
		gen_turn(&w->f);
		say_model(w, MODEL_UP, "");
		buf_done(&b);
	}
}

static void
parking_is_told_and_survives_a_death(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	struct gen_park p;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	expect(w, MSG_GEN_SUBMIT, &s);
	gen_park(o.g, true);
	gen_park(o.g, true);
	expect(w, MSG_GEN_PARK, &p);
	die(w);
	say_model(w, MODEL_UP, "");
	assert_int_equal(w->m->n_active, 0); /* it needs no slot yet */
	gen_park(o.g, false);
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(w->f.metrics.generations_parked_total, 1);
}

static void
draining_takes_no_new_work(void **state)
{
	struct world *w = *state;
	static struct owner a, b;

	assert_int_equal(start(w, &a), 0);
	w->f.is_draining = true;
	assert_int_equal(start(w, &b), ERR_STOPPING);
	gen_cut_all(&w->f);
	assert_int_equal(a.n_failed, 1);
	assert_int_equal(a.why.code, ERR_STOPPING);
	w->f.is_draining = false;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_to_its_end),
		TEST(goes_on_after_a_death_with_what_was_delivered),
		TEST(death_before_the_prompt_is_known_sends_the_record_again),
		TEST(order_stays_after_a_death),
		TEST(full_queue_is_refused),
		TEST(cancel_is_answered_once_in_every_state),
		TEST(dropped_owner_hears_nothing),
		TEST(gives_up_after_deaths_without_a_token),
		TEST(kills_from_outside_count_little),
		TEST(kills_that_are_told_first_count_as_little),
		TEST(only_the_death_that_was_told_is_excused),
		TEST(tokens_between_deaths_are_progress),
		TEST(failed_model_answers_all_and_refuses_more),
		TEST(model_goes_under_a_choice_that_was_dropped_for_another),
		TEST(lie_about_an_unknown_generation),
		TEST(lie_by_a_token_before_the_start),
		TEST(lie_by_more_tokens_than_the_context),
		TEST(lie_by_a_token_below_0),
		TEST(lie_by_turns),
		TEST(lie_by_a_broken_frame),
		TEST(lie_by_parts_that_nobody_asked_for),
		TEST(lie_by_broken_parts),
		TEST(parking_is_told_and_survives_a_death),
		TEST(draining_takes_no_new_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
