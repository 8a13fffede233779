/*
 * Hidden states and logits as replies: the bytes; and what the rest of a
 * connection may say while such a line is being written.
 */
#include "rows_world.h"

#include <math.h>

static void
logits_as_they_come(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("7", "2"));

	assert_heard(w, "");
	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	assert_heard(w, LOGITS_BEGINS("7") ROW_0);
	worker_gives(w, g, MODE_LOGITS, 1, v + 3, 6);
	assert_heard(w, "," ROW_1 "," ROW_2);
	worker_ends(w, g, REASON_LENGTH, "");
	assert_heard(w, LOGITS_ENDS("3") LAST("7", "0"));
	assert_heard(w, "");
}

static void
hidden_states_as_they_come(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("\"a\"", "1"));

	worker_gives(w, g, MODE_HIDDEN, 0, v, 6);
	worker_ends(w, g, REASON_LENGTH, "");
	assert_heard(w,
	    HIDDEN_BEGINS("\"a\"") ROW_0 "," ROW_1 HIDDEN_ENDS("3")
		LAST("\"a\"", "0"));
}

static void
no_number_is_null(void **state)
{
	struct world *w = *state;
	const float odd[] = { NAN, INFINITY, -INFINITY, 0, -0.0F, 1e-45F, 1, 2,
		3.4028235e38F };
	uint64_t g = run(w, RUN("1", "2"));

	worker_gives(w, g, MODE_LOGITS, 0, odd, 9);
	worker_ends(w, g, REASON_LENGTH, "");
	assert_heard(w,
	    LOGITS_BEGINS("1") "null,null,null,0.0,-0.0,1e-45,1.0,2.0,"
			       "3.4028235e38" LOGITS_ENDS("3") LAST("1", "0"));
}

/* What others have to say waits; they are parked meanwhile. */
static void
line_is_not_broken_into(void **state)
{
	struct world *w = *state;
	uint64_t text = run(w, RUN("1", "0"));
	uint64_t g = run(w, RUN("2", "2"));

	worker_steps(w, text, 10, "a", 0);
	assert_heard(w, TOKEN("1", "\"a\"", "10"));
	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	expect_gen(w, MSG_GEN_PARK, text);
	say(w, CALL("3", "rkllm.is_running"));
	worker_steps(w, text, 11, "b", 0);
	say(w, "[1]\n");
	worker_gives(w, g, MODE_LOGITS, 1, v + 3, 6);
	assert_heard(w, LOGITS_BEGINS("2") ROW_0 "," ROW_1 "," ROW_2);
	worker_ends(w, g, REASON_LENGTH, "");
	expect_gen(w, MSG_GEN_UNPARK, text);
	assert_heard(w,
	    LOGITS_ENDS("3") RESULT("3", IS_RUNNING) TOKEN("1", "\"b\"",
		"11") "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
		      "-32600,\"message\":\"a request must be an object\"}}]\n" LAST(
			  "2", "0"));
	worker_steps(w, text, 12, "c", 0);
	assert_heard(w, TOKEN("1", "\"c\"", "12"));
}

static void
abort_ends_it_where_it_is(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1", "2"));

	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	say(w, CALL("2", "rkllm.abort"));
	expect_gen(w, MSG_GEN_CANCEL, g);
	worker_gives(w, g, MODE_LOGITS, 1, v + 3, 3); /* was on its way */
	worker_ends(w, g, REASON_CANCEL, "");
	assert_heard(w,
	    LOGITS_BEGINS("1") ROW_0 LOGITS_ENDS("1") RESULT("2", ABORTED)
		LAST("1", "0"));
}

static void
abort_before_the_first_row(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1", "1"));

	say(w, CALL("2", "rkllm.abort"));
	expect_gen(w, MSG_GEN_CANCEL, g);
	worker_ends(w, g, REASON_CANCEL, "");
	assert_heard(w, RESULT("2", ABORTED) LAST("1", "0"));
}

static void
failure_ends_the_line_first(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1", "2"));

	worker_gives(w, g, MODE_LOGITS, 0, v, 6);
	worker_fails(w, g, ERR_INTERNAL, "", "decoding failed");
	assert_heard(w,
	    LOGITS_BEGINS("1") ROW_0 "," ROW_1 LOGITS_ENDS(
		"2") "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603,"
		     "\"message\":\"decoding failed\"}}\n");
}

static void
death_goes_on_in_the_line(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1", "2"));
	struct gen_submit s;

	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	chan_free(w->worker);
	w->worker = NULL;
	turn(w);
	model_is(w, MODEL_RESTARTING, 0);
	model_is(w, MODEL_UP, 0);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.rows_done, 1);
	worker_starts(w, g);
	worker_gives(w, g, MODE_LOGITS, 1, v + 3, 6);
	worker_ends(w, g, REASON_LENGTH, "");
	assert_heard(w,
	    LOGITS_BEGINS("1") ROW_0 "," ROW_1 "," ROW_2 LOGITS_ENDS("3")
		LAST("1", "0"));
}

/* The second's rows were on their way when it was parked; then all of them,
 * and its end too. */
static void
second_has_its_line_after_the_first(void **state)
{
	struct world *w = *state;
	uint64_t a = run(w, RUN("1", "2"));
	uint64_t b = run(w, RUN("2", "1"));

	worker_gives(w, a, MODE_LOGITS, 0, v, 3);
	expect_gen(w, MSG_GEN_PARK, b);
	worker_gives(w, b, MODE_HIDDEN, 0, v, 4);
	worker_gives(w, a, MODE_LOGITS, 1, v, 6);
	worker_ends(w, a, REASON_LENGTH, "");
	expect_gen(w, MSG_GEN_UNPARK, b);
	assert_heard(w,
	    LOGITS_BEGINS("1") ROW_0 "," ROW_0 "," ROW_1 LOGITS_ENDS("3")
		LAST("1", "0") HIDDEN_BEGINS("2") ROW_0 ",3.0");
	worker_gives(w, b, MODE_HIDDEN, 2, v, 2);
	worker_ends(w, b, REASON_LENGTH, "");
	assert_heard(w, ",1.0,-0.5" HIDDEN_ENDS("3") LAST("2", "0"));
}

/* What rows may take as text is counted until they are read. */
static void
as_many_as_there_is_memory_for(void **state)
{
	struct world *w = *state;
	uint64_t a;

	w->f.config.array_max = 16 * MIB;
	a = run(w, RUN("1", "2"));
	assert_int_equal(w->f.arrays, 8 * MIB);
	say(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"rkllm.run\","
	    "\"params\":[{\"prompt_input\":\"x\"},{\"mode\":1}]}");
	assert_hears(w,
	    "\"id\":2,\"error\":{\"code\":-32002,\"message\":"
	    "\"arrays: 8.0 MiB of them");
	worker_gives(w, a, MODE_LOGITS, 0, v, 9);
	worker_ends(w, a, REASON_LENGTH, "");
	assert_hears(w, "\"_callback_state\":2");
	turn(w);
	assert_int_equal(w->f.arrays, 0);
	a = run(w, RUN("3", "1"));
	assert_int_equal(w->f.arrays, 8 * MIB);
	worker_fails(w, a, ERR_INTERNAL, "", "no");
	assert_hears(w, "\"id\":3,\"error\"");
	turn(w);
	assert_int_equal(w->f.arrays, 0);
}

static void
second_is_over_before_its_line_begins(void **state)
{
	struct world *w = *state;
	uint64_t a = run(w, RUN("1", "2"));
	uint64_t b = run(w, RUN("2", "1"));

	worker_gives(w, a, MODE_LOGITS, 0, v, 3);
	expect_gen(w, MSG_GEN_PARK, b);
	worker_gives(w, b, MODE_HIDDEN, 0, v, 6);
	worker_ends(w, b, REASON_LENGTH, "");
	assert_heard(w, LOGITS_BEGINS("1") ROW_0);
	say(w, CALL("3", "rkllm.abort"));
	expect_gen(w, MSG_GEN_CANCEL, a);
	worker_ends(w, a, REASON_CANCEL, "");
	assert_heard(w,
	    LOGITS_ENDS("1") RESULT("3", ABORTED) LAST("1", "0") HIDDEN_BEGINS(
		"2") ROW_0 "," ROW_1 HIDDEN_ENDS("3") LAST("2", "0"));
}

/* Its input cannot be read on; the line ends, then that is said. */
static void
lost_connection_ends_the_line_first(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1", "2"));

	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	assert_heard(w, LOGITS_BEGINS("1") ROW_0);
	say(w, "\"");
	say_much(w, 5000);
	assert_hears(w,
	    LOGITS_ENDS("1") "{\"jsonrpc\":\"2.0\",\"id\":null,"
			     "\"error\":{\"code\":-32002,");
	assert_true(is_closed(w));
	expect_gen(w, MSG_GEN_CANCEL, g);
	worker_ends(w, g, REASON_CANCEL, "");
}

static void
notified_run_is_silent(void **state)
{
	struct world *w = *state;
	uint64_t g;

	g = run(w,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"rkllm.run\","
	    "\"params\":[{\"prompt_input\":\"x\"},{\"mode\":2}]}");
	worker_gives(w, g, MODE_LOGITS, 0, v, 9);
	worker_ends(w, g, REASON_LENGTH, "");
	assert_heard(w, "");
}

/* So many answers as nobody would wait for are not gathered. */
static void
requests_are_left_alone_when_much_is_held(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1", "2"));
	char line[] = CALL("9", "rkllm.createDefaultParam");
	int n = 0;

	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	while (n < 4000 && write(w->client, line, strlen(line)) > 0) {
		if (++n % 50 == 0)
			turn(w);
	}
	assert_true(n < 4000);
	assert_heard(w, LOGITS_BEGINS("1") ROW_0);
	worker_gives(w, g, MODE_LOGITS, 1, v, 6);
	worker_ends(w, g, REASON_LENGTH, "");
	assert_hears(w, LOGITS_ENDS("3") "{\"jsonrpc\":\"2.0\",\"id\":9,");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logits_as_they_come),
		TEST(hidden_states_as_they_come),
		TEST(no_number_is_null),
		TEST(line_is_not_broken_into),
		TEST(abort_ends_it_where_it_is),
		TEST(abort_before_the_first_row),
		TEST(failure_ends_the_line_first),
		TEST(death_goes_on_in_the_line),
		TEST(second_has_its_line_after_the_first),
		TEST(as_many_as_there_is_memory_for),
		TEST(second_is_over_before_its_line_begins),
		TEST(lost_connection_ends_the_line_first),
		TEST(notified_run_is_silent),
		TEST(requests_are_left_alone_when_much_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
