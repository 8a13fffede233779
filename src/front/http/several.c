#include "front/http/several.h"

#include "base/clock.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/intake.h"
#include "front/model.h"
#include "front/ticket.h"
#include "wire/journal.h"

#include <stdlib.h>

/* A full queue is asked again, once some of its others are through. */
#define AGAIN_MS 100u

struct place {
	struct several *all;
	struct gen *gen; /* NULL: it is free */
	uint32_t i;
};

struct several {
	struct http *http;
	uint32_t model; /* its id: it may be gone before all have begun */
	const struct several_ops *ops;
	void *arg;
	struct gen_order order;
	size_t share;	   /* of --input-max: what is kept of the request */
	uint64_t tried_ms; /* when the next was tried first; 0: it was not */
	uint32_t n;
	uint32_t next; /* to begin */
	uint32_t n_done;
	bool is_slow;
	struct place places[SEVERAL_AT_ONCE];
};

static void
release(struct several *s)
{
	intake_drop(http_front(s->http), s->order.client, &s->share);
	client_drop(s->order.client);
	free(s);
}

static void
several_free(struct several *s)
{
	for (uint32_t k = 0; k < SEVERAL_AT_ONCE; k++)
		gen_drop(s->places[k].gen);
	s->ops->free(s->arg);
	release(s);
}

static void
fail(struct several *s, const struct fail *why)
{
	if (s->ops->failed != NULL)
		s->ops->failed(s->arg, s->http, why);
	else
		error_reply(s->http, why);
	several_free(s);
}

static void
on_started(void *arg, struct gen *g, const struct gen_started *st)
{
	struct place *p = arg;
	struct several *s = p->all;

	(void)g;
	if (s->ops->started != NULL)
		s->ops->started(s->arg, p->i, st);
}

static void
on_rows(void *arg, struct gen *g, const struct gen_rows *r)
{
	struct place *p = arg;
	struct several *s = p->all;

	(void)g;
	if (s->ops->rows != NULL)
		s->ops->rows(s->arg, p->i, r);
}

/* Nothing that is asked here has tokens that come one by one. */
static void
on_token(void *arg, struct gen *g, const struct step *s)
{
	(void)arg;
	(void)g;
	(void)s;
}

static void pump(struct several *s);

static void
on_done(void *arg, struct gen *g, const struct gen_done *d)
{
	struct place *p = arg;
	struct several *s = p->all;
	struct fail why = { 0 };

	(void)g;
	p->gen = NULL;
	if (d->reason == REASON_CANCEL)
		(void)fail_set(
		    &why, ERR_ABORTED, NULL, "the request was aborted");
	else if (s->ops->done == NULL || s->ops->done(s->arg, p->i, d, &why))
		why.code = 0;
	if (why.code != 0) {
		fail(s, &why);
		return;
	}
	if (++s->n_done < s->n) {
		pump(s);
		return;
	}
	s->ops->end(s->arg, s->http);
	several_free(s);
}

static void
on_failed(void *arg, struct gen *g, const struct fail *why)
{
	struct place *p = arg;

	(void)g;
	p->gen = NULL;
	fail(p->all, why);
}

static struct conn *
describe(void *arg, struct journal_about *ret)
{
	const struct place *p = arg;

	ret->protocol = PROTOCOL_HTTP;
	ret->index = p->i;
	ret->n_choices = p->all->n;
	return http_conn(p->all->http);
}

static const struct gen_ops gen_ops = {
	.describe = describe,
	.started = on_started,
	.token = on_token,
	.rows = on_rows,
	.done = on_done,
	.failed = on_failed,
};

static struct place *
free_place(struct several *s)
{
	for (uint32_t k = 0; k < s->ops->at_once; k++)
		if (s->places[k].gen == NULL)
			return &s->places[k];
	return NULL;
}

static int
begin_one(struct several *s, struct place *p, struct fail *why)
{
	struct model *m = model_by_id(http_front(s->http), s->model);
	struct gen_submit g;
	int err;

	if (m == NULL)
		return fail_set(
		    why, ERR_NOT_LOADED, "model", "the model was unloaded");
	err = s->ops->make(s->arg, s->next, &g, why);
	p->i = s->next;
	if (err == 0)
		err = gen_start(m, &g, &s->order, &gen_ops, p, &p->gen, why);
	if (err != 0)
		return err;
	/* What comes behind the first is of a request that was counted. */
	s->order.is_counted = true;
	s->tried_ms = 0;
	s->next++;
	return 0;
}

/* Whether one that finds no room now is worth waiting for. */
static bool
may_wait(struct several *s, int err)
{
	uint64_t most = ticket_times(http_front(s->http), &s->order.times)
			    .queue_ms,
		 now = clock_ms();

	if (err != ERR_BUSY || s->next == 0)
		return false;
	if (s->tried_ms == 0)
		s->tried_ms = now;
	return most == 0 || now - s->tried_ms < most;
}

/* What is done before its turn is kept by the caller, so many at most. */
static bool
may_begin(const struct several *s)
{
	const struct several_ops *ops = s->ops;

	return s->next < s->n && !s->is_slow &&
	    (ops->turn == NULL || s->next - ops->turn(s->arg) < ops->at_once);
}

static int
begin_some(struct several *s, struct fail *why)
{
	struct place *p;
	int err = 0;

	while (err == 0 && may_begin(s) && (p = free_place(s)) != NULL)
		err = begin_one(s, p, why);
	if (err == 0 || !may_wait(s, err))
		return err;
	http_tick(s->http, AGAIN_MS);
	return 0;
}

static void
pump(struct several *s)
{
	struct fail why;

	s->is_slow = http_is_slow(s->http);
	if (begin_some(s, &why) != 0)
		fail(s, &why);
}

static void
on_slow(void *arg, bool is_slow)
{
	struct several *s = arg;

	for (uint32_t k = 0; k < SEVERAL_AT_ONCE; k++)
		if (s->places[k].gen != NULL)
			gen_park(s->places[k].gen, is_slow);
	if (!is_slow)
		pump(s);
}

static void
on_tick(void *arg)
{
	pump(arg);
}

static void
on_gone(void *arg)
{
	several_free(arg);
}

static const struct http_work work = {
	.slow = on_slow,
	.tick = on_tick,
	.gone = on_gone,
};

int
several_keep(struct http *h, struct model *m, uint32_t n, size_t kept,
    const struct gen_times *times, const struct several_ops *ops, void *arg,
    struct fail *why)
{
	struct several *s = calloc(1, sizeof(*s));
	struct conn *c = http_conn(h);
	int err;

	if (s == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	*s = (struct several){ .http = h,
		.model = m->state.model,
		.n = n,
		.ops = ops,
		.arg = arg,
		.order = { .client = conn_client(c),
		    .conn = conn_party(c),
		    .times = *times } };
	(void)client_keep(s->order.client);
	for (uint32_t k = 0; k < SEVERAL_AT_ONCE; k++)
		s->places[k].all = s;
	err = intake_hold(http_front(h), s->order.client, &s->share, kept, why);
	if (err == 0)
		err = begin_some(s, why);
	if (err != 0) {
		for (uint32_t k = 0; k < SEVERAL_AT_ONCE; k++)
			gen_drop(s->places[k].gen);
		release(s);
		return err;
	}
	http_attach(h, &work, s);
	return 0;
}

int
several_start(struct http *h, struct model *m, uint32_t n,
    const struct gen_times *times, const struct several_ops *ops, void *arg,
    struct fail *why)
{
	return several_keep(h, m, n, 0, times, ops, arg, why);
}
