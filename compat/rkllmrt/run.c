/*
 * Theory: the engine speaks from within its calls, and the program may call
 * back into this library from its callback; so what the engine says is kept
 * (one step, mostly) and told once its call has returned. A pause leaves the
 * rest untold and the generation parked, with its KV cache.
 */
#include "run.h"

#include "handle.h"
#include "submit.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#define STEPS_MAX (8u << 20)

void
run_init(struct run *r)
{
	buf_init(&r->record, msg_row(MSG_GEN_SUBMIT)->max);
	buf_init(&r->steps, STEPS_MAX);
	buf_init(&r->rest, STEPS_MAX);
	buf_init(&r->text, STEPS_MAX);
}

void
run_done(struct run *r)
{
	buf_done(&r->record);
	buf_done(&r->steps);
	buf_done(&r->rest);
	buf_done(&r->text);
}

static void
on_started(void *arg, const struct gen_started *s)
{
	(void)arg;
	(void)s;
}

static void
on_step(void *arg, const struct step *s)
{
	struct handle *h = arg;

	step_put(&h->run.steps, s);
}

static void
on_done(void *arg, const struct gen_done *d)
{
	struct run *r = &((struct handle *)arg)->run;

	r->has_last = true;
	r->perf = (struct rkllm_perf){
		.prefill_time_ms = (float)d->prefill_us / 1000.0f,
		.prefill_tokens = (int32_t)d->n_prompt,
		.generate_time_ms = (float)d->decode_us / 1000.0f,
		.generate_tokens = (int32_t)d->n_out,
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
		name = names[i][1];
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

struct engine_events
run_events(struct handle *h)
{
	return (struct engine_events){ .arg = h,
		.on_started = on_started,
		.on_step = on_step,
		.on_done = on_done,
		.on_failed = on_failed,
		.on_checked = on_checked };
}

/* Any change of phase, but to PHASE_OF_CLAIM and out of it. */
static void
set_phase(struct handle *h, enum phase phase)
{
	h->phase = phase;
	if (phase != PHASE_OF_RUN && h->waiter != NULL) {
		struct run *r = &h->run;

		h->waiter->err = r->err;
		if (r->err != 0)
			*h->waiter->why = r->why;
		(void)sem_post(&h->waiter->is_done);
		h->waiter = NULL;
	}
	if (phase == PHASE_OF_REST)
		h->is_aborted = false;
	(void)pthread_cond_broadcast(&h->settled);
	(void)pthread_cond_signal(&h->wake);
}

/* On the thread, which has its signals held back already. An error that no
 * caller is told is said here. */
static void
rest(struct handle *h)
{
	const struct run *r = &h->run;

	(void)pthread_mutex_lock(&h->lock);
	if (r->err != 0 && h->waiter == NULL)
		log_error("rkllm_run_async: %s", r->why.text);
	set_phase(h, PHASE_OF_REST);
	(void)pthread_mutex_unlock(&h->lock);
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

static void
forget(struct run *r)
{
	r->gen = 0;
	r->is_parked = false;
	r->has_last = false;
	buf_reset(&r->record);
	buf_reset(&r->steps);
	buf_reset(&r->rest);
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
	if (r->err == 0)
		result.perf = r->perf;
	(void)tell(
	    h, &result, r->err == 0 ? RKLLM_STATE_FINISH : RKLLM_STATE_ERROR);
	forget(r);
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
		set_phase(h, PHASE_OF_PAUSE);
	(void)pthread_mutex_unlock(&h->lock);
	if (is_paused && !r->has_last) {
		engine_llama.park(h->engine, r->gen, true);
		r->is_parked = true;
	}
}

static void
submit(struct handle *h)
{
	struct run *r = &h->run;
	struct gen_submit g;
	struct str s = buf_str(&r->record);
	int err = layout_unpack(&layout_gen_submit, &g, s.p, s.n);

	r->token = 0;
	r->err = 0;
	r->why.code = 0;
	if (err != 0) {
		r->has_last = true;
		r->err = fail_set(&r->why, err, NULL, "%s", err_text(err));
		return;
	}
	r->gen = g.gen;
	engine_llama.submit(h->engine, &g);
}

/* A run that another thread has left. */
static bool
take_new(struct handle *h)
{
	struct buf mine = h->run.record;
	bool is_new;

	(void)pthread_mutex_lock(&h->lock);
	is_new = buf_len(&h->record) > 0;
	if (is_new) {
		h->run.record = h->record;
		h->record = mine;
		buf_reset(&h->record);
	}
	(void)pthread_mutex_unlock(&h->lock);
	return is_new;
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
	else {
		r->has_last = true;
		r->err = fail_set(&r->why, ERR_INTERNAL, NULL,
		    "the engine has nothing to do for this run");
	}
}

void
run_turn(struct handle *h)
{
	struct run *r = &h->run;

	if (take_new(h))
		submit(h);
	/* A pause may have left some untold. */
	if (buf_len(&r->steps) == 0 && !r->has_last)
		compute(h);
	if (tell_steps(h) == RKLLM_PAUSE)
		pause_here(h);
	else if (r->has_last)
		tell_last(h);
}

void
run_end(struct handle *h)
{
	struct run *r = &h->run;

	if (take_new(h) || r->gen != 0) {
		if (r->gen != 0 && !r->has_last)
			engine_llama.cancel(h->engine, r->gen);
		r->has_last = true;
		(void)tell_steps(h);
		tell_last(h);
	}
}

static int
over(struct fail *why)
{
	return fail_set(why, ERR_NOT_LOADED, "handle",
	    "handle: another thread destroys it");
}

/* May the caller have the next run? *ret_goes_on: it is one that is paused. A
 * run that is aborted is waited for. Under the lock. */
static int
claim(struct handle *h, bool *ret_goes_on, struct fail *why)
{
	if (handle_is_own(h))
		return fail_set(why, ERR_BUSY, NULL,
		    "must not be called from the callback of the run that "
		    "goes on");
	while (h->phase == PHASE_OF_RUN && h->is_aborted && !h->is_over)
		(void)pthread_cond_wait(&h->settled, &h->lock);
	if (h->is_over)
		return over(why);
	if (h->phase == PHASE_OF_RUN || h->phase == PHASE_OF_CLAIM)
		return fail_set(why, ERR_BUSY, NULL,
		    "a run of this handle goes on: wait for it or abort it");
	*ret_goes_on = h->phase == PHASE_OF_PAUSE;
	h->phase = PHASE_OF_CLAIM;
	return 0;
}

/* Hands it to the thread. Under the lock. */
static int
hand_over(struct handle *h, struct buf *record, void *userdata,
    struct waiter *w, struct fail *why)
{
	if (h->is_over)
		return over(why);
	if (record != NULL) {
		struct buf old = h->record;

		h->record = *record;
		*record = old;
		h->userdata = userdata;
	} else if (userdata != NULL) {
		h->userdata = userdata;
	}
	h->waiter = w;
	set_phase(h, PHASE_OF_RUN);
	return 0;
}

static int
prepare(struct handle *h, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, struct buf *ret, struct fail *why)
{
	const struct ask a = { .param = &h->param,
		.input = input,
		.infer = infer,
		.gen = ++h->last_gen,
		.n_ctx = h->n_ctx };

	return submit_pack(&a, ret, why);
}

static int
start(struct handle *h, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, struct waiter *w,
    struct fail *why)
{
	bool goes_on = false;
	struct buf record;
	sigset_t was;
	int err;

	handle_lock(h, &was);
	err = claim(h, &goes_on, why);
	handle_unlock(h, &was);
	if (err != 0)
		return err;
	buf_init(&record, msg_row(MSG_GEN_SUBMIT)->max);
	if (!goes_on)
		err = prepare(h, input, infer, &record, why);
	handle_lock(h, &was);
	if (err == 0)
		err = hand_over(h, goes_on ? NULL : &record, userdata, w, why);
	if (err != 0)
		set_phase(h, goes_on ? PHASE_OF_PAUSE : PHASE_OF_REST);
	handle_unlock(h, &was);
	buf_done(&record);
	return err;
}

int
run_call(struct handle *h, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, bool is_waiting,
    struct fail *why)
{
	struct waiter w = { .why = why };
	int err;

	if (!is_waiting)
		return start(h, input, infer, userdata, NULL, why);
	(void)sem_init(&w.is_done, 0, 0);
	err = start(h, input, infer, userdata, &w, why);
	if (err == 0) {
		while (sem_wait(&w.is_done) != 0 && errno == EINTR)
			;
		err = w.err;
	}
	(void)sem_destroy(&w.is_done);
	return err;
}

int
run_abort(struct handle *h, struct fail *why)
{
	sigset_t was;
	int err = 0;

	handle_lock(h, &was);
	if (h->phase == PHASE_OF_REST)
		err = fail_set(
		    why, ERR_NOT_FOUND, NULL, "no run goes on or is paused");
	else
		h->is_aborted = true;
	if (h->phase == PHASE_OF_PAUSE)
		set_phase(h, PHASE_OF_RUN);
	handle_unlock(h, &was);
	return err;
}

bool
run_is_running(struct handle *h)
{
	sigset_t was;
	bool is;

	handle_lock(h, &was);
	is = h->phase == PHASE_OF_RUN || h->phase == PHASE_OF_CLAIM;
	handle_unlock(h, &was);
	return is;
}
