#include "front/http/body.h"

int
body_parse(struct str body, enum json_type want, struct json_doc **ret,
    struct fail *why)
{
	const char *a = want == JSON_ARRAY ? "array" : "object";
	struct json_doc *doc;
	struct fail inner;
	enum json_type is;
	int err;

	if (body.n == 0)
		return fail_set(why, ERR_INVALID, NULL,
		    "the request needs a JSON %s as its body", a);
	err = json_parse(body.p, body.n, &json_limits_request, &doc, &inner);
	if (err == ERR_NOMEM)
		return fail_set(why, err, NULL, "out of memory");
	if (err != 0)
		return fail_set(why, ERR_INVALID, NULL,
		    "the body is no JSON that is accepted: %s", inner.text);
	is = json_type(json_root(doc));
	if (is == want) {
		*ret = doc;
		return 0;
	}
	json_free(doc);
	return fail_set(why, ERR_INVALID, NULL,
	    "the body must be a JSON %s, not of type %s", a,
	    json_type_name(is));
}
