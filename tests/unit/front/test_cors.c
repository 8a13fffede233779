/* Which pages may read answers, and what their browsers are told. */
#include "front/http/cors.h"
#include "wire/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct buf origins;
static struct front_config config;

/* Origins with commas between them. */
static void
allow(const char *list, bool credentials)
{
	char text[256], *save = NULL;

	buf_done(&origins);
	buf_init(&origins, 4096);
	(void)snprintf(text, sizeof(text), "%s", list);
	for (char *s = strtok_r(text, ",", &save); s != NULL;
	     s = strtok_r(NULL, ",", &save))
		strs_put(&origins, str_of(s));
	config = (struct front_config){
		.cors_origins = { buf_str(&origins) },
		.cors_methods = STR("GET, POST"),
		.cors_headers = STR("*"),
		.cors_credentials = credentials,
	};
}

static void
yes(const char *origin)
{
	if (!cors_allows(&config, str_of(origin)))
		fail_msg("\"%s\" should be allowed", origin);
}

static void
no(const char *origin)
{
	if (cors_allows(&config, str_of(origin)))
		fail_msg("\"%s\" should not be allowed", origin);
}

static void
test_origins(void **state)
{
	char longest[600];

	(void)state;
	allow("", false);
	no("http://localhost");
	allow("https://a.example,http://b.example:8080", false);
	yes("https://a.example");
	yes("HTTPS://A.example");
	yes("http://b.example:8080");
	no("http://a.example");
	no("https://a.example:443");
	no("https://a.example.evil.example");
	no("https://evil.example/https://a.example");
	no("null");
	no("");
	allow("null", false);
	yes("null");
	allow("*", false);
	yes("null");
	yes("https://anything");
	no("https://a\r\nb");
	no("https://a\x7f");
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	no(longest);
}

static void
test_localhost(void **state)
{
	(void)state;
	allow("localhost", false);
	yes("http://localhost");
	yes("https://localhost:5173");
	yes("http://127.0.0.1:3000");
	yes("http://[::1]:3000");
	no("http://localhost.evil.example");
	no("http://localhost:3000.evil.example");
	no("http://localhost:3000@evil.example");
	no("http://evil.example");
	no("ftp://localhost");
	no("localhost");
}

/* The lines of an answer to a request with these. */
static const char *
lines(enum method method, const char *origin, const char *asked)
{
	static char text[4096];
	struct str kept[HEADER_COUNT] = { { NULL, 0 } };
	struct request r = { .method = method, .kept = kept };
	struct buf out;

	if (origin != NULL)
		kept[HEADER_ORIGIN] = str_of(origin);
	if (asked != NULL) {
		kept[HEADER_ASKED_METHOD] = STR("POST");
		kept[HEADER_ASKED_HEADERS] = str_of(asked);
	}
	buf_init(&out, sizeof(text) - 1);
	cors_put(&config, &r, &out);
	assert_int_equal(buf_err(&out), 0);
	(void)snprintf(text, sizeof(text), "%.*s", (int)buf_len(&out),
	    (const char *)buf_data(&out));
	buf_done(&out);
	return text;
}

#define EXPOSED "Access-Control-Expose-Headers: X-Request-Id, Retry-After\r\n"

static void
test_lines(void **state)
{
	(void)state;
	allow("", false);
	assert_string_equal(lines(METHOD_GET, "http://a", NULL), "");
	allow("http://a", false);
	assert_string_equal(lines(METHOD_GET, NULL, NULL), "Vary: Origin\r\n");
	assert_string_equal(
	    lines(METHOD_GET, "http://b", NULL), "Vary: Origin\r\n");
	assert_string_equal(lines(METHOD_GET, "http://a", NULL),
	    "Vary: Origin\r\nAccess-Control-Allow-Origin: http://a\r\n" EXPOSED);
	allow("*", false);
	assert_string_equal(lines(METHOD_POST, "http://b", NULL),
	    "Access-Control-Allow-Origin: *\r\n" EXPOSED);
	allow("*", true);
	assert_string_equal(lines(METHOD_POST, "http://b", NULL),
	    "Vary: Origin\r\nAccess-Control-Allow-Origin: http://b\r\n"
	    "Access-Control-Allow-Credentials: true\r\n" EXPOSED);
}

static void
test_preflight(void **state)
{
	(void)state;
	allow("http://a", false);
	assert_string_equal(
	    lines(METHOD_OPTIONS, "http://a", "authorization, x-b"),
	    "Vary: Origin\r\nAccess-Control-Allow-Origin: http://a\r\n"
	    "Access-Control-Allow-Methods: GET, POST\r\n"
	    "Access-Control-Allow-Headers: authorization, x-b\r\n"
	    "Access-Control-Max-Age: 600\r\n");
	config.cors_headers = STR("x-only");
	assert_non_null(strstr(lines(METHOD_OPTIONS, "http://a", "x-b"),
	    "Access-Control-Allow-Headers: x-only\r\n"));
	assert_null(strstr(lines(METHOD_OPTIONS, "http://b", "x-b"), "Allow"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_localhost),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_preflight),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&origins);
	return failed;
}
