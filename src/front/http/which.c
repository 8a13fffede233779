#include "front/http/which.h"

#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/ollama.h"
#include "front/http/query.h"
#include "front/http/router.h"
#include "front/model.h"
#include "json/read.h"

static int
no_model(struct http *h, struct str name, struct fail *why)
{
	if (http_errors(h) == ERRORS_OLLAMA)
		return ollama_no_model(name, why);
	if (name.n == 0)
		return fail_set(why, ERR_NOT_FOUND, "model",
		    "model: no model is named, and there is no default one; "
		    "GET /v1/models lists them");
	return fail_set(why, ERR_NOT_FOUND, "model",
	    "model: no model is called \"%.*s\"; GET /v1/models lists them",
	    (int)(name.n < 200 ? name.n : 200), name.p);
}

static struct model *
find(struct http *h, struct str query, struct str name, struct fail *why)
{
	struct model *m = model_find(http_front(h), name);

	if (m == NULL)
		(void)no_model(h, name, why);
	else if (router_check(h, query, m, why) != 0)
		return NULL;
	return m;
}

struct model *
which_model(struct http *h, const struct request *r,
    const struct json_value *body, struct fail *why)
{
	const struct json_value *v = json_get(body, "model");
	struct str name = STR("");
	struct model *m;
	struct buf b;

	if (json_str(v, &name) && name.n > 0)
		return find(h, r->query, name, why);
	if (v != NULL && json_type(v) != JSON_NULL &&
	    json_type(v) != JSON_STRING) {
		(void)fail_set(
		    why, ERR_INVALID, "model", "model: must be a string");
		return NULL;
	}
	buf_init(&b, PARSE_TARGET_MAX);
	(void)query_get(r->query, "model", &b);
	m = find(h, r->query, buf_str(&b), why);
	buf_done(&b);
	return m;
}
