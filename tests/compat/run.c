/* Runs that are waited for and runs that are not; whose userdata is whose; what
 * a run may set for itself. */
#include "user.h"

static struct talk first, second;

static void
waits_for_it(LLMHandle h)
{
	talk_init(&first);
	CHECK(user_run(h, "Hello", &first) == 0);
	CHECK(first.n_last == 1 && first.last == RKLLM_RUN_FINISH);
	CHECK(first.n_texts > 3 && first.text[0] != '\0');
	CHECK(first.perf.generate_tokens == first.n_texts + first.n_waits);
	CHECK(first.perf.prefill_tokens > 0);
	CHECK(first.perf.prefill_time_ms > 0);
	CHECK(first.perf.memory_usage_mb > 1);
	CHECK(first.token == first.tokens[first.n_texts - 1]);
	CHECK(!pthread_equal(first.thread, pthread_self()));
	CHECK(rkllm_is_running(h) == 0);
}

/* Greedy, so it says the same. */
static void
does_not_wait(LLMHandle h)
{
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();

	talk_init(&second);
	CHECK(rkllm_run_async(h, &in, &how, &second) == 0);
	/* Nothing of the call's is used any more. */
	(void)memset(&in, 0xff, sizeof(in));
	(void)memset(&how, 0xff, sizeof(how));
	talk_wait_end(&second);
	CHECK(strcmp(first.text, second.text) == 0);
	while (rkllm_is_running(h) != 0)
		;
	CHECK(user_run(h, "Hello", &second) == 0);
}

/* By ids: what the model said, said to it. */
static void
takes_tokens(LLMHandle h)
{
	RKLLMInput in;
	RKLLMInferParam how = user_infer();

	(void)memset(&in, 0, sizeof(in));
	in.input_type = RKLLM_INPUT_TOKEN;
	in.token_input.input_ids = first.tokens;
	in.token_input.n_tokens = 3;
	talk_init(&second);
	CHECK(rkllm_run(h, &in, &how, &second) == 0);
	CHECK(second.perf.prefill_tokens == 3);
	CHECK(second.n_last == 1 && second.last == RKLLM_RUN_FINISH);
}

#ifndef RKLLM_1_2
/* What 1.3.0 has for each run, and a userdata for all of them. */
static void
sets_for_itself(void)
{
	RKLLMSamplingParam s;
	RKLLMParam p = user_param();
	RKLLMInput in = user_prompt("Tell me a story");
	RKLLMInferParam how = user_infer();
	LLMHandle h = NULL;

	talk_init(&first);
	CHECK(user_init(&h, &p, &first) == 0);
	how.max_new_tokens = 5;
	CHECK(rkllm_run(h, &in, &how, NULL) == 0);
	CHECK(first.n_last == 1 && first.perf.generate_tokens == 5);

	/* One candidate is as good as greedy, whatever the temperature. */
	(void)memset(&s, 0, sizeof(s));
	s.top_k = 1;
	s.top_p = 1;
	s.temperature = 2;
	s.repeat_penalty = p.repeat_penalty;
	how.sampling_params = &s;
	talk_init(&second);
	CHECK(rkllm_run(h, &in, &how, &second) == 0);
	CHECK(first.n_last == 1); /* not told of this one */
	CHECK(strcmp(first.text, second.text) == 0);

	s.top_p = 7;
	CHECK(rkllm_run(h, &in, &how, &second) != 0);
	CHECK(rkllm_destroy(h) == 0);
}

/* With end tokens left out it goes on to its budget; those that have a text
 * show it, or not. */
static void
ignores_the_end(void)
{
	RKLLMParam p = user_param();
	LLMHandle h = NULL;

	p.ignore_eos_token = true;
	p.skip_special_token = true;
	p.max_new_tokens = 100;
	talk_init(&first);
	CHECK(user_init(&h, &p, &first) == 0);
	CHECK(user_run(h, "Hello", NULL) == 0);
	CHECK(first.perf.generate_tokens == 100);
	CHECK(rkllm_destroy(h) == 0);
}
#endif

int
main(void)
{
	LLMHandle h = user_open();

	waits_for_it(h);
	does_not_wait(h);
	takes_tokens(h);
	CHECK(rkllm_destroy(h) == 0);
#ifndef RKLLM_1_2
	sets_for_itself();
	ignores_the_end();
#endif
	return 0;
}
