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
make_with(struct trigger *t, trigger_fn find, void *arg)
{
	struct buf a, b, c;

	assert_int_equal(
	    trigger_init(t,
		words(&a, (const char *const[]){ "<call>", "[TOOL]", NULL }),
		words(&b, (const char *const[]){ "<think>", NULL }),
		words(&c, (const char *const[]){ "</think>", "</end>", NULL }),
		find, arg),
	    0);
	buf_done(&a);
	buf_done(&b);
	buf_done(&c);
}

static void
make(struct trigger *t)
{
	make_with(t, NULL, NULL);
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

/* "!x" anywhere, or "?" as the very first. */
static bool
find_mark(void *arg, struct str window, bool is_all, size_t *ret_from)
{
	int *n = arg;

	(*n)++;
	if (is_all && window.n > 0 && window.p[0] == '?') {
		*ret_from = 0;
		return true;
	}
	for (size_t i = 0; i + 1 < window.n; i++)
		if (window.p[i] == '!' && window.p[i + 1] == 'x') {
			*ret_from = i;
			return true;
		}
	return false;
}

static void
patterns_see_the_last_bytes(void **state)
{
	char text[2000];
	struct trigger t;
	int n = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 1500, "!x", 2);
	make_with(&t, find_mark, &n);
	assert_int_equal(feed(&t, text, 3, 3), 1503);
	assert_int_equal(trigger_tokens(&t).n, 1);
	trigger_done(&t);
	make_with(&t, find_mark, &n);
	assert_int_equal(feed(&t, "?yes", 1, 1), 1);
	trigger_done(&t);
	/* Too late to be the first; in reasoning; a word is found as ever. */
	text[300] = '?';
	text[1500] = text[1501] = 'a';
	make_with(&t, find_mark, &n);
	assert_int_equal(feed(&t, text, 1, 1), 0);
	assert_true(buf_len(&t.text) <= TRIGGER_WINDOW + 1);
	trigger_done(&t);
	make_with(&t, find_mark, &n);
	assert_int_equal(feed(&t, "<think>!x</think>", 7, 1), 0);
	trigger_done(&t);
	make_with(&t, find_mark, &n);
	assert_int_equal(feed(&t, "a<call>", 7, 1), 7);
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
		cmocka_unit_test(patterns_see_the_last_bytes),
		cmocka_unit_test(keeps_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
