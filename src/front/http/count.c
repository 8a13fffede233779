#include "front/http/count.h"

#include "front/admit.h"
#include "front/http/ask.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/reply.h"
#include "front/http/several.h"
#include "front/http/which.h"
#include "json/write.h"

#include <stdlib.h>

struct counted {
	struct gen_submit gen; /* until it is sent; it points to others' */
	bool has_object;
	uint32_t n;
};

static int
make(void *arg, uint32_t i, struct gen_submit *ret, struct fail *why)
{
	const struct counted *c = arg;

	(void)i;
	(void)why;
	*ret = c->gen;
	return 0;
}

static void
on_started(void *arg, uint32_t i, const struct gen_started *s)
{
	struct counted *c = arg;

	(void)i;
	c->n = s->prompt.n;
}

static void
on_end(void *arg, struct http *h)
{
	const struct counted *c = arg;
	struct json_out o;
	struct buf body;

	buf_init(&body, 128);
	o = json_out(&body);
	json_open(&o, '{');
	if (c->has_object)
		json_key_cstr(&o, "object", "response.input_tokens");
	json_key_u64(&o, "input_tokens", c->n);
	json_close(&o, '}');
	if (buf_err(&body) == 0)
		reply_json(h, buf_str(&body));
	else
		error_status(h, 503, NULL, "out of memory");
	buf_done(&body);
}

static const struct several_ops ops = {
	.at_once = 1,
	.make = make,
	.started = on_started,
	.end = on_end,
	.free = free,
};

/* q is read before this returns. */
static int
start(struct http *h, struct model *m, const struct ask *q, bool has_object,
    struct fail *why)
{
	struct counted *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	c->gen = ask_choice(q, 0);
	c->gen.mode = MODE_TOKENS;
	c->has_object = has_object;
	err = several_start(h, m, 1, &q->times, &ops, c, why);
	if (err != 0)
		free(c);
	return err;
}

static void
run(struct http *h, const struct request *r, const struct ask_form *form,
    bool has_object)
{
	struct ask_limits limits = { .gens_max = ASK_N_MAX };
	struct model *m = NULL;
	struct fail why;
	struct ask q;
	int err = ask_parse(&q, form, r->body, &why);

	if (err == 0) {
		m = which_model(h, r, json_root(q.doc), &why);
		err = m == NULL ? why.code : 0;
	}
	if (err == 0) {
		limits.n_ctx = admit_context(m);
		err = ask_read(&q, &limits, &why);
	}
	if (err == 0)
		err = start(h, m, &q, has_object, &why);
	ask_done(&q);
	if (err != 0)
		error_reply(h, &why);
}

void
count_anthropic(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, &ask_anthropic_count, false);
}

void
count_responses(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, &ask_responses, true);
}

void
count_chat(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, &ask_openai_chat, true);
}
