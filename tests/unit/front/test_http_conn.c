/*
 * A connection that speaks HTTP: order, keep-alive, deadlines, routes.
 */
#include "http_world.h"

#define H "Host: a\r\n"
#define OK_HEALTH                                               \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
	"Content-Length: 15\r\n\r\n{\"status\":\"ok\"}"
#define LAST_HEALTH                                             \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
	"Connection: close\r\nContent-Length: 15\r\n\r\n"       \
	"{\"status\":\"ok\"}"
#define ERROR(message, type)                                       \
	"{\"error\":{\"message\":\"" message "\",\"type\":\"" type \
	"\",\"param\":null,\"code\":null}}"

static int
set_up(void **state)
{
	*state = http_world_new(&world_config);
	return 0;
}

static void
keep_alive(void **state)
{
	struct world *w = *state;

	say(w, "GET /health HTTP/1.1\r\n" H "\r\n");
	assert_heard(w, OK_HEALTH);
	say(w, "GET /health?x HTTP/1.1\r\n" H "\r\n");
	assert_heard(w, OK_HEALTH);
	say(w, "GET /health HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	assert_heard(w, LAST_HEALTH);
	assert_true(is_closed(w));
}

static void
old_version(void **state)
{
	struct world *w = *state;

	say(w, "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_heard(w,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "Connection: keep-alive\r\nContent-Length: 15\r\n\r\n"
	    "{\"status\":\"ok\"}");
	say(w, "GET /health HTTP/1.0\r\n\r\n");
	assert_heard(w, LAST_HEALTH);
	assert_true(is_closed(w));
}

static void
pipelined_answers_come_in_order(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	say(w,
	    "GET /health HTTP/1.1\r\n" H "\r\n"
	    "POST /v1/completions HTTP/1.1\r\n" H
	    "Content-Length: 14\r\n\r\n{\"prompt\":\"a\"}"
	    "GET /health HTTP/1.1\r\n" H "Connection: close\r\n\r\n"
	    "GET /never HTTP/1.1\r\n" H "\r\n");
	assert_heard(w, OK_HEALTH);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	worker_starts(w, s.gen);
	worker_steps(w, s.gen, 5, "b", 0);
	assert_heard(w, "");
	worker_ends(w, s.gen, REASON_EOS, "");
	assert_hears(w, "\"text\":\"b\"");
	assert_true(is_closed(w));
}

static void
pipelined_behind_a_generation_runs_after_it(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	post(w, "/v1/completions", "{\"prompt\":\"a\"}");
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	say(w, "GET /health HTTP/1.1\r\n" H "\r\n");
	assert_heard(w, "");
	worker_starts(w, s.gen);
	worker_ends(w, s.gen, REASON_EOS, "");
	assert_hears(w, OK_HEALTH);
}

static void
half_closed_is_answered(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	post(w, "/v1/completions", "{\"prompt\":\"a\"}");
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(shutdown(w->client, SHUT_WR), 0);
	worker_starts(w, s.gen);
	worker_steps(w, s.gen, 5, "b", 0);
	worker_ends(w, s.gen, REASON_EOS, "");
	assert_hears(w, "\"text\":\"b\"");
	assert_true(is_closed(w));
}

static void
half_closed_mid_request(void **state)
{
	struct world *w = *state;

	say(w, "GET /health HT");
	assert_int_equal(shutdown(w->client, SHUT_WR), 0);
	assert_hears(w, "HTTP/1.1 400 ");
	assert_true(is_closed(w));
}

static void
malformed_ends_the_connection(void **state)
{
	struct world *w = *state;

	say(w,
	    "GET /health HTTP/1.1\r\nHost : a\r\n\r\n"
	    "GET /health HTTP/1.1\r\n" H "\r\n");
	assert_heard(w,
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
	    "Connection: close\r\nContent-Length: 124\r\n\r\n" ERROR(
		"malformed HTTP request: Invalid header token",
		"invalid_request_error"));
	assert_true(is_closed(w));
	assert_int_equal(w->f.metrics.http_requests_total, 0);
}

static void
body_without_memory_is_refused(void **state)
{
	struct front_config config = little_memory();
	struct world *w;

	(void)state;
	w = http_world_new(&config);
	say(w,
	    "POST /v1/completions HTTP/1.1\r\n" H
	    "Content-Length: 400000\r\n\r\n");
	say_much(w, 160000);
	assert_heard(w, "");
	assert_int_equal(w->f.intake, 160000 - 65536);
	say_much(w, 40000);
	assert_hears(w, "(--input-max), a client at most half");
	assert_true(is_closed(w));
	assert_int_equal(w->f.intake, 0);
	assert_int_equal(w->f.metrics.refused_input_total, 1);
	world_free(w);
}

static void
body_that_was_taken_over_or_given_up_is_not_counted(void **state)
{
	struct front_config config = little_memory();
	struct world *w;

	(void)state;
	w = http_world_new(&config);
	for (int i = 0; i < 3; i++) {
		say(w,
		    "POST /v1/completions HTTP/1.1\r\n" H
		    "Content-Length: 100000\r\n\r\n");
		say_much(w, 99999);
		assert_int_equal(w->f.intake, 99999 - 65536);
		say(w, "x");
		assert_int_equal(w->f.intake, 0);
		assert_hears(w, "HTTP/1.1 400 ");
	}
	say(w,
	    "POST /v1/completions HTTP/1.1\r\n" H
	    "Content-Length: 100000\r\n\r\n");
	say_much(w, 90000);
	close(w->client);
	w->client = -1;
	turn(w);
	assert_int_equal(w->f.intake, 0);
	world_free(w);
}

/* Pipelines requests until the socket takes no more; how many. */
static unsigned
ask_without_reading(struct world *w)
{
	static const char ask[] = "GET /health HTTP/1.1\r\n" H "\r\n";
	unsigned n = 0;

	while (write(w->client, ask, sizeof(ask) - 1) ==
	    (ssize_t)sizeof(ask) - 1) {
		n++;
		if (n % 100 == 0)
			turn(w);
	}
	turn(w);
	return n;
}

static unsigned
count_answers(struct world *w)
{
	unsigned n = 0;
	const char *at = hear(w);

	for (; (at = strstr(at, "{\"status\":\"ok\"}")) != NULL; at++)
		n++;
	return n;
}

static void
who_reads_no_answers_is_asked_for_no_more(void **state)
{
	struct front_config config = world_config;
	unsigned n, got = 0, more;
	struct world *w;

	(void)state;
	config.out_high = 8192;
	w = http_world_new(&config);
	n = ask_without_reading(w);
	assert_true(w->f.metrics.http_requests_total < n);
	assert_true(conn_any_output(&w->f));
	/* All that was asked whole is answered in the end. */
	while ((more = count_answers(w)) > 0)
		got += more;
	assert_int_equal(got, n);
	world_free(w);
}

static void
continues(void **state)
{
	struct world *w = *state;

	say(w,
	    "POST /health HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	assert_heard(w, "HTTP/1.1 100 Continue\r\n\r\n");
	say(w, "{}");
	assert_hears(w, "HTTP/1.1 405 Method Not Allowed\r\n");
	say(w,
	    "POST /health HTTP/1.1\r\n" H
	    "Expect: 100-continue\r\nContent-Length: 9999\r\n\r\n");
	assert_hears(w, "HTTP/1.1 413 Content Too Large\r\n");
	assert_true(is_closed(w));
}

static const struct {
	const char *request; /* method and path */
	const char *part;    /* of the answer */
} routes[] = {
	{ "HEAD /health", "Content-Length: 15\r\n\r\n" },
	{ "GET /", "Bulkhead 0.0.0 serves language models" },
	{ "GET /v1/health", "{\"status\":\"ok\"}" },
	{ "GET /v1/models", "{\"object\":\"list\",\"data\":[{\"id\":\"demo\"" },
	{ "GET /models/demo", "\"object\":\"model\"" },
	{ "GET /v1/models/d%65mo", "{\"id\":\"demo\"" },
	{ "GET /v1/models/d%zz", "\"code\":\"model_not_found\"" },
	{ "GET /v1/models/", "HTTP/1.1 404 Not Found\r\n" },
	{ "GET /metrics", "bulkhead_http_requests_total " },
	{ "GET /healthy", "HTTP/1.1 404 Not Found\r\n" },
	{ "POST /v1/embeddings", "\"code\":null" },
	{ "POST /embedding", "{\"error\":{\"code\":400," },
	{ "POST /tokenize", "needs a JSON object" },
	{ "POST /slots/0", "\"type\":\"not_supported_error\"" },
	{ "POST /models/unload", "HTTP/1.1 400 Bad Request\r\n" },
	{ "GET /v1/completions", "Allow: POST, OPTIONS\r\n" },
	{ "DELETE /health", "Allow: GET, HEAD, OPTIONS\r\n" },
	{ "OPTIONS /health",
	    "HTTP/1.1 204 No Content\r\n"
	    "Allow: GET, HEAD, OPTIONS\r\n\r\n" },
	{ "OPTIONS *", "Allow: GET, HEAD, POST, OPTIONS, DELETE\r\n" },
	{ "GET /api/delete", "Allow: OPTIONS, DELETE\r\n" },
	{ "DELETE /api/delete", "-m or --models-dir" },
	{ "HEAD /api/blobs/sha256:1", "HTTP/1.1 501 Not Implemented\r\n" },
	{ "POST /api/blobs/sha256:1", "HTTP/1.1 501 Not Implemented\r\n" },
	{ "GET /api/tags", "{\"models\":[{\"name\":\"demo:latest\"" },
};

static void
routed(void **state)
{
	struct world *w = *state;
	char text[256];

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		(void)snprintf(text, sizeof(text),
		    "%s HTTP/1.1\r\nHost: a\r\n\r\n", routes[i].request);
		say(w, text);
		assert_hears(w, routes[i].part);
	}
	say(w, "HEAD /health HTTP/1.1\r\n" H "\r\n");
	assert_null(strstr(hear(w), "status"));
}

static void
health_follows_the_model(void **state)
{
	struct world *w = *state;

	model_is(w, MODEL_RESTARTING, 0);
	say(w, "GET /health HTTP/1.1\r\n" H "\r\n");
	assert_heard(w, OK_HEALTH);
	model_is(w, MODEL_STARTING, 0);
	say(w, "GET /health HTTP/1.1\r\n" H "\r\n");
	assert_hears(w,
	    "{\"error\":{\"code\":503,\"message\":\"Loading "
	    "model\",\"type\":\"unavailable_error\"}}");
	model_is(w, MODEL_FAILED, 0);
	say(w, "GET /health HTTP/1.1\r\n" H "\r\n");
	assert_hears(w, "\"message\":\"/m/x.gguf: no such file\"");
}

static void
stopping_refuses(void **state)
{
	struct world *w = *state;

	w->f.is_draining = true;
	post(w, "/v1/completions", "{\"prompt\":\"a\"}");
	assert_hears(w,
	    "HTTP/1.1 503 Service Unavailable\r\n"
	    "Content-Type: application/json\r\n"
	    "Retry-After: 1\r\nConnection: close\r\n");
	assert_true(is_closed(w));
	w->f.is_draining = false;
}

static int
set_up_hasty(void **state)
{
	struct front_config c = world_config;

	c.request_ms = 30;
	c.idle_ms = 30;
	*state = http_world_new(&c);
	return 0;
}

static void
slow_sender_is_told_and_closed(void **state)
{
	struct world *w = *state;

	say(w, "GET /health HTTP/1.1\r\n");
	wait_ms(w, 20);
	say(w, "Host: ");
	wait_ms(w, 20);
	assert_hears(w, "HTTP/1.1 408 Request Timeout\r\n");
	assert_true(is_closed(w));
}

static void
idle_is_closed(void **state)
{
	struct world *w = *state;

	wait_ms(w, 50);
	assert_true(is_closed(w));
}

static void
refused_at_the_door(void **state)
{
	struct world *w = *state;
	const char *got, *body;
	unsigned long length;
	int pair[2];

	close(w->client);
	turn(w);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	w->client = pair[1];
	refuse_fd(&w->f, pair[0], http_refusal());
	got = hear(w);
	assert_non_null(strstr(got, "HTTP/1.1 503 Service Unavailable\r\n"));
	length = strtoul(strstr(got, "Length: ") + 8, NULL, 10);
	body = strstr(got, "\r\n\r\n") + 4;
	assert_int_equal(strlen(body), length);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)
#define HASTY(name) \
	cmocka_unit_test_setup_teardown(name, set_up_hasty, world_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keep_alive),
		TEST(old_version),
		TEST(pipelined_answers_come_in_order),
		TEST(pipelined_behind_a_generation_runs_after_it),
		TEST(half_closed_is_answered),
		TEST(half_closed_mid_request),
		TEST(malformed_ends_the_connection),
		cmocka_unit_test(who_reads_no_answers_is_asked_for_no_more),
		cmocka_unit_test(body_without_memory_is_refused),
		cmocka_unit_test(
		    body_that_was_taken_over_or_given_up_is_not_counted),
		TEST(continues),
		TEST(routed),
		TEST(health_follows_the_model),
		TEST(stopping_refuses),
		HASTY(slow_sender_is_told_and_closed),
		HASTY(idle_is_closed),
		TEST(refused_at_the_door),
	};

	log_init("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
