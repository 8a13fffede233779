/* Whatever the tokens' cuts: whole characters, no stop ever shown, and the
 * same text; against a reference that sees everything at once. */
#include "worker/emit.h"

#include "base/utf8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 4096

struct text {
	char p[ROOM];
	size_t n;
};

static void
add(struct text *t, struct str s)
{
	assert_true(t->n + s.n <= ROOM);
	if (s.n > 0)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

static bool
ends_with(const struct text *t, struct str s)
{
	return s.n > 0 && t->n >= s.n &&
	    memcmp(t->p + t->n - s.n, s.p, s.n) == 0;
}

/* Bytes of the character at p, good or bad; 0: it is not whole. */
static size_t
take(struct str s, bool *ret_is_good)
{
	int len = utf8_next(s.p, s.n);
	size_t n = 1;

	*ret_is_good = len > 0;
	if (len != 0)
		return len > 0 ? (size_t)len : 0;
	while (n + 1 < s.n && utf8_next(s.p, n + 1) < 0)
		n++;
	return n;
}

/* Character by character, with nothing held back. True: a stop came. */
static bool
reference(
    struct str in, const struct str *stops, size_t n_stops, struct text *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < in.n;) {
		bool is_good;
		size_t n = take((struct str){ in.p + i, in.n - i }, &is_good);
		size_t longest = 0;

		add(ret,
		    is_good ? (struct str){ in.p + i, n }
			    : STR("\xef\xbf\xbd"));
		if (n == 0)
			return false;
		i += n;
		for (size_t s = 0; s < n_stops; s++)
			if (ends_with(ret, stops[s]) && stops[s].n > longest)
				longest = stops[s].n;
		ret->n -= longest;
		if (longest > 0)
			return true;
	}
	return false;
}

static void
begin(struct emit *e, const struct str *stops, size_t n)
{
	struct buf packed;

	buf_init(&packed, ROOM);
	for (size_t i = 0; i < n; i++)
		strs_put(&packed, stops[i]);
	assert_int_equal(emit_init(e, (struct strs){ buf_str(&packed) }), 0);
	buf_done(&packed);
}

/* Shows nothing that the end would take back. */
static void
check_prefix(const struct text *shown, const struct text *want)
{
	assert_true(shown->n <= want->n);
	assert_memory_equal(shown->p, want->p, shown->n);
}

static void
check_cut(struct str in, const struct str *stops, size_t n_stops)
{
	struct text want, shown = { .n = 0 };
	bool stopped = reference(in, stops, n_stops, &want);
	struct str now;
	struct emit e;

	begin(&e, stops, n_stops);
	for (size_t i = 0; i < in.n && e.stop == EMIT_NO_STOP;) {
		size_t len = 1 + (size_t)rand() % 4;

		if (len > in.n - i)
			len = in.n - i;
		assert_int_equal(
		    emit_token(&e, (struct str){ in.p + i, len }, &now), 0);
		assert_true(utf8_valid(now.p, now.n, NULL));
		add(&shown, now);
		check_prefix(&shown, &want);
		i += len;
	}
	assert_int_equal(e.stop != EMIT_NO_STOP, stopped);
	assert_int_equal(emit_flush(&e, &now), 0);
	add(&shown, now);
	assert_int_equal(shown.n, want.n);
	assert_memory_equal(shown.p, want.p, want.n);
	emit_done(&e);
}

static struct str
random_text(char *room, const char *alphabet, size_t n_alphabet, size_t most)
{
	size_t n = (size_t)rand() % most;

	for (size_t i = 0; i < n; i++)
		room[i] = alphabet[(size_t)rand() % n_alphabet];
	return (struct str){ room, n };
}

/* Few letters, so that stops begin, overlap and nearly come all the time. */
static void
test_random_stops(void **state)
{
	char room[4][64];
	struct str stops[3];

	(void)state;
	srand(1);
	for (int i = 0; i < 30000; i++) {
		for (int s = 0; s < 3; s++)
			stops[s] = random_text(room[s], "ab", 2, 6);
		check_cut(random_text(room[3], "ab", 2, 40), stops, 3);
	}
}

/* Bytes of all kinds: starts, continuations, wrong ones. */
static void
test_random_bytes(void **state)
{
	static const char bytes[] = "a\x82\xac\xe2\xc3\xf0\x9f\xff\xc0\xed\xa0";
	char room[2][64];
	struct str stop = STR("\xe2\x82\xac");

	(void)state;
	srand(2);
	for (int i = 0; i < 30000; i++)
		check_cut(random_text(room[0], bytes, sizeof(bytes) - 1, 40),
		    &stop, (size_t)(i % 2));
}

static void
expect(struct emit *e, struct str token, const char *want, bool is_held)
{
	struct str now;

	assert_int_equal(emit_token(e, token, &now), 0);
	assert_int_equal(now.n, strlen(want));
	assert_memory_equal(now.p, want, now.n);
	assert_int_equal(emit_is_held(e), is_held);
}

static void
test_characters(void **state)
{
	struct emit e;
	struct str now;

	(void)state;
	begin(&e, NULL, 0);
	expect(&e, STR("a\xe2"), "a", true);
	expect(&e, STR("\x82"), "", true);
	expect(&e, STR("\xac!"), "\xe2\x82\xac!", false);
	expect(&e, STR("\xff"), "\xef\xbf\xbd", false);
	expect(&e, STR("\xf0\x9f\x98"), "", true);
	expect(&e, STR("x"), "\xef\xbf\xbdx", false);
	expect(
	    &e, STR("\xe2\x82\xe2\x82\xac"), "\xef\xbf\xbd\xe2\x82\xac", false);
	expect(&e, STR("\xc3"), "", true);
	assert_int_equal(emit_flush(&e, &now), 0);
	assert_true(str_is(now, "\xef\xbf\xbd"));
	emit_done(&e);
}

static void
test_stops(void **state)
{
	const struct str stops[] = { STR(""), STR("END"), STR("EN"),
		STR("\n\nUser:") };
	struct emit e;
	struct str now;

	(void)state;
	begin(&e, stops, 4);
	expect(&e, STR("Hi\n"), "Hi", false);
	expect(&e, STR("\nUs"), "", false);
	expect(&e, STR("e!"), "\n\nUse!", false);
	expect(&e, STR(" \n\nUser: END"), " ", false);
	assert_int_equal(e.stop, 3);
	assert_true(str_is(emit_stop(&e), "\n\nUser:"));
	expect(&e, STR("more"), "", false);
	assert_int_equal(emit_flush(&e, &now), 0);
	assert_int_equal(now.n, 0);
	emit_done(&e);
	/* Complete with the same character: the longest. First to be
	 * complete: that one, though another began before it. */
	begin(&e, stops, 4);
	expect(&e, STR("aEND"), "a", false);
	assert_true(str_is(emit_stop(&e), "EN"));
	emit_done(&e);
}

/* Held text that is no stop comes with the end. */
static void
test_flush(void **state)
{
	const struct str stop = STR("STOP");
	struct emit e;
	struct str now;

	(void)state;
	begin(&e, &stop, 1);
	expect(&e, STR("a STO"), "a ", false);
	assert_int_equal(emit_flush(&e, &now), 0);
	assert_true(str_is(now, "STO"));
	assert_int_equal(emit_stop(&e).n, 0);
	emit_done(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_stops),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
