/*
 * The parser: what is refused and how, limits, and that no split of the input
 * changes anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "front/http/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct parse_limits limits = { .head_max = 16384,
	.body_max = 1000 };

/* What came of some bytes, to be compared. */
struct outcome {
	enum parse_result result;
	size_t used;
	int status;
	char text[2048];
};

/* Feeds n bytes cut at the given places (ascending, ended by n). */
static struct outcome
parse_cut(const char *p, size_t n, const size_t *cuts)
{
	struct outcome o = { .result = PARSE_MORE };
	struct parse *parse = parse_new(&limits);
	const struct request *r;
	size_t at = 0;

	assert_non_null(parse);
	for (size_t i = 0; o.result == PARSE_MORE && at < n; i++) {
		size_t used;

		o.result = parse_feed(parse, p + at, cuts[i] - at, &used);
		o.used += used;
		at = cuts[i];
	}
	if (o.result == PARSE_FAILED)
		o.used = 0;
	r = parse_request(parse);
	if (o.result == PARSE_DONE)
		(void)snprintf(o.text, sizeof(o.text),
		    "%d [%.*s] [%.*s] [%.*s] 10=%d keep=%d", (int)r->method,
		    (int)r->path.n, r->path.p, (int)r->query.n, r->query.p,
		    (int)r->body.n, r->body.p, r->is_http10, r->keep_alive);
	for (unsigned i = 0; o.result == PARSE_DONE && i < HEADER_COUNT; i++) {
		struct str v = request_header(r, (enum kept_header)i);
		size_t len = strlen(o.text);

		if (v.p != NULL)
			(void)snprintf(o.text + len, sizeof(o.text) - len,
			    " %u=[%.*s]", i, (int)v.n, v.p);
	}
	if (o.result == PARSE_FAILED) {
		o.status = parse_status(parse);
		(void)snprintf(o.text, sizeof(o.text), "%s", parse_why(parse));
	}
	parse_free(parse);
	return o;
}

static struct outcome
parse_all(const char *p, size_t n)
{
	return parse_cut(p, n, (size_t[]){ n });
}

static void
same(const struct outcome *a, const struct outcome *b, const char *what,
    size_t at)
{
	if (a->result == b->result && a->used == b->used &&
	    a->status == b->status && strcmp(a->text, b->text) == 0)
		return;
	fail_msg("%s, cut at %zu: %d %zu %d \"%s\" is not %d %zu %d \"%s\"",
	    what, at, (int)a->result, a->used, a->status, a->text,
	    (int)b->result, b->used, b->status, b->text);
}

/* Every cut in two, and byte by byte. */
static void
check_splits(const char *p, size_t n, const char *what)
{
	struct outcome whole = parse_all(p, n), o;
	size_t *each = malloc((n + 1) * sizeof(*each));

	assert_non_null(each);
	for (size_t i = 1; i < n; i++) {
		o = parse_cut(p, n, (size_t[]){ i, n });
		same(&o, &whole, what, i);
	}
	for (size_t i = 0; i < n; i++)
		each[i] = i + 1;
	o = parse_cut(p, n, each);
	same(&o, &whole, what, 0);
	free(each);
}

#define H "Host: a\r\n"
#define P "POST / HTTP/1.1\r\n" H

/* A second request behind each must never run. */
#define SECOND "GET /second HTTP/1.1\r\n" H "\r\n"

static const struct {
	const char *what;
	int status;
	struct str bytes;
} refused[] = {
	{ "CL and TE", 400,
	    STR(P "Content-Length: 5\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ "TE and CL", 400,
	    STR(P "Transfer-Encoding: chunked\r\n"
		  "Content-Length: 5\r\n\r\n0\r\n\r\n") },
	{ "two CLs", 400,
	    STR(P "Content-Length: 5\r\n"
		  "Content-Length: 5\r\n\r\nhello") },
	{ "two CLs that differ", 400,
	    STR(P "Content-Length: 5\r\n"
		  "Content-Length: 6\r\n\r\nhello") },
	{ "CL list", 400, STR(P "Content-Length: 5, 5\r\n\r\nhello") },
	{ "CL with a plus", 400, STR(P "Content-Length: +5\r\n\r\nhello") },
	{ "CL negative", 400, STR(P "Content-Length: -5\r\n\r\nhello") },
	{ "CL hex", 400, STR(P "Content-Length: 0x5\r\n\r\nhello") },
	{ "CL empty", 400, STR(P "Content-Length: \r\n\r\nhello") },
	{ "CL past 64 bits", 400,
	    STR(P "Content-Length: 18446744073709551617\r\n\r\nh") },
	{ "CL with a space in it", 400, STR(P "Content-Length: 1 2\r\n\r\n") },
	{ "obs-fold", 400, STR("GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n") },
	{ "obs-fold by tab", 400,
	    STR("GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n") },
	{ "obs-fold in TE", 400,
	    STR(P "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n") },
	{ "bare LF behind the request line", 400,
	    STR("GET / HTTP/1.1\n" H "\r\n") },
	{ "bare LF behind a header", 400,
	    STR("GET / HTTP/1.1\r\nHost: a\n\r\n") },
	{ "bare LF at the end", 400, STR("GET / HTTP/1.1\r\n" H "\n") },
	{ "bare CR behind a header", 400,
	    STR("GET / HTTP/1.1\r\nHost: a\rA: b\r\n\r\n") },
	{ "space before the colon", 400,
	    STR("GET / HTTP/1.1\r\nHost : a\r\n\r\n") },
	{ "tab before the colon", 400,
	    STR("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n") },
	{ "space before the first header", 400,
	    STR("GET / HTTP/1.1\r\n Host: a\r\n\r\n") },
	{ "header without a colon", 400,
	    STR("GET / HTTP/1.1\r\n" H "nothing\r\n\r\n") },
	{ "header without a name", 400,
	    STR("GET / HTTP/1.1\r\n" H ": b\r\n\r\n") },
	{ "NUL in a header", 400,
	    STR("GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n") },
	{ "NUL in a name", 400, STR("GET / HTTP/1.1\r\n" H "A\0: b\r\n\r\n") },
	{ "no Host", 400, STR("GET / HTTP/1.1\r\n\r\n") },
	{ "two Hosts", 400, STR("GET / HTTP/1.1\r\n" H H "\r\n") },
	{ "two Hosts in 1.0", 400, STR("GET / HTTP/1.0\r\n" H H "\r\n") },
	{ "Host with a path", 400, STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") },
	{ "Host with a user", 400, STR("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n") },
	{ "Host list", 400, STR("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n") },
	{ "TE gzip", 400, STR(P "Transfer-Encoding: gzip\r\n\r\n") },
	{ "TE identity", 400, STR(P "Transfer-Encoding: identity\r\n\r\n") },
	{ "TE gzip, chunked", 400,
	    STR(P "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n") },
	{ "TE chunked, chunked", 400,
	    STR(P "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n") },
	{ "TE twice", 400,
	    STR(P "Transfer-Encoding: chunked\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ "TE chunked, identity", 400,
	    STR(P "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n") },
	{ "TE xchunked", 400,
	    STR(P "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n") },
	{ "TE with a vertical tab", 400,
	    STR(P "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n") },
	{ "TE empty", 400, STR(P "Transfer-Encoding: \r\n\r\n0\r\n\r\n") },
	{ "TE in 1.0", 400,
	    STR("POST / HTTP/1.0\r\n"
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") },
	{ "chunk size with 0x", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello") },
	{ "chunk size with a plus", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello") },
	{ "chunk size with a space", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello") },
	{ "chunk size empty", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n\r\nhello") },
	{ "chunk size past 64 bits", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nh") },
	{ "chunk size and bare LF", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n") },
	{ "chunk longer than its size", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n") },
	{ "chunk and bare LF", 400,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n") },
	{ "HTTP/0.9", 505, STR("GET / HTTP/0.9\r\n\r\n") },
	{ "HTTP/1.2", 505, STR("GET / HTTP/1.2\r\n" H "\r\n") },
	{ "HTTP/2.0", 505, STR("GET / HTTP/2.0\r\n" H "\r\n") },
	{ "HTTP/2's preface", 400, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
	{ "no version", 505, STR("GET /\r\n" H "\r\n") },
	{ "HTTP/1", 505, STR("GET / HTTP/1\r\n" H "\r\n") },
	{ "another protocol", 400, STR("GET / ICY/1.1\r\n" H "\r\n") },
	{ "no method", 400, STR("/ HTTP/1.1\r\n" H "\r\n") },
	{ "lower-case method", 400, STR("get / HTTP/1.1\r\n" H "\r\n") },
	{ "unknown method", 400, STR("FETCH / HTTP/1.1\r\n" H "\r\n") },
	{ "target without a slash", 400,
	    STR("GET health HTTP/1.1\r\n" H "\r\n") },
	{ "target with a fragment", 400, STR("GET /#a HTTP/1.1\r\n" H "\r\n") },
	{ "target with a byte past ASCII", 400,
	    STR("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n") },
	{ "* with GET", 400, STR("GET * HTTP/1.1\r\n" H "\r\n") },
	{ "CONNECT", 405, STR("CONNECT a:80 HTTP/1.1\r\n" H "\r\n") },
	{ "TLS", 400, STR("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") },
	{ "a packed body", 415,
	    STR(P "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx") },
	{ "another expectation", 417,
	    STR(P "Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello") },
	{ "body over the limit", 413,
	    STR(P "Content-Length: 1001\r\n\r\nhello") },
	{ "chunk over the limit", 413,
	    STR(P "Transfer-Encoding: chunked\r\n\r\n3e9\r\nhello") },
	{ "chunks over the limit", 413,
	    STR(P "Transfer-Encoding: chunked"
		  "\r\n\r\n5\r\nhello\r\n3e8\r\nhello") },
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct str r = refused[i].bytes;
		char bytes[512];
		struct outcome o;
		size_t n = r.n + sizeof(SECOND) - 1;

		assert_true(n <= sizeof(bytes));
		memcpy(bytes, r.p, r.n);
		memcpy(bytes + r.n, SECOND, sizeof(SECOND) - 1);
		o = parse_all(bytes, n);
		if (o.result != PARSE_FAILED || o.status != refused[i].status)
			fail_msg("%s: result %d, status %d, %s",
			    refused[i].what, (int)o.result, o.status, o.text);
		check_splits(bytes, n, refused[i].what);
	}
}

static const struct {
	const char *bytes;
	const char *text;
} accepted[] = {
	{ "GET /health HTTP/1.1\r\n" H "\r\n",
	    "1 [/health] [] [] 10=0 keep=1" },
	{ "GET /x?a=b&c HTTP/1.0\r\n\r\n", "1 [/x] [a=b&c] [] 10=1 keep=0" },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	    "1 [/] [] [] 10=1 keep=1" },
	{ "GET / HTTP/1.1\r\nhost: a:80\r\nConnection: close\r\n\r\n",
	    "1 [/] [] [] 10=0 keep=0" },
	{ "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	    "1 [/] [] [] 10=0 keep=1" },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", "1 [/] [] [] 10=0 keep=1" },
	{ "GET http://a/x?y HTTP/1.1\r\n" H "\r\n",
	    "1 [/x] [y] [] 10=0 keep=1" },
	{ "GET http://a HTTP/1.1\r\n" H "\r\n", "1 [/] [] [] 10=0 keep=1" },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", "8 [*] [] [] 10=0 keep=1" },
	{ "HEAD / HTTP/1.1\r\n" H "\r\n", "2 [/] [] [] 10=0 keep=1" },
	{ "DELETE /v1 HTTP/1.1\r\n" H "\r\n", "32 [/v1] [] [] 10=0 keep=1" },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "1 [/] [] [] 10=0 keep=1" },
	{ P "Content-Length: 5\r\n\r\nhello", "4 [/] [] [hello] 10=0 keep=1" },
	{ P "Content-Length: 0\r\n\r\n", "4 [/] [] [] 10=0 keep=1" },
	{ P "Transfer-Encoding: Chunked \r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
	    "4 [/] [] [hello] 10=0 keep=1" },
	{ P "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n"
	    "Host: b\r\nA: b\r\n\r\n",
	    "4 [/] [] [hello] 10=0 keep=1" },
	{ P "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\nhello",
	    "4 [/] [] [hello] 10=0 keep=1" },
	{ P "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	    "Content-Length: 5\r\n\r\nhello",
	    "4 [/] [] [hello] 10=0 keep=1" },
};

static void
test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		const char *first = accepted[i].bytes;
		char bytes[1024];
		struct outcome o;

		(void)snprintf(bytes, sizeof(bytes), "%s%s", first, SECOND);
		o = parse_all(bytes, strlen(bytes));
		if (o.result != PARSE_DONE)
			fail_msg("%s: %s", first, o.text);
		assert_string_equal(o.text, accepted[i].text);
		/* Not one byte of the next. */
		assert_int_equal(o.used, strlen(first));
		check_splits(bytes, strlen(bytes), first);
	}
}

/* A request of one long part, of n times 'x'. */
static struct outcome
parse_long(const char *before, size_t n, const char *after)
{
	size_t head = strlen(before), tail = strlen(after);
	char *bytes = malloc(head + n + tail);
	struct outcome o;

	assert_non_null(bytes);
	memcpy(bytes, before, head);
	memset(bytes + head, 'x', n);
	memcpy(bytes + head + n, after, tail);
	o = parse_all(bytes, head + n + tail);
	/* Around the limits, where a cut could matter. */
	for (size_t i = 1; i < head + n + tail; i += 101) {
		struct outcome cut = parse_cut(
		    bytes, head + n + tail, (size_t[]){ i, head + n + tail });

		same(&cut, &o, before, i);
	}
	free(bytes);
	return o;
}

static void
test_limits(void **state)
{
	static const char end[] = " HTTP/1.1\r\n" H "\r\n";
	struct outcome o;

	(void)state;
	o = parse_long("GET /", PARSE_TARGET_MAX - 1, end);
	assert_int_equal(o.result, PARSE_DONE);
	o = parse_long("GET /", PARSE_TARGET_MAX, end);
	assert_int_equal(o.status, 414);
	o = parse_long("GET /", 20000, end);
	assert_int_equal(o.status, 414);
	o = parse_long("GET / HTTP/1.1\r\n" H "A: ", 16000, "\r\n\r\n");
	assert_int_equal(o.result, PARSE_DONE);
	o = parse_long("GET / HTTP/1.1\r\n" H "A: ", 17000, "\r\n\r\n");
	assert_int_equal(o.status, 431);
	assert_string_equal(o.text, "the headers may have 16384 bytes");
	o = parse_long("GET / HTTP/1.1\r\n" H, 17000, ": b\r\n\r\n");
	assert_int_equal(o.status, 431);
	o = parse_long("GET / HTTP/1.1\r\nHost: ", 257, "\r\n\r\n");
	assert_int_equal(o.status, 400);
	o = parse_long(P "Content-Length: 1000\r\n\r\n", 1000, "");
	assert_int_equal(o.result, PARSE_DONE);
	o = parse_long(P "Transfer-Encoding: chunked\r\n\r\n5;", 60000, "\r\n");
	assert_int_equal(o.status, 413);
}

static void
test_header_count(void **state)
{
	char bytes[2000] = "GET / HTTP/1.1\r\n" H;

	(void)state;
	for (unsigned i = 1; i < PARSE_HEADERS_MAX; i++)
		strcat(bytes, "A: b\r\n");
	strcat(bytes, "\r\n");
	assert_int_equal(parse_all(bytes, strlen(bytes)).result, PARSE_DONE);
	bytes[strlen(bytes) - 2] = '\0';
	strcat(bytes, "A: b\r\n\r\n");
	assert_int_equal(parse_all(bytes, strlen(bytes)).status, 431);
	check_splits(bytes, strlen(bytes), "101 headers");
}

static void
test_continue(void **state)
{
	static const char head[] =
	    P "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
	struct parse *p = parse_new(&limits);
	size_t used;

	(void)state;
	assert_int_equal(
	    parse_feed(p, head, sizeof(head) - 2, &used), PARSE_MORE);
	assert_false(parse_wants_continue(p));
	assert_int_equal(parse_feed(p, "\n", 1, &used), PARSE_MORE);
	assert_true(parse_wants_continue(p));
	assert_false(parse_wants_continue(p));
	assert_int_equal(parse_feed(p, "hello", 5, &used), PARSE_DONE);
	parse_free(p);

	/* The body is here already: nobody waits. */
	p = parse_new(&limits);
	assert_int_equal(
	    parse_feed(p, head, sizeof(head) - 1, &used), PARSE_MORE);
	assert_int_equal(parse_feed(p, "h", 1, &used), PARSE_MORE);
	assert_false(parse_wants_continue(p));
	parse_free(p);
	parse_free(NULL);
}

/* lines: of the head; want: what is kept, "-" for what is not there. */
static void
check_kept(const char *lines, enum kept_header which, const char *want)
{
	char text[8192];
	struct parse *p = parse_new(&limits);
	size_t n = (size_t)snprintf(
	    text, sizeof(text), "GET / HTTP/1.1\r\n" H "%s\r\n", lines);
	struct str got;
	size_t used;

	assert_non_null(p);
	assert_int_equal(parse_feed(p, text, n, &used), PARSE_DONE);
	assert_int_equal(parse_request(p)->bytes, n);
	got = request_header(parse_request(p), which);
	if (strcmp(want, "-") == 0)
		assert_null(got.p);
	else
		assert_true(got.p != NULL && str_is(got, want));
	parse_free(p);
	check_splits(text, n, lines);
}

static void
test_kept_headers(void **state)
{
	char lines[2 * PARSE_VALUE_MAX + 64], value[PARSE_VALUE_MAX + 2];

	(void)state;
	check_kept("", HEADER_AUTHORIZATION, "-");
	check_kept("Authorization: Bearer sk-1\r\n", HEADER_AUTHORIZATION,
	    "Bearer sk-1");
	check_kept("AUTHORIZATION:   sk-1 \t \r\nX-API-Key: k\r\n",
	    HEADER_AUTHORIZATION, "sk-1");
	check_kept("Authorization: a\r\nX-Api-Key: k\r\n", HEADER_API_KEY, "k");
	check_kept("Origin:\r\n", HEADER_ORIGIN, "");
	check_kept("X-Authorization: a\r\nAuthorizatio: b\r\n",
	    HEADER_AUTHORIZATION, "-");
	check_kept("Access-Control-Request-Headers: a, b\r\n",
	    HEADER_ASKED_HEADERS, "a, b");
	/* Two of them mean nothing, and are there. */
	check_kept("Authorization: good\r\nOrigin: o\r\n"
		   "Authorization: good\r\n",
	    HEADER_AUTHORIZATION, "");
	check_kept("Authorization: good\r\nOrigin: o\r\n"
		   "Authorization: good\r\n",
	    HEADER_ORIGIN, "o");
	memset(value, 'k', sizeof(value));
	value[PARSE_VALUE_MAX] = '\0';
	(void)snprintf(lines, sizeof(lines), "X-Api-Key: %s\r\n", value);
	check_kept(lines, HEADER_API_KEY, value);
	(void)snprintf(
	    lines, sizeof(lines), "X-Api-Key: %sk\r\nOrigin: o\r\n", value);
	check_kept(lines, HEADER_API_KEY, "");
	check_kept(lines, HEADER_ORIGIN, "o");
}

static void
test_head_is_known_before_the_body(void **state)
{
	static const char head[] =
	    P "X-Request-Id: one\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char rest[] = "1\r\nx\r\n0\r\nX-Request-Id: two\r\n\r\n";
	struct parse *p = parse_new(&limits);
	size_t used;

	(void)state;
	assert_non_null(p);
	assert_int_equal(
	    parse_feed(p, head, sizeof(head) - 3, &used), PARSE_MORE);
	assert_null(parse_head(p));
	assert_int_equal(
	    parse_feed(p, head + sizeof(head) - 3, 2, &used), PARSE_MORE);
	assert_non_null(parse_head(p));
	assert_true(
	    str_is(request_header(parse_head(p), HEADER_REQUEST_ID), "one"));
	assert_true(str_is(parse_head(p)->path, "/"));
	/* A trailer is no header. */
	assert_int_equal(
	    parse_feed(p, rest, sizeof(rest) - 1, &used), PARSE_DONE);
	assert_true(
	    str_is(request_header(parse_head(p), HEADER_REQUEST_ID), "one"));
	parse_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_header_count),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_kept_headers),
		cmocka_unit_test(test_head_is_known_before_the_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
