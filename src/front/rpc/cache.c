#include "front/rpc/cache.h"

#include "front/attach.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/errors.h"
#include "front/rpc/load.h"
#include "front/ticket.h"
#include "json/write.h"

#include <stdlib.h>

#define RELEASED             \
	"{\"success\":true," \
	"\"message\":\"Prompt cache released successfully\"}"
#define PATH_FIELD "prompt_cache_path"

struct asked {
	struct str path;
};

static const struct json_field path_fields[] = {
	{ PATH_FIELD, JSON_TO_STR, offsetof(struct asked, path), JSON_REQUIRED,
	    1, PATH_BYTES, NULL },
};

const struct shape shape_cache_path = SHAPE(path_fields);

static void
say_loaded(struct call *c, const char *path)
{
	struct json_out o = json_out(call_open(c));

	json_open(&o, '{');
	json_key_bool(&o, "success", true);
	json_key_cstr(&o, "message", "Prompt cache loaded successfully");
	json_key_cstr(&o, "cache_path", path);
	json_close(&o, '}');
	call_close(c);
}

static void
on_loaded(void *arg, struct attached *at, const struct fail *why)
{
	struct rpc *r = arg;
	char *path = change_what(r);
	struct call c = change_end(r);

	if (at != NULL) {
		attached_drop(r->cache);
		r->cache = at;
		say_loaded(&c, path);
	} else {
		change_fail(&c, PATH_FIELD, why);
	}
	free(path);
	call_drop(&c);
	rpc_settled(r);
}

void
cache_load(struct call *c, const struct args *a)
{
	struct asked asked = { .path = STR("") };
	struct fail why = { 0 };

	if (method_values(a, &asked, &why) != 0) {
		call_fail(c, &why);
		return;
	}
	change_attach(
	    c, ATTACH_CACHE, asked.path, str_dup(asked.path), free, on_loaded);
}

void
cache_release(struct call *c, const struct args *a)
{
	struct rpc *r = c->rpc;

	(void)a;
	if (r->cache == NULL) {
		call_error(c, error_row(ERR_FILE)->rpc, NULL,
		    "no prompt cache is loaded; rkllm.load_prompt_cache loads "
		    "one");
		return;
	}
	attached_drop(r->cache);
	r->cache = NULL;
	call_result(c, STR(RELEASED));
}

/* One that was lost would only have saved time. */
void
cache_take(struct run *run, struct gen_submit *req)
{
	struct attached *cache = run->rpc->cache;

	if (cache == NULL || cache->lost.code != 0 ||
	    req->mode != MODE_GENERATE)
		return;
	run->cache = attached_hold(cache);
	req->cache = cache->id;
}

/* A run that has no place yet. */
struct waiting {
	struct rpc *rpc;
	struct run *run;
	struct timer *timer; /* its deadlines count already */
	struct buf record;   /* packed */
	struct submit_about about;
	bool has_reply;
};

static void
waiting_free(void *what)
{
	struct waiting *w = what;

	if (w == NULL)
		return;
	timer_free(w->timer);
	run_discard(w->run);
	buf_done(&w->record);
	free(w);
}

static void
go(struct call *c, struct waiting *w, struct attached *at)
{
	struct run *run = w->run;
	struct gen_submit req;
	struct buf joined;

	if (layout_unpack(&layout_gen_submit, &req, buf_data(&w->record),
		buf_len(&w->record)) != 0) {
		attached_drop(at);
		call_error(c, RPC_INTERNAL, NULL, "a record cannot be read");
		return;
	}
	/* None named: those of the server. */
	if (req.adapters.n == 0)
		req.adapters.p = NULL;
	req.save = at->id;
	run->save = at;
	w->run = NULL;
	buf_init(&joined, msg_row(MSG_GEN_SUBMIT)->max);
	run_go(c, run, &joined, &req, &w->about, w->has_reply);
	buf_done(&joined);
}

static void
on_place(void *arg, struct attached *at, const struct fail *why)
{
	struct rpc *r = arg;
	struct waiting *w = change_what(r);
	struct call c = change_end(r);

	if (at != NULL)
		go(&c, w, at);
	else
		change_fail(&c, "prompt_cache_params." PATH_FIELD, why);
	waiting_free(w);
	call_drop(&c);
	rpc_settled(r);
}

/* A model may be long without a worker. */
static void
on_late(void *arg)
{
	struct waiting *w = arg;
	struct rpc *r = w->rpc;
	struct front *f = r->front;
	struct fail why;
	struct call c;
	uint64_t ms;

	f->metrics.deadlines_passed_total++;
	(void)deadline_fail(deadline_next(&w->about.times, false, false, &ms),
	    &w->about.times, &why);
	attach_cancel(r->change->attach);
	(void)change_what(r);
	c = change_end(r);
	call_fail(&c, &why);
	waiting_free(w);
	call_drop(&c);
	rpc_settled(r);
	conn_turn(f);
}

static int
set_deadline(struct waiting *w)
{
	struct gen_times *t = &w->about.times;
	uint64_t ms;

	*t = ticket_times(w->rpc->front, t);
	if (deadline_next(t, false, false, &ms) == DEADLINE_NONE)
		return 0;
	w->timer = timer_new(w->rpc->front->loop, on_late, w);
	if (w->timer == NULL)
		return ERR_NOMEM;
	timer_set(w->timer, ms);
	return 0;
}

static struct waiting *
waiting_new(struct run *run, const struct gen_submit *req,
    const struct submit_about *about, bool has_reply)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		run_discard(run);
		return NULL;
	}
	*w = (struct waiting){ .rpc = run->rpc,
		.run = run,
		.about = *about,
		.has_reply = has_reply };
	buf_init(&w->record, msg_row(MSG_GEN_SUBMIT)->max);
	layout_pack(&layout_gen_submit, req, &w->record);
	if (buf_err(&w->record) == 0 && set_deadline(w) == 0)
		return w;
	waiting_free(w);
	return NULL;
}

void
cache_wait_for_place(struct call *c, struct run *run,
    const struct gen_submit *req, const struct submit_about *about,
    bool has_reply)
{
	struct rpc *r = c->rpc;

	change_attach(c, ATTACH_SAVE, about->save,
	    waiting_new(run, req, about, has_reply), waiting_free, on_place);
	/* Whoever asks meanwhile whether something runs waits too. */
	if (r->change != NULL)
		r->change->is_run = true;
}

static void
on_saved(void *arg)
{
	struct run *run = arg;

	timer_clear(run->save_timer);
	if (run->is_over)
		run_end(run, &run->last);
}

static void
on_timeout(void *arg)
{
	struct run *run = arg;
	struct front *f = run->rpc->front;

	(void)fail_set(&run->save->verdict, ERR_TIMEOUT, NULL,
	    "the prompt cache was not written in time");
	run->save->is_saved = true;
	on_saved(run);
	conn_turn(f);
}

bool
cache_must_wait(struct run *run, const struct gen_done *d)
{
	if (run->save == NULL || run->save->is_saved ||
	    d->reason == REASON_CANCEL)
		return false;
	run->save_timer = timer_new(run->rpc->front->loop, on_timeout, run);
	if (run->save_timer == NULL)
		return false;
	timer_set(run->save_timer, run->rpc->front->save_wait_ms);
	run->save->on_saved = on_saved;
	run->save->arg = run;
	return true;
}

const struct fail *
cache_failure(const struct run *run)
{
	return run->save != NULL && run->save->verdict.code != 0
	    ? &run->save->verdict
	    : NULL;
}

void
cache_drop(struct run *run)
{
	timer_free(run->save_timer);
	if (run->save != NULL)
		run->save->on_saved = NULL;
	attached_drop(run->save);
	attached_drop(run->cache);
	run->save_timer = NULL;
	run->save = run->cache = NULL;
}
