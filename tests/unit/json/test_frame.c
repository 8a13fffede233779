/* Where values end in a stream, however the stream is cut. */
#include "json/frame.h"

#include "base/buf.h"
#include "json/read.h"

#include "cases.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

_Static_assert(sizeof(struct json_frame) <= 32, "one in each connection");

/* What a reader of the stream does. Each value is written to out in <>, each
 * error as !, a value that the end of the stream completes too. */
struct reader {
	struct json_frame s;
	struct buf kept;
	struct buf out;
};

static void
reader_init(struct reader *r, uint32_t max_depth)
{
	json_frame_init(&r->s, max_depth);
	buf_init(&r->kept, SIZE_MAX);
	buf_init(&r->out, SIZE_MAX);
}

static void
reader_done(struct reader *r)
{
	buf_done(&r->kept);
	buf_done(&r->out);
}

static void
give(struct reader *r)
{
	size_t n = json_frame_size(&r->s);

	assert_true(n > 0 && n <= buf_len(&r->kept));
	buf_consume(&r->kept, buf_len(&r->kept) - n);
	buf_put_u8(&r->out, '<');
	buf_put_str(&r->out, buf_str(&r->kept));
	buf_put_u8(&r->out, '>');
	buf_reset(&r->kept);
}

static void
feed(struct reader *r, const char *p, size_t n)
{
	while (n > 0) {
		size_t used = SIZE_MAX;
		int err = json_frame_scan(&r->s, p, n, &used);

		assert_true(used <= n);
		buf_put(&r->kept, p, used);
		p += used;
		n -= used;
		if (err == 0)
			give(r);
		else if (err != ERR_AGAIN)
			buf_put_u8(&r->out, err == ERR_TOO_BIG ? '^' : '!');
		else
			assert_int_equal(n, 0);
		if (json_frame_idle(&r->s))
			buf_reset(&r->kept);
		else
			assert_true(json_frame_size(&r->s) > 0);
	}
}

static struct str
finish(struct reader *r)
{
	if (json_frame_finish(&r->s))
		give(r);
	assert_int_equal(buf_err(&r->out), 0);
	return buf_str(&r->out);
}

/* In pieces of the given sizes, again and again; 0 ends the list. Each piece
 * is a block of its own for ASan. */
static struct reader
read_in(struct str s, const size_t *pieces, uint32_t max_depth)
{
	struct reader r;
	size_t i = 0;

	reader_init(&r, max_depth);
	while (s.n > 0) {
		size_t n = pieces[i] < s.n ? pieces[i] : s.n;
		char *piece = malloc(n);

		assert_non_null(piece);
		memcpy(piece, s.p, n);
		feed(&r, piece, n);
		free(piece);
		s.p += n;
		s.n -= n;
		i = pieces[i + 1] == 0 ? 0 : i + 1;
	}
	(void)finish(&r);
	return r;
}

static const struct {
	const char *stream;
	const char *want;
} streams[] = {
	{ "{}", "<{}>" },
	{ "{}\n{}\n", "<{}><{}>" },
	{ "{}{}[][]", "<{}><{}><[]><[]>" },
	{ " \r\n\t{\"a\":[1,{\"b\":2}]} ", "<{\"a\":[1,{\"b\":2}]}>" },
	{ "{\"a\":\"}]\\\"{[\"}7", "<{\"a\":\"}]\\\"{[\"}><7>" },
	{ "{\"a\\\\\":1}{\"b\\\\\\\"\":2}",
	    "<{\"a\\\\\":1}><{\"b\\\\\\\"\":2}>" },
	{ "{\n \"a\": 1\n}\n", "<{\n \"a\": 1\n}>" },
	{ "1 2\n3", "<1><2><3>" },
	{ "true false\nnull", "<true><false><null>" },
	{ "-1.5e+3{\"a\":1}", "<-1.5e+3><{\"a\":1}>" },
	{ "1\"a\"\"b\"[2]", "<1><\"a\"><\"b\"><[2]>" },
	{ "\"a{\\\"\" \"b\"", "<\"a{\\\"\"><\"b\">" },
	{ "truthy", "<truthy>" },
	{ "", "" },
	{ " \n ", "" },
	{ "{\"a\":1", "" },
	{ "\"abc", "" },
	{ "}\n{}", "!<{}>" },
	{ "]]]]\n{}", "!<{}>" },
	{ "{}}{}\n{}", "<{}>!<{}>" },
	{ "hello {}\n{}", "!<{}>" },
	{ "GET / HTTP/1.1\r\n\r\n1", "!<1>" },
	{ "1,2\n3", "<1>!<3>" },
	{ ":\n:\n{}", "!!<{}>" },
	{ "\xef\xbb\xbf{}\n{}", "!<{}>" },
	{ "{\"a\":\"b\n{}", "!<{}>" },
	{ "{\"a\":\"b\\\n{}", "!<{}>" },
	{ "[\"a\n\"b\"", "!<\"b\">" },
	{ "{\"a\":\"tab\there\"}1", "<{\"a\":\"tab\there\"}><1>" },
	{ "{]1", "<{]><1>" },
	{ "[[[[]]]]", "<[[[[]]]]>" },
	{ "[[[[[]]]]]\n1", "^<1>" },
	{ "{\"a\":[[{\"b\":[1]}]]} 2\n1", "^<1>" },
	{ "[\"[[[[[[[\"]", "<[\"[[[[[[[\"]>" },
};

static void
test_streams(void **state)
{
	static const size_t whole[] = { SIZE_MAX, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct reader r = read_in(str_of(streams[i].stream), whole, 4);

		if (!str_is(buf_str(&r.out), streams[i].want))
			fail_msg("%s gave %.*s", streams[i].stream,
			    (int)buf_len(&r.out), (char *)buf_data(&r.out));
		reader_done(&r);
	}
}

static void
same_when_cut(struct str s, const size_t *pieces, struct str want)
{
	struct reader r = read_in(s, pieces, 4);

	if (!str_eq(buf_str(&r.out), want))
		fail_msg("%.*s cut at %zu gave %.*s", (int)s.n, s.p, pieces[0],
		    (int)buf_len(&r.out), (char *)buf_data(&r.out));
	reader_done(&r);
}

/* Every cut into two, into three, into single bytes. */
static void
test_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct str s = str_of(streams[i].stream);
		struct str want = str_of(streams[i].want);
		size_t ones[] = { 1, 0 };

		same_when_cut(s, ones, want);
		for (size_t a = 1; a < s.n; a++) {
			for (size_t b = 1; a + b <= s.n; b++) {
				size_t pieces[] = { a, b, SIZE_MAX, 0 };

				same_when_cut(s, pieces, want);
			}
		}
	}
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Random streams over the bytes that matter, in random pieces. */
static void
test_random_cuts(void **state)
{
	static const char alphabet[] = "{}[]\"\\\n ,:1atn-.u";
	uint32_t seed = 20240607;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[64];
		size_t n = 1 + next_random(&seed) % sizeof(text);
		size_t pieces[4] = { 0 };
		size_t whole[] = { SIZE_MAX, 0 };

		for (size_t i = 0; i < n; i++)
			text[i] = alphabet[next_random(&seed) %
			    (sizeof(alphabet) - 1)];
		for (size_t i = 0; i < 3; i++)
			pieces[i] = 1 + next_random(&seed) % 12;
		struct reader r = read_in((struct str){ text, n }, whole, 4);
		same_when_cut((struct str){ text, n }, pieces, buf_str(&r.out));
		reader_done(&r);
	}
}

/* What json_parse() takes is one value to the scanner too. */
static void
test_agrees_with_the_parser(void **state)
{
	static const struct {
		const char *name;
		struct str s;
	} texts[] = {
#define TEXT(name, literal) { name, { literal, sizeof(literal) - 1 } },
		Y_CASES(TEXT)
	};
	static const size_t whole[] = { SIZE_MAX, 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct reader r = read_in(texts[i].s, whole, 64);
		struct str out = buf_str(&r.out);
		struct json_doc *d;

		assert_true(out.n >= 2 && out.p[0] == '<');
		assert_true(out.p[out.n - 1] == '>');
		assert_int_equal(json_parse(out.p + 1, out.n - 2,
				     &json_limits_request, &d, NULL),
		    0);
		json_free(d);
		reader_done(&r);
	}
}

static void
test_skip(void **state)
{
	struct reader r;

	(void)state;
	reader_init(&r, 4);
	feed(&r, "{\"a\":\"xxxx", 10);
	assert_false(json_frame_idle(&r.s));
	json_frame_skip(&r.s);
	buf_reset(&r.kept);
	assert_true(json_frame_idle(&r.s));
	feed(&r, "xxxx\"}\n{}", 9);
	assert_true(str_is(finish(&r), "<{}>"));
	reader_done(&r);
}

static void
test_nothing_at_all(void **state)
{
	struct json_frame s;
	size_t used = 7;

	(void)state;
	json_frame_init(&s, 1);
	assert_int_equal(json_frame_scan(&s, "", 0, &used), ERR_AGAIN);
	assert_int_equal(used, 0);
	assert_true(json_frame_idle(&s));
	assert_false(json_frame_finish(&s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_random_cuts),
		cmocka_unit_test(test_agrees_with_the_parser),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
