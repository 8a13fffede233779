#include "phase.h"

#include "handle.h"
#include "submit.h"

#include <errno.h>
#include <stdlib.h>

void
phase_set(struct handle *h, enum phase phase)
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

void
phase_lock(struct handle *h, sigset_t *ret_was)
{
	handle_lock(h, ret_was);
	while (h->phase == PHASE_OF_CLAIM)
		(void)pthread_cond_wait(&h->settled, &h->lock);
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
	phase_set(h, PHASE_OF_CLAIM);
	return 0;
}

/* What a run is made of. */
struct order {
	struct buf record;
	char *save;   /* where its prompt goes; or NULL */
	bool is_turn; /* of the conversation */
};

/* Hands it to the thread. Under the lock. */
static int
hand_over(struct handle *h, struct order *o, void *userdata, struct waiter *w,
    struct fail *why)
{
	if (h->is_over)
		return over(why);
	if (o != NULL) {
		struct buf old = h->record;

		h->record = o->record;
		o->record = old;
		h->userdata = userdata;
		h->is_turn = o->is_turn;
		free(h->save);
		h->save = o->save;
		o->save = NULL;
	} else if (userdata != NULL) {
		h->userdata = userdata;
	}
	h->waiter = w;
	phase_set(h, PHASE_OF_RUN);
	return 0;
}

/* What it is made from stays as it is: see phase_lock(). */
static int
prepare(struct handle *h, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, struct order *ret,
    struct fail *why)
{
	const struct ask a = { .param = &h->param,
		.input = input,
		.infer = infer,
		.style = &h->style,
		.talk = &h->talk,
		.loras = &h->loras,
		.marks = &h->marks,
		.prompt_cache = h->prompt_cache,
		.gen = ++h->last_gen,
		.n_ctx = h->n_ctx,
		.n_embd = h->n_embd };
	int err = submit_pack(&a, &ret->record, why);

	if (err != 0)
		return err;
	ret->is_turn = infer->keep_history != 0;
	return saving_ask(
	    infer->prompt_cache_params, infer->mode, &ret->save, why);
}

static int
start(struct handle *h, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, struct waiter *w,
    struct fail *why)
{
	struct order o = { .save = NULL };
	bool goes_on = false;
	sigset_t was;
	int err;

	handle_lock(h, &was);
	err = claim(h, &goes_on, why);
	handle_unlock(h, &was);
	if (err != 0)
		return err;
	buf_init(&o.record, msg_row(MSG_GEN_SUBMIT)->max);
	if (!goes_on)
		err = prepare(h, input, infer, &o, why);
	handle_lock(h, &was);
	if (err == 0)
		err = hand_over(h, goes_on ? NULL : &o, userdata, w, why);
	if (err != 0)
		phase_set(h, goes_on ? PHASE_OF_PAUSE : PHASE_OF_REST);
	handle_unlock(h, &was);
	buf_done(&o.record);
	free(o.save);
	return err;
}

int
phase_run(struct handle *h, const struct rkllm13_input *input,
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
phase_abort(struct handle *h, struct fail *why)
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
		phase_set(h, PHASE_OF_RUN);
	handle_unlock(h, &was);
	return err;
}

bool
phase_is_running(struct handle *h)
{
	sigset_t was;
	bool is;

	handle_lock(h, &was);
	is = h->phase == PHASE_OF_RUN || h->phase == PHASE_OF_CLAIM;
	handle_unlock(h, &was);
	return is;
}
