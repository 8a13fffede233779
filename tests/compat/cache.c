/* Prompt caches: a file that one handle leaves and the next begins with. */
#include "user.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROMPT_BYTES 1200

static struct talk talk, again;
static char prompt[PROMPT_BYTES + 1];
static char path[64];

static int
run(LLMHandle h, RKLLMPromptCacheParam *cache, RKLLMInferMode mode,
    struct talk *t)
{
	RKLLMInput in = user_prompt(prompt);
	RKLLMInferParam how = user_infer();

	how.mode = mode;
	how.prompt_cache_params = cache;
	talk_init(t);
	return rkllm_run(h, &in, &how, t);
}

static void
saves(LLMHandle h)
{
	RKLLMPromptCacheParam save = { 1, path };
	struct stat st;

	CHECK(run(h, &save, RKLLM_INFER_GENERATE, &talk) == 0);
	CHECK(talk.last == RKLLM_RUN_FINISH && talk.n_texts > 3);
	CHECK(talk.perf.prefill_tokens > 128);
	CHECK(stat(path, &st) == 0 && st.st_size > 10000);
}

/* The same words, whoever computed the prompt. */
static void
loads(void)
{
	LLMHandle h = user_open();

	CHECK(rkllm_release_prompt_cache(h) != 0);
	CHECK(rkllm_load_prompt_cache(h, path) == 0);
	CHECK(run(h, NULL, RKLLM_INFER_GENERATE, &again) == 0);
	CHECK(strcmp(talk.text, again.text) == 0);
	CHECK(again.perf.prefill_tokens < talk.perf.prefill_tokens);
	/* Whatever else is said. */
	CHECK(user_run(h, "Hello", &again) == 0);
	CHECK(rkllm_load_prompt_cache(h, path) == 0);
	CHECK(run(h, NULL, RKLLM_INFER_GENERATE, &again) == 0);
	CHECK(rkllm_release_prompt_cache(h) == 0);
	CHECK(rkllm_release_prompt_cache(h) != 0);
	CHECK(run(h, NULL, RKLLM_INFER_GENERATE, &again) == 0);
	CHECK(strcmp(talk.text, again.text) == 0);
	CHECK(rkllm_destroy(h) == 0);
}

static void
cannot_save(LLMHandle h)
{
	RKLLMPromptCacheParam save = { 1, "" };

	CHECK(run(h, &save, RKLLM_INFER_GENERATE, &again) != 0);
	CHECK(again.n_last == 0);
	save.prompt_cache_path = path;
	CHECK(run(h, &save, RKLLM_INFER_GET_LOGITS, &again) != 0);
	CHECK(again.n_last == 0);
	/* That is known only in the end. */
	save.prompt_cache_path = "/nowhere/x.cache";
	CHECK(run(h, &save, RKLLM_INFER_GENERATE, &again) != 0);
	CHECK(again.last == RKLLM_RUN_ERROR && again.n_last == 1);
	CHECK(strcmp(talk.text, again.text) == 0);
	/* Named, but not to be saved. */
	save.save_prompt_cache = 0;
	CHECK(run(h, &save, RKLLM_INFER_GENERATE, &again) == 0);
}

static void
cannot_load(LLMHandle h)
{
	int fd;

	CHECK(rkllm_load_prompt_cache(h, NULL) != 0);
	CHECK(rkllm_load_prompt_cache(h, "/nowhere/x.cache") != 0);
	CHECK(rkllm_load_prompt_cache(h, getenv("BULKHEAD_MODEL")) != 0);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "X", 1, 5000) == 1);
	(void)close(fd);
	CHECK(rkllm_load_prompt_cache(h, path) != 0);
	CHECK(rkllm_release_prompt_cache(h) != 0);
}

int
main(void)
{
	LLMHandle h = user_open();

	for (size_t i = 0; i < PROMPT_BYTES; i += 6)
		(void)memcpy(prompt + i, "a fox ", 6);
	(void)snprintf(
	    path, sizeof(path), "/tmp/compat-cache-%d", (int)getpid());
	saves(h);
	loads();
	cannot_save(h);
	cannot_load(h);
	(void)unlink(path);
	CHECK(rkllm_destroy(h) == 0);
	return 0;
}
