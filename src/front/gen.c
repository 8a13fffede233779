#include "front/life.h"

#include "base/clock.h"
#include "base/log.h"
#include "front/admit.h"
#include "front/asker.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/letgo.h"
#include "front/model.h"
#include "front/origin.h"
#include "front/table.h"

#include <stdlib.h>
#include <string.h>

#define ABOUT_MAX (16u * KIB)

void
gen_set_state(struct gen *g, enum gen_state s)
{
	bool was_active = g->j->state != GEN_QUEUED;
	bool is_active = s != GEN_QUEUED;

	g->j->state = s;
	if (was_active == is_active)
		return;
	list_remove(&g->link);
	letgo_note(g->model);
	g->model->n_active += is_active ? 1u : UINT32_MAX;
	if (!mode_takes_slot(g->mode))
		g->model->n_asides += is_active ? 1u : UINT32_MAX;
	if (is_active)
		list_append(&g->model->active, &g->link);
}

/* One that has no ticket. */
static void
forget(struct gen *g)
{
	struct front *f = g->model->front;

	entry_free(&g->entry);
	origin_drop(g->origin);
	table_remove(f->gens, g->id);
	f->n_gens--;
	g->model->n_gens--;
	letgo_note(g->model);
	free(g);
}

void
gen_free(struct gen *g)
{
	gen_set_state(g, GEN_QUEUED);
	list_remove(&g->link);
	ticket_done(&g->ticket);
	forget(g);
}

/* 32 bits, as llama-server shows them. */
static uint64_t
draw_seed(void)
{
	return arc4random();
}

/* One with an id and an owner; NULL and *ret_err. */
static struct gen *
gen_new(struct model *m, const struct gen_ops *ops, void *arg, int *ret_err)
{
	struct gen *g = calloc(1, sizeof(*g));

	*ret_err = g == NULL ? ERR_NOMEM : table_add(m->front->gens, g, &g->id);
	if (*ret_err != 0) {
		free(g);
		return NULL;
	}
	g->model = m;
	g->ops = ops;
	g->arg = arg;
	list_init(&g->link);
	m->front->n_gens++;
	m->n_gens++;
	m->was_busy = true;
	return g;
}

/* What the owner is; false if there is no room for its connection's counts. */
static bool
ask_owner(struct gen *g, struct journal_about *ret)
{
	struct journal *j = &g->model->front->journal;
	struct conn *c;

	if (g->ops->describe == NULL)
		return true;
	c = g->ops->describe(g->arg, ret);
	g->ticket.tally = conn_asker(c)->tally;
	g->out = conn_counts(c);
	if (g->out == NULL)
		return false;
	ret->conn = journal_conn_id(g->out);
	ret->conn_slot = journal_conn_slot(j, g->out);
	ret->out_start = g->out->made;
	return true;
}

/* Into the journal, where it begins with the last store. */
static int
write_down(struct gen *g, const struct gen_submit *s)
{
	struct model *m = g->model;
	struct journal_about a = { .model = m->state.model,
		.name = m->state.name };
	struct buf about, record;
	int err = ERR_BUSY;

	buf_init(&about, ABOUT_MAX);
	buf_init(&record, msg_row(MSG_GEN_SUBMIT)->max);
	if (!ask_owner(g, &a))
		goto out;
	layout_pack(&layout_journal_about, &a, &about);
	layout_pack(&layout_gen_submit, s, &record);
	err = buf_err(&about) != 0 ? buf_err(&about) : buf_err(&record);
	if (err == 0)
		err = entry_new(&m->front->journal, g->id, buf_str(&about),
		    buf_str(&record), &g->entry);
	if (err != 0)
		goto out;
	g->j = g->entry.gen;
	g->j->state = GEN_QUEUED;
	g->j->class =
	    s->resume_mode == RESUME_FAST ? RESUME_FAST : RESUME_EXACT;
	entry_begin(&g->entry);
out:
	buf_done(&about);
	buf_done(&record);
	return err;
}

static int
cannot_write(int err, struct fail *why)
{
	if (err == ERR_BUSY)
		return fail_set(why, err, NULL,
		    "what runs and waits leaves no room for this request in "
		    "--journal-max; try again later");
	if (err == ERR_TOO_BIG)
		return fail_set(why, err, NULL, "the request is too large");
	return fail_set(why, err, NULL, "%s", err_text(err));
}

int
gen_start(struct model *m, const struct gen_submit *req,
    const struct gen_order *order, const struct gen_ops *ops, void *arg,
    struct gen **ret, struct fail *why)
{
	struct gen_submit own = *req;
	struct gen *g;
	int err;

	if (own.adapters.p == NULL)
		own.adapters = m->state.scales;
	err = admit_check(m, order, &own, why);
	if (err != 0)
		return err;
	g = gen_new(m, ops, arg, &err);
	if (g == NULL)
		return fail_set(why, err, NULL, "%s", err_text(err));
	own.gen = g->id;
	g->most = own.may_shift ? own.max_tokens : 0;
	g->mode = (enum gen_mode)req->mode;
	if (own.seed == UINT64_MAX)
		own.seed = draw_seed();
	if (own.resume_mode == 0)
		own.resume_mode = m->front->config.resume_mode;
	err = write_down(g, &own);
	if (err != 0) {
		forget(g);
		return cannot_write(err, why);
	}
	g->ticket.model = m;
	g->ticket.queue = mode_takes_slot(g->mode) ? &m->queue : &m->asides;
	err = ticket_take(&g->ticket, g, order, why);
	if (err != 0) {
		forget(g);
		return err;
	}
	m->front->metrics.generations_total++;
	*ret = g;
	model_dispatch(m);
	return 0;
}

int
gen_tell(struct gen *g, enum msg what)
{
	struct gen_cancel id = { .gen = g->id };

	/* Cancel, park and unpark are one struct. A channel that cannot take
	 * these few bytes is about to end, and all it had is sent again. */
	return g->model->chan == NULL
	    ? ERR_EOF
	    : chan_send(g->model->chan, what, &id, -1);
}

/* The last call for an owner that asked for the end itself. */
static void
end_cancelled(struct gen *g)
{
	struct gen_done d = { .gen = g->id,
		.reason = g->ticket.is_cut ? REASON_LENGTH : REASON_CANCEL,
		.text = STR(""),
		.stop = STR(""),
		.n_prompt = g->entry.n_prompt,
		.n_out = g->entry.n_tokens };

	g->model->front->metrics.generations_cancelled_total++;
	if (g->ops != NULL)
		g->ops->done(g->arg, g, &d);
	gen_free(g);
}

void
gen_end_failed(struct gen *g, const struct fail *why)
{
	g->model->front->metrics.generations_failed_total++;
	if (g->ops != NULL)
		g->ops->failed(g->arg, g, why);
	gen_free(g);
}

/* The last call of one that is in front->endings. */
static void
end_listed(struct gen *g)
{
	struct fail why;

	if (!g->ticket.is_displaced || g->ops == NULL) {
		end_cancelled(g);
		return;
	}
	(void)admit_full(g->model, g->ticket.queue, &why);
	gen_end_failed(g, &why);
}

void
gen_fail(struct gen *g, const struct fail *why)
{
	const struct gen_ops *owner = g->ops;

	if (g->j->is_cancelled)
		return;
	if (g->j->state == GEN_QUEUED) {
		gen_end_failed(g, why);
		return;
	}
	/* Its worker's last word is waited for. */
	g->model->front->metrics.generations_failed_total++;
	gen_drop(g);
	if (owner != NULL)
		owner->failed(g->arg, g, why);
}

void
gen_cancel(struct gen *g)
{
	if (g->j->is_cancelled)
		return;
	g->j->is_cancelled = true;
	if (g->j->state == GEN_QUEUED) {
		ticket_leave(&g->ticket);
		list_append(&g->model->front->endings, &g->link);
		return;
	}
	gen_set_state(g, GEN_ENDING);
	(void)gen_tell(g, MSG_GEN_CANCEL);
}

void
gen_drop(struct gen *g)
{
	if (g == NULL)
		return;
	g->ops = NULL;
	gen_cancel(g);
}

void
gen_park(struct gen *g, bool is_parked)
{
	if (g->j->is_parked == is_parked)
		return;
	g->j->is_parked = g->ticket.is_parked = is_parked;
	if (is_parked) {
		g->ticket.parked_ms = clock_ms();
		g->model->front->metrics.generations_parked_total++;
	}
	if (g->j->state == GEN_SENT || g->j->state == GEN_RUNNING)
		(void)gen_tell(g, is_parked ? MSG_GEN_PARK : MSG_GEN_UNPARK);
	model_dispatch(g->model); /* it, or who waited for its token */
}

void
gen_note_deaths(struct gen *g, uint32_t deaths)
{
	g->j->deaths = deaths;
}

uint64_t
gen_id(const struct gen *g)
{
	return g->id;
}

enum gen_state
gen_state(const struct gen *g)
{
	return g->j->state;
}

/* Back to the queue, before what is new there; or its end. c: who was in the
 * worker. */
static void
put_back(struct gen *g, const struct company *c)
{
	bool was_started = g->j->state == GEN_RUNNING;

	if (g->j->is_cancelled) {
		end_cancelled(g);
		return;
	}
	gen_set_state(g, GEN_QUEUED);
	ticket_on_death(&g->ticket, c, was_started);
	g->model->front->metrics.generations_resumed_total++;
}

void
gen_on_worker_death(struct model *m)
{
	struct company c = ticket_company(m);

	/* From the last to the first, so that their order stays. */
	while (!list_empty(&m->active))
		put_back(LIST_ENTRY(m->active.prev, struct gen, link), &c);
}

bool
gen_any_due(const struct model *m)
{
	for (struct list *it = m->active.next; it != &m->active; it = it->next)
		if (!LIST_ENTRY(it, const struct gen, link)->j->is_parked)
			return true;
	return false;
}

static struct gen *
first_of_another_file(const struct model *m, const struct origin *now)
{
	const struct list *head = &m->queue.back;

	for (struct list *it = head->next; it != head; it = it->next) {
		struct gen *g = LIST_ENTRY(it, struct ticket, waiter.link)->gen;

		if (g->j->prompt != 0 && !origin_same_file(g->origin, now))
			return g;
	}
	return NULL;
}

/* The keeper ends the streams of a file that changed; this is for a keeper that
 * does not know. */
void
gen_on_worker_up(struct model *m)
{
	struct origin *now = origin_now(m);
	struct fail why;
	struct gen *g;

	(void)fail_set(&why, ERR_FILE, "model",
	    "the model's file is another than the one that this reply began "
	    "with; ask again");
	/* From the first again each time: an owner drops its others. */
	while (now != NULL && (g = first_of_another_file(m, now)) != NULL)
		gen_end_failed(g, &why);
}

static void
fail_active(struct model *m, const struct fail *why)
{
	while (!list_empty(&m->active)) {
		struct gen *g = LIST_ENTRY(m->active.next, struct gen, link);

		if (g->j->is_cancelled)
			end_cancelled(g);
		else
			gen_end_failed(g, why);
	}
}

static void
fail_back(const struct queue *q, const struct fail *why)
{
	while (!list_empty(&q->back))
		gen_end_failed(
		    LIST_ENTRY(q->back.next, struct ticket, waiter.link)->gen,
		    why);
}

void
gen_fail_inside(struct model *m, const struct fail *why)
{
	fail_active(m, why);
	fail_back(&m->queue, why);
	fail_back(&m->asides, why);
}

static void
fail_waiting(struct model *m, const struct fail *why)
{
	struct waiter *w;

	while ((w = queue_any(&m->queue)) != NULL ||
	    (w = queue_any(&m->asides)) != NULL)
		gen_end_failed(LIST_ENTRY(w, struct ticket, waiter)->gen, why);
}

static struct gen *
first_ending(const struct model *m)
{
	const struct list *head = &m->front->endings;

	for (struct list *it = head->next; it != head; it = it->next) {
		struct gen *g = LIST_ENTRY(it, struct gen, link);

		if (g->model == m)
			return g;
	}
	return NULL;
}

void
gen_fail_all(struct model *m, const struct fail *why)
{
	struct gen *g;

	fail_active(m, why);
	ticket_sentence(m);
	fail_waiting(m, why);
	/* An owner that hears of a failure drops its others, and those that
	 * waited are among the endings now: the model may be gone next. */
	while ((g = first_ending(m)) != NULL)
		end_listed(g);
}

void
gen_cut_all(struct front *f)
{
	struct list *it, *next;
	struct fail why;

	(void)fail_set(&why, ERR_STOPPING, NULL,
	    "the server is stopping; this reply is not complete");
	f->n_cut += f->n_gens;
	LIST_EACH (it, next, &f->models) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		for (struct list *g = m->active.next; g != &m->active;
		     g = g->next)
			(void)gen_tell(
			    LIST_ENTRY(g, struct gen, link), MSG_GEN_CANCEL);
		gen_fail_all(m, &why);
	}
}

void
gen_turn(struct front *f)
{
	while (!list_empty(&f->endings))
		end_listed(LIST_ENTRY(f->endings.next, struct gen, link));
	letgo_turn(f);
}
