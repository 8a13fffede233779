/*
 * Answers: their exact bytes, in one piece and as a stream; and what becomes
 * of them when a generation fails, the client goes or reads too slowly.
 */
#include "http_world.h"

#include "front/http/chunk.h"
#include "front/http/probs.h"

static const struct answer_names names = { .id = STR("x-1"),
	.model = STR("de\"mo"),
	.version = STR("9"),
	.created = 77 };

#define HEAD(object)                                                    \
	"{\"id\":\"x-1\",\"object\":\"" object "\",\"created\":77,"     \
	"\"model\":\"de\\\"mo\",\"system_fingerprint\":\"bulkhead-9\"," \
	"\"choices\":["

static void
assert_bytes(struct buf *b, const char *want)
{
	buf_put_u8(b, '\0');
	assert_int_equal(buf_err(b), 0);
	assert_string_equal((const char *)buf_data(b), want);
	buf_reset(b);
}

static void
chat_chunks(void **state)
{
	struct chunk_form f;
	struct buf head;
	struct answer_counts counts = { .prompt = 3, .output = 4 };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&head, 4096);
	chunk_init(&head, true, true, &names);
	f = (struct chunk_form){ true, buf_str(&head) };
	chunk_role(&f, &b, 0);
	assert_bytes(&b,
	    "data: " HEAD(
		"chat.completion.chunk") "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
					 "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
	chunk_text(&f, &b, 12, STR("a\n\"\xc3\xa9"), STR(""));
	assert_bytes(&b,
	    "data: " HEAD(
		"chat.completion.chunk") "{\"index\":12,\"delta\":{\"content\":\"a\\n\\\"\xc3\xa9\"},"
					 "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
	chunk_finish(&f, &b, 1, "stop", NULL);
	assert_bytes(&b,
	    "data: " HEAD(
		"chat.completion.chunk") "{\"index\":1,\"delta\":{},\"logprobs\":null,"
					 "\"finish_reason\":\"stop\"}]}\n\n");
	chunk_usage(&f, &b, &counts);
	assert_bytes(&b,
	    "data: " HEAD(
		"chat.completion.chunk") "],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,"
					 "\"total_tokens\":7,\"prompt_tokens_details\":"
					 "{\"cached_tokens\":0}}}\n\n");
	buf_done(&head);
	buf_done(&b);
}

static void
completion_chunks(void **state)
{
	struct choice_times times = { 2, 0, 4, 1000, 2000 };
	struct chunk_form f;
	struct buf head;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	buf_init(&head, 4096);
	chunk_init(&head, false, true, &names);
	f = (struct chunk_form){ false, buf_str(&head) };
	chunk_text(&f, &b, 0, STR("a"), STR("{}"));
	assert_bytes(&b,
	    "data: " HEAD(
		"text_completion") "{\"index\":0,\"text\":\"a\",\"logprobs\":{},"
				   "\"finish_reason\":null}]}\n\n");
	chunk_finish(&f, &b, 0, "length", &times);
	assert_bytes(&b,
	    "data: " HEAD(
		"text_completion") "{\"index\":0,\"text\":\"\",\"logprobs\":null,"
				   "\"finish_reason\":\"length\"}],\"timings\":{\"cache_n\":0,"
				   "\"prompt_n\":2,\"prompt_ms\":1.0,"
				   "\"prompt_per_token_ms\":0.5,"
				   "\"prompt_per_second\":2000.0,"
				   "\"predicted_n\":4,\"predicted_ms\":2.0,"
				   "\"predicted_per_token_ms\":0.5,"
				   "\"predicted_per_second\":2000.0}}\n\n");
	buf_done(&head);
	buf_done(&b);
}

static void
logprobs(void **state)
{
	struct step_top top = { 7, -1.5f, STR("\xc3") };
	struct step s = { .logprob = -0.5f, .piece = STR("a\n"), .n_tops = 1 };
	struct buf tops, packed, b;

	(void)state;
	buf_init(&tops, 4096);
	buf_init(&packed, 4096);
	buf_init(&b, 4096);
	step_top_put(&tops, &top);
	s.tops = buf_str(&tops);
	probs_note(&packed, &s, 4);
	probs_put_chat(&b, buf_str(&packed));
	assert_bytes(&b,
	    "{\"content\":[{\"token\":\"a\\n\",\"logprob\":-0.5,"
	    "\"bytes\":[97,10],\"top_logprobs\":[{\"token\":\"\xef\xbf\xbd\","
	    "\"logprob\":-1.5,\"bytes\":[195]}]}],\"refusal\":null}");
	probs_put_completion(&b, buf_str(&packed));
	assert_bytes(&b,
	    "{\"tokens\":[\"a\\n\"],\"token_logprobs\":[-0.5],"
	    "\"top_logprobs\":[{\"bytes:\\\\xc3\":-1.5}],"
	    "\"text_offset\":[4]}");
	assert_int_equal(probs_count_chars(STR("h\xc3\xa9")), 2);
	buf_done(&tops);
	buf_done(&packed);
	buf_done(&b);
}

/*
 * Whole requests
 */

static int
set_up(void **state)
{
	*state = http_world_new(&world_config);
	return 0;
}

/* Starts a stream of one choice; gives its generation. */
static uint64_t
start_stream(struct world *w, const char *more)
{
	struct gen_submit s;
	char body[256];

	(void)snprintf(
	    body, sizeof(body), "{\"prompt\":\"a\",\"stream\":true%s}", more);
	post(w, "/v1/completions", body);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	return s.gen;
}

static void
streams(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_stream(w, "");
	const char *got;

	assert_heard(w, ""); /* not before it has a slot */
	worker_starts(w, gen);
	assert_heard(w,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
	worker_steps(w, gen, 5, "b", 0);
	got = hear(w);
	assert_int_equal(strtoul(got, NULL, 16) + 8 + 2, strlen(got));
	assert_non_null(strstr(got, "data: {\"id\":\"cmpl-"));
	assert_non_null(strstr(got, "\"text\":\"b\""));
	worker_steps(w, gen, 5, "", STEP_HELD);
	assert_heard(w, ""); /* nothing to see yet */
	worker_ends(w, gen, REASON_LENGTH, "c");
	got = hear(w);
	assert_non_null(strstr(got, "\"text\":\"c\""));
	assert_non_null(strstr(got, "\"finish_reason\":\"length\""));
	assert_non_null(strstr(got, "00000e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"));
	/* The connection goes on. */
	say(w, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_hears(w, "200 OK");
}

static void
whole(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	const char *got;

	post(w, "/v1/completions", "{\"prompt\":\"a\",\"echo\":true}");
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	worker_starts(w, s.gen);
	worker_steps(w, s.gen, 5, "b", 0);
	assert_heard(w, "");
	worker_ends(w, s.gen, REASON_STOP, "c");
	got = hear(w);
	assert_non_null(strstr(got,
	    "{\"index\":0,\"text\":\"abc\","
	    "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
	    "{\"prompt_tokens\":3,\"completion_tokens\":2,"
	    "\"total_tokens\":5,\"prompt_tokens_details\":"
	    "{\"cached_tokens\":0}},\"timings\":{\"cache_n\":0,\"prompt_n\":3,"));
}

static void
choices_are_told_apart(void **state)
{
	struct world *w = *state;
	struct gen_submit a, b;
	const char *got;

	post(w, "/v1/chat/completions",
	    "{\"messages\":[{\"role\":\"user\","
	    "\"content\":\"a\"}],\"n\":2,\"stream\":true,\"seed\":5,"
	    "\"stream_options\":{\"include_usage\":true}}");
	worker_hears(w, MSG_GEN_SUBMIT, &a);
	worker_hears(w, MSG_GEN_SUBMIT, &b);
	assert_int_equal(b.seed, a.seed + 1);
	worker_starts(w, a.gen);
	worker_starts(w, b.gen);
	(void)hear(w);
	worker_steps(w, b.gen, 5, "b", 0);
	assert_hears(w, "{\"index\":1,\"delta\":{\"content\":\"b\"}");
	worker_ends(w, b.gen, REASON_EOS, "");
	got = hear(w);
	assert_non_null(strstr(got, "{\"index\":1,\"delta\":{},"));
	assert_null(strstr(got, "[DONE]"));
	worker_ends(w, a.gen, REASON_EOS, "");
	got = hear(w);
	/* The prompt is theirs together. */
	assert_non_null(strstr(got,
	    "\"choices\":[],\"usage\":{"
	    "\"prompt_tokens\":3,\"completion_tokens\":4,"));
	assert_non_null(strstr(got, "[DONE]"));
}

#define TOOLS \
	"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"add\"}}]"

static void
worker_says_parts(
    struct world *w, uint64_t gen, const struct part *parts, size_t n)
{
	struct step s = { .gen = gen, .flags = STEP_PARTS };
	struct buf b, packed;

	buf_init(&b, MIB);
	buf_init(&packed, MIB);
	for (size_t i = 0; i < n; i++)
		part_put(&packed, &parts[i]);
	s.text = buf_str(&packed);
	step_put(&b, &s);
	assert_int_equal(chan_send_packed(w->worker, MSG_GEN_STEP, buf_data(&b),
			     buf_len(&b), -1),
	    0);
	buf_done(&b);
	buf_done(&packed);
	turn(w);
}

static const struct part said[] = {
	{ .kind = PART_REASONING, .text = STR("h\"m") },
	{ .kind = PART_CONTENT, .text = STR("Hi ") },
	{ .kind = PART_CALL, .call = 0, .id = STR("i0"), .name = STR("add") },
	{ .kind = PART_ARGUMENTS, .call = 0, .text = STR("{\"a\":") },
	{ .kind = PART_ARGUMENTS, .call = 0, .text = STR("1}") },
	{ .kind = PART_CALL, .call = 1, .id = STR("i1"), .name = STR("x") },
};

#define N_SAID (sizeof(said) / sizeof(said[0]))

static uint64_t
start_tools(struct world *w, const char *more)
{
	struct gen_submit s;
	char body[512];

	(void)snprintf(body, sizeof(body),
	    "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]," TOOLS
	    "%s}",
	    more);
	post(w, "/v1/chat/completions", body);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_true(s.tools.n > 0);
	worker_starts(w, s.gen);
	return s.gen;
}

static void
parts_are_deltas(void **state)
{
	static const char *const want[] = {
		"\"delta\":{\"reasoning_content\":\"h\\\"m\"}",
		"\"delta\":{\"content\":\"Hi \"}",
		"\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"i0\","
		"\"type\":\"function\",\"function\":{\"name\":\"add\","
		"\"arguments\":\"\"}}]}",
		"\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
		"{\"arguments\":\"{\\\"a\\\":\"}}]}",
		"\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
		"{\"arguments\":\"1}\"}}]}",
		"\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"i1\",",
	};
	struct world *w = *state;
	uint64_t gen = start_tools(w, ",\"stream\":true");
	const char *got;

	(void)hear(w);
	worker_says_parts(w, gen, said, N_SAID);
	got = hear(w);
	for (size_t i = 0; i < N_SAID; i++) {
		got = strstr(got, want[i]);
		assert_non_null(got);
	}
	worker_ends(w, gen, REASON_EOS, "");
	assert_hears(w, "\"finish_reason\":\"tool_calls\"");
}

static void
parts_in_one_piece(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_tools(w, "");

	worker_says_parts(w, gen, said, 3);
	worker_says_parts(w, gen, said + 3, N_SAID - 3);
	worker_ends(w, gen, REASON_LENGTH, "");
	assert_hears(w,
	    "\"message\":{\"role\":\"assistant\",\"content\":\"Hi \","
	    "\"reasoning_content\":\"h\\\"m\",\"tool_calls\":["
	    "{\"id\":\"i0\",\"type\":\"function\",\"function\":{\"name\":"
	    "\"add\",\"arguments\":\"{\\\"a\\\":1}\"}},"
	    "{\"id\":\"i1\",\"type\":\"function\",\"function\":{\"name\":"
	    "\"x\",\"arguments\":\"\"}}],\"refusal\":null},"
	    "\"logprobs\":null,\"finish_reason\":\"length\"");
}

static void
calls_alone_have_null_content(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_tools(w, "");

	worker_says_parts(w, gen, said + 2, 1);
	worker_ends(w, gen, REASON_EOS, "");
	assert_hears(w, "\"content\":null,\"tool_calls\":[{\"id\":\"i0\"");
}

static void
early_failure_has_its_status(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_stream(w, "");
	const char *got;

	worker_fails(w, gen, ERR_CONTEXT, "prompt", "prompt: too long");
	got = hear(w);
	assert_non_null(strstr(got, "HTTP/1.1 400 Bad Request\r\n"));
	assert_non_null(strstr(got,
	    "{\"error\":{\"message\":\"prompt: too "
	    "long\",\"type\":\"exceed_context_size_error\",\"param\":"
	    "\"prompt\",\"code\":\"context_length_exceeded\"}}"));
}

/* {"prompt":[1,1,...]} */
static const char *
ids(char *out, unsigned n)
{
	char *at = out + sprintf(out, "{\"prompt\":[1");

	while (--n > 0)
		at += sprintf(at, ",1");
	(void)strcpy(at, "]}");
	return out;
}

/* In the worker's words, which never hears of it. */
static void
ids_that_do_not_fit_are_refused_at_once(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	char body[1024];

	post(w, "/v1/completions", ids(body, 100));
	assert_hears(w,
	    "{\"error\":{\"message\":\"prompt: 100 tokens do not fit into the "
	    "context of 100, which must have room for one more\",\"type\":"
	    "\"exceed_context_size_error\",\"param\":\"prompt\",\"code\":"
	    "\"context_length_exceeded\"}}");
	assert_true(worker_hears_nothing(w));
	post(w, "/v1/completions", ids(body, 99));
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.tokens.n, 99);
}

/* A request of a megabyte is none of a gigabyte. */
static void
echo_has_a_limit(void **state)
{
	struct front_config config = world_config;
	struct world *w;

	(void)state;
	config.body_max = 2 * MIB;
	config.input_max = 64 * MIB;
	config.client_queue_max = 64;
	w = http_world_new(&config);
	say(w,
	    "POST /v1/completions HTTP/1.1\r\nHost: a\r\n"
	    "Content-Length: 1100040\r\n\r\n"
	    "{\"n\":16,\"echo\":true,        \"prompt\":\"");
	say_much(w, 1100000);
	say(w, "\"}");
	assert_hears(w,
	    "\"message\":\"echo: the prompts of all choices may have "
	    "16777216 bytes, not 17600000; ask for fewer choices\"");
	assert_true(worker_hears_nothing(w));
	world_free(w);
}

static void
late_failure_is_an_event(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_stream(w, "");
	const char *got;

	worker_starts(w, gen);
	(void)hear(w);
	worker_fails(w, gen, ERR_INTERNAL, "", "oh no");
	got = hear(w);
	assert_non_null(
	    strstr(got, "data: {\"error\":{\"message\":\"oh no\","));
	assert_null(strstr(got, "[DONE]"));
	assert_non_null(strstr(got, "\r\n0\r\n\r\n"));
}

static void
one_failure_ends_all(void **state)
{
	struct world *w = *state;
	struct gen_submit a, b;
	struct gen_cancel cancel;

	post(w, "/v1/completions", "{\"prompt\":[\"a\",\"b\"]}");
	worker_hears(w, MSG_GEN_SUBMIT, &a);
	worker_hears(w, MSG_GEN_SUBMIT, &b);
	worker_fails(w, a.gen, ERR_INVALID, "prompt", "prompt: no");
	assert_hears(w, "HTTP/1.1 400 ");
	worker_hears(w, MSG_GEN_CANCEL, &cancel);
	assert_int_equal(cancel.gen, b.gen);
	worker_ends(w, b.gen, REASON_CANCEL, "");
}

static void
queue_full_is_429(void **state)
{
	struct world *w = *state;

	/* Two slots; four may wait. */
	for (int i = 0; i < 3; i++) {
		w->client = -1;
		connect_http(w);
		post(w, "/v1/completions", "{\"prompt\":[\"a\",\"b\"]}");
	}
	w->client = -1;
	connect_http(w);
	post(w, "/v1/completions", "{\"prompt\":\"a\"}");
	assert_hears(w,
	    "HTTP/1.1 429 Too Many Requests\r\n"
	    "Content-Type: application/json\r\nRetry-After: 1\r\n");
}

static void
client_gone_cancels(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_stream(w, "");
	struct gen_cancel cancel;

	close(w->client);
	w->client = -1;
	worker_hears(w, MSG_GEN_CANCEL, &cancel);
	assert_int_equal(cancel.gen, gen);
}

static void
slow_reader_parks(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_stream(w, "");
	struct gen_park park;
	char text[4000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	worker_starts(w, gen);
	for (int i = 0; i < 90 && worker_hears_nothing(w); i++)
		worker_steps(w, gen, 5, text, 0);
	assert_int_equal(w->f.metrics.generations_parked_total, 1);
	(void)hear(w);
	worker_hears(w, MSG_GEN_UNPARK, &park);
	assert_int_equal(park.gen, gen);
}

static int
set_up_keepalive(void **state)
{
	struct front_config c = world_config;

	c.keepalive_ms = 10;
	*state = http_world_new(&c);
	return 0;
}

static void
waiting_is_commented(void **state)
{
	struct world *w = *state;
	uint64_t gen = start_stream(w, "");
	const char *got;

	wait_ms(w, 15);
	got = hear(w);
	assert_non_null(strstr(got, "200 OK"));
	assert_non_null(strstr(got, "00000e\r\n: keep-alive\n\n\r\n"));
	/* Its status is out: a failure has to be an event. */
	worker_fails(w, gen, ERR_INVALID, "prompt", "prompt: no");
	assert_hears(w, "data: {\"error\":");
}

static void
old_version_streams_to_the_close(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	say(w,
	    "POST /v1/completions HTTP/1.0\r\nContent-Length: 28\r\n"
	    "Connection: keep-alive\r\n\r\n"
	    "{\"prompt\":\"a\",\"stream\":true}");
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	worker_starts(w, s.gen);
	assert_heard(w,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Cache-Control: no-cache\r\nConnection: close\r\n\r\n");
	worker_ends(w, s.gen, REASON_EOS, "");
	assert_hears(w, "}}\n\ndata: [DONE]\n\n");
	assert_true(is_closed(w));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chat_chunks),
		cmocka_unit_test(completion_chunks),
		cmocka_unit_test(logprobs),
		TEST(streams),
		TEST(whole),
		TEST(choices_are_told_apart),
		TEST(parts_are_deltas),
		TEST(parts_in_one_piece),
		TEST(calls_alone_have_null_content),
		TEST(early_failure_has_its_status),
		TEST(ids_that_do_not_fit_are_refused_at_once),
		cmocka_unit_test(echo_has_a_limit),
		TEST(late_failure_is_an_event),
		TEST(one_failure_ends_all),
		TEST(queue_full_is_429),
		TEST(client_gone_cancels),
		TEST(slow_reader_parks),
		cmocka_unit_test_setup_teardown(
		    waiting_is_commented, set_up_keepalive, world_tear_down),
		TEST(old_version_streams_to_the_close),
	};

	log_init("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
