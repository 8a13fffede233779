/*
 * rpc_calls - the methods as RPC.md has them: what may be sent, what of it is
 * wrong, and what a result looks like. For test_rpc_property.c.
 *
 * A method that is not served yet is a row too: until the front knows it, its
 * answer is -32601.
 */
#ifndef RPC_CALLS_H
#define RPC_CALLS_H

#include "front/rpc/method.h"
#include "json/read.h"

/* What a parameter is good for; of several, all of them hold. */
enum {
	GOOD = 0,
	BAD = 1,     /* -32602 */
	NO_FILE = 2, /* -32001: no such model */
	MAYBE = 4,   /* a matter of the model or the version: -32602, -32005 */
};

/* What is known of a method. */
enum {
	MODEL = 1,   /* -32000 without one */
	WORK = 2,    /* -32002 while the server stops */
	STREAM = 4,  /* many replies */
	FIRST = 8,   /* and one before them */
	BUSIES = 16, /* -32002 while a conversation goes on */
	FILES = 32,  /* -32004 */
};

struct variant {
	const char *text; /* %u: the call's number */
	unsigned verdict;
};

struct arg_row {
	const char *name, *alias;
	bool is_struct;	  /* its fields may stand among the names */
	unsigned missing; /* the verdict on none at all */
	const struct variant *variants;
};

#define ARGS_MAX 3

struct method_row {
	const char *name;
	unsigned flags;
	/* key:type; s n i b a o: string, number, whole, boolean, array, object;
	 * T: true; ?: any; + at the end: there may be more */
	const char *shape;
	struct arg_row args[ARGS_MAX];
};

#define END                \
	{                  \
		NULL, GOOD \
	}

static const struct variant params_of_init[] = {
	{ "{}", GOOD },
	{ "{\"model_path\":\"\"}", GOOD },
	{ "{\"model_path\":null,\"top_k\":null}", GOOD },
	{ "{\"model_path\":\"demo\"}", GOOD },
	{ "{\"model_path\":\"/m/demo.gguf\",\"temperature\":0}", GOOD },
	{ "{\"model_path\":\"/m/other.gguf\"}", GOOD },
	{ "{\"model_path\":\"other\",\"skip_special_token\":1}", GOOD },
	{ "{\"no_such_field\":[{}],\"extend_param\":{\"n_batch\":1}}", GOOD },
	{ "{\"model_path\":\"/m/none.gguf\"}", NO_FILE },
	{ "{\"model_path\":7}", BAD },
	{ "{\"max_context_len\":-1}", BAD },
	{ "{\"max_context_len\":1e300}", BAD },
	{ "{\"top_k\":4294967296}", BAD },
	{ "{\"temperature\":\"hot\"}", BAD },
	{ "{\"mirostat\":3}", BAD },
	{ "{\"extend_param\":[]}", BAD },
	{ "{\"extend_param\":{\"n_batch\":4294967296}}", BAD },
	{ "[]", BAD },
	{ "true", BAD },
	END,
};

static const struct variant inputs[] = {
	{ "{\"prompt_input\":\"#%u#\"}", GOOD },
	{ "{\"role\":\"user\",\"enable_thinking\":false,\"input_type\":0,"
	  "\"prompt_input\":\"#%u# \\u20ac\"}",
	    GOOD },
	{ "{\"role\":null,\"input_type\":null,\"prompt_input\":\"#%u#\"}",
	    GOOD },
	{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1,2,3],"
	  "\"n_tokens\":3}}",
	    GOOD },
	{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[5.0]}}", GOOD },
	{ "{}", BAD },
	{ "{\"prompt_input\":5}", BAD },
	{ "{\"role\":7,\"prompt_input\":\"#%u#\"}", BAD },
	{ "{\"input_type\":9,\"prompt_input\":\"#%u#\"}", BAD },
	{ "{\"input_type\":1}", BAD },
	{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1,-2]}}", BAD },
	{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1],"
	  "\"n_tokens\":18446744073709551615}}",
	    BAD },
	{ "{\"input_type\":1,\"token_input\":{\"input_ids\":[1],"
	  "\"n_tokens\":1e18}}",
	    BAD },
	{ "{\"input_type\":1,\"token_input\":[1]}", BAD },
	{ "\"#%u#\"", BAD },
	{ "{\"input_type\":2,\"embed_input\":{\"embed\":[0.5],"
	  "\"n_tokens\":1}}",
	    MAYBE },
	{ "{\"input_type\":3,\"multimodal_input\":{\"prompt\":\"#%u#\"}}",
	    MAYBE },
	END,
};

static const struct variant infers[] = {
	{ "{}", GOOD },
	{ "{\"mode\":0,\"keep_history\":0,\"lora_params\":null,"
	  "\"prompt_cache_params\":null}",
	    GOOD },
	{ "{\"max_new_tokens\":5,\"seed\":7,\"sampling_params\":"
	  "{\"top_k\":1,\"temperature\":0}}",
	    GOOD },
	{ "{\"resume\":\"fast\",\"no_such_field\":{}}", GOOD },
	{ "{\"mode\":7}", BAD },
	{ "{\"mode\":\"0\"}", BAD },
	{ "{\"seed\":-1}", BAD },
	{ "{\"max_new_tokens\":1e12}", BAD },
	{ "{\"sampling_params\":5}", BAD },
	{ "{\"sampling_params\":{\"top_p\":2}}", BAD },
	{ "{\"resume\":\"maybe\"}", BAD },
	{ "[1]", BAD },
	{ "{\"mode\":1}", MAYBE },
	{ "{\"mode\":2}", MAYBE },
	{ "{\"keep_history\":1}", MAYBE },
	{ "{\"lora_params\":{\"lora_adapter_name\":\"x\"}}", MAYBE },
	{ "{\"lora_params\":{\"lora_adapter_name\":\"l\"}}", MAYBE },
	{ "{\"prompt_cache_params\":{\"save_prompt_cache\":1,"
	  "\"prompt_cache_path\":\"/p\"}}",
	    MAYBE },
	END,
};

static const struct variant flags_01[] = { { "0", GOOD }, { "1", GOOD },
	{ "\"x\"", BAD }, { "[]", BAD }, END };
static const struct variant positions[] = { { "null", GOOD }, { "[0]", MAYBE },
	{ "[-1]", BAD }, { "5", BAD }, { "{}", BAD }, END };
static const struct variant texts[] = { { "\"\"", GOOD },
	{ "\"a \\u20ac\"", GOOD }, { "5", BAD }, { "[]", BAD }, END };
static const struct variant tools[] = { { "\"[]\"", MAYBE },
	{ "\"[{\\\"type\\\":\\\"function\\\",\\\"function\\\":{\\\"name\\\":"
	  "\\\"f\\\"}}]\"",
	    MAYBE },
	{ "\"no JSON\"", BAD }, { "7", BAD }, END };
static const struct variant paths[] = { { "\"/p/cache\"", GOOD }, { "7", BAD },
	{ "{}", BAD }, END };
static const struct variant loras[] = {
	{ "{\"lora_adapter_path\":\"/p/l.gguf\",\"lora_adapter_name\":\"l\","
	  "\"scale\":1.0}",
	    GOOD },
	{ "{\"lora_adapter_path\":5}", BAD }, { "[]", BAD }, END
};
static const struct variant crosses[] = {
	{ "{\"encoder_k_cache\":[0.5],\"encoder_v_cache\":[0.5],"
	  "\"encoder_mask\":[1],\"encoder_pos\":[0],\"num_tokens\":1}",
	    MAYBE },
	{ "{\"num_tokens\":\"x\"}", BAD }, { "true", BAD }, END
};

#define RUN_ARGS                                                        \
	{                                                               \
		{ "rkllm_input", "input", true, BAD, inputs },          \
		    { "rkllm_infer_params", "infer_params", true, GOOD, \
			    infers },                                   \
	}

static const struct method_row method_rows[] = {
	{ "rkllm.createDefaultParam", 0,
	    "model_path:s max_context_len:i max_new_tokens:i n_keep:i top_k:i "
	    "top_p:n temperature:n repeat_penalty:n frequency_penalty:n "
	    "presence_penalty:n mirostat:i mirostat_tau:n mirostat_eta:n "
	    "skip_special_token:b ignore_eos_token:b is_async:b img_start:? "
	    "img_end:? img_content:? extend_param:o",
	    { { 0 } } },
	{ "rkllm.get_constants", 0,
	    "CPU_MASKS:o LLM_CALL_STATES:o INPUT_TYPES:o INFER_MODES:o",
	    { { 0 } } },
	{ "rkllm.init", WORK, "success:T message:s",
	    { { "param", "param", true, GOOD, params_of_init } } },
	{ "rkllm.run", MODEL | WORK | STREAM, "", RUN_ARGS },
	{ "rkllm.run_async", MODEL | WORK | STREAM | FIRST,
	    "success:T message:s", RUN_ARGS },
	{ "rkllm.abort", MODEL, "success:b message:s status_code:i",
	    { { 0 } } },
	{ "rkllm.is_running", MODEL, "is_running:b status_code:i", { { 0 } } },
	{ "rkllm.destroy", MODEL, "success:T message:s", { { 0 } } },
	{ "bulkhead.status", 0,
	    "version:s uptime_s:i keeper:o front:o models:a listeners:a "
	    "generations:i draining:b +",
	    { { 0 } } },
	{ "rkllm.clear_kv_cache", MODEL | BUSIES,
	    "success:T message:s keep_system_prompt:i",
	    { { "keep_system_prompt", "keep_system_prompt", false, BAD,
		  flags_01 },
		{ "start_pos", "start_pos", false, GOOD, positions },
		{ "end_pos", "end_pos", false, GOOD, positions } } },
	{ "rkllm.get_kv_cache_size", MODEL, "success:T message:s cache_sizes:a",
	    { { 0 } } },
	{ "rkllm.load_lora", MODEL | WORK | FILES, "success:T message:s",
	    { { "lora_adapter", "lora_adapter", true, BAD, loras } } },
	{ "rkllm.load_prompt_cache", MODEL | WORK | FILES,
	    "success:T message:s cache_path:s",
	    { { "prompt_cache_path", "prompt_cache_path", false, BAD,
		paths } } },
	{ "rkllm.release_prompt_cache", MODEL | FILES, "success:T message:s",
	    { { 0 } } },
	{ "rkllm.set_chat_template", MODEL,
	    "success:T message:s system_prompt:s prompt_prefix:s "
	    "prompt_postfix:s",
	    { { "system_prompt", "system_prompt", false, GOOD, texts },
		{ "prompt_prefix", "prompt_prefix", false, GOOD, texts },
		{ "prompt_postfix", "prompt_postfix", false, GOOD, texts } } },
	{ "rkllm.set_function_tools", MODEL,
	    "success:T message:s system_prompt:s tools:s tool_response_str:s",
	    { { "system_prompt", "system_prompt", false, GOOD, texts },
		{ "tools", "tools", false, BAD, tools },
		{ "tool_response_str", "tool_response_str", false, GOOD,
		    texts } } },
	{ "rkllm.set_cross_attn_params", MODEL,
	    "success:T message:s num_tokens:i",
	    { { "cross_attn_params", "cross_attn_params", true, BAD,
		crosses } } },
};

#define METHODS (sizeof(method_rows) / sizeof(method_rows[0]))

/* What is no request, or none of a method; %s: the id. */
struct broken_row {
	const char *text;
	int code;
	bool is_null; /* the id of its answer */
};

static const struct broken_row broken_rows[] = {
	{ "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":7}", -32600, false },
	{ "{\"jsonrpc\":\"1.0\",\"id\":%s,\"method\":\"rkllm.abort\"}", -32600,
	    false },
	{ "{\"jsonrpc\":\"2.0\",\"id\":%s}", -32600, false },
	{ "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"rkllm.fly\"}", -32601,
	    false },
	{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"rkllm.abort\"}", -32600,
	    true },
	{ "{\"jsonrpc\":\"2.0\",\"id\":[%s],\"method\":\"rkllm.abort\"}",
	    -32600, true },
	{ "[]", -32600, true },
	{ "nul", -32700, true },
	{ "{\"id\":1,\"id\":2}", -32700, true },
	{ "{\"a\":1,}", -32700, true },
	{ "\"\xff\"", -32700, true },
	{ "}", -32700, true },
};

#define BROKEN (sizeof(broken_rows) / sizeof(broken_rows[0]))

#endif
