#include "worker/rkllm/run.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TEXT_MAX (8u << 20)	/* bytes held back, with the longest stop */
#define TOKENS_MAX (512u << 10) /* bytes of tokens that wait for one another */

int
run_new(const struct gen_submit *g, const struct ask_of *of, struct run **ret,
    struct fail *why)
{
	struct run *r = calloc(1, sizeof(*r));
	int err;

	if (r == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	r->id = g->gen;
	r->start_us = clock_us();
	r->n_out = g->done.n;
	r->mode = (enum gen_mode)g->mode;
	r->save_fd = -1;
	r->row = g->rows_done;
	buf_init(&r->text, TEXT_MAX);
	buf_init(&r->tokens, TOKENS_MAX);
	err = emit_init(&r->emit, g->stops);
	if (err != 0)
		(void)fail_set(why, err, "stop", "stop: %s", err_text(err));
	else
		err = ask_make(&r->ask, g, of, why);
	if (err != 0) {
		run_free(r);
		return err;
	}
	r->hash = memo_hash(memo_hash(0, ask_prompt(&r->ask)), g->done);
	*ret = r;
	return 0;
}

void
run_free(struct run *r)
{
	if (r == NULL)
		return;
	ask_done(&r->ask);
	emit_done(&r->emit);
	buf_done(&r->text);
	buf_done(&r->tokens);
	if (r->save_fd >= 0)
		(void)close(r->save_fd);
	free(r);
}

void
run_deliver(struct run *r, run_step_fn *fn, void *arg)
{
	size_t n = buf_len(&r->tokens) / sizeof(struct run_token);
	struct run_token t;

	for (size_t i = 0; i < n; i++) {
		struct step s = { .gen = r->id };

		memcpy(&t, buf_data(&r->tokens) + i * sizeof(t), sizeof(t));
		s.token = t.token;
		s.flags = t.flags;
		if (i + 1 == n)
			s.text = buf_str(&r->text);
		fn(arg, &s);
	}
	if (n == 0)
		return;
	buf_reset(&r->text);
	buf_reset(&r->tokens);
}

static void
fail(struct run *r, int err)
{
	r->reason = RUN_FAILED;
	(void)fail_set(
	    &r->why, err, NULL, "the token cannot be taken: %s", err_text(err));
}

static int
add(struct run *r, const struct result *res)
{
	struct run_token t = { .token = res->token,
		.flags = res->is_waiting ? STEP_HELD : 0 };
	struct str shown;
	int err = emit_token(&r->emit, str_of(res->text), &shown);

	if (err != 0)
		return err;
	buf_put_str(&r->text, shown);
	if (emit_is_held(&r->emit))
		t.flags |= STEP_HELD;
	buf_put(&r->tokens, &t, sizeof(t));
	return buf_err(&r->text) != 0 ? buf_err(&r->text) : buf_err(&r->tokens);
}

void
run_take(struct run *r, const struct result *res, run_step_fn *fn, void *arg)
{
	int err = add(r, res);

	if (r->first_us == 0)
		r->first_us = clock_us();
	r->n_out++;
	r->hash = memo_hash(r->hash, (struct i32s){ &res->token, 1 });
	if (err != 0) {
		fail(r, err);
		return;
	}
	if (r->emit.stop != EMIT_NO_STOP)
		r->reason = REASON_STOP;
	else if (r->n_out >= r->ask.max_out)
		r->reason = REASON_LENGTH;
	if (r->reason != RUN_GOES_ON ||
	    (!res->is_waiting && emit_is_clear(&r->emit)))
		run_deliver(r, fn, arg);
}

/* The library ends at its own end token, and where the context is full. */
int
run_reason(const struct run *r)
{
	if (r->mode != MODE_GENERATE)
		return REASON_LENGTH;
	return r->n_out >= r->ask.max_out ? REASON_LENGTH : REASON_EOS;
}

/* Only what ended by itself has computed what was delivered, and no more; and
 * with an adapter it is of use to nobody else. */
struct ask_kept
run_kept(const struct run *r)
{
	if (!r->has_perf || r->ask.lora.id != 0 || r->is_cut ||
	    r->reason == REASON_STOP || r->reason == REASON_CANCEL ||
	    r->reason < 0)
		return (struct ask_kept){ .key = 0 };
	return (struct ask_kept){ r->ask.key, ask_prompt(&r->ask).n + r->n_out,
		r->hash };
}

static uint64_t
us_of(float ms)
{
	return ms > 0 && ms < 1e12f ? (uint64_t)(ms * 1000) : 0;
}

static uint32_t
count_of(int32_t n)
{
	return n > 0 ? (uint32_t)n : 0;
}

void
run_last_word(struct run *r, int reason, struct gen_done *ret)
{
	uint64_t now = clock_us();
	uint64_t first = r->first_us != 0 ? r->first_us : now;
	struct rusage usage = { 0 };

	*ret = (struct gen_done){ .gen = r->id, .reason = (uint8_t)reason };
	if (emit_flush(&r->emit, &ret->text) != 0)
		ret->text = STR("");
	ret->stop = emit_stop(&r->emit);
	ret->n_out = r->n_out;
	ret->n_prompt = r->ask.n_prompt;
	if (ret->n_prompt == 0)
		ret->n_prompt = r->n_read > 0
		    ? r->n_read
		    : count_of(r->perf.prefill_tokens);
	ret->prefill_us =
	    r->has_perf ? us_of(r->perf.prefill_time_ms) : first - r->start_us;
	ret->decode_us =
	    r->has_perf ? us_of(r->perf.generate_time_ms) : now - first;
	(void)getrusage(RUSAGE_SELF, &usage);
	ret->peak_kib = (uint64_t)usage.ru_maxrss;
}
