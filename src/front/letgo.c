#include "front/letgo.h"

#include "base/clock.h"
#include "base/log.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/model.h"
#include "front/want.h"

static struct model *
model_of(struct list *it)
{
	return LIST_ENTRY(it, struct model, link);
}

static bool
is_busy(const struct model *m)
{
	return m->n_gens > 0 || m->n_users > 0 || want_is_for(m);
}

/* Whether its worker has anything that would be lost. */
static bool
is_inside(const struct model *m)
{
	return m->n_active > 0 || m->queue.n_back > 0 || m->asides.n_back > 0;
}

static void
let_go(struct model *m, enum let_go_why why)
{
	struct front *f = m->front;
	struct model_unwant u = { .ref = m->stay.ref };
	struct model_let_go g = { .model = m->state.model,
		.why = (uint8_t)why };

	if (stay_step(&m->stay, STAY_EV_LET_GO) != STAY_DO_LET_GO)
		return;
	if (m->stay.is_owed)
		front_tell(f, MSG_MODEL_UNWANT, &u);
	m->stay.is_owed = false;
	front_tell(f, MSG_MODEL_LET_GO, &g);
	f->n_let_go++;
	f->metrics.models_let_go_total++;
	m->is_unloading = false;
	timer_clear(m->idle);
	model_close(m);
	model_dispatch(m); /* for those who wait */
}

/* Nobody waits for it any more. */
static void
unwant(struct model *m)
{
	struct model_unwant u = { .ref = m->stay.ref };

	if (stay_step(&m->stay, STAY_EV_NO_WORK) == STAY_DO_UNWANT)
		front_tell(m->front, MSG_MODEL_UNWANT, &u);
}

static bool
may_sleep(const struct model *m)
{
	return m->front->config.sleep_ms > 0 && m->state.may_rest &&
	    m->stay.state == STAY_IN;
}

/* The last that had it has gone: so may its worker. */
static void
tell_empty(struct model *m)
{
	struct model_empty e = { .model = m->state.model };

	if (is_busy(m) || m->is_empty)
		return;
	m->is_empty = true;
	front_tell(m->front, MSG_MODEL_EMPTY, &e);
}

static void
settle(struct model *m)
{
	uint64_t now = clock_ms();

	if (m->state.is_retired)
		tell_empty(m);
	/* It is loaded for nobody again: who waits has this one. */
	if (m->state.is_retired && !m->is_unloading &&
	    stay_step(&m->stay, STAY_EV_UNHOLD) == STAY_DO_SERVE)
		model_dispatch(m);
	if (stay_is_wanted(&m->stay) &&
	    queue_len(&m->queue) + queue_len(&m->asides) == 0)
		unwant(m);
	if (!stay_is_in(&m->stay))
		return;
	if (m->stay.state == STAY_HELD && !is_inside(m)) {
		let_go(m, m->is_unloading ? LET_GO_AS_ASKED : LET_GO_FOR_ROOM);
		return;
	}
	if (!m->was_busy || is_busy(m))
		return;
	m->was_busy = false;
	m->used = ++m->front->n_uses;
	m->used_ms = now;
	if (may_sleep(m))
		timer_set(m->idle, m->front->config.sleep_ms);
}

static void
end_inside(struct model *m)
{
	struct fail why;

	(void)fail_set(&why, ERR_NOT_LOADED, "model",
	    "the model was unloaded at a client's request, and this reply was "
	    "not complete within %u s (--unload-timeout)",
	    m->state.unload_ms / 1000);
	gen_fail_inside(m, &why);
}

static void
on_timer(void *arg)
{
	struct model *m = arg;
	struct front *f = m->front;
	uint64_t gone = clock_ms() - m->used_ms, ms = f->config.sleep_ms;

	if (m->is_unloading) {
		end_inside(m);
		letgo_note(m);
	} else if (may_sleep(m) && !is_busy(m)) {
		if (gone >= ms)
			let_go(m, LET_GO_AS_IDLE);
		else
			timer_set(m->idle, ms - gone);
	}
	conn_turn(f);
}

struct timer *
letgo_timer(struct model *m, struct loop *l)
{
	return timer_new(l, on_timer, m);
}

void
letgo_on_up(struct model *m)
{
	m->up_ms = m->used_ms = clock_ms();
	m->used = ++m->front->n_uses;
	m->was_busy = true;
	letgo_note(m);
}

void
letgo_note(struct model *m)
{
	list_remove(&m->letting);
	list_append(&m->front->letting, &m->letting);
}

/* Of those that may be let go for others. */
static struct model *
least_used(const struct front *f)
{
	struct model *best = NULL;

	for (struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		struct model *m = model_of(it);

		if (m->state.may_go && m->stay.state == STAY_IN &&
		    !is_busy(m) && (best == NULL || m->used < best->used))
			best = m;
	}
	return best;
}

/* Of those that only requests keep busy: that which had its place longest. */
static struct model *
longest_here(const struct front *f)
{
	struct model *best = NULL;

	for (struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		struct model *m = model_of(it);

		if (m->state.may_go && m->stay.state == STAY_IN &&
		    m->n_users == 0 && (best == NULL || m->up_ms < best->up_ms))
			best = m;
	}
	return best;
}

/* What was noted, one after the other; noting again is for the next turn. */
static void
settle_noted(struct front *f)
{
	struct list noted = f->letting;

	if (list_empty(&f->letting))
		return;
	/* Those noted take the head that is here for theirs. */
	noted.next->prev = noted.prev->next = &noted;
	list_init(&f->letting);
	while (!list_empty(&noted)) {
		struct model *m = LIST_ENTRY(noted.next, struct model, letting);

		list_remove(&m->letting);
		settle(m);
	}
}

/* n models are to be held for others; what is held beyond that is not. */
static void
hold(struct front *f, uint32_t n)
{
	struct list *it, *next;
	struct model *m;

	LIST_EACH (it, next, &f->models) {
		m = model_of(it);
		if (m->stay.state != STAY_HELD || m->is_unloading)
			continue;
		if (n > 0)
			n--;
		else if (stay_step(&m->stay, STAY_EV_UNHOLD) == STAY_DO_SERVE)
			model_dispatch(m);
	}
	for (; n > 0 && (m = longest_here(f)) != NULL; n--) {
		log_info("%.*s: others wait long for room: it finishes what "
			 "runs and takes nothing new",
		    (int)m->state.name.n, m->state.name.p);
		(void)stay_step(&m->stay, STAY_EV_HOLD);
		settle(m);
	}
}

void
letgo_turn(struct front *f)
{
	struct model *m;
	uint32_t n;

	if ((!f->is_letting && list_empty(&f->letting)) || f->is_draining)
		return;
	f->is_letting = false;
	settle_noted(f);
	while ((int32_t)(f->room.total - f->n_let_go) > 0 &&
	    (m = least_used(f)) != NULL)
		let_go(m, LET_GO_FOR_ROOM);
	n = f->room.total - f->n_let_go;
	n = f->room.must && (int32_t)n > 0 ? n : 0;
	if (n > 0 || f->has_held)
		hold(f, n);
	f->has_held = n > 0;
}

int
letgo_on_frame(struct front *f, struct frame *fr)
{
	if (frame_unpack(fr, &f->room) != 0)
		return ERR_PROTO;
	f->is_letting = true;
	return 0;
}

static bool
is_loading(const struct model *m)
{
	return stay_is_wanted(&m->stay) || m->state.status == MODEL_STARTING ||
	    (m->state.status == MODEL_RESTARTING && !stay_is_in(&m->stay));
}

int
letgo_unload(struct model *m, struct fail *why)
{
	struct fail told;

	if (!m->state.may_rest)
		return fail_set(why, ERR_INVALID, "model",
		    "model: clients have it that named its file; it leaves "
		    "with the last of them (rkllm.destroy)");
	if (stay_is_in(&m->stay)) {
		(void)stay_step(&m->stay, STAY_EV_HOLD);
		m->is_unloading = true;
		timer_set(m->idle, m->state.unload_ms);
	} else if (is_loading(m)) {
		(void)fail_set(&told, ERR_NOT_LOADED, "model",
		    "the model was unloaded at a client's request while it "
		    "was loaded");
		want_fail_all(m, &told);
		gen_fail_all(m, &told);
		let_go(m, LET_GO_AS_ASKED);
	} else {
		return fail_set(
		    why, ERR_INVALID, "model", "model: is not running");
	}
	letgo_note(m);
	return 0;
}
