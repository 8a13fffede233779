#include "front/life.h"

#include "base/log.h"
#include "front/front.h"
#include "front/model.h"
#include "front/origin.h"
#include "front/table.h"
#include "front/yield.h"
#include "wire/part.h"

#include <assert.h>
#include <string.h>

/* What a worker may speak of: a generation of its own that it was given. */
static struct gen *
find(struct model *m, uint64_t id)
{
	struct gen *g = table_get(m->front->gens, id);

	if (g == NULL || g->model != m || g->j->state == GEN_QUEUED)
		return NULL;
	return g;
}

/* From here on it is no longer what an undisturbed run would be. */
static void
note_continuation(struct gen *g, const char *why)
{
	const struct model *m = g->model;

	g->j->class = RESUME_FAST;
	log_warn("%.*s: a resumed stream goes on %s: a valid continuation, not "
		 "the exact one",
	    (int)m->state.name.n, m->state.name.p, why);
}

/* Notes what computes it, or that something else does now. */
static int
note_origin(struct gen *g)
{
	struct model *m = g->model;
	struct origin *now = origin_now(m);

	if (now == NULL)
		return ERR_BUSY;
	if (g->origin == now)
		return 0;
	if (g->j->prompt == 0) {
		origin_drop(g->origin);
		g->origin = origin_hold(now);
		g->j->origin = origin_slot(now);
		if (!m->state.exact)
			g->j->class = RESUME_FAST;
	} else if (g->j->class == RESUME_EXACT) {
		m->front->metrics.resumes_moved_total++;
		note_continuation(g, "in a worker that is not as before");
	}
	return 0;
}

static int
send_record(struct gen *g)
{
	struct front *f = g->model->front;
	int err = note_origin(g);

	if (err != 0)
		return err;
	err = saved_read_own(&f->saved, &f->journal, &g->entry);
	/* What we wrote ourselves: a front that is so wrong should die. */
	assert(err != ERR_PROTO);
	if (err == 0)
		err = chan_send(
		    g->model->chan, MSG_GEN_SUBMIT, &f->saved.submit, -1);
	saved_trim(&f->saved);
	if (err != 0)
		return err;
	gen_set_state(g, GEN_SENT);
	ticket_enter(&g->ticket);
	if (g->j->is_parked)
		(void)gen_tell(g, MSG_GEN_PARK);
	return 0;
}

/* With what it has said by now it may be more than a message holds: then it
 * can never be sent. */
int
gen_send(struct gen *g)
{
	int err = send_record(g);
	struct fail why;

	if (err != ERR_TOO_BIG || chan_waiting(g->model->chan) > 0)
		return err;
	(void)fail_set(&why, err, NULL,
	    "the request and what it has said are too large for another worker "
	    "to go on with");
	gen_end_failed(g, &why);
	return 0;
}

uint64_t
gen_hash(const struct gen *g)
{
	struct front *f = g->model->front;
	uint64_t hash = 0;

	if (saved_read_own(&f->saved, &f->journal, &g->entry) == 0)
		hash = poison_hash(
		    &f->poison, g->model->state.model, &f->saved.first);
	saved_trim(&f->saved);
	return hash;
}

/* It cannot go on, but a worker has it. */
static void
fail_running(struct gen *g)
{
	struct fail why;

	(void)fail_set(&why, ERR_BUSY, NULL,
	    "what runs and waits fills --journal-max, and this request grew "
	    "too long for it; try again later");
	gen_fail(g, &why);
}

uint32_t
gen_count_exact(const struct model *m)
{
	const struct list *head = &m->active;
	uint32_t n = 0;

	for (struct list *it = head->next; it != head; it = it->next)
		n += LIST_ENTRY(it, struct gen, link)->j->class == RESUME_EXACT;
	return n;
}

static int
on_started(struct model *m, const struct frame *fr)
{
	struct gen_started s;
	struct gen *g;

	if (frame_unpack(fr, &s) != 0 || (g = find(m, s.gen)) == NULL)
		return ERR_PROTO;
	if (g->j->prompt == 0 && mode_takes_slot(g->mode)) {
		if (!msg_turns_fit(s.turns, s.prompt.n) ||
		    s.n_system > s.prompt.n)
			return ERR_PROTO;
		if (entry_prompt(&g->entry, s.turns, s.prompt) != 0) {
			fail_running(g);
			return 0;
		}
		m->front->metrics.prompt_tokens_total += s.prompt.n;
		m->front->metrics.prompt_cached_total +=
		    s.n_cached < s.prompt.n ? s.n_cached : s.prompt.n;
		ticket_on_prompt(&g->ticket, s.prompt.n);
	}
	if (g->j->state != GEN_SENT)
		return 0;
	gen_set_state(g, GEN_RUNNING);
	if (!g->j->was_started && g->ops != NULL && g->ops->started != NULL)
		g->ops->started(g->arg, g, &s);
	g->j->was_started = true;
	return 0;
}

static int
journal(struct gen *g, const struct step *s, struct journal_token **ret)
{
	struct journal_token t = { .token = s->token };
	int err;

	if (s->flags & STEP_MU) {
		t.mu = s->mu;
		t.flags |= JOURNAL_HAS_MU;
	}
	if (s->flags & STEP_HASH) {
		t.hash = s->hash;
		t.flags |= JOURNAL_HAS_HASH;
	}
	err = entry_token(&g->entry, &t, ret);
	if (err == 0 && g->j->deaths != 0)
		g->j->deaths = 0;
	return err;
}

/* Whether text in parts is what its owner expects, and whole. */
static bool
take_parts(struct gen *g, struct str parts)
{
	uint32_t n_calls = 0;

	if (g->ops == NULL)
		return true;
	if (!g->ops->takes_parts ||
	    !parts_check(parts, g->j->n_calls, &n_calls))
		return false;
	g->j->n_calls = n_calls;
	return true;
}

/* The last token is drawn but never decoded: one more than fits. */
static bool
has_room(const struct gen *g)
{
	if (g->most > 0)
		return g->entry.n_tokens < g->most;
	return g->entry.n_prompt + g->entry.n_tokens <= g->model->state.n_ctx;
}

static int
on_token(struct model *m, const struct step *s)
{
	struct gen *g = find(m, s->gen);
	struct journal_token *at;

	if (g == NULL || g->j->state == GEN_SENT || g->mode != MODE_GENERATE)
		return ERR_PROTO;
	/* Below 0 are places of embeddings, which only a prompt has. */
	if (!has_room(g) || s->token < 0)
		return ERR_PROTO;
	if ((s->flags & STEP_PARTS) && !take_parts(g, s->text))
		return ERR_PROTO;
	m->tokens++;
	m->front->metrics.tokens_total++;
	/* Nobody will ask what it was. */
	if (g->j->state == GEN_ENDING) {
		g->entry.n_tokens++;
		return 0;
	}
	if (journal(g, s, &at) != 0) {
		fail_running(g);
		return 0;
	}
	if (ticket_on_token(&g->ticket, s))
		gen_cancel(g);
	if (g->ops != NULL)
		g->ops->token(g->arg, g, s);
	if (g->out != NULL && g->ops != NULL)
		atomic_store_explicit(
		    &at->out, (uint32_t)g->out->made, memory_order_release);
	return 0;
}

static int
on_step(struct model *m, const struct frame *fr)
{
	struct cursor c = cursor_of(fr->payload, fr->n);
	struct step s;
	int err;

	m->front->metrics.steps_total++;
	while (step_next(&c, &s)) {
		err = on_token(m, &s);
		if (err != 0)
			return err;
	}
	return c.err;
}

/* Floats of a row, as far as that is known before. */
static uint32_t
cols_of(const struct gen *g)
{
	const struct model_state *s = &g->model->state;

	if (g->mode == MODE_RANK)
		return 0;
	return g->mode == MODE_LOGITS ? s->n_vocab : s->n_embd_out;
}

/* The same of its rows: where they are pooled there is one. */
static uint32_t
rows_of(const struct gen *g, const struct gen_rows *r)
{
	if (g->mode == MODE_RANK || (g->mode == MODE_EMBED && r->n_rows == 1))
		return 1;
	return g->entry.n_prompt;
}

/* What is known of the rows before the first of them is here, or else what that
 * says: not every engine can tell, or count its prompt. */
static bool
set_shape(struct gen *g, const struct gen_rows *r)
{
	uint32_t cols = cols_of(g), rows = rows_of(g, r);

	if (g->n_cols == 0) {
		g->n_cols = cols > 0 ? cols : r->n_cols;
		g->n_rows = rows > 0 ? rows : r->n_rows;
	}
	return g->n_cols > 0 && g->n_cols <= ROW_MAX / sizeof(float) &&
	    r->n_cols == g->n_cols && r->n_rows == g->n_rows;
}

/* Whether r is what comes next of what g asked for. */
static bool
is_next(struct gen *g, const struct gen_rows *r)
{
	size_t row;

	if (!mode_has_rows(g->mode) || r->mode != g->mode || !set_shape(g, r))
		return false;
	row = g->n_cols * sizeof(float);
	return r->first == g->j->rows && r->first < r->n_rows &&
	    r->data.n > 0 && r->data.n % row == 0 &&
	    r->data.n / row <= r->n_rows - r->first;
}

static int
on_rows(struct model *m, const struct frame *fr)
{
	struct gen_rows r;
	struct gen *g;

	if (frame_unpack(fr, &r) != 0 || (g = find(m, r.gen)) == NULL ||
	    g->j->state == GEN_SENT || !is_next(g, &r))
		return ERR_PROTO;
	g->j->rows += (uint32_t)(r.data.n / sizeof(float) / r.n_cols);
	if (g->j->deaths != 0)
		g->j->deaths = 0;
	if (g->j->state == GEN_ENDING)
		return 0;
	ticket_on_rows(&g->ticket);
	if (g->ops != NULL)
		g->ops->rows(g->arg, g, &r);
	return 0;
}

/* What must have come before its last word has. */
static bool
is_whole(const struct gen *g, const struct gen_done *d)
{
	if (!mode_has_rows(g->mode) || d->reason == REASON_CANCEL)
		return true;
	return d->reason == REASON_LENGTH && d->text.n == 0 && g->n_rows > 0 &&
	    g->j->rows == g->n_rows;
}

static void
note_times(struct metrics *to, const struct gen_done *d)
{
	uint32_t n = d->n_prompt + d->n_out;

	to->prompt_microseconds_total += d->prefill_us;
	to->predict_microseconds_total += d->decode_us;
	if (n > to->longest)
		to->longest = n;
}

static int
on_done(struct model *m, const struct frame *fr)
{
	struct gen_done d;
	struct gen *g;

	if (frame_unpack(fr, &d) != 0 || (g = find(m, d.gen)) == NULL ||
	    d.reason < REASON_EOS || d.reason > REASON_CANCEL ||
	    d.n_cached > d.n_prompt)
		return ERR_PROTO;
	/* Only what was cancelled may be over before it has begun. */
	if (g->j->state == GEN_SENT || !is_whole(g, &d))
		return ERR_PROTO;
	if (yield_done(g, &d))
		return 0;
	if (d.has_parts && !take_parts(g, d.text))
		return ERR_PROTO;
	if (d.reason == REASON_CANCEL && g->ticket.is_cut)
		d.reason = REASON_LENGTH;
	note_times(&m->front->metrics, &d);
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
	gen_end_failed(g, &why);
	return 0;
}

static int
on_progress(struct model *m, const struct frame *fr)
{
	struct gen_progress p;
	struct gen *g;

	if (frame_unpack(fr, &p) != 0 || (g = find(m, p.gen)) == NULL ||
	    g->j->state == GEN_SENT || p.n_done > g->entry.n_prompt)
		return ERR_PROTO;
	if (g->j->state == GEN_RUNNING && g->ops != NULL &&
	    g->ops->progress != NULL)
		g->ops->progress(g->arg, g, p.n_done);
	return 0;
}

/* How exact a resume is, by the worker's comparison of hashes. */
static int
on_checked(struct model *m, const struct frame *fr)
{
	struct metrics *count = &m->front->metrics;
	struct gen_checked c;
	struct gen *g;

	if (frame_unpack(fr, &c) != 0 || (g = find(m, c.gen)) == NULL)
		return ERR_PROTO;
	if (c.agrees) {
		count->resumes_agreed_total++;
		return 0;
	}
	count->resumes_differed_total++;
	note_continuation(g, "with other logits than before");
	return 0;
}

int
gen_on_frame(struct model *m, const struct frame *fr)
{
	static int (*const handlers[MSG_COUNT])(
	    struct model *, const struct frame *) = {
		[MSG_GEN_STARTED] = on_started,
		[MSG_GEN_STEP] = on_step,
		[MSG_GEN_ROWS] = on_rows,
		[MSG_GEN_PROGRESS] = on_progress,
		[MSG_GEN_DONE] = on_done,
		[MSG_GEN_FAILED] = on_failed,
		[MSG_GEN_CHECKED] = on_checked,
	};

	return handlers[fr->msg] == NULL ? ERR_PROTO : handlers[fr->msg](m, fr);
}
