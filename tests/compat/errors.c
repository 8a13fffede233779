/* What is wrong gets a code that is not 0 and one line that says what; and
 * nothing is any the worse for it. */
#include "user.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static FILE *said;
static struct talk talk;

/* Standard error goes to a file from here on; CHECK's line too. */
static void
listen_in(void)
{
	said = tmpfile();
	CHECK(said != NULL);
	CHECK(dup2(fileno(said), STDERR_FILENO) == STDERR_FILENO);
}

/* What it had said since the last time: one line with these words. */
static void
said_once(const char *words)
{
	char text[8192] = "";
	size_t n = 0;
	long end;

	(void)fseek(said, 0, SEEK_SET);
	n = fread(text, 1, sizeof(text) - 1, said);
	text[n] = '\0';
	end = n > 0 && text[n - 1] == '\n' ? (long)n - 1 : -1;
	if (strstr(text, words) == NULL ||
	    strstr(text, "error: rkllm_") == NULL ||
	    strchr(text, '\n') - text != end) {
		printf("not the one line \"%s\" but:\n%s", words, text);
		exit(1);
	}
	CHECK(ftruncate(fileno(said), 0) == 0);
	(void)fseek(said, 0, SEEK_SET);
}

static void
fails(int code, const char *words)
{
	if (code == 0) {
		printf("no error, but there should be: %s\n", words);
		exit(1);
	}
	said_once(words);
}

static void
cannot_init(RKLLMParam p, const char *words)
{
	LLMHandle h = &talk;

	fails(user_init(&h, &p, NULL), words);
	CHECK(h == (LLMHandle)&talk); /* untouched */
}

static void
bad_files(void)
{
	RKLLMParam p = user_param();
	char path[] = "/tmp/compat-errors-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	p.model_path = NULL;
	cannot_init(p, "model_path: must name a GGUF file");
	p.model_path = "/nowhere/x.rkllm";
	cannot_init(p, "model_path: /nowhere/x.rkllm: No such file");
	p.model_path = path;
	cannot_init(p, path);
	CHECK(write(fd, "RKLLM\0\0\0not a gguf file at all", 30) == 30);
	cannot_init(p, path);
	CHECK(pwrite(fd, "GGUF\3\0\0\0", 8, 0) == 8);
	cannot_init(p, path);
	(void)close(fd);
	(void)unlink(path);
}

static void
bad_numbers(void)
{
	RKLLMParam p = user_param();

	p.top_p = 2;
	cannot_init(p, "top_p: must be 0 to 1, not 2");
	p = user_param();
	p.temperature = -1;
	cannot_init(p, "temperature: must be");
	p = user_param();
	p.max_context_len = -1;
	cannot_init(p, "max_context_len: must be 0 to 16777216, not -1");
	p = user_param();
	p.mirostat = 3;
	cannot_init(p, "mirostat: must be 0 to 2, not 3");
	p = user_param();
	p.extend_param.n_batch = 2;
	cannot_init(p, "n_batch");
}

static void
no_pointers(void)
{
	RKLLMParam p = user_param();
	LLMHandle h = NULL;
	int n;

	fails(rkllm_init(NULL, &p, NULL), "must not be NULL");
	fails(rkllm_init(&h, NULL, NULL), "must not be NULL");
	fails(user_run(NULL, "Hello", &talk), "handle: is NULL");
	fails(user_run(&talk, "Hello", &talk), "handle: none of rkllm_init's");
	fails(rkllm_abort(NULL), "handle: is NULL");
	fails(rkllm_destroy(NULL), "handle: is NULL");
	fails(rkllm_get_kv_cache_size(NULL, &n), "handle: is NULL");
	CHECK(rkllm_is_running(NULL) == 0);
	said_once("handle: is NULL");
}

static void
bad_runs(LLMHandle h)
{
	RKLLMInput in = user_prompt(NULL);
	RKLLMInferParam how = user_infer();
	int32_t ids[] = { 1, 2, INT32_MAX };
	char *text = malloc(100001);

	CHECK(text != NULL);
	fails(rkllm_run(h, NULL, &how, &talk), "rkllm_input: must not be NULL");
	fails(rkllm_run(h, &in, NULL, &talk),
	    "rkllm_infer_params: must not be NULL");
	fails(rkllm_run(h, &in, &how, &talk), "prompt_input: must not be NULL");
	in.prompt_input = "Hello";
	in.input_type = (RKLLMInputType)9;
	fails(rkllm_run(h, &in, &how, &talk), "input_type: must be 0 to 3");
	in.input_type = RKLLM_INPUT_TOKEN;
	in.token_input.input_ids = NULL;
	fails(rkllm_run(h, &in, &how, &talk), "token_input: ");
	in.token_input.input_ids = ids;
	in.token_input.n_tokens = 100000;
	fails(rkllm_run(h, &in, &how, &talk), "token_input.n_tokens: ");
	CHECK(talk.n_last == 0);
	/* These only the engine can know: the run begins, and ends. */
	in.token_input.n_tokens = 3;
	fails(rkllm_run(h, &in, &how, &talk), "2147483647");
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_ERROR);
	(void)memset(text, 'a', 100000);
	text[100000] = '\0';
	fails(user_run(h, text, &talk), "prompt_input: ");
	CHECK(talk.n_last == 2 && talk.last == RKLLM_RUN_ERROR);
	how.mode = (RKLLMInferMode)3;
	fails(rkllm_run(h, &in, &how, &talk), "mode: must be 0 to 2");
	free(text);
}

/* What runs are made from. */
static void
bad_settings(LLMHandle h)
{
	RKLLMLoraAdapter a = { getenv("BULKHEAD_MODEL"), "", 1 };
	RKLLMLoraParam lora = { "nobody" };
	RKLLMPromptCacheParam cache = { 0, "" };
	RKLLMCrossAttnParam x;
	float numbers[4] = { 0 };
	int32_t pos[4] = { 0 };
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();

	fails(rkllm_load_lora(h, NULL), "lora_adapter_name: must not be empty");
	fails(rkllm_load_lora(h, &a), "lora_adapter_name: must not be empty");
	a.lora_adapter_name = "a";
	fails(rkllm_load_lora(h, &a), "general.type");
	a.lora_adapter_path = "/nowhere";
	fails(rkllm_load_lora(h, &a), "lora_adapter_path: /nowhere: No such");
	a.scale = 1e9f;
	fails(rkllm_load_lora(h, &a), "scale: must be -1000 to 1000");
	how.lora_params = &lora;
	fails(rkllm_run(h, &in, &how, &talk), "no adapter \"nobody\"");
	/* Nothing is named, so nothing is wanted. */
	lora.lora_adapter_name = "";
	how.prompt_cache_params = &cache;
	CHECK(rkllm_run(h, &in, &how, &talk) == 0);
	how.keep_history = 2;
	fails(rkllm_run(h, &in, &how, &talk), "keep_history: must be 0 or 1");
	fails(rkllm_set_function_tools(h, "", NULL, NULL), "tools: ");
	fails(rkllm_set_function_tools(h, "", "{}", ""), "tools: ");
	fails(rkllm_get_kv_cache_size(h, NULL), "cache_sizes: must not");
	(void)memset(&x, 0, sizeof(x));
	fails(rkllm_set_cross_attn_params(h, NULL), "cross_attn_params: ");
	fails(rkllm_set_cross_attn_params(h, &x), "cross_attn_params: ");
	x.encoder_k_cache = x.encoder_v_cache = x.encoder_mask = numbers;
	x.encoder_pos = pos;
	fails(rkllm_set_cross_attn_params(h, &x), "num_tokens: must be 1");
	x.num_tokens = 4;
	fails(rkllm_set_cross_attn_params(h, &x), "no cross-attention");
}

/* The same of a run that nobody waits for: its callback is told, and a line
 * says why. */
static void
bad_later(LLMHandle h)
{
	int32_t ids[] = { INT32_MAX };
	RKLLMInput in;
	RKLLMInferParam how = user_infer();

	(void)memset(&in, 0, sizeof(in));
	in.input_type = RKLLM_INPUT_TOKEN;
	in.token_input.input_ids = ids;
	in.token_input.n_tokens = 1;
	talk_init(&talk);
	CHECK(rkllm_run_async(h, &in, &how, &talk) == 0);
	talk_wait_end(&talk);
	CHECK(talk.last == RKLLM_RUN_ERROR);
	while (rkllm_is_running(h) != 0)
		;
	said_once("2147483647");
}

static void
one_at_a_time(void)
{
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();
	LLMHandle h = user_open();

	talk_init(&talk);
	talk.hold_at = 1;
	CHECK(rkllm_run_async(h, &in, &how, &talk) == 0);
	fails(user_run(h, "Hello", &talk), "a run of this handle goes on");
	CHECK(rkllm_abort(h) == 0);
	talk_let_go(&talk);
	talk_wait_end(&talk);
	while (rkllm_is_running(h) != 0)
		;
	fails(rkllm_abort(h), "no run goes on or is paused");
	CHECK(rkllm_destroy(h) == 0);
	fails(rkllm_destroy(h), "or destroyed");
}

int
main(void)
{
	LLMHandle h;

	talk_init(&talk);
	listen_in();
	no_pointers();
	bad_numbers();
	bad_files();
	h = user_open();
	bad_runs(h);
	bad_settings(h);
	bad_later(h);
	/* And it still works. */
	talk_init(&talk);
	CHECK(user_run(h, "Hello", &talk) == 0);
	CHECK(talk.last == RKLLM_RUN_FINISH);
	CHECK(rkllm_destroy(h) == 0);
	one_at_a_time();
	return 0;
}
