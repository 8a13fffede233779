#include "front/rpc/load.h"

#include "front/front.h"
#include "front/model.h"
#include "front/reload.h"
#include "front/errors.h"
#include "front/rpc/adapter.h"
#include "front/rpc/kv.h"
#include "front/rpc/rpc.h"
#include "front/rpc/run.h"
#include "front/rpc/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOADED \
	"{\"success\":true,\"message\":\"Model initialized successfully\"}"
#define DESTROYED \
	"{\"success\":true,\"message\":\"Model destroyed successfully\"}"

struct change *
change_new(struct call *c)
{
	struct change *ch = calloc(1, sizeof(*ch));

	if (ch != NULL && call_keep(&ch->call, c) == 0)
		return ch;
	free(ch);
	call_error(c, RPC_INTERNAL, NULL, "out of memory");
	return NULL;
}

bool
change_begin(struct call *c)
{
	struct rpc *r = c->rpc;
	struct fail why;

	if (r->change != NULL) {
		(void)fail_set(&why, ERR_BUSY, NULL,
		    "another init, destroy or load of this connection is not "
		    "done");
		call_fail(c, &why);
		return false;
	}
	r->change = change_new(c);
	return r->change != NULL;
}

struct call
change_end(struct rpc *r)
{
	struct change *ch = r->change;
	struct call c = ch->call;

	r->change = NULL;
	if (ch->what != NULL)
		ch->drop(ch->what);
	param_drop(&ch->param);
	free(ch);
	return c;
}

void
change_fail(struct call *c, const char *field, const struct fail *why)
{
	struct fail said = *why;

	if (why->code == ERR_FILE)
		(void)snprintf(said.field, sizeof(said.field), "%s", field);
	call_fail(c, &said);
}

void *
change_what(struct rpc *r)
{
	void *what = r->change->what;

	r->change->what = NULL;
	return what;
}

static void
no_memory(struct rpc *r)
{
	struct call c = change_end(r);

	call_error(&c, RPC_INTERNAL, NULL, "out of memory");
	call_drop(&c);
}

void
change_attach(struct call *c, enum attach_kind kind, struct str path,
    void *what, void (*drop)(void *what), attach_fn fn)
{
	struct rpc *r = c->rpc;

	r->change = change_new(c);
	if (r->change == NULL) {
		if (what != NULL)
			drop(what);
		return;
	}
	r->change->what = what;
	r->change->drop = drop;
	if (what != NULL)
		r->change->attach = attach_ask(rpc_model(r), kind, path, fn, r);
	if (r->change->attach == NULL)
		no_memory(r);
}

static void
drop_model(struct rpc *r)
{
	struct model *m = rpc_model(r);

	adapter_forget(&r->adapters);
	attached_drop(r->cache);
	r->cache = NULL;
	if (m != NULL)
		model_drop(m);
	setup_forget(r);
	kv_close(r);
	param_drop(&r->param);
	r->model = 0;
}

/* RPC.md has one code for an init that did not work, whatever the reason; only
 * a server that is full or stopping is no fault of the model. */
static void
say_failed(struct call *c, const struct fail *why)
{
	int code = error_row(why->code)->rpc;
	struct fail said = *why;

	said.field[0] = '\0';
	if (code != error_row(ERR_BUSY)->rpc && code != RPC_INTERNAL) {
		code = error_row(ERR_LOAD_FAILED)->rpc;
		(void)strcpy(said.field, "model_path");
	}
	call_fail_as(c, code, &said);
}

static void
say_loaded(struct rpc *r, struct call *c)
{
	if (kv_open(r, r->param.n_batch) == 0) {
		call_result(c, STR(LOADED));
		return;
	}
	drop_model(r);
	call_error(c, RPC_INTERNAL, NULL, "out of memory");
}

static void
on_want(void *arg, struct model *m, const struct fail *why)
{
	struct rpc *r = arg;
	struct rkllm_param param = r->change->param;
	struct call c;

	r->change->param.kept = NULL;
	c = change_end(r);
	if (m != NULL) {
		drop_model(r);
		r->model = m->state.model;
		r->param = param;
		say_loaded(r, &c);
	} else {
		param_drop(&param);
		say_failed(&c, why);
	}
	call_drop(&c);
	rpc_settled(r);
}

static int
may_init(const struct rpc *r, struct fail *f)
{
	if (r->change != NULL)
		return fail_set(f, ERR_BUSY, NULL,
		    "another init or destroy of this connection is not done");
	if (r->n_runs > 0)
		return fail_set(f, ERR_BUSY, NULL,
		    "%u runs of this connection are not done; abort them or "
		    "wait",
		    r->n_runs);
	return 0;
}

void
load_init(struct call *c, const struct args *a)
{
	struct rpc *r = c->rpc;
	struct rkllm_param p = param_defaults;
	struct str path;
	struct fail why = { 0 };
	struct want *w;

	if (may_init(r, &why) != 0 || param_read(&a->at[0], &p, &why) != 0) {
		call_fail(c, &why);
		return;
	}
	if (p.n_batch > r->front->config.client_queue_max) {
		(void)fail_set(&why, ERR_INVALID, "extend_param.n_batch",
		    "extend_param.n_batch: must be at most %u, the runs that "
		    "a client may have (--client-queue-max), not %u",
		    r->front->config.client_queue_max, p.n_batch);
		call_fail(c, &why);
		return;
	}
	r->change = change_new(c);
	if (r->change == NULL)
		return;
	path = p.model_path;
	if (param_keep(&p) != 0) {
		no_memory(r);
		return;
	}
	r->change->param = p;
	w = model_want(r->front, path, (uint32_t)p.max_context_len, on_want, r);
	/* It may have been answered at once. */
	if (w != NULL && r->change != NULL) {
		r->change->want = w;
	} else if (w == NULL && r->change != NULL) {
		no_memory(r);
	}
}

static void
finish_destroy(struct rpc *r)
{
	struct call c = change_end(r);

	drop_model(r);
	r->param = param_defaults;
	call_result(&c, STR(DESTROYED));
	call_drop(&c);
	rpc_settled(r);
}

void
load_destroy(struct call *c, const struct args *a)
{
	struct rpc *r = c->rpc;

	(void)a;
	r->change = change_new(c);
	if (r->change == NULL)
		return;
	if (r->n_runs == 0)
		finish_destroy(r);
	else
		run_cancel_all(r);
}

void
load_on_idle(struct rpc *r)
{
	if (r->change != NULL && r->change->want == NULL &&
	    r->change->attach == NULL && r->change->reload == NULL)
		finish_destroy(r);
}

void
load_stop(struct rpc *r)
{
	struct fail why;
	struct call c;

	if (r->change == NULL ||
	    (r->change->want == NULL && r->change->attach == NULL &&
		r->change->reload == NULL))
		return;
	want_cancel(r->change->want);
	attach_cancel(r->change->attach);
	reload_cancel(r->change->reload);
	c = change_end(r);
	(void)fail_set(&why, ERR_STOPPING, NULL, "the server is stopping");
	call_fail(&c, &why);
	call_drop(&c);
}

void
load_drop(struct rpc *r)
{
	if (r->change != NULL) {
		struct call c;

		want_cancel(r->change->want);
		attach_cancel(r->change->attach);
		reload_cancel(r->change->reload);
		c = change_end(r);
		/* r->batch is freed with r; another has only this call. */
		if (c.batch != r->batch)
			batch_free(c.batch);
		call_drop(&c);
	}
	drop_model(r);
}
