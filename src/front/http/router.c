#include "front/http/router.h"

#include "front/feed.h"
#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/query.h"
#include "front/http/reply.h"
#include "front/letgo.h"
#include "front/loading.h"
#include "front/model.h"
#include "json/fields.h"

#include <stdlib.h>

#define NAME_MAX_BYTES 4096
#define DONE "{\"success\":true}"

int
router_check(
    struct http *h, struct str query, const struct model *m, struct fail *why)
{
	bool autoload = http_front(h)->config.autoload;

	if (loading_is_on(m) || query_flag(query, "autoload", autoload))
		return 0;
	return fail_set(why, ERR_INVALID, "model",
	    "model: \"%.*s\" is not loaded, and this request does not load it "
	    "(autoload); POST /models/load does",
	    (int)(m->state.name.n < 200 ? m->state.name.n : 200),
	    m->state.name.p);
}

/* {"model":"name"}: the model of that name. */
static int
read_model(
    struct front *f, struct str body, struct model **ret, struct fail *why)
{
	static const struct json_field fields[] = {
		{ "model", JSON_TO_STR, 0, JSON_REQUIRED, 1, NAME_MAX_BYTES,
		    NULL },
	};
	struct json_doc *doc = NULL;
	struct str name = STR("");
	struct fail inner;
	int err =
	    json_parse(body.p, body.n, &json_limits_request, &doc, &inner);

	if (err != 0)
		return fail_set(why, err == ERR_NOMEM ? err : ERR_INVALID, NULL,
		    "the body is no JSON that is accepted: %s", inner.text);
	err = json_read_fields(json_root(doc), fields, 1, NULL, &name, why);
	*ret = err == 0 ? model_find(f, name) : NULL;
	if (err == 0 && *ret == NULL)
		err = fail_set(why, ERR_NOT_FOUND, "model",
		    "model: no model is called \"%.*s\"; GET /models lists "
		    "them",
		    (int)(name.n < 200 ? name.n : 200), name.p);
	json_free(doc);
	return err;
}

/* What both do: fn with the model that the body names. */
static void
act(struct http *h, const struct request *r,
    int (*fn)(struct model *m, struct fail *why))
{
	struct fail why = { .code = 0 };
	struct model *m = NULL;
	int err = read_model(http_front(h), r->body, &m, &why);

	if (err == 0)
		err = fn(m, &why);
	if (err != 0)
		error_reply(h, &why);
	else
		reply_json(h, STR(DONE));
}

/* Answered at once; what becomes of it is seen in /models, or /models/sse. */
void
router_load(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	act(h, r, loading_begin);
}

void
router_unload(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	act(h, r, letgo_unload);
}

/*
 * /models/sse
 */

struct events {
	struct feed_ear ear;
	struct http *http;
	bool has_spoken; /* since the last tick */
};

static void
say(struct events *e, const char *head, struct str text)
{
	size_t mark = reply_event_begin(e->http);

	buf_puts(http_out(e->http), head);
	buf_put_str(http_out(e->http), text);
	buf_puts(http_out(e->http), "\n\n");
	reply_event_end(e->http, mark);
}

static void
on_event(void *arg, struct str json)
{
	struct events *e = arg;

	e->has_spoken = true;
	say(e, "data: ", json);
}

static void
on_tick(void *arg)
{
	struct events *e = arg;

	if (!e->has_spoken)
		say(e, ": keep-alive", STR(""));
	e->has_spoken = false;
	http_tick(e->http, http_front(e->http)->config.keepalive_ms);
}

static void
on_gone(void *arg)
{
	struct events *e = arg;

	list_remove(&e->ear.link);
	free(e);
}

static void
end(void *arg)
{
	struct events *e = arg;
	struct http *h = e->http;

	on_gone(e);
	http_set_last(h);
	reply_stream_end(h);
}

/* Who does not read what it asked for misses some: it has to ask anew, and
 * knows. */
static void
on_slow(void *arg, bool is_slow)
{
	if (is_slow)
		end(arg);
}

void
router_events(struct http *h, const struct request *r, struct str rest)
{
	static const struct http_work work = { on_slow, on_tick, on_gone };
	struct events *e = calloc(1, sizeof(*e));
	struct fail why;

	(void)r;
	(void)rest;
	if (e == NULL) {
		(void)fail_set(&why, ERR_NOMEM, NULL, "out of memory");
		error_reply(h, &why);
		return;
	}
	if (r->method == METHOD_HEAD) {
		free(e);
		reply_send(h, 200, "text/event-stream", "", STR(""));
		return;
	}
	*e = (struct events){ .ear = { .tell = on_event, .end = end, .arg = e },
		.http = h };
	list_append(&http_front(h)->feed, &e->ear.link);
	reply_stream(h, "text/event-stream");
	http_attach(h, &work, e);
	http_tick(h, http_front(h)->config.keepalive_ms);
}
