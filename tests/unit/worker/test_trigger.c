/* A grammar begins at the first word that is not in reasoning, however tokens
 * cut the text, and is fed with the tokens that have a byte of it. */
#include "worker/trigger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct strs
words(struct buf *b, const char *const *all)
{
	buf_init(b, 1000);
	for (; *all != NULL; all++)
		strs_put(b, str_of(*all));
	return (struct strs){ buf_str(b) };
}

static void
make(struct trigger *t)
{
	struct buf a, b, c;

	assert_int_equal(
	    trigger_init(t,
		words(&a, (const char *const[]){ "<call>", "[TOOL]", NULL }),
		words(&b, (const char *const[]){ "<think>", NULL }),
		words(&c, (const char *const[]){ "</think>", "</end>", NULL })),
	    0);
	buf_done(&a);
	buf_done(&b);
	buf_done(&c);
}

/* Feeds tokens of n bytes, numbered from 0, from the at-th byte on. Where the
 * token ends with which it begins; 0: it does not. */
static size_t
feed(struct trigger *t, const char *text, size_t first, size_t n)
{
	size_t size = strlen(text);

	for (size_t at = 0, k = 0; at < size; k++) {
		size_t len = k == 0 ? first : n;
		bool found;

		len = at + len < size ? len : size - at;
		assert_int_equal(trigger_add(t, (int32_t)k,
				     (struct str){ text + at, len }, &found),
		    0);
		at += len;
		if (found)
			return at;
	}
	return 0;
}

static void
found_at_the_first_word_outside_reasoning(void **state)
{
	static const struct {
		const char *text;
		const char *word; /* NULL: none */
		size_t at;	  /* of its first byte */
	} cases[] = {
		{ "Hello there", NULL, 0 },
		{ "Hi <call>x", "<call>", 3 },
		{ "Hi <cal<call>x", "<call>", 7 },
		{ "[TOOL]", "[TOOL]", 0 },
		{ "<think>a <call>?</think>b[TOOL]", "[TOOL]", 25 },
		{ "<think>a <call>?</end><call>", "<call>", 22 },
		{ "<think>a <call>?", NULL, 0 },
		{ "<think><think></think><call>", "<call>", 22 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t n = 1; n < 12; n++)
			for (size_t first = 1; first <= n; first++) {
				struct trigger t;
				size_t end, begin;
				struct i32s got;

				make(&t);
				end = feed(&t, cases[i].text, first, n);
				if (cases[i].word == NULL) {
					assert_int_equal(end, 0);
					trigger_done(&t);
					continue;
				}
				assert_true(
				    str_is(trigger_word(&t), cases[i].word));
				got = trigger_tokens(&t);
				assert_true(got.n > 0);
				/* The first has the word's first byte. */
				begin = got.p[0] == 0
				    ? 0
				    : first + ((size_t)got.p[0] - 1) * n;
				assert_true(begin <= cases[i].at);
				assert_true(cases[i].at <
				    (got.p[0] == 0 ? first : begin + n));
				assert_true(
				    end >= cases[i].at + strlen(cases[i].word));
				for (uint32_t k = 1; k < got.n; k++)
					assert_int_equal(
					    got.p[k], got.p[0] + (int32_t)k);
				trigger_done(&t);
			}
}

static void
prompt_may_open_reasoning_and_begins_nothing(void **state)
{
	struct trigger t;

	(void)state;
	make(&t);
	trigger_seed(&t, STR("<call>assistant\n<think>\n"));
	assert_int_equal(feed(&t, "no <call> here</think>", 3, 2), 0);
	assert_int_equal(feed(&t, "<call>", 6, 6), 6);
	trigger_done(&t);
	make(&t);
	trigger_seed(&t, STR("<cal"));
	assert_int_equal(feed(&t, "l>", 2, 2), 0);
	trigger_done(&t);
}

/* However long it waits, it keeps no more than a word can reach back. */
static void
keeps_little(void **state)
{
	struct trigger t;
	bool found;

	(void)state;
	make(&t);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(
		    trigger_add(&t, i, STR("some <call text"), &found), 0);
		assert_false(found);
		assert_true(buf_len(&t.text) < 64 && buf_len(&t.tokens) < 64);
	}
	trigger_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_at_the_first_word_outside_reasoning),
		cmocka_unit_test(prompt_may_open_reasoning_and_begins_nothing),
		cmocka_unit_test(keeps_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
