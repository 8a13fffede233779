/* Lines of the log as JSON: whole, whatever was in them. */
#include "keeper/logjson.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *
shape(const char *line, size_t room)
{
	static char out[8192];
	size_t n = logjson_shape(line, strlen(line), out, room);

	assert_in_range(n, 2, room);
	assert_int_equal(out[n - 1], '\n');
	out[n - 1] = '\0';
	return out;
}

/* What comes behind the time. */
static const char *
tail(const char *line)
{
	const char *text = shape(line, 8192);
	const char *at = strstr(text, "\"process\"");

	assert_non_null(at);
	return at;
}

static void
test_lines(void **state)
{
	(void)state;
	assert_string_equal(tail("bulkhead[12] info: ready\n"),
	    "\"process\":\"bulkhead\",\"pid\":12,\"level\":\"info\","
	    "\"text\":\"ready\"}");
	assert_string_equal(
	    tail("bulkhead-worker[3] warn: a \"b\" \\ c: d[4] \xc3\xa4\n"),
	    "\"process\":\"bulkhead-worker\",\"pid\":3,\"level\":\"warn\","
	    "\"text\":\"a \\\"b\\\" \\\\ c: d[4] \xc3\xa4\"}");
	assert_string_equal(tail("no head at all"),
	    "\"process\":\"bulkhead\",\"pid\":0,\"level\":\"info\","
	    "\"text\":\"no head at all\"}");
	assert_string_equal(tail("bulkhead[1] info: \x01\xff\n"),
	    "\"process\":\"bulkhead\",\"pid\":1,\"level\":\"info\","
	    "\"text\":\"\\u0001\\u00ff\"}");
}

static void
test_access(void **state)
{
	(void)state;
	assert_string_equal(
	    shape("bulkhead-front[7] access: time=T id=req_1 key=- status=200 "
		  "in=007 path=/a%20b\n",
		8192),
	    "{\"process\":\"bulkhead-front\",\"pid\":7,\"level\":\"access\","
	    "\"time\":\"T\",\"id\":\"req_1\",\"key\":null,\"status\":200,"
	    "\"in\":\"007\",\"path\":\"/a%20b\"}");
	/* What the keeper says of a line no child says. */
	assert_string_equal(shape("bulkhead-front[7] access: process=bulkhead "
				  "pid=1 level=info a=b\n",
				8192),
	    "{\"process\":\"bulkhead-front\",\"pid\":7,\"level\":\"access\","
	    "\"a\":\"b\"}");
}

/* However little room there is, what comes is an object. */
static void
test_room(void **state)
{
	char line[2048];

	(void)state;
	(void)snprintf(line, sizeof(line), "bulkhead[1] info: %01900d\n", 7);
	for (size_t room = 200; room < 2300; room++) {
		const char *got = shape(line, room);
		size_t n = strlen(got);

		assert_int_equal(got[0], '{');
		assert_string_equal(got + n - 2, "\"}");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_access),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
