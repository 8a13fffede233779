/* Hidden states and logits: one call with all rows of the prompt, then the
 * last; whose rows are good until the next run, or as long as the callback. */
#include "user.h"

#include <math.h>

static struct talk talk;

static int
run(LLMHandle h, RKLLMInferMode mode, bool is_async)
{
	RKLLMInput in = user_prompt("Tell me about a lighthouse.");
	RKLLMInferParam how = user_infer();

	how.mode = mode;
	return is_async ? rkllm_run_async(h, &in, &how, &talk)
			: rkllm_run(h, &in, &how, &talk);
}

static void
came_whole(void)
{
	double sum = 0;

	CHECK(talk.n_texts == 0 && talk.n_waits == 0);
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_FINISH);
	CHECK(talk.n_rows > 3 && talk.n_rows == talk.perf.prefill_tokens);
	CHECK(talk.perf.generate_tokens == 0);
	for (int i = 0; !talk.releases && i < talk.n_rows * talk.n_cols; i++) {
		CHECK(isfinite(talk.rows[i]));
		sum += fabs((double)talk.rows[i]);
	}
	CHECK(talk.releases || sum > 1);
}

int
main(void)
{
	LLMHandle h = user_open();
	int n_hidden, n_logits;

	talk_init(&talk);
	CHECK(run(h, RKLLM_INFER_GET_LAST_HIDDEN_LAYER, false) == 0);
	came_whole();
	n_hidden = talk.n_cols;
	talk_init(&talk);
	CHECK(run(h, RKLLM_INFER_GET_LOGITS, false) == 0);
	came_whole();
	n_logits = talk.n_cols;
	CHECK(n_logits > n_hidden);

	talk_init(&talk);
	talk.releases = true;
	CHECK(run(h, RKLLM_INFER_GET_LOGITS, true) == 0);
	talk_wait_end(&talk);
	came_whole();
	while (rkllm_is_running(h) != 0)
		;

	/* Then it generates again; and the rows may be the last that is had. */
	talk_init(&talk);
	CHECK(user_run(h, "Hello", &talk) == 0);
	CHECK(talk.n_texts > 3 && talk.n_rows == 0);
	talk_init(&talk);
	CHECK(run(h, RKLLM_INFER_GET_LOGITS, false) == 0);
	CHECK(rkllm_destroy(h) == 0);
	return 0;
}
