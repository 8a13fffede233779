#include "front/ticket.h"

#include "base/clock.h"
#include "base/log.h"
#include "front/admit.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/model.h"
#include "front/tally.h"

#include <stdio.h>
#include <string.h>

/*
 * Deadlines
 */

static enum deadline
next_deadline(const struct ticket *t, uint64_t *ret_ms)
{
	return deadline_next(
	    &t->times, t->slot_ms != 0, t->token_ms != 0, ret_ms);
}

static void
pass(struct ticket *t, enum deadline d)
{
	struct model *m = t->model;
	struct fail why;

	m->front->metrics.deadlines_passed_total++;
	(void)deadline_fail(
	    d == DEADLINE_QUEUE && m->chan == NULL ? DEADLINE_LOAD : d,
	    &t->times, &why);
	if (d == DEADLINE_QUEUE)
		why.retry_ms = admit_wait(m);
	gen_fail(t->gen, &why);
	model_dispatch(m);
}

/* Deadlines only move away: what moves one leaves the timer as it is, and when
 * that fires too early it is set again. */
static void
on_timer(void *arg)
{
	struct ticket *t = arg;
	struct front *f = t->model->front;
	uint64_t gone = clock_ms() - t->born_ms, ms;
	enum deadline d = next_deadline(t, &ms);

	/* Once it is ending, that is the worker's doing. */
	if (d == DEADLINE_NONE || gen_state(t->gen) == GEN_ENDING)
		return;
	if (gone < ms)
		timer_set(t->timer, ms - gone);
	else
		pass(t, d);
	conn_turn(f);
}

struct gen_times
ticket_times(const struct front *f, const struct gen_times *asked)
{
	const struct front_config *c = &f->config;
	const struct gen_times server = { .queue_ms = c->queue_ms,
		.first_ms = c->first_ms,
		.total_ms = c->total_ms };
	struct gen_times t = *asked;

	deadline_limit(&t, &server);
	if (t.since_ms == 0)
		t.since_ms = clock_ms();
	return t;
}

static int
set_times(struct ticket *t, const struct gen_times *asked)
{
	uint64_t ms, gone;

	t->times = ticket_times(t->model->front, asked);
	t->born_ms = t->times.since_ms;
	gone = clock_ms() - t->born_ms;
	if (next_deadline(t, &ms) == DEADLINE_NONE)
		return 0;
	t->timer = timer_new(t->model->front->loop, on_timer, t);
	if (t->timer == NULL)
		return ERR_NOMEM;
	timer_set(t->timer, gone < ms ? ms - gone : 0);
	return 0;
}

/*
 * From the queue to the end
 */

/* Room for one more of client's in m's queue q, if need be that of another who
 * has more there. */
static int
make_room(const struct model *m, const struct queue *q, struct client *client,
    struct fail *why)
{
	struct waiter *w;
	struct ticket *t;

	if (q->n_new < m->front->config.queue_max)
		return 0;
	w = queue_victim(q, &client->party);
	if (w == NULL)
		return admit_full(m, q, why);
	t = LIST_ENTRY(w, struct ticket, waiter);
	t->is_displaced = true;
	gen_cancel(t->gen);
	return 0;
}

int
ticket_take(struct ticket *t, struct gen *g, const struct gen_order *order,
    struct fail *why)
{
	struct model *m = t->model;
	struct queue *q = t->queue;
	int err = make_room(m, q, order->client, why);

	if (err != 0)
		return err;
	*t = (struct ticket){
		.gen = g, .model = m, .queue = q, .tally = t->tally
	};
	list_init(&t->link);
	err = set_times(t, &order->times);
	if (err == 0)
		err = queue_add(
		    q, &t->waiter, &order->client->party, order->conn);
	if (err != 0) {
		timer_free(t->timer);
		return fail_set(why, err, NULL, "%s", err_text(err));
	}
	t->client = client_keep(order->client);
	if (tally_keep(t->tally) != NULL && t->tally->n_gens++ == 0)
		(void)snprintf(t->tally->model, sizeof(t->tally->model), "%.*s",
		    (int)m->state.name.n, m->state.name.p);
	return 0;
}

void
ticket_done(struct ticket *t)
{
	ticket_leave(t);
	tally_drop(t->tally);
	timer_free(t->timer);
	client_drop(t->client);
	if (t->slot_ms != 0)
		admit_note(t->model, clock_ms() - t->slot_ms);
}

void
ticket_leave(struct ticket *t)
{
	list_remove(&t->link);
	queue_leave(t->queue, &t->waiter);
	if (t->timer != NULL)
		timer_clear(t->timer);
}

void
ticket_enter(struct ticket *t)
{
	if (t->queue == &t->model->queue &&
	    (t->has_left || t->waiter.state == WAITER_NEW))
		t->model->is_turn_of_new = t->has_left;
	t->has_left = false;
	queue_take(t->queue, &t->waiter);
	list_append(&t->model->inside, &t->link);
	t->suspect.sent_ms = clock_ms();
	if (t->slot_ms == 0)
		t->slot_ms = t->suspect.sent_ms;
	if (t->tally != NULL && t->tally->slot_ms == 0)
		t->tally->slot_ms = t->slot_ms;
}

struct ticket *
ticket_next(const struct model *m, const struct queue *q)
{
	const struct list *back = &q->back;
	bool is_held = m->stay.state == STAY_HELD;
	struct ticket *left = NULL;
	struct waiter *w;

	/* A parked one has lost its slot, and needs none before it goes on. */
	for (struct list *it = back->next; it != back; it = it->next) {
		struct ticket *t = LIST_ENTRY(it, struct ticket, waiter.link);

		if (t->is_parked)
			continue;
		if (!t->has_left)
			return t;
		if (left == NULL)
			left = t;
	}
	/* Those that only gave their slot away have every second one. */
	w = is_held || (left != NULL && !m->is_turn_of_new) ? NULL
							    : queue_next(q);
	return w == NULL ? left : LIST_ENTRY(w, struct ticket, waiter);
}

struct company
ticket_company(const struct model *m)
{
	const struct list *head = &m->inside;
	struct company c = { 0 };

	for (struct list *it = head->next; it != head; it = it->next) {
		const struct ticket *t = LIST_ENTRY(it, struct ticket, link);

		company_add(&c, &t->suspect, t->is_parked);
	}
	return c;
}

uint64_t
ticket_wait(const struct ticket *t)
{
	struct company c = ticket_company(t->model);

	return suspect_wait(&t->suspect, &c, clock_ms());
}

/* Tokens count against the client's rate when they are there. */
static void
charge(struct ticket *t, uint32_t n)
{
	uint32_t rate = client_tokens(t->client, &t->model->front->config);

	if (rate != 0)
		bucket_take(&t->client->tokens, rate, n, clock_ms());
}

void
ticket_on_prompt(struct ticket *t, uint32_t n)
{
	charge(t, n);
	t->client->n_prompt += n;
	if (t->tally != NULL)
		t->tally->n_prompt += n;
}

static void
count_token(struct ticket *t)
{
	charge(t, 1);
	t->client->n_out++;
	if (t->token_ms == 0)
		t->token_ms = clock_ms();
	if (t->tally == NULL)
		return;
	t->tally->n_out++;
	if (t->tally->token_ms == 0)
		t->tally->token_ms = t->token_ms;
}

bool
ticket_on_token(struct ticket *t, const struct step *s)
{
	uint32_t max_ms = t->times.predict_ms;

	suspect_on_token(&t->suspect);
	count_token(t);
	if (max_ms == 0 || t->is_cut)
		return false;
	t->has_newline |= step_has_newline(s);
	t->is_cut = t->has_newline && clock_ms() - t->token_ms > max_ms;
	return t->is_cut;
}

void
ticket_on_rows(struct ticket *t)
{
	suspect_on_token(&t->suspect);
	if (t->token_ms == 0)
		t->token_ms = clock_ms();
}

/*
 * Deaths
 */

void
ticket_on_death(struct ticket *t, const struct company *c, bool was_started)
{
	suspect_on_death(&t->suspect, c);
	gen_note_deaths(t->gen, t->suspect.deaths);
	t->is_leaving = false;
	list_remove(&t->link);
	queue_put_back(t->queue, &t->waiter,
	    suspect_rank(&t->suspect, was_started, t->token_ms != 0));
}

void
ticket_on_yield(struct ticket *t)
{
	t->is_leaving = false;
	t->has_left = true;
	list_remove(&t->link);
	queue_put_back(t->queue, &t->waiter, 0);
}

static void
for_those_in(const struct list *back, void (*fn)(struct suspect *))
{
	for (struct list *it = back->next; it != back; it = it->next) {
		struct ticket *t = LIST_ENTRY(it, struct ticket, waiter.link);

		fn(&t->suspect);
		gen_note_deaths(t->gen, t->suspect.deaths);
	}
}

static void
for_those_back(const struct model *m, void (*fn)(struct suspect *))
{
	for_those_in(&m->queue.back, fn);
	for_those_in(&m->asides.back, fn);
}

void
ticket_excuse(struct model *m)
{
	for_those_back(m, suspect_on_excuse);
}

/* So that it is not tried again in a moment, nor its client trusted, and that
 * the keeper does not give the model up for it. */
static void
note_conviction(struct ticket *t)
{
	struct model *m = t->model;
	struct front *f = m->front;
	struct model_pardon told = { .model = m->state.model,
		.gen = gen_id(t->gen) };
	uint64_t now = clock_ms();

	f->metrics.convictions_total++;
	client_convict(t->client, now);
	poison_note(&f->poison, gen_hash(t->gen), m->state.crash_id, now);
	front_tell(f, MSG_MODEL_PARDON, &told);
}

static void
sentence(struct ticket *t)
{
	const struct model_state *s = &t->model->state;
	struct fail why;

	log_error("%.*s: a request of %s killed %u workers in a row, the last "
		  "ones with nobody beside it; it is not tried again",
	    (int)s->name.n, s->name.p, t->client->name, t->suspect.deaths);
	note_conviction(t);
	(void)fail_set(&why, ERR_POISON, NULL,
	    "this request kills the worker that computes it: %u died in a "
	    "row, the last ones with nobody beside it; it is not tried again"
	    "%s%.*s",
	    t->suspect.deaths, s->crash_id.n > 0 ? "; crash " : "",
	    (int)s->crash_id.n, s->crash_id.p);
	(void)snprintf(why.crash, sizeof(why.crash), "%.*s", (int)s->crash_id.n,
	    s->crash_id.p);
	gen_fail(t->gen, &why);
}

static struct ticket *
first_convict_in(const struct list *back)
{
	for (struct list *it = back->next; it != back; it = it->next) {
		struct ticket *t = LIST_ENTRY(it, struct ticket, waiter.link);

		if (suspect_is_convicted(&t->suspect))
			return t;
	}
	return NULL;
}

static struct ticket *
first_convict(const struct model *m)
{
	struct ticket *t = first_convict_in(&m->queue.back);

	return t != NULL ? t : first_convict_in(&m->asides.back);
}

/* With that the deaths are explained: whom nothing else speaks against goes
 * free. */
void
ticket_sentence(struct model *m)
{
	struct ticket *t = first_convict(m);

	if (t == NULL)
		return;
	/* From the first again each time: an owner drops its others. */
	for (; t != NULL; t = first_convict(m))
		sentence(t);
	for_those_back(m, suspect_on_conviction);
}
