/* The client of the JSON-RPC socket: lines in pieces, errors, hang-ups. */
#include "cli/rpc.h"

#include "cli/interrupt.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct rpc rpc;
static int server; /* its end */

static int
make(void **state)
{
	int ends[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return -1;
	server = ends[1];
	rpc = (struct rpc){ .fd = ends[0] };
	buf_init(&rpc.in, 1024 * 1024);
	return 0;
}

static int
unmake(void **state)
{
	(void)state;
	rpc_close(&rpc);
	return server >= 0 ? close(server) : 0;
}

static void
say(const char *text)
{
	assert_int_equal(write(server, text, strlen(text)), strlen(text));
}

static void
hang_up(void)
{
	(void)close(server);
	server = -1;
}

static void
test_requests(void **state)
{
	char line[256];
	struct fail f;
	ssize_t n;

	(void)state;
	assert_int_equal(
	    rpc_send(&rpc, 7, "rkllm.abort", STR("[null]"), &f), 0);
	n = read(server, line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_string_equal(line,
	    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"rkllm.abort\","
	    "\"params\":[null]}\n");
}

/* The id of the next reply. */
static uint64_t
next_id(void)
{
	struct json_doc *d;
	struct fail f = { .text = "" };
	uint64_t id = 0;

	if (rpc_next(&rpc, &d, &f) != 0)
		fail_msg("%s", f.text);
	assert_true(json_u64(json_get(json_root(d), "id"), &id));
	json_free(d);
	return id;
}

static void
test_lines(void **state)
{
	(void)state;
	say("{\"id\":1}\n{\"id\":2}\n{\"id\"");
	assert_int_equal(next_id(), 1);
	assert_int_equal(next_id(), 2);
	say(":3}\n");
	assert_int_equal(next_id(), 3);
}

static void
test_results_and_errors(void **state)
{
	struct json_doc *d;
	struct fail f = { .text = "" };

	(void)state;
	say("{\"id\":1,\"result\":{}}\n"
	    "{\"id\":1,\"error\":{\"code\":-32000,\"message\":\"no model\"}}\n"
	    "{\"id\":1}\n");
	assert_int_equal(rpc_next(&rpc, &d, &f), 0);
	assert_int_equal(json_type(rpc_result(d, &f)), JSON_OBJECT);
	json_free(d);
	assert_int_equal(rpc_next(&rpc, &d, &f), 0);
	assert_null(rpc_result(d, &f));
	assert_string_equal(f.text, "no model");
	assert_true(f.code < 0);
	json_free(d);
	assert_int_equal(rpc_next(&rpc, &d, &f), 0);
	assert_null(rpc_result(d, &f));
	assert_string_equal(f.text, "the server gave no result");
	json_free(d);
}

static void
test_hang_up(void **state)
{
	struct json_doc *d;
	struct fail f = { .text = "" };

	(void)state;
	say("{\"id\":1}\n{\"id\":");
	hang_up();
	assert_int_equal(next_id(), 1);
	assert_int_equal(rpc_next(&rpc, &d, &f), ERR_EOF);
	assert_non_null(strstr(f.text, "closed the connection"));
}

/* A full server says so and closes before it is asked anything. */
static void
test_refusal_is_heard(void **state)
{
	struct json_doc *d;
	struct fail f = { .text = "" };

	(void)state;
	say("{\"id\":null,\"error\":{\"message\":\"too many clients\"}}\n");
	hang_up();
	assert_int_equal(rpc_send(&rpc, 1, "x", STR("[]"), &f), 0);
	assert_int_equal(rpc_next(&rpc, &d, &f), 0);
	assert_null(rpc_result(d, &f));
	assert_string_equal(f.text, "too many clients");
	json_free(d);
	assert_int_equal(rpc_next(&rpc, &d, &f), ERR_EOF);
}

static void
test_no_json(void **state)
{
	struct json_doc *d;
	struct fail f = { .text = "" };

	(void)state;
	say("HTTP/1.1 400 Bad Request\n");
	assert_int_equal(rpc_next(&rpc, &d, &f), ERR_PROTO);
	assert_non_null(strstr(f.text, "no JSON"));
}

static void
test_nobody_there(void **state)
{
	struct rpc none;
	struct fail f = { .text = "" };
	char path[300];

	(void)state;
	assert_int_equal(rpc_open(&none, "/no/such.sock", &f), ERR_NOT_FOUND);
	assert_non_null(strstr(f.text, "is `bulkhead serve` running?"));
	assert_int_equal(rpc_open(&none, "/dev/null", &f), ERR_NOT_FOUND);
	(void)snprintf(path, sizeof(path), "/%0*d", 200, 0);
	assert_int_equal(rpc_open(&none, path, &f), ERR_IO);
}

/* A signal that came before the wait is not slept over. */
static void
test_interrupts(void **state)
{
	struct json_doc *d;
	struct fail f;

	(void)state;
	interrupt_init();
	(void)raise(SIGINT);
	assert_int_equal(interrupt_count(), 0);
	assert_int_equal(rpc_next(&rpc, &d, &f), ERR_AGAIN);
	assert_int_equal(interrupt_count(), 1);
	say("{\"id\":4}\n");
	assert_int_equal(next_id(), 4);
	interrupt_undo();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests),
		TEST(test_lines),
		TEST(test_results_and_errors),
		TEST(test_hang_up),
		TEST(test_refusal_is_heard),
		TEST(test_no_json),
		TEST(test_nobody_there),
		TEST(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
