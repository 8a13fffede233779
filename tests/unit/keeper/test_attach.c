/* What clients attach to a model: who is told what, through whatever happens to
 * workers, files and users. */
#include "keeper/attach.h"
#include "keeper/quarantine.h"

#include "base/log.h"

#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SAID_MAX 512u

struct world {
	struct attachments a;
	struct quarantine *q;
	char said[SAID_MAX]; /* since it was last looked at */
};

/* "ask 16", "let go 16" and, to the front, "1: 16", "1: error -13". */
static void
note(struct world *w, const char *fmt, ...)
{
	size_t n = strlen(w->said);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->said + n, sizeof(w->said) - n, fmt, ap);
	va_end(ap);
}

static void
to_worker(void *arg, enum msg m, const void *st, int fd)
{
	const struct worker_attach *a = st;
	const struct worker_detach *d = st;

	if (m == MSG_WORKER_ATTACH) {
		assert_true(fd >= 0);
		note(arg, "ask %u; ", a->id);
	} else {
		assert_int_equal(m, MSG_WORKER_DETACH);
		note(arg, "let go %u; ", d->id);
	}
}

static void
to_front(void *arg, const struct model_attached *a)
{
	assert_int_equal(a->model, 3);
	if (a->err == 0)
		note(arg, "%u: %u; ", a->ref, a->id);
	else
		note(arg, "%u: error %d%s%.*s; ", a->ref, a->err,
		    a->crash_id.n > 0 ? " " : "", (int)a->crash_id.n,
		    a->crash_id.n > 0 ? a->crash_id.p : "");
}

static int
set_up(void **state)
{
	static const struct attach_ops ops = { to_worker, to_front, NULL };
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL || folder_make(state) != 0)
		return 1;
	w->q = quarantine_new(1000, 4000);
	attach_init(&w->a, &ops, w, 3, w->q, NULL);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	attach_done(&w->a);
	quarantine_free(w->q);
	free(w);
	return folder_unmake(state);
}

#define assert_said(w, text)                          \
	do {                                          \
		assert_string_equal((w)->said, text); \
		(w)->said[0] = '\0';                  \
	} while (0)

static void
want(struct world *w, uint32_t ref, const char *name)
{
	attach_want(&w->a, ref, ATTACH_LORA, in_folder(name));
}

static void
reply(struct world *w, uint32_t id, int err)
{
	struct worker_attached r = { .id = id, .err = err, .text = STR("no") };

	assert_int_equal(attach_on_reply(&w->a, &r), 0);
}

static bool
dies(struct world *w, bool was_reading, bool was_outside)
{
	struct attach_death d = { was_reading, was_outside, "killed by SIGSEGV",
		"crash-1" };

	return attach_on_death(&w->a, &d);
}

/* Two files, that two and one have. */
static void
hold_two(struct world *w)
{
	(void)write_file("a", "GGUF a", 0600);
	(void)write_file("b", "GGUF b", 0600);
	attach_give(&w->a);
	want(w, 1, "a");
	want(w, 2, "b");
	want(w, 3, "a");
	assert_said(w, "ask 16; ask 17; ");
	reply(w, 16, 0);
	reply(w, 17, 0);
	assert_said(w, "1: 16; 3: 16; 2: 17; ");
}

static void
test_a_file_is_there_once(void **state)
{
	struct world *w = *state;

	hold_two(w);
	want(w, 4, "a");
	assert_said(w, "4: 16; ");
	for (int i = 0; i < 2; i++)
		attach_drop(&w->a, 16);
	assert_said(w, "");
	attach_drop(&w->a, 16);
	attach_drop(&w->a, 16);
	attach_drop(&w->a, 99);
	assert_said(w, "let go 16; ");
	/* Its id does not come back. */
	want(w, 5, "a");
	assert_said(w, "ask 18; ");
}

static void
test_waits_for_a_worker_and_follows_it(void **state)
{
	struct world *w = *state;

	(void)write_file("a", "GGUF a", 0600);
	want(w, 1, "a");
	assert_said(w, "");
	attach_give(&w->a);
	assert_said(w, "ask 16; ");
	assert_false(dies(w, false, false));
	attach_give(&w->a);
	reply(w, 16, 0);
	assert_said(w, "ask 16; 1: 16; ");
	assert_false(dies(w, false, true));
	attach_give(&w->a);
	reply(w, 16, 0);
	assert_said(w, "ask 16; ");
}

static void
test_what_cannot_be_read_is_told(void **state)
{
	struct world *w = *state;

	attach_give(&w->a);
	want(w, 1, "nowhere");
	want(w, 2, ".");
	(void)write_file("text", "text", 0600);
	want(w, 3, "text");
	attach_want(&w->a, 4, 77, in_folder("text"));
	assert_said(
	    w, "1: error -13; 2: error -13; 3: error -13; 4: error -6; ");
	(void)write_file("a", "GGUF a", 0600);
	want(w, 5, "a");
	want(w, 6, "a");
	reply(w, 16, ERR_FILE);
	assert_said(w, "ask 16; 5: error -13; 6: error -13; ");
	assert_int_equal(w->a.n, 0);
}

static void
test_one_that_kills_is_given_to_no_other(void **state)
{
	struct world *w = *state;

	hold_two(w);
	(void)write_file("evil", "GGUF evil", 0600);
	want(w, 5, "evil");
	(void)write_file("c", "GGUF c", 0600);
	want(w, 6, "c");
	assert_said(w, "ask 18; ask 19; ");
	assert_true(dies(w, true, false));
	assert_said(w, "5: error -13 crash-1; ");
	attach_give(&w->a);
	for (uint32_t id = 16; id < 20; id++)
		if (id != 18)
			reply(w, id, 0);
	assert_said(w, "ask 16; ask 17; ask 19; 6: 19; ");
	want(w, 7, "evil");
	assert_said(w, "7: error -13; ");
}

/* Who had it hears so. */
static void
test_one_that_kills_later_is_lost(void **state)
{
	struct world *w = *state;

	hold_two(w);
	assert_false(dies(w, false, false));
	attach_give(&w->a);
	reply(w, 16, 0);
	assert_said(w, "ask 16; ask 17; ");
	assert_true(dies(w, true, false));
	assert_said(w, "0: error -13 crash-1; ");
	attach_drop(&w->a, 17);
	assert_int_equal(w->a.n, 1);
}

static void
test_a_kill_from_outside_is_forgiven_twice(void **state)
{
	struct world *w = *state;

	(void)write_file("a", "GGUF a", 0600);
	want(w, 1, "a");
	for (int i = 0; i < 2; i++) {
		attach_give(&w->a);
		assert_true(dies(w, true, true));
		assert_said(w, "ask 16; ");
	}
	attach_give(&w->a);
	assert_true(dies(w, true, true));
	assert_said(w, "ask 16; 1: error -13 crash-1; ");
}

static void
test_a_changed_file_is_lost(void **state)
{
	struct world *w = *state;

	hold_two(w);
	assert_false(dies(w, false, false));
	(void)write_file("a", "GGUF other", 0600);
	attach_give(&w->a);
	assert_said(w, "0: error -13; ask 17; ");
}

/* What the worker read may be of both: it shall not keep it. */
static void
test_one_that_is_changed_while_it_is_read(void **state)
{
	struct world *w = *state;

	attach_give(&w->a);
	(void)write_file("a", "GGUF a", 0600);
	want(w, 1, "a");
	(void)write_file("a", "GGUF other", 0600);
	reply(w, 16, 0);
	assert_said(w, "ask 16; let go 16; 1: error -13; ");
	/* One that it did not take it has not. */
	want(w, 2, "a");
	(void)write_file("a", "GGUF", 0600);
	reply(w, 17, ERR_FILE);
	assert_said(w, "ask 17; 2: error -13; ");
}

static void
test_without_a_model_or_a_front(void **state)
{
	struct fail why = { .code = ERR_GAVE_UP };
	struct world *w = *state;

	hold_two(w);
	(void)write_file("c", "GGUF c", 0600);
	want(w, 4, "c");
	assert_false(dies(w, false, false));
	attach_fail(&w->a, &why);
	assert_said(w, "ask 18; 4: error -15; ");
	assert_int_equal(w->a.n, 2);
	attach_give(&w->a);
	attach_forget(&w->a);
	assert_said(w, "ask 16; ask 17; let go 16; let go 17; ");
	assert_int_equal(w->a.n, 0);
	/* What it answers to that is no lie. */
	reply(w, 16, 0);
}

static void
test_a_worker_that_lies(void **state)
{
	struct world *w = *state;
	struct worker_attached r = { .id = 16 };

	hold_two(w);
	assert_int_equal(attach_on_reply(&w->a, &r), ERR_PROTO);
	r.id = 18;
	assert_int_equal(attach_on_reply(&w->a, &r), ERR_PROTO);
	r.id = 0;
	assert_int_equal(attach_on_reply(&w->a, &r), ERR_PROTO);
}

static void
test_limits(void **state)
{
	struct world *w = *state;
	char name[16], text[32];

	w->a.n_others = 2;
	for (uint32_t i = 2; i <= WORKER_ADAPTERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		(void)snprintf(text, sizeof(text), "GGUF %u", i);
		(void)write_file(name, text, 0600);
		want(w, i, name);
	}
	assert_said(w, "16: error -11; ");
	for (uint32_t i = 0; i < ATTACH_REFS_MAX; i++)
		want(w, 100 + i, "2");
	assert_said(w, "355: error -11; ");
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_there_once),
		TEST(waits_for_a_worker_and_follows_it),
		TEST(what_cannot_be_read_is_told),
		TEST(one_that_kills_is_given_to_no_other),
		TEST(one_that_kills_later_is_lost),
		TEST(a_kill_from_outside_is_forgiven_twice),
		TEST(a_changed_file_is_lost),
		TEST(one_that_is_changed_while_it_is_read),
		TEST(without_a_model_or_a_front),
		TEST(a_worker_that_lies),
		TEST(limits),
	};

	log_init("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
