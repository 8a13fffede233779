/* What a dead process left may be anything: it becomes JSON all the same, of a
 * size that has a limit, and nobody is hurt. All of that in the jail that the
 * autopsy lives in: a call that is not in its table would end the test. */
#include "autopsy/frames.h"
#include "autopsy/places.h"
#include "autopsy/report.h"
#include "jail/jail.h"
#include "json/read.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)
enum { REG_PC = 16, N_REGS = 17 };
#else
enum { REG_PC = 32, N_REGS = 33 };
#endif

#define PAGES 60
#define REPORT_MAX (16u << 20)

static uint64_t state_of = 1;

static uint64_t
draw(void)
{
	state_of ^= state_of << 13;
	state_of ^= state_of >> 7;
	state_of ^= state_of << 17;
	return state_of;
}

static void
scribble(void *p, size_t n)
{
	uint8_t *at = p;

	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(draw() >> 32);
}

static const struct obituary what = {
	.version = { "1", 1 },
	.id = { "20261122-140233-1a2b", 20 },
	.process = { "worker", 6 },
	.pid = 7,
	.what = { "killed by SIGSEGV", 17 },
	.by_signal = 1,
	.number = SIGSEGV,
	.phase = { "decode", 6 },
};

/* The report is JSON within its limits; returns it parsed. */
static struct json_doc *
report(struct report *r)
{
	static const struct json_limits limits = { .bytes = REPORT_MAX,
		.values = 1u << 20,
		.depth = 16,
		.nul = true };
	struct json_doc *doc = NULL;
	struct fail f = { .text = "" };
	struct buf b;

	buf_init(&b, REPORT_MAX);
	report_put(&b, r);
	assert_int_equal(buf_err(&b), 0);
	if (json_parse((const char *)buf_data(&b), buf_len(&b), &limits, &doc,
		&f) != 0)
		fail_msg("%s", f.text);
	buf_done(&b);
	return doc;
}

static char maps[LASTWORDS_MAPS];
static size_t n_maps;

/* The maps of this very process, so that there is something to unwind with;
 * and then no file but those. */
static bool
lock_in(void)
{
	struct jail_report r = { .landlock_abi = 0 };
	const char *read[PLACES_MAX];
	struct jail_files files = {
		.read = read, .n_read = places_list(read), .write = -1
	};
	FILE *f = fopen("/proc/self/maps", "r");

	if (f == NULL)
		return false;
	n_maps = fread(maps, 1, sizeof(maps), f);
	(void)fclose(f);
	/* cmocka has a handler for it. */
	(void)signal(SIGSYS, SIG_DFL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	jail_lock(JAIL_AUTOPSY, JAIL_AUTO, &files, &r);
	return n_maps > 0;
}

static void
real_maps(struct lastwords *w)
{
	memcpy(w->maps, maps, n_maps);
	w->n_maps = (uint32_t)n_maps;
}

/* Somewhere in the code of this function. */
static void
symbol(void)
{
	struct lastwords *w = calloc(1, sizeof(*w));
	struct frame found[FRAMES_MAX];
	struct frames *frames;
	struct fail f;

	assert_non_null(w);
	real_maps(w);
	w->n_threads = 1;
	w->threads[0].n_regs = N_REGS;
	w->threads[0].regs[REG_PC] = (uintptr_t)&symbol + 16;
	frames = frames_open(w, &f);
	assert_non_null(frames);
	assert_true(frames_of(frames, 0, found) > 0);
	assert_string_equal(found[0].function, "symbol");
	assert_non_null(strstr(found[0].file, "test_hostile.c"));
	assert_true(found[0].line > 0);
	frames_close(frames);
	free(w);
}

static void
noise(void)
{
	struct lastwords *w = calloc(1, sizeof(*w));
	struct fail f;

	assert_non_null(w);
	for (int i = 0; i < PAGES; i++) {
		struct report r = { .what = &what, .words = w, .autopsy = "" };
		bool has_maps = i % 3 != 0;

		scribble(w, offsetof(struct lastwords, maps));
		scribble(w->maps, 4096);
		scribble(w->stack, sizeof(w->stack));
		if (has_maps)
			real_maps(w);
		/* Few threads are looked at for long. */
		if (i % 4 != 0)
			w->n_threads = 2;
		for (uint32_t k = 0; has_maps && k < 2; k++) {
			struct lastwords_thread *t = &w->threads[k];

			t->n_regs = i % 2 == 0 ? 17 : 33;
			t->stack_at = draw() & ~7ull;
			t->regs[7] = t->stack_at;
			t->regs[31] = t->stack_at;
			t->regs[16] = (uintptr_t)&scribble + draw() % 64;
		}
		r.frames = frames_open(w, &f);
		json_free(report(&r));
		frames_close(r.frames);
	}
	free(w);
}

/* Counts and offsets at the edge of their type. */
static void
edges(void)
{
	static const uint64_t values[] = { 0, 1, 7, 8, UINT32_MAX,
		UINT64_MAX - 7, UINT64_MAX };
	struct lastwords *w = calloc(1, sizeof(*w));
	struct frame v[FRAMES_MAX];
	struct frames *frames;
	struct fail f;

	assert_non_null(w);
	real_maps(w);
	frames = frames_open(w, &f);
	assert_non_null(frames);
	for (size_t a = 0; a < sizeof(values) / sizeof(values[0]); a++)
		for (size_t b = 0; b < sizeof(values) / sizeof(values[0]); b++)
			for (size_t c = 0;
			     c < sizeof(values) / sizeof(values[0]); c++) {
				struct lastwords_thread *t = &w->threads[0];

				t->n_regs = 17;
				t->stack_at = values[a];
				t->n_stack = (uint32_t)values[b];
				t->regs[7] = values[c];
				t->regs[16] = values[a];
				assert_true(
				    frames_of(frames, 0, v) <= FRAMES_MAX);
				assert_true(
				    frames_of(frames, LASTWORDS_THREADS - 1,
					v) <= FRAMES_MAX);
			}
	frames_close(frames);
	free(w);
}

/* Suspects and log lines with every kind of byte in them. */
static void
texts(void)
{
	struct lastwords *w = calloc(1, sizeof(*w));
	struct obituary o = what;
	struct report r = { .what = &o, .words = w, .autopsy = "\x1b[2J" };
	const struct json_value *v;
	struct json_doc *doc;
	struct buf b;
	struct str s;

	assert_non_null(w);
	buf_init(&b, 4096);
	strs_put(&b, STR("12\tcmpl-1\tHTTP 127.0.0.1:1"));
	strs_put(&b, STR("99999999999999999999\t\"\\\n"));
	strs_put(&b, STR(""));
	o.suspects.packed = buf_str(&b);
	w->seats[5] = 12;
	w->n_batch = 1;
	w->batch[0] = 5;
	w->step = STEP_TOKENS;
	w->n_lines = 1;
	(void)memset(w->lines, 0xff, sizeof(w->lines));
	(void)memset(w->abort_text, '"', sizeof(w->abort_text));
	doc = report(&r);
	v = json_get(json_root(doc), "requests");
	assert_int_equal(json_count(v), 3);
	{
		struct json_iter it = json_iter(v);
		const struct json_value *one;
		bool computed = false;
		int64_t seq = 0;

		assert_true(json_next(&it, NULL, &one));
		assert_true(json_str(json_get(one, "request"), &s));
		assert_true(str_is(s, "cmpl-1"));
		assert_true(json_i64(json_get(one, "sequence"), &seq));
		assert_int_equal(seq, 5);
		assert_true(json_bool(json_get(one, "computed"), &computed));
		assert_true(computed);
	}
	json_free(doc);
	buf_done(&b);
	free(w);
}

/* Whatever fails in there ends it with another status. */
static void
in_jail(void (*fn)(void))
{
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (!lock_in())
			_exit(1);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name)                            \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		in_jail(name);                \
	}
TEST(symbol)
TEST(noise)
TEST(edges)
TEST(texts)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbol),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
