#include "front/model.h"

#include "base/clock.h"
#include "base/log.h"
#include "front/attach.h"
#include "front/conn.h"
#include "front/feed.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/letgo.h"
#include "front/reload.h"
#include "front/suspects.h"
#include "front/origin.h"
#include "front/want.h"
#include "front/yield.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What may wait to be sent to a worker: one request of the largest size and
 * the small change of many others. */
#define CHANNEL_OUT_MAX (96u * MIB)
#define FRAMES_A_TURN 64u
/* Of frames, and the last one more: rows become text of thrice their size. */
#define BYTES_A_TURN MIB
#define ASIDES_MOST 8u /* in a worker at once: it does one after the other */
#define AGAIN_MS 100u  /* there was no memory, or no room in the channel */

struct model *
model_by_id(const struct front *f, uint32_t id)
{
	for (struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (m->state.model == id)
			return m;
	}
	return NULL;
}

/* The last part of a path. */
static struct str
base_name(struct str path)
{
	for (size_t i = path.n; i-- > 0;)
		if (path.p[i] == '/')
			return (struct str){ path.p + i + 1, path.n - i - 1 };
	return path;
}

static bool
is_called(const struct model *m, struct str name)
{
	struct cursor c = strs_walk(m->state.aliases);
	struct str alias;

	if (str_eq(m->state.name, name))
		return true;
	while (strs_next(&c, &alias))
		if (str_eq(alias, name))
			return true;
	return false;
}

static bool
is_file_of(const struct model *m, struct str name)
{
	return str_eq(m->state.path, name) ||
	    str_eq(base_name(m->state.path), name);
}

static struct model *
find_by(const struct front *f, struct str name,
    bool (*is_it)(const struct model *m, struct str name))
{
	for (struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->state.is_retired && is_it(m, name))
			return m;
	}
	return NULL;
}

/* A name goes before any file that is called so. */
static struct model *
find_exactly(const struct front *f, struct str name)
{
	struct model *m = find_by(f, name, is_called);

	return m != NULL ? m : find_by(f, name, is_file_of);
}

/* Ollama's clients call "x" by "x:latest", whatever they call. */
struct model *
model_find(const struct front *f, struct str name)
{
	static const char latest[] = ":latest";
	size_t n = sizeof(latest) - 1;
	struct model *m;

	if (name.n == 0)
		name = f->config.default_model;
	m = find_exactly(f, name);
	if (m == NULL && name.n > n &&
	    memcmp(name.p + name.n - n, latest, n) == 0)
		m = find_exactly(f, (struct str){ name.p, name.n - n });
	return m;
}

static void
watch_channel(struct model *m)
{
	unsigned events = WATCH_READ;

	if (chan_waiting(m->chan) > 0)
		events |= WATCH_WRITE;
	if (watch_want(m->watch, events) != 0)
		log_error("%.*s: cannot watch its worker's channel",
		    (int)m->state.name.n, m->state.name.p);
}

static uint64_t
patience_ms(const struct model *m)
{
	return m->front->config.hang_ms / 4;
}

/* The worker has work, and the keeper is to look harder while it is silent:
 * on its page a worker that is stopped while it waits for work looks well. */
static void
on_patience(void *arg)
{
	struct model *m = arg;
	struct model_waiting w = { .model = m->state.model };

	if (m->chan == NULL || m->n_active == 0)
		return;
	if (clock_ms() - m->heard_ms >= patience_ms(m) && gen_any_due(m))
		front_tell(m->front, MSG_MODEL_WAITING, &w);
	timer_set(m->patience, patience_ms(m));
}

/* The first of those that the worker has now begins the watch. */
static void
begin_patience(struct model *m)
{
	if (m->n_active != 0 || patience_ms(m) == 0)
		return;
	m->heard_ms = clock_ms();
	timer_set(m->patience, patience_ms(m));
}

static void
close_channel(struct model *m)
{
	watch_free(m->watch);
	chan_free(m->chan);
	timer_clear(m->more);
	timer_clear(m->patience);
	m->watch = NULL;
	m->chan = NULL;
}

/* The keeper may know of the last worker's end before or after its channel
 * shows it. */
static void
judge_death(struct model *m)
{
	if (m->worker_pid == 0 || m->chan != NULL)
		return;
	if (m->state.outside == m->worker_pid)
		ticket_excuse(m);
	if (m->state.pid != m->worker_pid)
		ticket_sentence(m);
}

/* The worker is gone, or not to be listened to any more. */
static void
lose_channel(struct model *m, int err)
{
	struct model_broken broken = { .model = m->state.model };
	struct str name = m->state.name;

	close_channel(m);
	m->front->metrics.worker_deaths_total++;
	if (err == ERR_EOF) {
		log_warn("%.*s: its worker is gone; waiting for the next: %u",
		    (int)name.n, name.p, m->n_active);
	} else {
		log_error("%.*s: the channel to its worker is of no use (%s)",
		    (int)name.n, name.p, err_text(err));
		front_tell(m->front, MSG_MODEL_BROKEN, &broken);
	}
	suspects_tell(m);
	gen_on_worker_death(m);
	judge_death(m);
}

/* However fast a worker sends: in between, what it sent goes to the clients,
 * those who cannot follow are parked, and everyone else gets their turn. What
 * is whole in the channel's buffer no watch would tell of, so a timer does. */
static int
take_frames(struct model *m)
{
	struct frame fr;
	size_t n = 0;
	int err;

	for (unsigned i = 0; i < FRAMES_A_TURN && n < BYTES_A_TURN; i++) {
		err = chan_recv(m->chan, &fr);
		if (err != 0)
			return err == ERR_AGAIN ? 0 : err;
		n += fr.n;
		m->heard_ms = clock_ms();
		err = gen_on_frame(m, &fr);
		frame_close(&fr);
		if (err != 0)
			return err;
	}
	timer_set(m->more, 0);
	return 0;
}

static void
on_channel(void *arg, unsigned events)
{
	struct model *m = arg;
	struct front *f = m->front;
	int err;

	/* What a dying worker sent whole is read before its end is seen, so
	 * a failure to write is left for the read to find. */
	if (events & WATCH_WRITE)
		chan_flush(m->chan);
	err = take_frames(m);
	if (err != 0)
		lose_channel(m, err);
	model_dispatch(m);
	conn_turn(f);
}

static void
on_more(void *arg)
{
	struct model *m = arg;

	if (m->chan != NULL)
		on_channel(m, 0);
}

static int
open_channel(struct model *m, int fd)
{
	/* The keeper may tell of the next worker before the last one's end is
	 * seen here. */
	if (m->chan != NULL)
		lose_channel(m, ERR_EOF);
	else
		judge_death(m);
	m->worker_pid = m->state.pid;
	m->chan = chan_new(fd, PROC_FRONT, PROC_WORKER, CHANNEL_OUT_MAX);
	if (m->chan == NULL)
		return ERR_NOMEM;
	m->watch = watch_new(m->front->loop, fd, on_channel, m);
	if (m->watch == NULL) {
		close_channel(m);
		return ERR_NOMEM;
	}
	watch_channel(m);
	return 0;
}

void
model_close(struct model *m)
{
	if (m->chan != NULL)
		close_channel(m);
	m->worker_pid = 0;
}

/* What is left of the pause that the keeper asked for. */
static uint32_t
pause_left(const struct model *m)
{
	uint64_t age = clock_ms() - m->state_ms;

	return m->state.retry_ms > age ? m->state.retry_ms - (uint32_t)age : 0;
}

/* In GOING the keeper's last word is of before. */
static bool
may_want(const struct model *m)
{
	return m->stay.state == STAY_GOING || m->state.status == MODEL_KNOWN ||
	    (m->state.status == MODEL_FAILED && m->state.may_want &&
		pause_left(m) == 0);
}

bool
model_is_out(const struct model *m)
{
	return m->state.status == MODEL_FAILED && !stay_is_wanted(&m->stay) &&
	    !may_want(m);
}

/* Nobody drops one of those that may rest. Another that has FAILED has its
 * users, whom this adds nothing to: it is dropped when it is up. */
void
model_ask(struct model *m)
{
	struct front *f = m->front;
	struct model_want w = { .path = m->state.name };
	struct want *own;

	if (m->state.is_retired || !may_want(m) ||
	    (m->stay.state != STAY_OUT && m->stay.state != STAY_GOING))
		return;
	if (m->state.may_rest) {
		w.ref = ++f->next_ref;
		front_tell(f, MSG_MODEL_WANT, &w);
	} else {
		own = model_want(f, w.path, 0, NULL, NULL);
		if (own == NULL) {
			timer_set(m->later, AGAIN_MS);
			return;
		}
		w.ref = want_ref(own);
	}
	stay_ask(&m->stay, w.ref);
	(void)stay_step(&m->stay, STAY_EV_WORK);
}

static bool
has_slot(const struct model *m)
{
	return m->n_active - m->n_asides < m->state.n_seq;
}

/* Of those that wait in q, as long as there is room. */
static void
send_some(struct model *m, const struct queue *q)
{
	struct ticket *t;
	uint64_t ms;

	while (m->chan != NULL &&
	    (q == &m->queue ? has_slot(m) : m->n_asides < ASIDES_MOST) &&
	    (t = ticket_next(m, q)) != NULL) {
		begin_patience(m);
		ms = ticket_wait(t);
		if (ms == 0 && gen_send(t->gen) == 0)
			continue;
		if (ms != UINT64_MAX)
			timer_set(m->later, ms != 0 ? ms : AGAIN_MS);
		break;
	}
}

void
model_dispatch(struct model *m)
{
	if (queue_len(&m->queue) + queue_len(&m->asides) > 0)
		model_ask(m);
	send_some(m, &m->asides);
	send_some(m, &m->queue);
	if (m->chan != NULL && !has_slot(m) && m->stay.state != STAY_HELD)
		yield_ask(m);
	if (m->chan != NULL)
		watch_channel(m);
}

static void
on_later(void *arg)
{
	model_dispatch(arg);
}

static void
model_free(struct model *m)
{
	struct fail why;

	(void)fail_set(&why, ERR_NOT_LOADED, "model", "the model was unloaded");
	gen_fail_all(m, &why);
	attach_forget(m);
	if (m->chan != NULL)
		close_channel(m);
	queue_done(&m->queue);
	queue_done(&m->asides);
	list_remove(&m->letting);
	list_remove(&m->link);
	timer_free(m->more);
	timer_free(m->patience);
	origin_drop(m->origin);
	timer_free(m->later);
	timer_free(m->idle);
	free(m->mem);
	free(m);
}

static struct model *
model_new(struct front *f)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->more = timer_new(f->loop, on_more, m);
	m->patience = timer_new(f->loop, on_patience, m);
	m->later = timer_new(f->loop, on_later, m);
	m->idle = letgo_timer(m, f->loop);
	if (m->more == NULL || m->patience == NULL || m->later == NULL ||
	    m->idle == NULL) {
		timer_free(m->more);
		timer_free(m->patience);
		timer_free(m->later);
		timer_free(m->idle);
		free(m);
		return NULL;
	}
	m->front = f;
	m->stay.state = STAY_OUT;
	list_init(&m->letting);
	queue_init(&m->queue);
	queue_init(&m->asides);
	list_init(&m->inside);
	list_init(&m->active);
	list_init(&m->attached);
	list_append(&f->models, &m->link);
	return m;
}

/* left: ms until the next try, or 0. */
static int
failure(const struct model_state *s, uint32_t left, struct fail *ret)
{
	char when[FAIL_WHEN];

	(void)fail_set(ret, s->err < 0 ? s->err : ERR_LOAD_FAILED, "model",
	    "%.*s%s", (int)s->text.n, s->text.p, fail_when(left, when));
	ret->retry_ms = left;
	return ret->code;
}

int
model_failure(const struct model *m, struct fail *ret)
{
	return failure(&m->state, pause_left(m), ret);
}

static int
on_up(struct model *m, int fd)
{
	bool was_in = stay_is_in(&m->stay);
	int err = 0;

	if (fd >= 0 && stay_step(&m->stay, STAY_EV_UP) == STAY_DO_IGNORE) {
		(void)close(fd);
		fd = -1;
	}
	if (fd >= 0) {
		m->n_loads += !was_in;
		err = open_channel(m, fd);
		letgo_on_up(m);
		gen_on_worker_up(m);
	}
	if (m->state.ref != 0)
		want_answer(m->front, m->state.ref, m, NULL);
	model_dispatch(m);
	return err;
}

static void
on_failed(struct model *m)
{
	uint32_t ref = m->state.ref;
	struct fail why;

	(void)model_failure(m, &why);
	/* Who is told of their own want asks nobody else's. */
	if (ref != 0)
		want_answer(m->front, ref, NULL, &why);
	if (stay_heeds(&m->stay, ref) &&
	    stay_step(&m->stay, STAY_EV_FAILED) == STAY_DO_FAIL)
		gen_fail_all(m, &why);
}

static void
on_gone(struct model *m)
{
	struct fail why;

	(void)model_failure(m, &why);
	if (m->state.ref != 0)
		want_answer(m->front, m->state.ref, NULL, &why);
	if (m->state.err != 0)
		gen_fail_all(m, &why);
	model_free(m);
}

/* Acts on the state that is now in m. fd: the channel, or -1; taken. */
static int
on_new_state(struct model *m, int fd)
{
	if (m->state.status == MODEL_UP)
		return on_up(m, fd);
	if (fd >= 0)
		(void)close(fd);
	judge_death(m);
	if (m->state.status == MODEL_KNOWN) {
		(void)stay_step(&m->stay, STAY_EV_REST);
		model_dispatch(m);
	} else if (m->state.status == MODEL_FAILED) {
		on_failed(m);
	} else if (m->state.status == MODEL_GONE) {
		on_gone(m);
	}
	return 0;
}

int
model_on_state(struct front *f, struct frame *fr)
{
	struct model_state s;
	struct fail why;
	struct model *m;
	int fd = fr->fds[0];
	int err;

	if (frame_unpack(fr, &s) != 0)
		return ERR_PROTO;
	m = model_by_id(f, s.model);
	/* A model that never came to be: only the asker needs to know. */
	if (s.model == 0 ||
	    (m == NULL && s.status >= MODEL_FAILED && s.ref != 0)) {
		(void)failure(&s, s.retry_ms, &why);
		want_answer(f, s.ref, NULL, &why);
		return 0;
	}
	if (m == NULL && s.status == MODEL_GONE)
		return 0;
	if (m == NULL && (m = model_new(f)) == NULL)
		return ERR_NOMEM;
	err = front_keep(fr, &m->state, &m->mem);
	if (err != 0)
		return err;
	fr->fds[0] = -1;
	m->state_ms = clock_ms();
	stay_hear(&m->stay, m->state.ref);
	feed_model(m);
	if (m->state.is_retired)
		letgo_note(m);
	return on_new_state(m, fd);
}

void
model_free_all(struct front *f)
{
	while (!list_empty(&f->models))
		model_free(LIST_ENTRY(f->models.next, struct model, link));
	want_free_all(f);
	attach_free_all(f);
	reload_free_all(f);
}

void
model_drop(struct model *m)
{
	struct model_drop d = { .model = m->state.model };

	m->n_users--;
	letgo_note(m);
	front_tell(m->front, MSG_MODEL_DROP, &d);
}
