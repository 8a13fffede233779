/*
 * gen_world - the front's core with a test as its keeper and its worker.
 */
#ifndef GEN_WORLD_H
#define GEN_WORLD_H

#include "front/front.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/gen.h"
#include "front/model.h"
#include "front/recover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define SLOTS 2u

/* The world: a front, the keeper's end and, while one lives, the worker's. */
struct world {
	struct front f;
	struct chan *keeper;
	struct chan *worker;
	struct model *m;
	const char *identity; /* of the model */
	const char *file;
	uint32_t pid;		/* of the last worker */
	uint32_t outside;	/* the last one that somebody else killed */
	struct gen_order order; /* of all */
	struct party conn;
};

/* What one owner has heard. Static in each test: what still runs at its end is
 * told so when the world is torn down. */
struct owner {
	struct gen *g;
	struct gen *drops; /* when it fails */
	int n_started, n_tokens, n_done, n_failed;
	int32_t tokens[128];
	uint8_t reason;
	struct fail why;
};

static inline void
heard_started(void *arg, struct gen *g, const struct gen_started *s)
{
	struct owner *o = arg;

	assert_ptr_equal(o->g, g);
	assert_int_equal(s->prompt.n, 3);
	o->n_started++;
}

static inline void
heard_token(void *arg, struct gen *g, const struct step *s)
{
	struct owner *o = arg;

	(void)g;
	o->tokens[o->n_tokens++] = s->token;
}

static inline void
heard_done(void *arg, struct gen *g, const struct gen_done *d)
{
	struct owner *o = arg;

	(void)g;
	o->n_done++;
	o->reason = d->reason;
}

static inline void
heard_failed(void *arg, struct gen *g, const struct fail *why)
{
	struct owner *o = arg;

	(void)g;
	o->n_failed++;
	o->why = *why;
	gen_drop(o->drops);
}

static const struct gen_ops ops = {
	.started = heard_started,
	.token = heard_token,
	.done = heard_done,
	.failed = heard_failed,
};

/* Lets the front act on everything that is there. */
static inline void
turn(struct world *w)
{
	struct timer *t = timer_new(w->f.loop, (timer_fn)loop_stop, w->f.loop);

	timer_set(t, 5);
	assert_int_equal(loop_run(w->f.loop), 0);
	timer_free(t);
}

static inline void
say_model(struct world *w, enum model_status status, const char *text)
{
	struct model_state s = { .model = 1,
		.status = (uint8_t)status,
		.outside = w->outside,
		.name = STR("demo"),
		.path = STR("/m/demo.gguf"),
		.n_seq = SLOTS,
		.n_ctx = 100,
		.n_vocab = 3,
		.n_embd_out = 2,
		.exact = 1,
		.identity = str_of(w->identity),
		.file = str_of(w->file),
		.text = str_of(text),
		.err = status == MODEL_FAILED ? ERR_GAVE_UP : 0 };
	struct frame fr;
	int pair[2] = { -1, -1 };

	if (status == MODEL_UP) {
		s.pid = ++w->pid;
		chan_free(w->worker);
		assert_int_equal(chan_pair(pair), 0);
		w->worker = chan_new(pair[1], PROC_WORKER, PROC_FRONT, MIB);
	}
	assert_int_equal(chan_send(w->keeper, MSG_MODEL_STATE, &s, pair[0]), 0);
	if (pair[0] >= 0)
		close(pair[0]);
	assert_int_equal(chan_recv(w->f.chan, &fr), 0);
	assert_int_equal(model_on_state(&w->f, &fr), 0);
	frame_close(&fr);
	w->m = model_by_id(&w->f, 1);
}

static inline int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct front *f = &w->f;
	int pair[2];

	assert_int_equal(front_init(f), 0);
	f->config.queue_max = 3;
	f->config.default_model = STR("demo");
	assert_int_equal(journal_make(4 * MIB, &pair[0]), 0);
	assert_int_equal(recover(f, pair[0]), 0);
	assert_int_equal(chan_pair(pair), 0);
	f->chan = chan_new(pair[0], PROC_FRONT, PROC_KEEPER, MIB);
	f->watch = watch_new(f->loop, pair[0], NULL, NULL);
	w->keeper = chan_new(pair[1], PROC_KEEPER, PROC_FRONT, MIB);
	party_init(&w->conn);
	w->order = (struct gen_order){ .client = client_of_fd(
					   f->clients, pair[0], UID_UNTOLD),
		.conn = &w->conn };
	say_model(w, MODEL_UP, "");
	*state = w;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;

	model_free_all(&w->f);
	assert_int_equal(w->f.n_gens, 0);
	watch_free(w->f.watch);
	chan_free(w->f.chan);
	chan_free(w->keeper);
	chan_free(w->worker);
	front_done(&w->f);
	free(w);
	return 0;
}

static inline int
start(struct world *w, struct owner *o)
{
	struct gen_submit s = {
		.input = INPUT_PROMPT, .prompt = STR("hi"), .seed = 42
	};

	memset(o, 0, sizeof(*o));
	return gen_start(w->m, &s, &w->order, &ops, o, &o->g, &o->why);
}

/* The worker takes the next message, which must be m. */
static inline void
expect(struct world *w, enum msg m, void *ret)
{
	static struct frame fr; /* its payload stays for the caller */

	assert_int_equal(chan_recv(w->worker, &fr), 0);
	assert_int_equal(fr.msg, m);
	assert_int_equal(frame_unpack(&fr, ret), 0);
}

static inline void
say_started(struct world *w, uint64_t gen)
{
	static const int32_t prompt[] = { 1, 2, 3 };
	struct gen_started s = { .gen = gen, .prompt = { prompt, 3 } };

	assert_int_equal(chan_send(w->worker, MSG_GEN_STARTED, &s, -1), 0);
}

static inline void
say_token(struct world *w, uint64_t gen, int32_t token)
{
	struct step s = { .gen = gen,
		.token = token,
		.text = STR("x"),
		.flags = STEP_MU | STEP_HASH,
		.mu = (float)token,
		.hash = (uint64_t)token << 40 };
	struct buf b;

	buf_init(&b, KIB);
	step_put(&b, &s);
	assert_int_equal(chan_send_packed(w->worker, MSG_GEN_STEP, buf_data(&b),
			     buf_len(&b), -1),
	    0);
	buf_done(&b);
}

static inline void
say_done(struct world *w, uint64_t gen, enum gen_reason reason)
{
	struct gen_done d = { .gen = gen, .reason = (uint8_t)reason };

	assert_int_equal(chan_send(w->worker, MSG_GEN_DONE, &d, -1), 0);
}

static inline void
die(struct world *w)
{
	chan_free(w->worker);
	w->worker = NULL;
	turn(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
