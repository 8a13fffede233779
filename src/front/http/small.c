/*
 * The requests that are answered at once: what is this, is it well, what does
 * it serve, how much has it done.
 */
#include "front/feed.h"
#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/listing.h"
#include "front/http/query.h"
#include "front/http/reload.h"
#include "front/http/reply.h"
#include "front/http/route.h"
#include "front/model.h"
#include "json/write.h"

#define BODY_MAX (4u << 20)

void
small_root(struct http *h, const struct request *r, struct str rest)
{
	struct str version = http_front(h)->config.version;
	struct buf body;

	(void)r;
	(void)rest;
	buf_init(&body, BODY_MAX);
	buf_printf(&body,
	    "Bulkhead %.*s serves language models.\n\n"
	    "  POST /v1/chat/completions   OpenAI's chat\n"
	    "  POST /v1/completions        OpenAI's completions\n"
	    "  POST /v1/responses          OpenAI's responses\n"
	    "  POST /v1/embeddings         OpenAI's embeddings\n"
	    "  POST /v1/messages           Anthropic's messages\n"
	    "  POST /api/chat              Ollama's chat, and the rest of it\n"
	    "  POST /completion            llama-server's, and the rest of it\n"
	    "  GET  /v1/models             what is served\n"
	    "  GET  /health                whether it is ready\n"
	    "  GET  /metrics               counts, for Prometheus\n",
	    (int)version.n, version.p);
	reply_buf(h, "text/plain; charset=utf-8", &body);
}

/* llama-server's words, because load balancers look for them. */
static void
reply_unwell(struct http *h, const struct fail *why)
{
	struct buf body;
	char headers[64];

	buf_init(&body, BODY_MAX);
	buf_puts(&body, "{\"error\":{\"code\":503,\"message\":");
	json_put_str(&body, str_of(why->text));
	buf_puts(&body, ",\"type\":\"unavailable_error\"}}");
	error_headers(why, 503, headers, sizeof(headers));
	if (buf_err(&body) == 0)
		reply_send(h, 503, "application/json", headers, buf_str(&body));
	else
		error_status(h, 503, headers, "%s", why->text);
	buf_done(&body);
}

/* Well is who would take a request for the default model. One whose worker is
 * being replaced takes them: they wait a moment longer; so does one whose file
 * has changed, which is loaded for the next. */
void
small_health(struct http *h, const struct request *r, struct str rest)
{
	const struct model *m = model_find(http_front(h), STR(""));
	struct fail why = { .code = 0 };

	(void)r;
	(void)rest;
	if (http_front(h)->is_draining)
		(void)fail_set(
		    &why, ERR_STOPPING, NULL, "The server is stopping");
	else if (m != NULL && m->state.status == MODEL_STARTING)
		(void)fail_set(&why, ERR_NOT_LOADED, NULL, "Loading model");
	else if (m != NULL && model_is_out(m))
		(void)model_failure(m, &why);
	if (why.code != 0)
		reply_unwell(h, &why);
	else
		reply_json(h, STR("{\"status\":\"ok\"}"));
}

void
small_models(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	if (query_flag(r->query, "reload", false))
		reload_begin(h, true);
	else
		listing_reply(h);
}

static void
reply_model(struct http *h, struct str name)
{
	const struct model *m = model_find(http_front(h), name);
	struct json_out o;
	struct fail why;
	struct buf body;

	if (m == NULL) {
		(void)fail_set(&why, ERR_NOT_FOUND, "model",
		    "model: no model is called \"%.*s\"",
		    (int)(name.n < 200 ? name.n : 200), name.p);
		error_reply(h, &why);
		return;
	}
	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	listing_put(&o, m);
	reply_buf(h, "application/json", &body);
}

void
small_model(struct http *h, const struct request *r, struct str rest)
{
	struct buf name;

	(void)r;
	buf_init(&name, PARSE_TARGET_MAX);
	query_unescape(rest, &name);
	reply_model(h, buf_str(&name));
	buf_done(&name);
}

/* What others serve there, and we shall. */
void
small_later(struct http *h, const struct request *r, struct str rest)
{
	struct fail why;

	(void)rest;
	(void)fail_set(&why, ERR_UNSUPPORTED, NULL,
	    "%.*s is not served yet; GET / lists what is",
	    (int)(r->path.n < 200 ? r->path.n : 200), r->path.p);
	error_reply(h, &why);
}

void
small_metrics(struct http *h, const struct request *r, struct str rest)
{
	struct buf body;

	(void)r;
	(void)rest;
	buf_init(&body, BODY_MAX);
	metrics_print(http_front(h), &body);
	metrics_print_llama(http_front(h), &body);
	reply_buf(h, "text/plain; version=0.0.4; charset=utf-8", &body);
}
