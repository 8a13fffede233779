/*
 * A request that says nothing asks for its model to be loaded; with keep_alive
 * 0, to be unloaded. It is answered when that is so.
 */
#include "front/http/ollama_ask.h"

#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/ollama.h"
#include "front/http/reply.h"
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
on_slow(void *arg, bool is_slow)
{
	(void)arg;
	(void)is_slow;
}

/* There is no word for it before the status. */
static void
on_tick(void *arg)
{
	(void)arg;
}

static void
on_gone(void *arg)
{
	load_free(arg);
}

static const struct http_work work = {
	.slow = on_slow,
	.tick = on_tick,
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

static int
load(struct http *h, const struct ask *q, const struct ollama_own *own,
    struct fail *why)
{
	struct model *m = ollama_model(http_front(h), q->model, why);
	bool is_zero;
	int err;

	if (m == NULL)
		return why->code;
	err = ollama_read_keep(own->keep_alive, &is_zero, why);
	return err != 0 ? err : start(h, q, m, why);
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
