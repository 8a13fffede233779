/* "response_fields" of llama-server's completions. */
#include "front/http/llama_own.h"

#include "json/write.h"

/* What the path leads to; NULL: nothing. */
static const struct json_value *
follow(const struct json_value *v, struct str path)
{
	char key[128];
	size_t n;

	while (v != NULL && path.n > 0) {
		for (n = 0; n < path.n && path.p[n] != '/'; n++)
			;
		if (n >= sizeof(key))
			return NULL;
		for (size_t i = 0; i < n; i++)
			key[i] = path.p[i];
		key[n] = '\0';
		v = json_get(v, key);
		n += n < path.n;
		path = (struct str){ path.p + n, path.n - n };
	}
	return v;
}

static void
pick(struct buf *out, const struct json_value *from, struct str paths)
{
	struct cursor c = strs_walk((struct strs){ paths });
	bool is_first = true;
	struct str path;

	buf_put_u8(out, '{');
	while (strs_next(&c, &path)) {
		const struct json_value *v = follow(from, path);

		if (v == NULL || path.n == 0)
			continue;
		if (!is_first)
			buf_put_u8(out, ',');
		is_first = false;
		json_put_str(out, path);
		buf_put_u8(out, ':');
		json_put_value(out, v);
	}
	buf_put_u8(out, '}');
}

void
llama_pick(struct buf *out, struct str object, struct str paths)
{
	struct json_doc *doc = NULL;
	int err =
	    json_parse(object.p, object.n, &json_limits_request, &doc, NULL);

	if (err == 0)
		pick(out, json_root(doc), paths);
	else
		out->err = err;
	json_free(doc);
}
