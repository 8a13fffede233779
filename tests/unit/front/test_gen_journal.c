/*
 * A generation's part in the journal: what another front would find there is
 * what this one works with.
 */
#include "gen_world.h"

/* As a front after this one would find it. */
static void
expect_in_journal(struct world *w, const struct frame *sent)
{
	static _Alignas(8) uint8_t copy[4 * MIB];
	struct saved s;
	struct view v;
	struct buf b;

	assert_int_equal(
	    pread(w->f.journal.slots.fd, copy, sizeof(copy), 0), sizeof(copy));
	assert_int_equal(view_open(copy, sizeof(copy), &v, NULL), 0);
	saved_init(&s);
	assert_int_equal(saved_read(&s, &v, view_next(&v, 0)), 0);
	buf_init(&b, MIB);
	layout_pack(&layout_gen_submit, &s.submit, &b);
	assert_int_equal(buf_len(&b), sent->n);
	assert_memory_equal(buf_data(&b), sent->payload, sent->n);
	buf_done(&b);
	saved_done(&s);
}

static void
journal_alone_gives_what_is_sent(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	struct frame fr;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	assert_int_equal(chan_recv(w->worker, &fr), 0);
	expect_in_journal(w, &fr);
	say_started(w, gen_id(o.g));
	for (int i = 0; i < 9; i++)
		say_token(w, gen_id(o.g), i);
	die(w);
	say_model(w, MODEL_UP, "");
	assert_int_equal(chan_recv(w->worker, &fr), 0);
	assert_int_equal(frame_unpack(&fr, &s), 0);
	assert_int_equal(s.done.n, 9);
	assert_int_equal(s.hashes.n, 8 * sizeof(uint64_t));
	assert_true(s.mu == 8.0f);
	expect_in_journal(w, &fr);
}

static void
say_model_is(struct world *w, const char *identity, const char *file)
{
	w->identity = identity;
	w->file = file;
	die(w);
	say_model(w, MODEL_UP, "");
}

/* Another build can only continue; another file must not even do that. */
static void
other_origin_is_no_exact_resume(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	static struct owner o;

	assert_int_equal(start(w, &o), 0);
	say_started(w, gen_id(o.g));
	say_token(w, gen_id(o.g), 5);
	say_model_is(w, NULL, NULL);
	assert_int_equal(gen_count_exact(w->m), 1);
	say_model_is(w, "another build", NULL);
	expect(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.done.n, 1);
	assert_int_equal(gen_count_exact(w->m), 0);
	assert_int_equal(w->f.metrics.resumes_moved_total, 1);
	say_model_is(w, "another build", "another file");
	assert_int_equal(o.n_failed, 1);
	assert_int_equal(o.why.code, ERR_FILE);
	assert_int_equal(w->f.n_gens, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(journal_alone_gives_what_is_sent),
		TEST(other_origin_is_no_exact_resume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
