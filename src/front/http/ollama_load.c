/*
 * A request that says nothing asks for its model to be loaded, and is answered
 * when that is so; with keep_alive 0, to be unloaded. One that says something
 * and has keep_alive 0 has its model unloaded behind the answer.
 */
#include "front/http/ollama_ask.h"

#include "base/log.h"
#include "front/admit.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/ollama.h"
#include "front/http/reply.h"
#include "front/letgo.h"
#include "front/loading.h"
#include "front/model.h"

#include <stdlib.h>

#define BODY_MAX 65536u

struct load {
	struct http *http;
	struct want *want; /* NULL once it was answered */
	struct buf head;   /* the answer up to its reason */
};

static void
load_free(struct load *l)
{
	if (l->want != NULL)
		want_cancel(l->want);
	buf_done(&l->head);
	free(l);
}

static void
put_head(struct buf *out, struct str model, bool is_chat)
{
	buf_puts(out, "{\"model\":");
	json_put_str(out, model);
	buf_puts(out, ",\"created_at\":");
	ollama_put_now(out);
	buf_puts(out,
	    is_chat ? ",\"message\":{\"role\":\"assistant\",\"content\":\"\"}"
		    : ",\"response\":\"\"");
}

/* One line is a stream too. */
static void
reply(struct http *h, struct buf *head, const char *reason)
{
	buf_printf(head, ",\"done\":true,\"done_reason\":\"%s\"}\n", reason);
	if (buf_err(head) != 0)
		error_status(h, 500, NULL, "out of memory");
	else
		reply_json(h, buf_str(head));
}

static void
on_wanted(void *arg, struct model *m, const struct fail *why)
{
	struct load *l = arg;

	l->want = NULL;
	if (m == NULL) {
		error_reply(l->http, why);
	} else {
		model_drop(m);
		reply(l->http, &l->head, "load");
	}
	load_free(l);
}

static void
on_gone(void *arg)
{
	load_free(arg);
}

static const struct http_work work = {
	.gone = on_gone,
};

static int
start(struct http *h, const struct ask *q, const struct model *m,
    struct fail *why)
{
	struct load *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	l->http = h;
	buf_init(&l->head, BODY_MAX);
	put_head(&l->head, q->model, q->form == &ask_ollama_chat);
	l->want = model_want(http_front(h), m->state.name, 0, on_wanted, l);
	if (l->want == NULL) {
		load_free(l);
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	}
	http_attach(h, &work, l);
	return 0;
}

static bool
is_in_use(const struct model *m)
{
	return m->n_gens > 0 || m->n_users > 0;
}

/* A key that is for some models has no say in when others lose one. */
static bool
may_unload(struct http *h)
{
	return conn_client(http_conn(h))->models == NULL;
}

/* Who asks for that does not mean to end what others have running. */
static int
unload(struct http *h, const struct ask *q, struct model *m, struct fail *why)
{
	struct buf head;
	int err = 0;

	if (!may_unload(h))
		return fail_set(why, ERR_DENIED, "keep_alive",
		    "keep_alive: an API key that is for some models only "
		    "unloads none");
	if (is_in_use(m))
		return fail_set(why, ERR_BUSY, "keep_alive",
		    "model '%.*s' is in use; POST /models/unload ends what "
		    "runs, too",
		    (int)(q->model.n < 200 ? q->model.n : 200), q->model.p);
	if (loading_is_on(m))
		err = letgo_unload(m, why);
	if (err != 0)
		return err;
	buf_init(&head, BODY_MAX);
	put_head(&head, q->model, q->form == &ask_ollama_chat);
	reply(h, &head, "unload");
	buf_done(&head);
	return 0;
}

uint32_t
ollama_leaves(struct http *h, const struct ask *q)
{
	const struct json_value *keep =
	    json_get(json_root(q->doc), "keep_alive");
	const struct model *m = model_find(http_front(h), q->model);
	struct fail why;
	bool is_zero;

	if (m == NULL || !may_unload(h) ||
	    ollama_read_keep(keep, &is_zero, &why) != 0)
		return 0;
	return is_zero ? m->state.model : 0;
}

void
ollama_leave(struct front *f, uint32_t model)
{
	struct model *m = model != 0 ? model_by_id(f, model) : NULL;
	struct fail why;

	/* The answer that ends now is counted still. */
	if (m == NULL || m->n_gens > 1 || m->n_users > 0)
		return;
	if (letgo_unload(m, &why) != 0)
		log_debug("keep_alive 0: %s", why.text);
}

static int
load(struct http *h, const struct ask *q, const struct ollama_own *own,
    struct fail *why)
{
	struct model *m = ollama_model(http_front(h), q->model, why);
	bool is_zero;
	int err;

	if (m == NULL)
		return why->code;
	err = admit_model(m, conn_client(http_conn(h)), why);
	if (err == 0)
		err = ollama_read_keep(own->keep_alive, &is_zero, why);
	if (err != 0)
		return err;
	return is_zero ? unload(h, q, m, why) : start(h, q, m, why);
}

static bool
says_nothing(const struct ask *q, const struct ollama_own *own)
{
	return q->form == &ask_ollama_chat ? json_count(own->messages) == 0
					   : own->prompt.n == 0 &&
		own->suffix.n == 0 && json_count(own->images) == 0;
}

bool
ollama_load(struct http *h, const struct ask *q)
{
	struct ollama_own own;
	struct fail why;

	if (ollama_read_own(q, &own, &why) != 0 || !says_nothing(q, &own))
		return false;
	if (load(h, q, &own, &why) != 0)
		error_reply(h, &why);
	return true;
}
