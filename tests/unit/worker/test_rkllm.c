/*
 * The rkllm engine without a library: what it makes of a request, of tokens, of
 * what the library prints; and the queue between the threads.
 */
#include "worker/rkllm/run.h"
#include "worker/rkllm/says.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N_CTX 100u

static const struct ask_kept none;
static const struct ask_of of = {
	.n_ctx = N_CTX, .marks_by_run = true, .kept = &none
};

/* As the surfaces send it when a client says nothing. */
static struct gen_submit
plain(void)
{
	return (struct gen_submit){ .gen = 1,
		.input = INPUT_CHAT,
		.messages = STR("[{\"role\":\"user\",\"content\":\"Hi\"}]"),
		.seed = 5,
		.temperature = 0.8f,
		.dynatemp_exponent = 1,
		.top_k = 40,
		.top_p = 0.95f,
		.min_p = 0.05f,
		.typical_p = 1,
		.top_n_sigma = -1,
		.xtc_threshold = 0.1f,
		.repeat_last_n = 64,
		.repeat_penalty = 1,
		.dry_base = 1.75f,
		.dry_allowed_length = 2,
		.dry_penalty_last_n = 64,
		.mirostat_tau = 5,
		.mirostat_eta = 0.1f };
}

static void
refused(const struct gen_submit *g, int code, const char *field)
{
	struct fail why = { .code = 0 };
	struct ask a;

	assert_int_equal(ask_make(&a, g, &of, &why), code);
	assert_string_equal(why.field, field);
	ask_done(&a);
}

static void
test_defaults_are_taken(void **state)
{
	struct gen_submit g = plain();
	struct fail why = { .code = 0 };
	struct ask a;

	(void)state;
	assert_int_equal(ask_make(&a, &g, &of, &why), 0);
	assert_int_equal(a.job.n_parts, 0);
	assert_int_equal(a.job.input->type, RKLLM_IN_PROMPT);
	assert_string_equal(a.job.input->prompt, "Hi");
	assert_string_equal(a.job.input->role, "user");
	assert_false(a.job.infer.keep_history);
	assert_int_equal(a.job.infer.max_new_tokens, N_CTX);
	assert_int_equal(a.job.infer.sampling->top_k, 40);
	ask_done(&a);
	g.min_p = 0;
	g.temperature = 0;
	g.messages = STR("[{\"role\":\"tool\",\"content\":["
			 "{\"type\":\"text\",\"text\":\"a\"},"
			 "{\"type\":\"text\",\"text\":\"b\"}]}]");
	assert_int_equal(ask_make(&a, &g, &of, &why), 0);
	assert_string_equal(a.job.input->prompt, "ab");
	assert_string_equal(a.job.input->role, "tool");
	assert_int_equal(a.job.infer.sampling->top_k, 1);
	ask_done(&a);
}

static void
test_what_it_has_not(void **state)
{
	const struct bias bias = { .token = 1, .bias = 1 };
	const struct bias two[] = { bias, bias };
	struct gen_submit g;

	(void)state;
#define REFUSED(code, name, member, ...) \
	g = plain();                     \
	g.member = __VA_ARGS__;          \
	refused(&g, code, name)
	REFUSED(ERR_UNSUPPORTED, "min_p", min_p, 0.1f);
	REFUSED(ERR_UNSUPPORTED, "typical_p", typical_p, 0.9f);
	REFUSED(ERR_UNSUPPORTED, "top_n_sigma", top_n_sigma, 1);
	REFUSED(ERR_UNSUPPORTED, "xtc_probability", xtc_probability, 0.5f);
	REFUSED(ERR_UNSUPPORTED, "dynatemp_range", dynatemp_range, 0.5f);
	REFUSED(ERR_UNSUPPORTED, "dry_multiplier", dry_multiplier, 0.8f);
	REFUSED(ERR_UNSUPPORTED, "grammar", grammar, STR("root ::= \"x\""));
	REFUSED(ERR_UNSUPPORTED, "response_format", json_schema, STR("{}"));
	REFUSED(ERR_UNSUPPORTED, "tools", tools, STR("[]"));
	REFUSED(ERR_UNSUPPORTED, "logprobs", want_logprobs, 1);
	REFUSED(ERR_UNSUPPORTED, "ignore_eos", ignore_eos, 1);
	REFUSED(ERR_UNSUPPORTED, "logit_bias", logit_bias,
	    (struct biases){ &bias, 1 });
	REFUSED(ERR_UNSUPPORTED, "lora", adapters, (struct biases){ two, 2 });
	REFUSED(ERR_INVALID, "prompt", input, INPUT_PROMPT);
	REFUSED(ERR_UNSUPPORTED, "messages", messages, STR("[]"));
	REFUSED(ERR_UNSUPPORTED, "role", messages, STR("[{}]"));
	REFUSED(ERR_INVALID, "messages", messages,
	    STR("[{\"role\":\"user\",\"content\":1}]"));
	REFUSED(ERR_UNSUPPORTED, "messages", messages,
	    STR("[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]"));
	REFUSED(ERR_INVALID, "prompt", messages,
	    STR("[{\"role\":\"user\",\"content\":\"\"}]"));
	REFUSED(ERR_INVALID, "prompt", input, INPUT_TOKENS);
	REFUSED(ERR_INVALID, "top_p", top_p, (float)(0.0 / 0.0));
#undef REFUSED
}

/* A resume: the message is read, then the tokens that were delivered. */
static void
test_resume(void **state)
{
	static const int32_t ids[N_CTX] = { 7, 8, 9 };
	struct gen_submit g = plain();
	struct fail why = { .code = 0 };
	struct ask a;

	(void)state;
	g.resume = 1;
	g.done = (struct i32s){ ids, 3 };
	g.max_tokens = 10;
	assert_int_equal(ask_make(&a, &g, &of, &why), 0);
	assert_int_equal(a.job.n_parts, 1);
	assert_string_equal(a.job.parts[0].prompt, "Hi");
	assert_int_equal(a.job.input->type, RKLLM_IN_TOKEN);
	assert_int_equal(a.job.input->tokens.n_tokens, 3);
	assert_true(a.job.infer.keep_history);
	assert_int_equal(a.job.infer.max_new_tokens, 7);
	ask_done(&a);
	g.input = INPUT_TOKENS;
	g.tokens = (struct i32s){ ids + 1, 2 };
	assert_int_equal(ask_make(&a, &g, &of, &why), 0);
	assert_int_equal(a.job.n_parts, 0);
	assert_int_equal(a.job.input->tokens.n_tokens, 5);
	assert_int_equal(a.job.input->tokens.input_ids[2], 7);
	assert_int_equal(a.n_prompt, 2);
	assert_false(a.job.infer.keep_history);
	ask_done(&a);
	g.done.n = 11;
	refused(&g, ERR_INVALID, "done");
	g.done.n = 0;
	g.tokens = (struct i32s){ ids, N_CTX };
	refused(&g, ERR_CONTEXT, "prompt");
	g.tokens = (struct i32s){ &(int32_t){ -1 }, 1 };
	refused(&g, ERR_INVALID, "prompt");
}

/* Rows, alone and of images; and a conversation that has both, in another
 * worker. */
static void
test_rows(void **state)
{
	static const float rows[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct gen_submit g = plain();
	struct fail why = { .code = 0 };
	struct ask a, again;

	(void)state;
	g.input = INPUT_EMBEDS;
	g.embeds = (struct str){ (const char *)rows, sizeof(rows) };
	g.n_row = 2;
	assert_int_equal(ask_make(&a, &g, &of, &why), 0);
	assert_int_equal(a.job.input->type, RKLLM_IN_EMBED);
	assert_int_equal(a.job.input->embed.n_tokens, 5);
	assert_true(a.job.input->embed.embed[9] > 9);
	assert_int_equal(a.n_prompt, 5);
	ask_done(&a);
	g.n_row = 3;
	refused(&g, ERR_INVALID, "embed");
	g.n_row = 2;
	g.n_old_embeds = 6;
	refused(&g, ERR_INVALID, "embed");

	/* A turn of two images behind one of a row. */
	g = plain();
	g.embeds = (struct str){ (const char *)rows, sizeof(rows) };
	g.n_row = 2;
	g.cache_key = 7;
	g.history = (struct i32s){ (const int32_t[]){ -1, 9 }, 2 };
	g.n_old_embeds = 1;
	g.messages = STR("[{\"role\":\"user\",\"content\":"
			 "\"<image>, <image>\"}]");
	g.n_images = g.n_image_embeds = 2;
	g.image_start = STR("<s>");
	assert_int_equal(ask_make(&a, &g, &of, &why), 0);
	assert_int_equal(a.job.n_parts, 2);
	assert_int_equal(a.job.parts[0].type, RKLLM_IN_EMBED);
	assert_int_equal(a.job.parts[1].tokens.input_ids[0], 9);
	assert_int_equal(a.job.input->type, RKLLM_IN_MULTIMODAL);
	assert_string_equal(a.job.input->images.start, "<s>");
	assert_true(a.job.input->images.embed[0] > 2.5f);
	g.resume = 1;
	g.tokens = ask_prompt(&a);
	g.history.n = 0;
	g.done = (struct i32s){ (const int32_t[]){ 4 }, 1 };
	assert_int_equal(ask_make(&again, &g, &of, &why), 0);
	assert_int_equal(again.job.n_parts, 3);
	assert_int_equal(again.job.parts[2].type, RKLLM_IN_MULTIMODAL);
	assert_int_equal(again.job.parts[2].images.n_images, 2);
	assert_true(again.job.parts[2].images.embed[0] > 2.5f);
	assert_string_equal(
	    again.job.parts[2].images.prompt, "<image>, <image>");
	ask_done(&again);
	/* What does not fit is found out. */
	g.embeds.n -= 4 * sizeof(float);
	refused(&g, ERR_UNSUPPORTED, "keep_history");
	ask_done(&a);
}

static void
test_an_encoders_numbers(void **state)
{
	static const float keys[] = { 1, 2, 3, 4 }, mask[] = { 0, 1 };
	struct gen_submit g = plain();
	struct fail why = { .code = 0 };
	struct ask a;

	(void)state;
	g.cross_keys = g.cross_values =
	    (struct str){ (const char *)keys, sizeof(keys) };
	g.cross_mask = (struct str){ (const char *)mask, sizeof(mask) };
	g.cross_pos = (struct i32s){ (const int32_t[]){ 8, 9 }, 2 };
	assert_int_equal(ask_make(&a, &g, &of, &why), 0);
	assert_true(a.job.setup.has_cross);
	assert_int_equal(a.job.cross.num_tokens, 2);
	assert_int_equal(a.job.cross.encoder_pos[1], 9);
	assert_true(a.job.cross.encoder_v_cache[3] > 3.5f);
	assert_true(a.job.cross.encoder_mask[1] > 0.5f);
	ask_done(&a);
	g.cross_pos.n = 1;
	refused(&g, ERR_INVALID, "cross_attn_params");
	g.cross_pos.n = 0;
	refused(&g, ERR_INVALID, "cross_attn_params");
}

/* What was delivered, as text: token:flags:text each. */
static char seen[512];

static void
on_step(void *arg, const struct step *s)
{
	size_t n = strlen(seen);

	(void)arg;
	(void)snprintf(seen + n, sizeof(seen) - n, "%d:%d:%.*s|", s->token,
	    s->flags, (int)s->text.n, s->text.p);
}

static const char *
take(struct run *r, int32_t token, const char *text)
{
	struct result res = { .kind = RESULT_TOKEN,
		.token = token,
		.is_waiting = text == NULL,
		.text = (char *)(uintptr_t)text };

	seen[0] = '\0';
	run_take(r, &res, on_step, NULL);
	return seen;
}

/* None is delivered while some of its text is not: that would be lost. */
static void
test_tokens_wait_for_their_text(void **state)
{
	struct gen_submit g = plain();
	struct fail why = { .code = 0 };
	struct gen_done d;
	struct buf stops;
	struct run *r;

	(void)state;
	buf_init(&stops, 64);
	buf_put_u32(&stops, 4);
	buf_puts(&stops, "STOP");
	g.stops.packed = buf_str(&stops);
	g.max_tokens = 10;
	assert_int_equal(run_new(&g, &of, &r, &why), 0);
	assert_string_equal(take(r, 1, "a"), "1:0:a|");
	assert_string_equal(take(r, 2, NULL), "");
	assert_string_equal(take(r, 3, "é"), "2:1:|3:0:é|");
	assert_string_equal(take(r, 4, "b S"), "");
	assert_string_equal(take(r, 5, "T"), "");
	assert_string_equal(take(r, 6, "x"), "4:0:|5:0:|6:0:b STx|");
	assert_string_equal(take(r, 7, "cST"), "");
	assert_int_equal(r->reason, RUN_GOES_ON);
	assert_string_equal(take(r, 8, "OP"), "7:0:|8:0:c|");
	assert_int_equal(r->reason, REASON_STOP);
	run_last_word(r, r->reason, &d);
	assert_int_equal(d.n_out, 8);
	assert_int_equal(d.text.n, 0);
	run_free(r);
	buf_done(&stops);
}

static void
test_the_end(void **state)
{
	struct gen_submit g = plain();
	struct fail why = { .code = 0 };
	struct gen_done d;
	struct run *r;

	(void)state;
	g.max_tokens = 3;
	assert_int_equal(run_new(&g, &of, &r, &why), 0);
	assert_int_equal(run_reason(r), REASON_EOS);
	(void)take(r, 1, "a");
	(void)take(r, 2, NULL);
	/* The library ends in the middle of a character. */
	seen[0] = '\0';
	run_deliver(r, on_step, NULL);
	assert_string_equal(seen, "2:1:|");
	(void)take(r, 3, "b");
	assert_int_equal(r->reason, REASON_LENGTH);
	assert_int_equal(run_reason(r), REASON_LENGTH);
	r->perf = (struct rkllm_perf){ 2, 11, -1, 3, 0 };
	r->has_perf = true;
	run_last_word(r, r->reason, &d);
	assert_int_equal(d.n_prompt, 11);
	assert_int_equal(d.prefill_us, 2000);
	assert_int_equal(d.decode_us, 0);
	run_free(r);
}

static void
put(struct results *q, enum result_kind kind)
{
	struct result r = { .kind = kind, .text = strdup("x") };

	results_put(q, &r);
}

static void *
put_many(void *arg)
{
	for (uint32_t i = 0; i < 3 * RESULTS_MAX; i++)
		put(arg, RESULT_TOKEN);
	put(arg, RESULT_OVER);
	return NULL;
}

static bool
is_awake(const struct results *q)
{
	struct pollfd p = { .fd = q->wake, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Waits for it: whoever puts is another thread. */
static void
until_stuck(struct results *q)
{
	for (int i = 0; i < 10000 && !results_is_stuck(q); i++)
		(void)poll(NULL, 0, 1);
	assert_true(results_is_stuck(q));
}

static void
test_queue_is_bounded(void **state)
{
	struct results q;
	struct result r;
	uint32_t n = 0;
	pthread_t t;

	(void)state;
	assert_int_equal(results_init(&q), 0);
	assert_false(is_awake(&q));
	assert_false(results_take(&q, &r));
	assert_int_equal(pthread_create(&t, NULL, put_many, &q), 0);
	until_stuck(&q);
	assert_int_equal(q.n, RESULTS_MAX);
	assert_true(is_awake(&q));
	do {
		while (!results_take(&q, &r)) {
			struct pollfd p = { .fd = q.wake, .events = POLLIN };

			assert_int_equal(poll(&p, 1, 60000), 1);
		}
		free(r.text);
		n++;
	} while (r.kind != RESULT_OVER);
	assert_int_equal(n, 3 * RESULTS_MAX + 1);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_false(results_take(&q, &r));
	assert_false(is_awake(&q));
	results_done(&q);
}

/* Held, nothing comes; closed, all goes by but the last word. */
static void
test_queue_is_held_and_closed(void **state)
{
	struct results q;
	struct result r;
	pthread_t t;

	(void)state;
	assert_int_equal(results_init(&q), 0);
	results_hold(&q, true);
	assert_int_equal(pthread_create(&t, NULL, put_many, &q), 0);
	until_stuck(&q);
	assert_true(results_is_empty(&q));
	results_open(&q, false);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(results_take(&q, &r));
	assert_int_equal(r.kind, RESULT_DROPPED);
	assert_true(results_take(&q, &r));
	assert_int_equal(r.kind, RESULT_OVER);
	free(r.text);
	assert_false(results_take(&q, &r));
	/* One that came before it was closed stays, if it is the last word. */
	results_open(&q, true);
	results_hold(&q, false);
	put(&q, RESULT_TOKEN);
	put(&q, RESULT_OVER);
	results_open(&q, false);
	assert_true(results_take(&q, &r));
	assert_int_equal(r.kind, RESULT_OVER);
	free(r.text);
	results_open(&q, true);
	put(&q, RESULT_TOKEN);
	results_done(&q);
}

static void
explains(const char *line, const char *word)
{
	struct fail why = { .code = ERR_LOAD_FAILED, .text = "init failed" };
	struct says s;

	says_begin(&s);
	(void)printf("I rkllm: target_platform: RK3588\n%s\nlast line\n", line);
	says_end(&s);
	says_explain(&s, &why);
	if (strstr(why.text, word) == NULL || strstr(why.text, line) == NULL)
		fail_msg("%s: %s", line, why.text);
}

static void
test_what_it_prints(void **state)
{
	struct fail why = { .code = ERR_LOAD_FAILED, .text = "init failed" };
	struct says s;

	(void)state;
	explains("E RKNN: failed to open rknpu module!", "no NPU");
	explains("E rkllm: driver version is too low", "driver is too old");
	explains("E: Platform error: must be RK3588", "know this chip");
	explains("E rkllm: wrong target_platform", "another chip");
	explains("E RKNN: invalid rknn llm model magic", "same version");
	explains("E RKNN: failed to malloc npu memory", "memory");
	explains("E odd", "no reason that is known");
	says_begin(&s);
	says_end(&s);
	says_explain(&s, &why);
	assert_non_null(strstr(why.text, "printed nothing"));
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_defaults_are_taken),
		cmocka_unit_test(test_what_it_has_not),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_an_encoders_numbers),
		cmocka_unit_test(test_tokens_wait_for_their_text),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_queue_is_bounded),
		cmocka_unit_test(test_queue_is_held_and_closed),
		cmocka_unit_test(test_what_it_prints),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
