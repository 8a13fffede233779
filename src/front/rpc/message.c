/*
 * Theory: a message is one request or an array of them. Each is checked
 * against JSON-RPC 2.0, looked up and handed to its method, which answers by
 * its call. A request that has to wait stops the message there: it stays in
 * conn_in(), and when it comes again the requests already handled (n_done) are
 * skipped; the replies they gave stay in the batch meanwhile.
 */
#include "front/rpc/rpc.h"

#include "front/conn.h"
#include "front/front.h"
#include "front/errors.h"
#include "front/rpc/method.h"
#include "json/raw.h"

#include <stdio.h>

struct request {
	struct str method;
	struct str id; /* as sent; empty: none, a notification */
	const struct json_value *params;
};

/* The text that an id was sent as; *ret is untouched where it may not be one.
 * NULL or what is wrong. */
static const char *
check_id(const struct json_value *v, struct str text, struct str *ret)
{
	enum json_type t = json_type(v);

	if (t != JSON_NUMBER && t != JSON_STRING && t != JSON_NULL)
		return "id: must be a number, a string or null";
	if (text.n > RPC_ID_MAX)
		return "id: longer than 1024 bytes";
	*ret = text;
	return NULL;
}

static const char *
check_version(const struct json_value *v)
{
	struct str s;

	if (!json_str(v, &s) || !str_is(s, "2.0"))
		return "jsonrpc: must be \"2.0\"";
	return NULL;
}

/* NULL, or what is wrong with the request; *ret holds the id that the error
 * goes to, if there is a good one. */
static const char *
read_request(const struct json_value *v, struct str text, struct request *ret)
{
	struct json_iter it = json_iter(v);
	struct raw raw = raw_walk(text);
	const struct json_value *member;
	const char *wrong = NULL;
	struct str key, sent;

	*ret = (struct request){ .id = STR("") };
	if (json_type(v) != JSON_OBJECT) {
		ret->id = STR("null");
		return "a request must be an object";
	}
	while (json_next(&it, &key, &member) && raw_next(&raw, &sent))
		if (str_is(key, "id"))
			wrong = check_id(member, sent, &ret->id);
	if (wrong == NULL)
		wrong = check_version(json_get(v, "jsonrpc"));
	if (wrong == NULL && !json_str(json_get(v, "method"), &ret->method))
		wrong = "method: must be a string";
	/* A broken request is no notification: its error is sent. */
	if (wrong != NULL && ret->id.n == 0)
		ret->id = STR("null");
	ret->params = json_get(v, "params");
	return wrong;
}

static void
no_such_method(struct call *c, struct str name)
{
	char text[160];

	(void)snprintf(text, sizeof(text),
	    "method not found: \"%.*s\"; see docs/RPC.md",
	    name.n < 64 ? (int)name.n : 64, name.p);
	call_error(c, RPC_METHOD_NOT_FOUND, "method", text);
}

/* 0, or why the method may not be called now. */
static int
check_state(struct rpc *r, const struct method *m, struct fail *f)
{
	if ((m->flags & METHOD_WORK) && r->front->is_draining)
		return fail_set(f, ERR_STOPPING, NULL,
		    "the server is stopping; it takes no new work");
	if ((m->flags & METHOD_MODEL) && rpc_model(r) == NULL)
		return fail_set(f, ERR_NOT_LOADED, NULL, "%s",
		    r->change != NULL
			? "the model is still loading"
			: "no model is loaded; call rkllm.init first");
	return 0;
}

static bool
must_wait(const struct rpc *r, const struct method *m)
{
	return r->change != NULL &&
	    ((m->flags & METHOD_WAITS) ||
		(r->change->is_run && (m->flags & METHOD_MODEL)));
}

/* False: it has to wait, and nothing was done. */
static bool
handle_one(struct rpc *r, const struct json_value *v, struct str text)
{
	struct call c = { .rpc = r, .batch = r->batch };
	const struct method *m;
	struct request request;
	struct fail why = { 0 };
	struct args args;
	const char *wrong = read_request(v, text, &request);

	c.id = request.id;
	m = wrong == NULL ? method_find(request.method) : NULL;
	if (m != NULL && must_wait(r, m))
		return false;
	r->front->metrics.rpc_requests_total++;
	/* No batch waits for a notification: it may be gone before its end. */
	if (c.id.n == 0)
		c.batch = NULL;
	if (c.batch != NULL)
		c.batch->open++;
	if (wrong != NULL)
		call_error(&c, RPC_INVALID_REQUEST, NULL, wrong);
	else if (m == NULL)
		no_such_method(&c, request.method);
	else if (method_resolve(m, request.params, r, &args, &why) != 0 ||
	    check_state(r, m, &why) != 0)
		call_fail(&c, &why);
	else
		m->fn(&c, &args);
	return true;
}

/* False: one of them has to wait; r->n_done says which. */
static bool
handle_batch(struct rpc *r, const struct json_value *v, struct str text)
{
	struct json_iter it = json_iter(v);
	struct raw raw = raw_walk(text);
	const struct json_value *element;
	uint32_t at = 0;
	struct str sent;

	while (json_next(&it, NULL, &element) && raw_next(&raw, &sent)) {
		if (at++ < r->n_done)
			continue;
		if (!handle_one(r, element, sent))
			return false;
		r->n_done++;
	}
	return true;
}

/* An array: its replies gather in r->batch, which goes on without r once all
 * of its requests were read. */
static bool
take_batch(struct rpc *r, const struct json_value *v, struct str text)
{
	struct batch *b;

	if (json_count(v) == 0) {
		rpc_complain(r, RPC_INVALID_REQUEST, "an empty batch");
		return true;
	}
	if (json_count(v) > RPC_BATCH_MAX) {
		rpc_complain(r, error_row(ERR_TOO_BIG)->rpc,
		    "a batch of over 1024 requests, the limit");
		return true;
	}
	if (r->batch == NULL)
		r->batch = batch_new(conn_out(r->conn)->max);
	if (r->batch == NULL) {
		rpc_complain(r, RPC_INTERNAL, "out of memory");
		return true;
	}
	if (!handle_batch(r, v, text))
		return false;
	b = r->batch;
	r->batch = NULL;
	r->n_done = 0;
	batch_close(r, b);
	return true;
}

static void
refuse(struct rpc *r, int err, const struct fail *why)
{
	char text[sizeof(why->text) + 16];

	(void)snprintf(text, sizeof(text), "%s%s",
	    err == ERR_INVALID ? "parse error " : "", why->text);
	rpc_complain(r,
	    err == ERR_INVALID ? RPC_PARSE_ERROR : error_row(err)->rpc, text);
}

bool
message_handle(struct rpc *r)
{
	const char *in = (const char *)buf_data(conn_in(r->conn));
	struct str text = { in + r->scanned - r->whole, r->whole };
	struct json_limits limits = json_limits_request;
	struct fail why = { 0 };
	struct json_doc *doc;
	bool is_done;
	int err;

	limits.bytes = text.n;
	limits.depth = RPC_DEPTH;
	err = json_parse(text.p, text.n, &limits, &doc, &why);
	if (err != 0) {
		refuse(r, err, &why);
		return true;
	}
	if (json_type(json_root(doc)) == JSON_ARRAY)
		is_done = take_batch(r, json_root(doc), text);
	else
		is_done = handle_one(r, json_root(doc), text);
	json_free(doc);
	return is_done;
}
