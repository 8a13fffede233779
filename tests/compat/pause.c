/* A callback that returns 1: run returns, the next one goes on with the very
 * next token. */
#include "user.h"

static struct talk whole, parts;

/* Paused after 1, 2, 3 ... texts until it is over. */
static void
says_the_same(LLMHandle h)
{
	int n = 0;

	talk_init(&parts);
	parts.pause_at = 1;
	CHECK(user_run(h, "Hello", &parts) == 0);
	for (; parts.n_last == 0; n++) {
		CHECK(parts.n_texts == parts.pause_at);
		CHECK(rkllm_is_running(h) == 0);
		parts.pause_at++;
		CHECK(rkllm_run(h, NULL, NULL, NULL) == 0);
	}
	CHECK(n == whole.n_texts);
	CHECK(strcmp(whole.text, parts.text) == 0);
	CHECK(parts.last == RKLLM_RUN_FINISH);
	CHECK(parts.perf.generate_tokens == whole.perf.generate_tokens);
}

/* Told to the one, then to the other. */
static void
goes_on_for_another(LLMHandle h)
{
	static struct talk rest;
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();
	char text[2 * TEXT_MAX];

	talk_init(&parts);
	talk_init(&rest);
	parts.pause_at = 2;
	CHECK(rkllm_run_async(h, &in, &how, &parts) == 0);
	talk_wait(&parts, 2);
	while (rkllm_is_running(h) != 0)
		;
	CHECK(rkllm_run_async(h, NULL, NULL, &rest) == 0);
	talk_wait_end(&rest);
	CHECK(parts.n_texts == 2 && parts.n_last == 0);
	(void)strcpy(text, parts.text);
	(void)strcat(text, rest.text);
	CHECK(strcmp(whole.text, text) == 0);
	/* It has settled when this one may begin. */
	while (rkllm_is_running(h) != 0)
		;
}

static void
aborts_while_it_rests(LLMHandle h)
{
	talk_init(&parts);
	parts.pause_at = 2;
	CHECK(user_run(h, "Hello", &parts) == 0);
	CHECK(parts.n_last == 0);
	CHECK(rkllm_abort(h) == 0);
	talk_wait_end(&parts);
	CHECK(parts.n_last == 1 && parts.last == RKLLM_RUN_FINISH);
	CHECK(parts.n_texts == 2);
	/* A new one, from its beginning. */
	talk_init(&parts);
	CHECK(user_run(h, "Hello", &parts) == 0);
	CHECK(strcmp(whole.text, parts.text) == 0);
}

static void
is_destroyed_while_it_rests(LLMHandle h)
{
	talk_init(&parts);
	parts.pause_at = 1;
	CHECK(user_run(h, "Hello", &parts) == 0);
	CHECK(rkllm_destroy(h) == 0);
	CHECK(parts.n_last == 1 && parts.last == RKLLM_RUN_FINISH);
}

int
main(void)
{
	LLMHandle h = user_open();

	talk_init(&whole);
	CHECK(user_run(h, "Hello", &whole) == 0);
	says_the_same(h);
	goes_on_for_another(h);
	aborts_while_it_rests(h);
	is_destroyed_while_it_rests(h);
	return 0;
}
