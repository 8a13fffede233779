/*
 * Parameters: three forms, every field's type and range, and the record that
 * a worker gets from them.
 */
#include "rpc_world.h"

#define CALL(method, params)                                 \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method \
	"\",\"params\":" params "}"
#define OK_INIT                                                       \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"success\":true," \
	"\"message\":\"Model initialized successfully\"}}\n"

static int
set_up(void **state)
{
	log_init("test", LOG_ERROR);
	*state = world_new(&world_config);
	return 0;
}

/* What is in both ways to say a thing must come out the same. */
static void
init_in_every_form(void **state)
{
	static const char *const forms[] = {
		CALL("rkllm.init",
		    "[null,{\"model_path\":\"/m/x.gguf\","
		    "\"max_context_len\":64},null]"),
		CALL("rkllm.init",
		    "[{\"model_path\":\"/m/x.gguf\","
		    "\"max_context_len\":64}]"),
		CALL("rkllm.init",
		    "{\"handle\":null,\"param\":{\"model_path\":"
		    "\"/m/x.gguf\",\"max_context_len\":64},"
		    "\"callback\":null}"),
		CALL("rkllm.init",
		    "{\"model_path\":\"/m/x.gguf\","
		    "\"max_context_len\":64}"),
		CALL("rkllm.init",
		    "{\"model_path\":\"/m/x.gguf\",\"param\":{"
		    "\"max_context_len\":64}}"),
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct model_want want;

		say(w, forms[i]);
		keeper_hears(w, MSG_MODEL_WANT, &want);
		assert_true(str_is(want.path, "/m/x.gguf"));
		assert_int_equal(want.n_ctx, 64);
		model_is(w, MODEL_UP, want.ref);
		assert_heard(w, OK_INIT);
		if (i > 0) {
			struct model_drop drop;

			keeper_hears(w, MSG_MODEL_DROP, &drop);
			assert_int_equal(drop.model, 7);
		}
	}
}

static void
init_without_params_is_the_default_model(void **state)
{
	static const char *const forms[] = {
		CALL("rkllm.init", "[]"),
		CALL("rkllm.init", "[null,null,null]"),
		CALL("rkllm.init", "{}"),
		CALL("rkllm.init", "null"),
		CALL("rkllm.init", "[{\"model_path\":null}]"),
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct model_want want;

		say(w, forms[i]);
		keeper_hears(w, MSG_MODEL_WANT, &want);
		assert_int_equal(want.path.n, 0);
		model_is(w, MODEL_FAILED, want.ref);
		assert_hears(w,
		    "\"code\":-32001,\"message\":\"/m/x.gguf: no "
		    "such file\",\"data\":{\"field\":\"model_path\"}");
	}
}

/* What createDefaultParam answers can be sent back as it is. */
static void
defaults_are_accepted(void **state)
{
	struct world *w = *state;
	struct model_want want;
	char text[2048];
	char *result;

	say(w, CALL("rkllm.createDefaultParam", "[]"));
	result = strstr(hear(w), "\"result\":");
	assert_non_null(result);
	result[strlen(result) - 2] = '\0';
	(void)snprintf(text, sizeof(text),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rkllm.init\","
	    "\"params\":[null,%s,null]}",
	    result + strlen("\"result\":"));
	say(w, text);
	keeper_hears(w, MSG_MODEL_WANT, &want);
	assert_int_equal(want.path.n, 0);
	assert_int_equal(want.n_ctx, 512);
}

struct wrong {
	const char *params;
	int code;
	const char *field;
};

static void
all_wrong(
    struct world *w, const char *method, const struct wrong *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[512], code[32], field[64];
		const char *reply;

		(void)snprintf(text, sizeof(text),
		    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\","
		    "\"params\":[%s]}",
		    method, cases[i].params);
		say(w, text);
		reply = hear(w);
		(void)snprintf(
		    code, sizeof(code), "\"code\":%d,", cases[i].code);
		(void)snprintf(field, sizeof(field),
		    "\"data\":{\"field\":\"%s\"}", cases[i].field);
		if (strstr(reply, code) == NULL || strstr(reply, field) == NULL)
			fail_msg("%s: %s", cases[i].params, reply);
	}
}

static void
init_checks_every_field(void **state)
{
	static const struct wrong cases[] = {
		{ "7", -32602, "param" },
		{ "{\"model_path\":7}", -32602, "model_path" },
		{ "{\"max_context_len\":-1}", -32602, "max_context_len" },
		{ "{\"max_context_len\":1.5}", -32602, "max_context_len" },
		{ "{\"max_new_tokens\":\"many\"}", -32602, "max_new_tokens" },
		{ "{\"top_k\":-2}", -32602, "top_k" },
		{ "{\"top_p\":1.01}", -32602, "top_p" },
		{ "{\"temperature\":-0.1}", -32602, "temperature" },
		{ "{\"temperature\":[]}", -32602, "temperature" },
		{ "{\"repeat_penalty\":0}", -32602, "repeat_penalty" },
		{ "{\"frequency_penalty\":101}", -32602, "frequency_penalty" },
		{ "{\"presence_penalty\":true}", -32602, "presence_penalty" },
		{ "{\"mirostat\":3}", -32602, "mirostat" },
		{ "{\"mirostat_tau\":-1}", -32602, "mirostat_tau" },
		{ "{\"mirostat_eta\":-1}", -32602, "mirostat_eta" },
		{ "{\"n_keep\":{}}", -32602, "n_keep" },
		{ "{\"skip_special_token\":2}", -32602, "skip_special_token" },
		{ "{\"is_async\":\"no\"}", -32602, "is_async" },
		{ "{\"img_start\":1}", -32602, "img_start" },
		{ "{\"extend_param\":[]}", -32602, "extend_param" },
		{ "{\"extend_param\":{\"n_batch\":256}}", -32602,
		    "extend_param.n_batch" },
		{ "{\"extend_param\":{\"embed_flash\":2}}", -32602,
		    "extend_param.embed_flash" },
		{ "{\"extend_param\":{\"enabled_cpus_mask\":-1}}", -32602,
		    "extend_param.enabled_cpus_mask" },
	};

	all_wrong(*state, "rkllm.init", cases, sizeof(cases) / sizeof(*cases));
}

static void
run_checks_every_field(void **state)
{
	static const struct wrong cases[] = {
		{ "", -32602, "prompt_input" },
		{ "7", -32602, "rkllm_input" },
		{ "{\"role\":1}", -32602, "role" },
		{ "{\"enable_thinking\":2}", -32602, "enable_thinking" },
		{ "{\"input_type\":4}", -32602, "input_type" },
		{ "{\"input_type\":\"0\"}", -32602, "input_type" },
		{ "{\"input_type\":0}", -32602, "prompt_input" },
		{ "{\"prompt_input\":[]}", -32602, "prompt_input" },
		{ "{\"input_type\":1}", -32602, "token_input" },
		{ "{\"input_type\":1,\"token_input\":{}}", -32602,
		    "token_input.input_ids" },
		{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[]}}",
		    -32602, "token_input.input_ids" },
		{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1,-1]}}",
		    -32602, "token_input.input_ids" },
		{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1,2.5]}}",
		    -32602, "token_input.input_ids" },
		{ "{\"input_type\":1,\"token_input\":{\"input_ids\":"
		  "[2147483648]}}",
		    -32602, "token_input.input_ids" },
		{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1,2],"
		  "\"n_tokens\":3}}",
		    -32602, "token_input.n_tokens" },
		{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1,2],"
		  "\"n_tokens\":18446744073709551615}}",
		    -32602, "token_input.n_tokens" },
		{ "{\"input_type\":2}", -32602, "embed_input" },
		{ "{\"input_type\":2,\"embed_input\":{}}", -32602,
		    "embed_input.embed" },
		/* This model takes none. */
		{ "{\"input_type\":2,\"embed_input\":{\"embed\":[1]}}", -32005,
		    "embed_input.embed" },
		{ "{\"input_type\":3}", -32602, "multimodal_input" },
#define P "{\"prompt_input\":\"x\"},"
		{ P "7", -32602, "rkllm_infer_params" },
		{ P "{\"mode\":3}", -32602, "mode" },
		{ P "{\"keep_history\":2}", -32602, "keep_history" },
		{ P "{\"lora_params\":[]}", -32602, "lora_params" },
		{ P "{\"lora_params\":{\"lora_adapter_name\":\"a\"}}", -32602,
		    "lora_params.lora_adapter_name" },
		{ P "{\"prompt_cache_params\":{\"save_prompt_cache\":1}}",
		    -32602, "prompt_cache_params.prompt_cache_path" },
		{ P "{\"mode\":2,\"prompt_cache_params\":{"
		    "\"save_prompt_cache\":1,\"prompt_cache_path\":\"x\"}}",
		    -32602, "prompt_cache_params" },
		{ P "{\"max_new_tokens\":-2}", -32602, "max_new_tokens" },
		{ P "{\"sampling_params\":{\"top_p\":2}}", -32602,
		    "sampling_params.top_p" },
		{ P "{\"seed\":-1}", -32602, "seed" },
	};
	struct world *w = *state;

	load(w, "[]");
	all_wrong(w, "rkllm.run", cases, sizeof(cases) / sizeof(*cases));
	assert_true(worker_hears_nothing(w));
}

static void
run_in_every_form(void **state)
{
	static const char *const forms[] = {
		CALL("rkllm.run",
		    "[null,{\"role\":\"user\",\"prompt_input\":"
		    "\"Hi\\n\"},{\"seed\":5,\"max_new_tokens\":9},"
		    "null]"),
		CALL("rkllm.run",
		    "[{\"prompt_input\":\"Hi\\n\"},{\"seed\":5,"
		    "\"max_new_tokens\":9}]"),
		CALL("rkllm.run_async",
		    "{\"rkllm_input\":{\"role\":null,"
		    "\"prompt_input\":\"Hi\\n\"},"
		    "\"rkllm_infer_params\":{\"seed\":5,"
		    "\"max_new_tokens\":9},"
		    "\"userdata\":null}"),
		CALL("rkllm.run",
		    "{\"input\":{\"prompt_input\":\"Hi\\n\"},"
		    "\"infer_params\":{\"seed\":5,"
		    "\"max_new_tokens\":9}}"),
		CALL("rkllm.run",
		    "{\"prompt_input\":\"Hi\\n\",\"seed\":5,"
		    "\"max_new_tokens\":9}"),
	};
	struct world *w = *state;

	load(w, "[{\"skip_special_token\":true,\"temperature\":0.5}]");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct gen_submit s;

		say(w, forms[i]);
		worker_hears(w, MSG_GEN_SUBMIT, &s);
		assert_int_equal(s.input, INPUT_CHAT);
		assert_true(str_is(
		    s.messages, "[{\"role\":\"user\",\"content\":\"Hi\\n\"}]"));
		assert_int_equal(s.seed, 5);
		assert_int_equal(s.max_tokens, 9);
		assert_int_equal(s.special_text, 0);
		assert_int_equal(s.enable_thinking, 0);
		assert_true(s.temperature == 0.5f);
		worker_starts(w, s.gen);
		worker_ends(w, s.gen, REASON_EOS, "");
		assert_hears(w, "\"_callback_state\":2");
	}
}

static void
run_takes_the_clients_defaults(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	load(w,
	    "[{\"top_k\":3,\"top_p\":0.25,\"repeat_penalty\":1.5,"
	    "\"max_new_tokens\":-1,\"mirostat\":2,\"ignore_eos_token\":"
	    "true}]");
	say(w,
	    CALL("rkllm.run",
		"[{\"prompt_input\":\"x\",\"role\":\"tool\","
		"\"enable_thinking\":true},{\"keep_history\":0,\"mode\":0,"
		"\"lora_params\":null,\"prompt_cache_params\":null,"
		"\"sampling_params\":{\"top_k\":4,\"temperature\":0}}]"));
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_true(
	    str_is(s.messages, "[{\"role\":\"tool\",\"content\":\"x\"}]"));
	assert_int_equal(s.top_k, 4);
	assert_true(s.top_p == 0.25f);
	assert_true(s.temperature == 0.0f);
	assert_true(s.repeat_penalty == 1.5f);
	assert_true(s.min_p == 0.0f);
	assert_int_equal(s.mirostat, 2);
	assert_int_equal(s.max_tokens, 0);
	assert_int_equal(s.special_text, 1);
	assert_int_equal(s.ignore_eos, 1);
	assert_int_equal(s.enable_thinking, 1);
}

static void
run_takes_tokens(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	load(w, "[]");
	say(w,
	    CALL("rkllm.run",
		"[{\"input_type\":1,\"token_input\":{"
		"\"input_ids\":[5,0,2147483647],\"n_tokens\":3}}]"));
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.input, INPUT_TOKENS);
	assert_int_equal(s.tokens.n, 3);
	assert_int_equal(s.tokens.p[0], 5);
	assert_int_equal(s.tokens.p[1], 0);
	assert_int_equal(s.tokens.p[2], INT32_MAX);
}

/* One line in the log for each, however often it comes. */
static void
unknown_fields_are_ignored(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	load(w, "[{\"use_npu\":3,\"extend_param\":{\"colour\":1}}]");
	for (int i = 0; i < 2; i++) {
		say(w,
		    CALL("rkllm.run",
			"{\"prompt_input\":\"x\",\"n_keep\":1,"
			"\"input\":{\"tone\":\"warm\"}}"));
		worker_hears(w, MSG_GEN_SUBMIT, &s);
	}
	assert_heard(w, "");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(init_in_every_form),
		TEST(init_without_params_is_the_default_model),
		TEST(defaults_are_accepted),
		TEST(init_checks_every_field),
		TEST(run_checks_every_field),
		TEST(run_in_every_form),
		TEST(run_takes_the_clients_defaults),
		TEST(run_takes_tokens),
		TEST(unknown_fields_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
