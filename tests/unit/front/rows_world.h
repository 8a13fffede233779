/*
 * rows_world - an rpc_world for runs in modes 1 and 2: their requests, and the
 * bytes of their replies.
 */
#ifndef ROWS_WORLD_H
#define ROWS_WORLD_H

#include "rpc_world.h"

#define RUN(id, mode)                                              \
	"{\"jsonrpc\":\"2.0\",\"id\":" id                          \
	",\"method\":\"rkllm.run\",\"params\":[{\"prompt_input\":" \
	"\"x\"},{\"mode\":" mode "}]}\n"
#define CALL(id, method) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\"}\n"
#define RESULT(id, result) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}\n"
#define NO_HIDDEN                                         \
	",\"last_hidden_layer\":{\"hidden_states\":null," \
	"\"embd_size\":0,\"num_tokens\":0}"
#define NO_LOGITS                                        \
	",\"logits\":{\"logits\":null,\"vocab_size\":0," \
	"\"num_tokens\":0}"
#define NO_PERF                                           \
	",\"perf\":{\"prefill_time_ms\":0.0,"             \
	"\"prefill_tokens\":0,\"generate_time_ms\":0.0,"  \
	"\"generate_tokens\":0,\"memory_usage_mb\":0.0}," \
	"\"_callback_state\":0}"
#define BEGIN(id)                         \
	"{\"jsonrpc\":\"2.0\",\"id\":" id \
	",\"result\":{\"text\":null,\"token_id\":0"
#define HIDDEN_BEGINS(id) \
	BEGIN(id) ",\"last_hidden_layer\":{\"hidden_states\":["
#define HIDDEN_ENDS(n) \
	"],\"embd_size\":2,\"num_tokens\":" n "}" NO_LOGITS NO_PERF "}\n"
#define LOGITS_BEGINS(id) BEGIN(id) NO_HIDDEN ",\"logits\":{\"logits\":["
#define LOGITS_ENDS(n) "],\"vocab_size\":3,\"num_tokens\":" n "}" NO_PERF "}\n"
#define TOKEN(id, text, token) \
	RESULT(id,             \
	    "{\"text\":" text  \
	    ",\"token_id\":" token NO_HIDDEN NO_LOGITS NO_PERF)
/* As worker_ends() has it. */
#define LAST(id, token)                                              \
	RESULT(id,                                                   \
	    "{\"text\":null,\"token_id\":" token NO_HIDDEN NO_LOGITS \
	    ",\"perf\":{\"prefill_time_ms\":1.5,"                    \
	    "\"prefill_tokens\":3,\"generate_time_ms\":2.25,"        \
	    "\"generate_tokens\":2,\"memory_usage_mb\":50.0},"       \
	    "\"_callback_state\":2}")
#define ABORTED                                                          \
	"{\"success\":true,\"message\":\"Task aborted successfully\",\"" \
	"status_code\":0}"
#define IS_RUNNING "{\"is_running\":true,\"status_code\":1}"

static const float v[] = { 1, -0.5F, 1e-7F, 3, 0.1F, 5, 6, 7, 16777216 };
#define ROW_0 "1.0,-0.5,1e-7"
#define ROW_1 "3.0,0.1,5.0"
#define ROW_2 "6.0,7.0,16777216.0"

static inline int
set_up(void **state)
{
	struct world *w = world_new(&world_config);

	load(w, "[]");
	*state = w;
	return 0;
}

/* Starts a run up to the worker's slot; its generation's id. */
static inline uint64_t
run(struct world *w, const char *request)
{
	struct gen_submit s;

	say(w, request);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	worker_starts(w, s.gen);
	return s.gen;
}

static inline void
expect_gen(struct world *w, enum msg m, uint64_t gen)
{
	struct gen_cancel c;

	worker_hears(w, m, &c);
	assert_int_equal(c.gen, gen);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)

#endif
