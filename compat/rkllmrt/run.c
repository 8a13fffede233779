/*
 * Theory: the engine speaks from within its calls, and the program may call
 * back into this library from its callback; so what the engine says is kept
 * (one step, mostly) and told once its call has returned. A pause leaves the
 * rest untold and the generation parked, with its KV cache.
 */
#include "run.h"
#include "wire/i32s.h"

#include "guest.h"
#include "handle.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX (8u << 20)
#define TOKENS_MAX (64u << 20) /* bytes */

void
run_init(struct run *r)
{
	r->saving.fd = -1;
	buf_init(&r->record, msg_row(MSG_GEN_SUBMIT)->max);
	buf_init(&r->prompt, TOKENS_MAX);
	buf_init(&r->turns, TOKENS_MAX);
	buf_init(&r->out, TOKENS_MAX);
	buf_init(&r->steps, STEPS_MAX);
	buf_init(&r->rest, STEPS_MAX);
	buf_init(&r->text, STEPS_MAX);
}

static void
free_rows(struct run *r)
{
	free(r->rows.data);
	r->rows = (struct run_rows){ .data = NULL };
}

void
run_done(struct run *r)
{
	free_rows(r);
	buf_done(&r->record);
	buf_done(&r->prompt);
	buf_done(&r->turns);
	buf_done(&r->out);
	buf_done(&r->steps);
	buf_done(&r->rest);
	buf_done(&r->text);
}

static void
fail(struct run *r, int err, const char *text)
{
	r->has_last = true;
	r->err = fail_set(&r->why, err, NULL, "%s", text);
}

static void
on_started(void *arg, const struct gen_started *s)
{
	struct run *r = &((struct handle *)arg)->run;

	buf_put_i32s(&r->prompt, s->prompt);
	buf_put_i32s(&r->turns, s->turns);
	r->n_system = s->n_system;
}

static void
on_step(void *arg, const struct step *s)
{
	struct run *r = &((struct handle *)arg)->run;

	step_put(&r->steps, s);
	buf_put_i32(&r->out, s->token);
}

static void
on_done(void *arg, const struct gen_done *d)
{
	struct run *r = &((struct handle *)arg)->run;
	const struct rkllm_perf *b = &r->before;

	if (r->is_muted)
		return;
	r->has_last = true;
	r->perf = (struct rkllm_perf){
		.prefill_time_ms =
		    b->prefill_time_ms + (float)d->prefill_us / 1000.0f,
		.prefill_tokens = b->prefill_tokens > 0
		    ? b->prefill_tokens
		    : (int32_t)(d->n_prompt - d->n_cached),
		.generate_time_ms =
		    b->generate_time_ms + (float)d->decode_us / 1000.0f,
		.generate_tokens = b->generate_tokens + (int32_t)d->n_out,
		.memory_usage_mb = (float)d->peak_kib / 1024.0f,
	};
	buf_put_str(&r->rest, d->text);
}

/* The engine speaks of the record's fields, the program knows rkllm.h's. */
static void
on_failed(void *arg, const struct gen_failed *f)
{
	static const char *const names[][2] = {
		{ "messages", "prompt_input" },
		{ "prompt", "token_input" },
	};
	struct run *r = &((struct handle *)arg)->run;
	struct str text = f->text;
	const char *name = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i][0]);

		if (!str_is(f->field, names[i][0]) || text.n < n ||
		    memcmp(text.p, names[i][0], n) != 0)
			continue;
		name =
		    r->asked.input == INPUT_TOKENS ? names[i][1] : names[0][1];
		text = (struct str){ text.p + n, text.n - n };
		break;
	}
	r->has_last = true;
	r->err = fail_set(
	    &r->why, f->err, NULL, "%s%.*s", name, (int)text.n, text.p);
}

/* Nothing is resumed here, so nothing is compared. */
static void
on_checked(void *arg, const struct gen_checked *c)
{
	(void)arg;
	(void)c;
}

static void
on_rows(void *arg, const struct gen_rows *in)
{
	struct run *r = &((struct handle *)arg)->run;
	struct run_rows *to = &r->rows;
	size_t n = in->data.n / sizeof(float) / in->n_cols;

	if (to->data == NULL) {
		to->n_cols = in->n_cols;
		to->n_rows = in->n_rows;
		to->data = calloc(in->n_rows, in->n_cols * sizeof(float));
	}
	if (to->data == NULL || in->first + n > to->n_rows)
		return;
	memcpy(
	    to->data + (size_t)in->first * to->n_cols, in->data.p, in->data.n);
	to->n_got = in->first + (uint32_t)n;
}

static void
on_saved(void *arg, const struct worker_saved *w)
{
	struct run *r = &((struct handle *)arg)->run;

	r->saving.is_there = w->err == 0;
	r->saving.size = w->size;
	if (w->err != 0)
		(void)fail_set(
		    &r->why, w->err, NULL, "%.*s", (int)w->text.n, w->text.p);
}

struct engine_events
run_events(struct handle *h)
{
	return (struct engine_events){ .arg = h,
		.on_started = on_started,
		.on_step = on_step,
		.on_done = on_done,
		.on_failed = on_failed,
		.on_checked = on_checked,
		.on_rows = on_rows,
		.on_saved = on_saved };
}

static bool
is_ending(struct handle *h)
{
	bool is;

	(void)pthread_mutex_lock(&h->lock);
	is = h->is_aborted;
	(void)pthread_mutex_unlock(&h->lock);
	return is;
}

/* The program's callback; its verdict. */
static int
tell(struct handle *h, struct rkllm_result *result, enum rkllm_state state)
{
	void *userdata;
	bool is_silent;

	(void)pthread_mutex_lock(&h->lock);
	userdata = h->userdata;
	is_silent = h->is_silent;
	(void)pthread_mutex_unlock(&h->lock);
	if (userdata == NULL)
		userdata = h->callback.result_userdata;
	if (is_silent)
		return RKLLM_GO_ON;
	return h->callback.result_callback(result, userdata, (int)state);
}

static int
tell_text(struct handle *h, const struct str *text)
{
	struct run *r = &h->run;
	struct rkllm_result result = { .token_id = r->token };

	if (text == NULL)
		return tell(h, &result, RKLLM_STATE_WAITING);
	buf_reset(&r->text);
	buf_put_str(&r->text, *text);
	buf_put_u8(&r->text, '\0');
	result.text = buf_err(&r->text) == 0 ? buf_str(&r->text).p : "";
	return tell(h, &result, RKLLM_STATE_NORMAL);
}

/* What has come so far, up to a pause. */
static int
tell_steps(struct handle *h)
{
	struct run *r = &h->run;
	struct cursor c = cursor_of(buf_data(&r->steps), buf_len(&r->steps));
	int verdict = RKLLM_GO_ON;
	struct step s;

	while (verdict != RKLLM_PAUSE && step_next(&c, &s)) {
		r->token = s.token;
		verdict = tell_text(
		    h, s.text.n == 0 && (s.flags & STEP_HELD) ? NULL : &s.text);
	}
	buf_consume(&r->steps, buf_len(&r->steps) - cursor_left(&c));
	return verdict;
}

/* All of them at once, when all are there. */
static int
tell_rows(struct handle *h)
{
	struct run *r = &h->run;
	struct run_rows *rows = &r->rows;
	struct rkllm_result result = { .text = NULL };
	int verdict;

	if (rows->data == NULL || rows->is_told || rows->n_got < rows->n_rows)
		return RKLLM_GO_ON;
	if (r->asked.mode == MODE_HIDDEN)
		result.last_hidden_layer = (struct rkllm_hidden){ rows->data,
			(int32_t)rows->n_cols, (int32_t)rows->n_rows };
	else
		result.logits = (struct rkllm_logits){ rows->data,
			(int32_t)rows->n_cols, (int32_t)rows->n_rows };
	rows->is_told = true;
	verdict = tell(h, &result, RKLLM_STATE_NORMAL);
	if (verdict == RKLLM_RELEASE)
		free_rows(r);
	return verdict;
}

/* Its rows stay until the next run. */
static void
forget(struct handle *h)
{
	struct run *r = &h->run;

	saving_end(h, &r->saving);
	r->gen = 0;
	r->is_new = false;
	r->is_parked = false;
	r->has_last = false;
	buf_reset(&r->record);
	buf_reset(&r->prompt);
	buf_reset(&r->turns);
	buf_reset(&r->out);
	buf_reset(&r->steps);
	buf_reset(&r->rest);
}

static struct talk_turn
turn_of(const struct handle *h)
{
	const struct run *r = &h->run;

	return (struct talk_turn){
		.prompt = i32s_in(&r->prompt),
		.turns = i32s_in(&r->turns),
		.out = i32s_in(&r->out),
		.embeds = r->asked.embeds,
		.row = h->n_embd * sizeof(float),
		.n_system = r->n_system,
		.n_ctx = h->n_ctx,
		.n_keep = r->asked.n_keep,
		.may_shift = r->asked.may_shift != 0,
	};
}

int
run_context(const struct handle *h, struct talk *t)
{
	const struct talk_turn turn = turn_of(h);

	return talk_add(t, &turn);
}

/* Of a conversation: what was said in this run is part of it. */
static void
remember(struct handle *h)
{
	const struct talk_turn turn = turn_of(h);

	if (h->run.err != 0 || h->run.asked.cache_key == 0)
		return;
	if (talk_add(&h->talk, &turn) != 0)
		log_warn("a conversation is lost: out of memory");
}

/* An error that no caller is told is said here. */
static void
rest(struct handle *h)
{
	const struct run *r = &h->run;

	(void)pthread_mutex_lock(&h->lock);
	if (r->err != 0 && h->waiter == NULL)
		log_error("rkllm_run_async: %s", r->why.text);
	phase_set(h, PHASE_OF_REST);
	(void)pthread_mutex_unlock(&h->lock);
}

/* A prompt that could not be saved is the run's failure, however well it went
 * otherwise. */
static void
save(struct run *r)
{
	if (r->err != 0 || r->saving.path == NULL)
		return;
	if (r->saving.is_there)
		r->err = saving_write(&r->saving, &r->why);
	else if (r->why.code != 0)
		r->err = r->why.code;
	else
		r->err = fail_set(&r->why, ERR_ABORTED, NULL,
		    "prompt_cache_params: the run ended before its prompt was "
		    "computed");
}

/* The last callback, and who waits. */
static void
tell_last(struct handle *h)
{
	struct run *r = &h->run;
	struct rkllm_result result = { .token_id = r->token };
	struct str text = buf_str(&r->rest);

	if (r->err == 0 && text.n > 0)
		(void)tell_text(h, &text);
	save(r);
	(void)pthread_mutex_lock(&h->lock);
	remember(h);
	(void)pthread_mutex_unlock(&h->lock);
	if (r->err == 0)
		result.perf = r->perf;
	(void)tell(
	    h, &result, r->err == 0 ? RKLLM_STATE_FINISH : RKLLM_STATE_ERROR);
	forget(h);
	rest(h);
}

/* Unless an abort was faster. */
static void
pause_here(struct handle *h)
{
	struct run *r = &h->run;
	bool is_paused;

	(void)pthread_mutex_lock(&h->lock);
	is_paused = !h->is_aborted;
	if (is_paused)
		phase_set(h, PHASE_OF_PAUSE);
	(void)pthread_mutex_unlock(&h->lock);
	if (is_paused && !r->has_last) {
		engine_llama.park(h->engine, r->gen, true);
		r->is_parked = true;
	}
}

static int
read_record(struct run *r)
{
	struct str s = buf_str(&r->record);

	return layout_unpack(&layout_gen_submit, &r->asked, s.p, s.n);
}

static void
submit(struct handle *h)
{
	struct run *r = &h->run;
	int err = read_record(r);

	r->is_new = false;
	buf_reset(&r->prompt);
	buf_reset(&r->turns);
	if (err != 0) {
		fail(r, err, err_text(err));
		return;
	}
	if (r->saving.path != NULL && r->saving.fd < 0)
		err = saving_begin(h, &r->saving, &r->why);
	if (err != 0) {
		r->has_last = true;
		r->err = err;
		return;
	}
	r->asked.save = r->saving.id;
	r->gen = r->asked.gen;
	guest_alone(true);
	engine_llama.submit(h->engine, &r->asked);
	guest_alone(false);
}

/* A run that a caller has left, from its beginning. */
static bool
take_new(struct handle *h)
{
	struct run *r = &h->run;
	struct buf mine = r->record;
	bool is_new;

	(void)pthread_mutex_lock(&h->lock);
	is_new = buf_len(&h->record) > 0;
	if (is_new) {
		r->record = h->record;
		h->record = mine;
		buf_reset(&h->record);
		r->saving.path = h->save;
		h->save = NULL;
	}
	(void)pthread_mutex_unlock(&h->lock);
	if (!is_new)
		return false;
	free_rows(r);
	r->before = (struct rkllm_perf){ .prefill_tokens = 0 };
	r->token = 0;
	r->err = 0;
	r->why.code = 0;
	r->is_new = true;
	return true;
}

/* What a bounded buffer or no memory has cut. */
static void
check_kept(struct run *r)
{
	const struct buf *all[] = { &r->prompt, &r->turns, &r->out, &r->steps,
		&r->rest };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (r->err == 0 && buf_err(all[i]) != 0)
			fail(r, buf_err(all[i]), err_text(buf_err(all[i])));
	if (r->err == 0 && r->has_last && r->rows.n_rows > 0 &&
	    r->rows.data == NULL)
		fail(r, ERR_NOMEM, "out of memory for the rows of its prompt");
}

static void
compute(struct handle *h)
{
	struct run *r = &h->run;

	if (r->is_parked) {
		engine_llama.park(h->engine, r->gen, false);
		r->is_parked = false;
	}
	if (is_ending(h))
		engine_llama.cancel(h->engine, r->gen);
	else if (engine_llama.has_work(h->engine))
		engine_llama.step(h->engine);
	else
		fail(r, ERR_INTERNAL,
		    "the engine has nothing to do for this run");
}

void
run_turn(struct handle *h)
{
	struct run *r = &h->run;

	(void)take_new(h);
	if (r->is_new)
		submit(h);
	/* A pause may have left some untold. */
	if (buf_len(&r->steps) == 0 && !r->has_last)
		compute(h);
	check_kept(r);
	if (tell_steps(h) == RKLLM_PAUSE ||
	    (r->has_last && tell_rows(h) == RKLLM_PAUSE))
		pause_here(h);
	else if (r->has_last)
		tell_last(h);
}

void
run_end(struct handle *h)
{
	struct run *r = &h->run;

	if (!take_new(h) && r->gen == 0 && !r->is_new)
		return;
	if (!r->is_new && !r->has_last)
		engine_llama.cancel(h->engine, r->gen);
	(void)tell_steps(h);
	tell_last(h);
}

int
run_replace(struct handle *h, struct buf *record)
{
	struct run *r = &h->run;
	struct buf old = r->record;
	int err;

	r->is_muted = true;
	engine_llama.cancel(h->engine, r->gen);
	r->is_muted = false;
	if (r->before.prefill_tokens == 0)
		r->before.prefill_tokens = (int32_t)i32s_in(&r->prompt).n;
	r->before.generate_tokens += (int32_t)i32s_in(&r->out).n;
	forget(h);
	r->record = *record;
	*record = old;
	r->is_new = true;
	err = read_record(r);
	if (err != 0)
		return err;
	buf_put_i32s(&r->prompt, r->asked.history);
	buf_put_i32s(&r->prompt, r->asked.tokens);
	return buf_err(&r->prompt);
}
