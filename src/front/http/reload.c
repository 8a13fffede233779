/*
 * GET /models?reload=1 and POST /models/reload: answered when the keeper has read
 * the configuration, with the list or with what was done.
 */
#include "front/http/reload.h"

#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/listing.h"
#include "front/http/reply.h"
#include "front/reload.h"

#include <stdlib.h>

#define BODY_MAX 1024u

struct asked {
	struct http *http;
	struct reload *reload;
	bool wants_list;
};

static void
reply_done(struct http *h, const struct reloaded *r)
{
	struct json_out o;
	struct buf body;

	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	reload_put(&o, r);
	if (buf_err(&body) != 0)
		error_status(h, 500, NULL, "out of memory");
	else
		reply_json(h, buf_str(&body));
	buf_done(&body);
}

static void
on_reloaded(void *arg, const struct reloaded *r)
{
	struct asked *a = arg;
	struct http *h = a->http;
	bool wants_list = a->wants_list;
	struct fail why;

	free(a);
	if (r->err != 0) {
		(void)fail_set(&why, r->err, NULL, "%.*s", (int)r->text.n,
		    r->text.n > 0 ? r->text.p : "");
		error_reply(h, &why);
	} else if (wants_list) {
		listing_reply(h);
	} else {
		reply_done(h, r);
	}
}

static void
on_gone(void *arg)
{
	struct asked *a = arg;

	reload_cancel(a->reload);
	free(a);
}

static const struct http_work work = {
	.gone = on_gone,
};

void
reload_begin(struct http *h, bool wants_list)
{
	struct asked *a = calloc(1, sizeof(*a));
	struct fail why;
	int err;

	if (a == NULL) {
		error_status(h, 500, NULL, "out of memory");
		return;
	}
	a->http = h;
	a->wants_list = wants_list;
	err = reload_ask(http_conn(h), on_reloaded, a, &a->reload, &why);
	if (err != 0) {
		free(a);
		error_reply(h, &why);
		return;
	}
	http_attach(h, &work, a);
}

void
reload_post(struct http *h, const struct request *r, struct str rest)
{
	(void)r;
	(void)rest;
	reload_begin(h, false);
}
