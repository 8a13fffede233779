/* The KV cache of a run that is paused: how much it is, what may be cut out of
 * it, and that the run goes on from what is left. And what a callback may
 * call. */
#include "user.h"

#include <math.h>

#define PAUSE_AT 4

static struct talk talk, fresh;
#define N_PROMPT 10
static int32_t prompt[N_PROMPT]; /* that the model likes to go on from */

static int
run_ids(LLMHandle h, int32_t *ids, int n, struct talk *t)
{
	RKLLMInput in;
	RKLLMInferParam how = user_infer();

	(void)memset(&in, 0, sizeof(in));
	in.input_type = RKLLM_INPUT_TOKEN;
	in.token_input.input_ids = ids;
	in.token_input.n_tokens = (size_t)n;
	return rkllm_run(h, &in, &how, t);
}

static int
size(LLMHandle h)
{
	int n = -1;

	CHECK(rkllm_get_kv_cache_size(h, &n) == 0);
	return n;
}

static int
cut(LLMHandle h, int from, int end)
{
	return rkllm_clear_kv_cache(h, 0, &from, &end);
}

static void
find_prompt(LLMHandle h)
{
	talk_init(&talk);
	CHECK(user_run(h, "Tell me about a lighthouse.", &talk) == 0);
	CHECK(talk.n_texts > 2 * N_PROMPT && talk.n_waits == 0);
	(void)memcpy(prompt, talk.tokens, sizeof(prompt));
}

static void
pause_it(LLMHandle h)
{
	talk_init(&talk);
	talk.pause_at = PAUSE_AT;
	CHECK(run_ids(h, prompt, N_PROMPT, &talk) == 0);
	CHECK(talk.n_last == 0 && talk.n_waits == 0);
	CHECK(size(h) == N_PROMPT + PAUSE_AT);
}

/* Tokens 2 to 4, then 1, and the last one that it has said. */
static void
goes_on_from_what_is_left(LLMHandle h)
{
	int32_t left[N_PROMPT + PAUSE_AT];
	int n = 0;
	size_t said;

	pause_it(h);
	said = strlen(talk.text);
	CHECK(cut(h, 2, 5) == 0);
	CHECK(size(h) == N_PROMPT + PAUSE_AT - 3);
	CHECK(cut(h, 1, 2) == 0);
	CHECK(cut(h, size(h) - 1, size(h)) == 0);
	CHECK(size(h) == N_PROMPT + PAUSE_AT - 5);
	CHECK(rkllm_is_running(h) == 0);
	CHECK(rkllm_run(h, NULL, NULL, NULL) == 0);
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_FINISH);
	CHECK(talk.perf.prefill_tokens == N_PROMPT);
	CHECK(talk.perf.generate_tokens == talk.n_texts + talk.n_waits);

	for (int i = 0; i < N_PROMPT + PAUSE_AT - 1; i++)
		if (i == 0 || i >= 5)
			left[n++] = i < N_PROMPT ? prompt[i]
						 : talk.tokens[i - N_PROMPT];
	talk_init(&fresh);
	CHECK(run_ids(h, left, n, &fresh) == 0);
	CHECK(strlen(talk.text + said) > 3);
	CHECK(strncmp(talk.text + said, fresh.text, strlen(talk.text + said)) ==
	    0);
}

static void
not_everything_can_be_cut(LLMHandle h)
{
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();
	int at = 1;

	pause_it(h);
	CHECK(rkllm_clear_kv_cache(h, 0, NULL, NULL) != 0);
	CHECK(rkllm_clear_kv_cache(h, 0, &at, NULL) != 0);
	CHECK(cut(h, 0, size(h)) != 0);
	CHECK(cut(h, 3, 2) != 0);
	CHECK(cut(h, -1, 2) != 0);
	CHECK(cut(h, 3, size(h) + 1) != 0);
	CHECK(size(h) == N_PROMPT + PAUSE_AT);
	CHECK(rkllm_abort(h) == 0);
	talk_wait_end(&talk);

	/* A turn of a conversation, whose context is more than this run's. */
	talk_init(&talk);
	talk.pause_at = 2;
	how.keep_history = 1;
	CHECK(rkllm_run(h, &in, &how, &talk) == 0);
	CHECK(cut(h, 1, 2) != 0);
	CHECK(rkllm_clear_kv_cache(h, 1, NULL, NULL) != 0);
	CHECK(rkllm_run(h, NULL, NULL, NULL) == 0);
	CHECK(talk.n_last == 1);
	at = size(h);
	CHECK(at == talk.perf.prefill_tokens + talk.perf.generate_tokens);
	CHECK(cut(h, 1, 2) == 0);
	CHECK(size(h) == at - 1);
	CHECK(rkllm_clear_kv_cache(h, 0, NULL, NULL) == 0);
	CHECK(size(h) == 0);
}

static void
is_aborted_when_it_is_cut(LLMHandle h)
{
	pause_it(h);
	CHECK(cut(h, 2, 5) == 0);
	CHECK(rkllm_abort(h) == 0);
	talk_wait_end(&talk);
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_FINISH);
	CHECK(talk.n_texts == PAUSE_AT);
	CHECK(talk.perf.generate_tokens == PAUSE_AT);
}

/* A context with embeddings: here what the model itself makes of a prompt. */
static void
embeddings_are_cut_too(LLMHandle h)
{
	static float rows[8 * 4096];
	RKLLMInput in = user_prompt("Tell me about a lighthouse.");
	RKLLMInferParam how = user_infer();

	talk_init(&talk);
	how.mode = RKLLM_INFER_GET_LAST_HIDDEN_LAYER;
	CHECK(rkllm_run(h, &in, &how, &talk) == 0);
	CHECK(talk.n_rows >= 8 && talk.n_cols <= 4096);
	(void)memcpy(
	    rows, talk.rows, 8 * (size_t)talk.n_cols * sizeof(rows[0]));

	in.input_type = RKLLM_INPUT_EMBED;
	in.embed_input.embed = rows;
	in.embed_input.n_tokens = 8;
	how = user_infer();
	talk_init(&talk);
	talk.pause_at = 1;
	CHECK(rkllm_run(h, &in, &how, &talk) == 0);
	CHECK(talk.n_last == 0);
	CHECK(size(h) == 8 + talk.n_texts + talk.n_waits);
	/* It goes on from a token, not from a row. */
	CHECK(cut(h, 7, size(h)) != 0);
	CHECK(cut(h, 2, 5) == 0);
	CHECK(size(h) == 5 + talk.n_texts + talk.n_waits);
	CHECK(rkllm_run(h, NULL, NULL, NULL) == 0);
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_FINISH);
	CHECK(talk.perf.prefill_tokens == 8);
	rows[3] = NAN;
	CHECK(rkllm_run(h, &in, &how, &talk) != 0);
}

/* All but what would wait for itself. */
static int
calls_back(RKLLMResult *result, void *userdata, LLMCallState state)
{
	LLMHandle h = *(LLMHandle *)userdata;
	static int last;

	(void)result;
	if (state != RKLLM_RUN_NORMAL)
		return 0;
	CHECK(size(h) > last);
	last = size(h);
	CHECK(rkllm_is_running(h) == 1);
	CHECK(rkllm_set_chat_template(h, "s", "a", "b") == 0);
	CHECK(cut(h, 0, 0) == 0);
	CHECK(rkllm_run(h, NULL, NULL, NULL) != 0);
	CHECK(rkllm_destroy(h) != 0);
	fresh.n_texts++;
	return fresh.n_texts == 3;
}

static void
calls_from_its_callback(void)
{
	RKLLMParam p = user_param();
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();
	LLMHandle h = NULL;
#ifdef RKLLM_1_2
	CHECK(rkllm_init(&h, &p, calls_back) == 0);
#else
	RKLLMCallback c;

	(void)memset(&c, 0, sizeof(c));
	c.result_callback = calls_back;
	CHECK(rkllm_init(&h, &p, &c) == 0);
#endif
	talk_init(&fresh);
	CHECK(rkllm_run(h, &in, &how, &h) == 0);
	CHECK(fresh.n_texts == 3);
	CHECK(rkllm_destroy(h) == 0);
}

int
main(void)
{
	LLMHandle h = user_open();

	find_prompt(h);
	goes_on_from_what_is_left(h);
	not_everything_can_be_cut(h);
	is_aborted_when_it_is_cut(h);
	embeddings_are_cut_too(h);
	pause_it(h);
	CHECK(cut(h, 2, 5) == 0);
	CHECK(rkllm_destroy(h) == 0);
	CHECK(talk.n_last == 1);
	calls_from_its_callback();
	return 0;
}
