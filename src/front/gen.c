#include "front/gen.h"

#include "base/log.h"
#include "front/front.h"
#include "front/model.h"
#include "front/table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_TOKENS 64u
#define DEATHS_MAX 3u /* of workers, with no token in between */

struct gen {
	struct list link; /* in its model's queue or active, or endings */
	struct model *model;
	const struct gen_ops *ops; /* NULL: the owner is gone */
	void *arg;
	uint64_t id;
	struct buf record; /* GEN_SUBMIT, packed */
	int32_t *prompt;   /* token ids; NULL until GEN_STARTED */
	uint32_t n_prompt;
	int32_t *tokens; /* delivered */
	uint32_t n_tokens;
	uint32_t cap_tokens;
	float mu;
	enum gen_state state;
	uint32_t deaths; /* of its workers since the last token */
	bool is_parked;
	bool is_cancelled;
	bool was_started; /* the owner has heard of it */
};

/* What a worker may speak of: a generation of its own that it was given. */
static struct gen *
find(struct model *m, uint64_t id)
{
	struct gen *g = table_get(m->front->gens, id);

	if (g == NULL || g->model != m || g->state == GEN_QUEUED)
		return NULL;
	return g;
}

static void
unlink_gen(struct gen *g)
{
	if (g->state == GEN_QUEUED)
		g->model->n_queue--;
	else
		g->model->n_active--;
	list_remove(&g->link);
}

static void
set_state(struct gen *g, enum gen_state s)
{
	bool was_active = g->state != GEN_QUEUED;
	bool is_active = s != GEN_QUEUED;

	g->state = s;
	if (was_active == is_active)
		return;
	list_remove(&g->link);
	g->model->n_queue += is_active ? UINT32_MAX : 1u;
	g->model->n_active += is_active ? 1u : UINT32_MAX;
	list_append(is_active ? &g->model->active : &g->model->queue, &g->link);
}

static void
gen_free(struct gen *g)
{
	unlink_gen(g);
	table_remove(g->model->front->gens, g->id);
	g->model->front->n_gens--;
	buf_done(&g->record);
	free(g->prompt);
	free(g->tokens);
	free(g);
}

static int
may_start(const struct model *m, struct fail *why)
{
	const struct front_config *c = &m->front->config;

	if (m->front->is_draining)
		return fail_set(why, ERR_STOPPING, NULL,
		    "the server is stopping; it takes no new work");
	if (m->state.status == MODEL_FAILED)
		return model_failure(&m->state, why);
	if (m->n_queue >= c->queue_max)
		return fail_set(why, ERR_BUSY, NULL,
		    "%u requests wait for this model already, the limit is %u;"
		    " try again later",
		    m->n_queue, c->queue_max);
	return 0;
}

/* 32 bits, as llama-server shows them. */
static uint64_t
draw_seed(void)
{
	return arc4random();
}

/* One with an id and nothing else; NULL and *ret_err. */
static struct gen *
gen_new(struct front *f, int *ret_err)
{
	struct gen *g = calloc(1, sizeof(*g));

	*ret_err = g == NULL ? ERR_NOMEM : table_add(f->gens, g, &g->id);
	if (*ret_err != 0) {
		free(g);
		return NULL;
	}
	f->n_gens++;
	return g;
}

int
gen_start(struct model *m, const struct gen_submit *req,
    const struct gen_ops *ops, void *arg, struct gen **ret, struct fail *why)
{
	struct gen_submit own = *req;
	struct gen *g;
	int err = may_start(m, why);

	if (err != 0)
		return err;
	g = gen_new(m->front, &err);
	if (g == NULL)
		return fail_set(why, err, NULL, "%s", err_text(err));
	own.gen = g->id;
	if (own.seed == UINT64_MAX)
		own.seed = draw_seed();
	g->model = m;
	g->ops = ops;
	g->arg = arg;
	g->state = GEN_QUEUED;
	buf_init(&g->record, msg_row(MSG_GEN_SUBMIT)->max);
	layout_pack(&layout_gen_submit, &own, &g->record);
	list_append(&m->queue, &g->link);
	m->n_queue++;
	if (buf_err(&g->record) != 0) {
		gen_free(g);
		return fail_set(
		    why, ERR_TOO_BIG, NULL, "the request is too large");
	}
	m->front->metrics.generations_total++;
	*ret = g;
	model_dispatch(m);
	return 0;
}

static int
tell_worker(struct gen *g, enum msg what)
{
	struct gen_cancel id = { .gen = g->id };

	/* Cancel, park and unpark are one struct. A channel that cannot take
	 * these few bytes is about to end, and all it had is sent again. */
	return g->model->chan == NULL
	    ? ERR_EOF
	    : chan_send(g->model->chan, what, &id, -1);
}

struct gen *
gen_first(struct model *m)
{
	return LIST_ENTRY(m->queue.next, struct gen, link);
}

bool
gen_may_go(const struct gen *g)
{
	const struct list *head = &g->model->active;

	if (g->deaths == 0)
		return true;
	for (struct list *it = head->next; it != head; it = it->next) {
		const struct gen *other = LIST_ENTRY(it, struct gen, link);

		/* One that is not computed has no token to wait for. */
		if (other->deaths > 0 && !other->is_parked &&
		    !other->is_cancelled)
			return false;
	}
	return true;
}

int
gen_send(struct gen *g)
{
	struct gen_submit s;
	int err;

	if (g->prompt == NULL) {
		err = chan_send_packed(g->model->chan, MSG_GEN_SUBMIT,
		    buf_data(&g->record), buf_len(&g->record), -1);
	} else {
		err = layout_unpack(&layout_gen_submit, &s,
		    buf_data(&g->record), buf_len(&g->record));
		if (err != 0)
			return err;
		s.resume = 1;
		s.tokens = (struct i32s){ g->prompt, g->n_prompt };
		s.done = (struct i32s){ g->tokens, g->n_tokens };
		s.mu = g->mu;
		err = chan_send(g->model->chan, MSG_GEN_SUBMIT, &s, -1);
	}
	if (err != 0)
		return err;
	set_state(g, GEN_SENT);
	if (g->is_parked)
		(void)tell_worker(g, MSG_GEN_PARK);
	return 0;
}

/* The last call for an owner that asked for the end itself. */
static void
end_cancelled(struct gen *g)
{
	struct gen_done d = { .gen = g->id,
		.reason = REASON_CANCEL,
		.text = STR(""),
		.stop = STR(""),
		.n_prompt = g->n_prompt,
		.n_out = g->n_tokens };

	g->model->front->metrics.generations_cancelled_total++;
	if (g->ops != NULL)
		g->ops->done(g->arg, g, &d);
	gen_free(g);
}

static void
end_failed(struct gen *g, const struct fail *why)
{
	g->model->front->metrics.generations_failed_total++;
	if (g->ops != NULL)
		g->ops->failed(g->arg, g, why);
	gen_free(g);
}

void
gen_cancel(struct gen *g)
{
	if (g->is_cancelled)
		return;
	g->is_cancelled = true;
	if (g->state == GEN_QUEUED) {
		list_remove(&g->link);
		list_append(&g->model->front->endings, &g->link);
		return;
	}
	set_state(g, GEN_ENDING);
	(void)tell_worker(g, MSG_GEN_CANCEL);
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
	if (g->is_parked == is_parked)
		return;
	g->is_parked = is_parked;
	if (is_parked)
		g->model->front->metrics.generations_parked_total++;
	if (g->state == GEN_SENT || g->state == GEN_RUNNING)
		(void)tell_worker(g, is_parked ? MSG_GEN_PARK : MSG_GEN_UNPARK);
}

uint64_t
gen_id(const struct gen *g)
{
	return g->id;
}

enum gen_state
gen_state(const struct gen *g)
{
	return g->state;
}

static int
on_started(struct model *m, const struct frame *fr)
{
	struct gen_started s;
	struct gen *g;

	if (frame_unpack(fr, &s) != 0 || (g = find(m, s.gen)) == NULL)
		return ERR_PROTO;
	if (g->prompt == NULL) {
		size_t n = (size_t)s.prompt.n * sizeof(int32_t);

		g->prompt = malloc(n == 0 ? 1 : n);
		if (g->prompt == NULL)
			return ERR_NOMEM;
		if (n > 0)
			memcpy(g->prompt, s.prompt.p, n);
		g->n_prompt = s.prompt.n;
		m->front->metrics.prompt_tokens_total += s.prompt.n;
	}
	if (g->state != GEN_SENT)
		return 0;
	set_state(g, GEN_RUNNING);
	if (!g->was_started && g->ops != NULL && g->ops->started != NULL)
		g->ops->started(g->arg, g, g->n_prompt);
	g->was_started = true;
	return 0;
}

static int
journal(struct gen *g, int32_t token)
{
	if (g->n_tokens == g->cap_tokens) {
		uint32_t cap =
		    g->cap_tokens == 0 ? FIRST_TOKENS : g->cap_tokens * 2;
		int32_t *t = realloc(g->tokens, cap * sizeof(*t));

		if (t == NULL)
			return ERR_NOMEM;
		g->tokens = t;
		g->cap_tokens = cap;
	}
	g->tokens[g->n_tokens++] = token;
	g->deaths = 0;
	return 0;
}

static int
on_token(struct model *m, const struct step *s)
{
	struct gen *g = find(m, s->gen);
	int err;

	if (g == NULL || g->state == GEN_SENT)
		return ERR_PROTO;
	/* The last token is drawn but never decoded: one more than fits. */
	if (g->n_prompt + g->n_tokens > m->state.n_ctx)
		return ERR_PROTO;
	err = journal(g, s->token);
	if (err != 0)
		return err;
	if (s->flags & STEP_MU)
		g->mu = s->mu;
	m->tokens++;
	m->front->metrics.tokens_total++;
	if (g->state == GEN_RUNNING && g->ops != NULL)
		g->ops->token(g->arg, g, s);
	return 0;
}

static int
on_step(struct model *m, const struct frame *fr)
{
	struct cursor c = cursor_of(fr->payload, fr->n);
	struct step s;
	int err;

	while (step_next(&c, &s)) {
		err = on_token(m, &s);
		if (err != 0)
			return err;
	}
	return c.err;
}

static int
on_done(struct model *m, const struct frame *fr)
{
	struct gen_done d;
	struct gen *g;

	if (frame_unpack(fr, &d) != 0 || (g = find(m, d.gen)) == NULL ||
	    d.reason < REASON_EOS || d.reason > REASON_CANCEL)
		return ERR_PROTO;
	if (d.reason == REASON_CANCEL)
		m->front->metrics.generations_cancelled_total++;
	else
		m->front->metrics.generations_done_total++;
	if (g->ops != NULL)
		g->ops->done(g->arg, g, &d);
	gen_free(g);
	return 0;
}

static int
on_failed(struct model *m, const struct frame *fr)
{
	struct gen_failed e;
	struct fail why;
	struct gen *g;

	if (frame_unpack(fr, &e) != 0 || (g = find(m, e.gen)) == NULL)
		return ERR_PROTO;
	(void)fail_set(&why, e.err, NULL, "%.*s", (int)e.text.n, e.text.p);
	if (e.field.n < sizeof(why.field)) {
		memcpy(why.field, e.field.p, e.field.n);
		why.field[e.field.n] = '\0';
	}
	end_failed(g, &why);
	return 0;
}

/* How exact a resume is, by the worker's comparison of hashes. */
static int
on_checked(struct model *m, const struct frame *fr)
{
	struct metrics *count = &m->front->metrics;
	struct gen_checked c;

	if (frame_unpack(fr, &c) != 0 || find(m, c.gen) == NULL)
		return ERR_PROTO;
	if (c.agrees) {
		count->resumes_agreed_total++;
		return 0;
	}
	count->resumes_differed_total++;
	log_warn("%.*s: a resumed stream goes on with other logits than "
		 "before: a valid continuation, not the exact one",
	    (int)m->state.name.n, m->state.name.p);
	return 0;
}

int
gen_on_frame(struct model *m, const struct frame *fr)
{
	static int (*const handlers[MSG_COUNT])(
	    struct model *, const struct frame *) = {
		[MSG_GEN_STARTED] = on_started,
		[MSG_GEN_STEP] = on_step,
		[MSG_GEN_DONE] = on_done,
		[MSG_GEN_FAILED] = on_failed,
		[MSG_GEN_CHECKED] = on_checked,
	};

	return handlers[fr->msg] == NULL ? ERR_PROTO : handlers[fr->msg](m, fr);
}

/* Back to the queue, before what waits there; or its end. */
static void
put_back(struct gen *g)
{
	struct model *m = g->model;
	struct fail why;

	if (g->is_cancelled) {
		end_cancelled(g);
		return;
	}
	if (++g->deaths > DEATHS_MAX) {
		(void)fail_set(&why, ERR_GAVE_UP, NULL,
		    "the worker died %u "
		    "times while computing this request's next token; it is "
		    "not tried again",
		    g->deaths);
		end_failed(g, &why);
		return;
	}
	set_state(g, GEN_QUEUED);
	list_remove(&g->link);
	list_append(m->queue.next, &g->link); /* before the first */
	m->front->metrics.generations_resumed_total++;
}

void
gen_on_worker_death(struct model *m)
{
	/* From the last to the first, so that their order stays. */
	while (!list_empty(&m->active))
		put_back(LIST_ENTRY(m->active.prev, struct gen, link));
}

bool
gen_any_due(const struct model *m)
{
	for (struct list *it = m->active.next; it != &m->active; it = it->next)
		if (!LIST_ENTRY(it, const struct gen, link)->is_parked)
			return true;
	return false;
}

static void
fail_list(struct list *head, const struct fail *why)
{
	while (!list_empty(head)) {
		struct gen *g = LIST_ENTRY(head->next, struct gen, link);

		if (g->is_cancelled)
			end_cancelled(g);
		else
			end_failed(g, why);
	}
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

	fail_list(&m->active, why);
	fail_list(&m->queue, why);
	/* An owner that hears of a failure drops its others, and those that
	 * waited are among the endings now: the model may be gone next. */
	while ((g = first_ending(m)) != NULL)
		end_cancelled(g);
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
			(void)tell_worker(
			    LIST_ENTRY(g, struct gen, link), MSG_GEN_CANCEL);
		gen_fail_all(m, &why);
	}
}

void
gen_turn(struct front *f)
{
	while (!list_empty(&f->endings))
		end_cancelled(LIST_ENTRY(f->endings.next, struct gen, link));
}
