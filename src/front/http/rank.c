#include "front/http/rank.h"

#include "front/http/body.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/reply.h"
#include "front/http/several.h"
#include "front/http/which.h"
#include "front/model.h"
#include "front/params.h"
#include "json/write.h"

#include <stdlib.h>
#include <string.h>

#define DOCUMENTS_MAX 4096u
#define QUERY_MAX (16u << 20)
#define PAIR_MAX (64u << 20)
#define ANSWER_MAX (48u << 20)

struct ranked {
	uint32_t i;
	float score;
	struct str text;
};

struct rank {
	struct json_doc *doc;
	struct str query;
	const struct json_value *documents, *texts;
	uint32_t top_n;
	bool return_text;
	struct gen_times times;

	struct str model; /* the request's, or "" */
	struct buf name;  /* of the model */
	struct buf pair;  /* of the record that was made last */
	uint64_t n_tokens;
	uint32_t n;
	struct ranked *all;
};

static int
make(void *arg, uint32_t i, struct gen_submit *ret, struct fail *why)
{
	struct rank *k = arg;

	buf_reset(&k->pair);
	strs_put(&k->pair, k->query);
	strs_put(&k->pair, k->all[i].text);
	params_default(ret);
	ret->mode = MODE_RANK;
	ret->input = INPUT_PAIR;
	ret->parts = (struct strs){ buf_str(&k->pair) };
	return buf_err(&k->pair) == 0
	    ? 0
	    : fail_set(why, ERR_NOMEM, NULL, "out of memory");
}

static void
on_rows(void *arg, uint32_t i, const struct gen_rows *r)
{
	struct rank *k = arg;

	if (r->data.n >= sizeof(k->all[i].score))
		memcpy(&k->all[i].score, r->data.p, sizeof(k->all[i].score));
}

static bool
on_done(void *arg, uint32_t i, const struct gen_done *d, struct fail *why)
{
	struct rank *k = arg;

	(void)i;
	(void)why;
	k->n_tokens += d->n_prompt;
	return true;
}

/* Of equals the first that was sent. */
static int
by_score(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->i < y->i ? -1 : 1;
}

static void
put_results(const struct rank *k, struct buf *out)
{
	bool is_tei = k->texts != NULL;

	buf_put_u8(out, '[');
	for (uint32_t i = 0; i < k->n && i < k->top_n; i++) {
		buf_printf(out, "%s{\"index\":%u,\"%s\":", i > 0 ? "," : "",
		    k->all[i].i, is_tei ? "score" : "relevance_score");
		json_put_f32(out, k->all[i].score);
		if (is_tei && k->return_text) {
			buf_puts(out, ",\"text\":");
			json_put_str(out, k->all[i].text);
		}
		buf_put_u8(out, '}');
	}
	buf_put_u8(out, ']');
}

static void
put_answer(const struct rank *k, struct buf *out)
{
	struct json_out o = json_out(out);

	json_open(&o, '{');
	json_key_str(
	    &o, "model", k->model.n > 0 ? k->model : buf_str(&k->name));
	json_key_cstr(&o, "object", "list");
	json_key(&o, "usage");
	json_open(&o, '{');
	json_key_u64(&o, "prompt_tokens", k->n_tokens);
	json_key_u64(&o, "total_tokens", k->n_tokens);
	json_close(&o, '}');
	json_key(&o, "results");
	put_results(k, out);
	json_close(&o, '}');
}

static void
on_end(void *arg, struct http *h)
{
	struct rank *k = arg;
	struct buf out;

	qsort(k->all, k->n, sizeof(k->all[0]), by_score);
	buf_init(&out, ANSWER_MAX);
	if (k->texts != NULL)
		put_results(k, &out);
	else
		put_answer(k, &out);
	if (buf_err(&out) != 0)
		error_status(h, 500, NULL, "the answer is too large");
	else
		reply_json(h, buf_str(&out));
	buf_done(&out);
}

static void
on_failed(void *arg, struct http *h, const struct fail *why)
{
	(void)arg;
	error_reply(h, why);
}

static void
rank_free(void *arg)
{
	struct rank *k = arg;

	json_free(k->doc);
	buf_done(&k->pair);
	buf_done(&k->name);
	free(k->all);
	free(k);
}

static const struct several_ops ops = {
	.at_once = SEVERAL_AT_ONCE,
	.make = make,
	.rows = on_rows,
	.done = on_done,
	.end = on_end,
	.failed = on_failed,
	.free = rank_free,
};

#define ROW(name, kind, member, flags, max)                                    \
	{                                                                      \
		name, JSON_TO_##kind, offsetof(struct rank, member), flags, 0, \
		    max, NULL                                                  \
	}

static const struct json_field rows[] = {
	ROW("query", STR, query, JSON_REQUIRED, QUERY_MAX),
	ROW("documents", ARRAY, documents, JSON_NULLABLE, DOCUMENTS_MAX),
	ROW("texts", ARRAY, texts, JSON_NULLABLE, DOCUMENTS_MAX),
	ROW("top_n", U32, top_n, JSON_NULLABLE, 0),
	ROW("return_text", BOOL, return_text, JSON_NULLABLE, 0),
	ROW("model", STR, model, JSON_NULLABLE, 4096),
	/* ours */
	ROW("timeout_ms", U32, times.total_ms, JSON_NULLABLE, 0),
	ROW("queue_timeout_ms", U32, times.queue_ms, JSON_NULLABLE, 0),
};

static int
take_documents(struct rank *k, struct fail *why)
{
	const struct json_value *list =
	    k->documents != NULL ? k->documents : k->texts;
	struct json_iter it = json_iter(list);
	const struct json_value *one;
	char shown[JSON_SHOW_SIZE];

	if (json_count(list) == 0)
		return fail_set(why, ERR_INVALID, "documents",
		    "\"documents\" must be a non-empty string array");
	k->all = calloc(json_count(list), sizeof(k->all[0]));
	if (k->all == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	while (json_next(&it, NULL, &one)) {
		if (!json_str(one, &k->all[k->n].text))
			return fail_set(why, ERR_INVALID, "documents",
			    "documents[%u]: must be a string, not %s", k->n,
			    json_show(one, shown));
		k->all[k->n].i = k->n;
		k->n++;
	}
	return 0;
}

static int
begin(struct rank *k, struct http *h, const struct request *r, struct fail *why)
{
	struct model *m;
	int err = body_parse(r->body, JSON_OBJECT, &k->doc, why);

	if (err != 0)
		return err;
	m = which_model(h, r, json_root(k->doc), why);
	if (m == NULL)
		return why->code;
	buf_put_str(&k->name, m->state.name);
	err = json_read_fields(json_root(k->doc), rows,
	    sizeof(rows) / sizeof(rows[0]), NULL, k, why);
	if (err == 0)
		err = take_documents(k, why);
	return err != 0
	    ? err
	    : several_keep(h, m, k->n, r->body.n, &k->times, &ops, k, why);
}

void
rank_documents(struct http *h, const struct request *r, struct str rest)
{
	struct rank *k = calloc(1, sizeof(*k));
	struct fail why;
	int err;

	(void)rest;
	if (k == NULL) {
		(void)fail_set(&why, ERR_NOMEM, NULL, "out of memory");
		error_reply(h, &why);
		return;
	}
	k->top_n = UINT32_MAX;
	k->query = k->model = STR("");
	buf_init(&k->name, 64u << 10);
	buf_init(&k->pair, PAIR_MAX);
	err = begin(k, h, r, &why);
	if (err == 0)
		return;
	rank_free(k);
	error_reply(h, &why);
}
