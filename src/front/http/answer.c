/*
 * A request for generations from its check to the last byte of its answer.
 *
 * Every choice of every prompt is a generation of its own. In a stream their
 * tokens go out as they come, told apart by index; otherwise they gather until
 * the last choice is done. A stream's header waits until the first generation
 * has a slot, or the client has waited for keepalive_ms, so that what is wrong
 * with a prompt, a grammar or a template is still told by the status.
 *
 * One choice that fails ends the whole answer: half of one is of no use.
 */
#include "front/http/answer.h"

#include "base/clock.h"
#include "front/admit.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/http/ask.h"
#include "front/http/askprompt.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/probs.h"
#include "front/http/reply.h"
#include "front/http/which.h"
#include "front/model.h"
#include "wire/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void
answer_free(struct answer *a)
{
	for (uint32_t i = 0; i < a->n_choices; i++) {
		gen_drop(a->choices[i].gen);
		buf_done(&a->choices[i].text);
		buf_done(&a->choices[i].reasoning);
		buf_done(&a->choices[i].stop);
		calls_done(&a->choices[i].calls);
		buf_done(&a->choices[i].probs);
		buf_done(&a->choices[i].tokens);
		buf_done(&a->choices[i].prompt);
		buf_done(&a->choices[i].kept);
	}
	buf_done(&a->head);
	buf_done(&a->stops);
	free(a);
}

struct answer_counts
answer_count(const struct answer *a)
{
	struct answer_counts sum = { 0 };

	for (uint32_t i = 0; i < a->n_choices; i++) {
		const struct choice_times *t = &a->choices[i].times;

		sum.prompt += i % a->n == 0 ? t->n_prompt : 0;
		sum.cached += i % a->n == 0 ? t->n_cached : 0;
		sum.output += t->n_out;
	}
	return sum;
}

void
answer_fail(struct answer *a, const struct fail *why)
{
	struct http *h = a->http;

	if (a->is_open) {
		http_set_failed(h);
		emit_error(a, why);
	}
	if (a->is_open)
		reply_stream_end(h);
	else
		error_reply(h, why);
	answer_free(a);
}

/*
 * What a generation tells
 */

static void
on_started(void *arg, struct gen *g, const struct gen_started *s)
{
	struct choice *c = arg;
	struct answer *a = c->answer;

	(void)g;
	c->begun_us = clock_us();
	c->times.n_prompt = s->prompt.n;
	c->times.n_cached = s->n_cached;
	if (!a->is_stream)
		return;
	emit_open(a);
	emit_start(a, c);
	if (buf_len(&c->text) > 0)
		emit_text(a, c, buf_str(&c->text));
	buf_trim(&c->text);
}

static void
gather_part(struct choice *c, const struct part *p)
{
	if (p->kind == PART_CONTENT)
		buf_put_str(&c->text, p->text);
	else if (p->kind == PART_REASONING)
		buf_put_str(&c->reasoning, p->text);
	else
		calls_add(&c->calls, p);
}

static size_t
count_gathered(const struct choice *c)
{
	return buf_len(&c->text) + buf_len(&c->reasoning) +
	    buf_len(&c->calls.packed) + buf_len(&c->kept);
}

static bool
is_whole(const struct choice *c)
{
	return buf_err(&c->text) == 0 && buf_err(&c->tokens) == 0 &&
	    buf_err(&c->reasoning) == 0 && buf_err(&c->calls.packed) == 0 &&
	    buf_err(&c->probs) == 0 && buf_err(&c->kept) == 0;
}

/* A stream's part goes out, another's is kept. */
static void
take_part(struct answer *a, struct choice *c, const struct part *p)
{
	c->has_calls |= p->kind == PART_CALL;
	if (a->is_stream)
		emit_part(a, c, p);
	else
		gather_part(c, p);
}

/* Text from the worker, in parts or not. False when the answer has got too
 * large, and was ended. */
static bool
take_text(struct answer *a, struct choice *c, struct str text, bool has_parts)
{
	const struct part plain = { .kind = PART_CONTENT, .text = text };
	struct cursor in = cursor_of(text.p, text.n);
	size_t before = count_gathered(c);
	struct part p;

	if (!has_parts && a->is_stream && text.n > 0)
		emit_text(a, c, text);
	else if (!has_parts && !a->is_stream)
		gather_part(c, &plain);
	while (has_parts && part_next(&in, &p))
		take_part(a, c, &p);
	if (a->is_stream && !a->dialect->keeps_text)
		return true;
	a->gathered += count_gathered(c) - before;
	if (a->gathered <= (a->is_stream ? KEEP_MAX : GATHER_MAX) &&
	    is_whole(c))
		return true;
	emit_too_big(a);
	return false;
}

static void
note_probs(struct answer *a, struct choice *c, const struct step *s)
{
	size_t before = buf_len(&c->probs);

	probs_note(&c->probs, s, c->n_chars);
	a->gathered += a->is_stream ? 0 : buf_len(&c->probs) - before;
	c->n_chars += probs_count_chars(s->piece);
}

/* That it is there at all was asked for. */
static void
on_progress(void *arg, struct gen *g, uint32_t n_done)
{
	struct choice *c = arg;

	(void)g;
	if (c->answer->is_stream && c->answer->dialect->progress != NULL)
		emit_progress(c->answer, c, n_done);
}

static void
note_token(struct choice *c, const struct step *s)
{
	uint64_t now = clock_us();

	if (c->first_us == 0)
		c->first_us = now;
	c->times.n_out++;
	c->times.prefill_us = c->first_us - c->begun_us;
	c->times.decode_us = now - c->first_us;
	buf_put_i32(&c->tokens, s->token);
}

static void
on_token(void *arg, struct gen *g, const struct step *s)
{
	struct choice *c = arg;
	struct answer *a = c->answer;

	(void)g;
	if (a->dialect->keeps_tokens)
		note_token(c, s);
	if (s->flags & STEP_LOGPROBS)
		note_probs(a, c, s);
	(void)take_text(a, c, s->text, s->flags & STEP_PARTS);
}

static void
choice_done(struct answer *a, struct choice *c, const struct gen_done *d)
{
	c->times.n_prompt = d->n_prompt;
	c->times.n_out = d->n_out;
	c->times.prefill_us = d->prefill_us;
	c->times.decode_us = d->decode_us;
	if (a->is_stream)
		emit_open(a);
	if (!take_text(a, c, d->text, d->has_parts))
		return;
	c->reason = d->reason;
	buf_put_str(&c->stop, d->stop);
	buf_put_str(&c->prompt, d->prompt);
	a->n_left--;
	if (!a->is_stream) {
		if (a->n_left == 0)
			emit_whole(a);
		return;
	}
	if (buf_len(&c->probs) > 0)
		emit_text(a, c, STR(""));
	emit_finish(a, c);
	if (a->n_left == 0)
		emit_stream_end(a);
}

static void
on_done(void *arg, struct gen *g, const struct gen_done *d)
{
	struct choice *c = arg;
	struct fail why;

	(void)g;
	c->gen = NULL;
	if (d->reason != REASON_CANCEL) {
		choice_done(c->answer, c, d);
		return;
	}
	/* We drop and never cancel, so this was not ours to ask. */
	(void)fail_set(&why, ERR_ABORTED, NULL, "the generation was aborted");
	answer_fail(c->answer, &why);
}

static void
on_failed(void *arg, struct gen *g, const struct fail *why)
{
	struct choice *c = arg;

	(void)g;
	c->gen = NULL;
	answer_fail(c->answer, why);
}

static struct conn *
describe(void *arg, struct journal_about *ret)
{
	const struct choice *c = arg;
	const struct answer *a = c->answer;

	ret->protocol = PROTOCOL_HTTP;
	ret->dialect = (uint8_t)a->dialect->id;
	ret->is_stream = a->is_stream;
	ret->wants_usage = a->wants_usage;
	ret->request = str_of(a->id);
	ret->created = (uint64_t)a->created;
	ret->index = c->index;
	ret->n_choices = a->n_choices;
	return http_conn(a->http);
}

#define GEN_OPS(parts)                                                   \
	{                                                                \
		.takes_parts = parts, .describe = describe,              \
		.progress = on_progress, .started = on_started,          \
		.token = on_token, .done = on_done, .failed = on_failed, \
	}

static const struct gen_ops gen_ops = GEN_OPS(false);
static const struct gen_ops gen_ops_of_parts = GEN_OPS(true);

/*
 * What the connection tells
 */

static void
on_slow(void *arg, bool is_slow)
{
	struct answer *a = arg;

	for (uint32_t i = 0; i < a->n_choices; i++)
		if (a->choices[i].gen != NULL && a->is_stream)
			gen_park(a->choices[i].gen, is_slow);
}

/* A client that waits hears that somebody is there. */
static void
on_tick(void *arg)
{
	struct answer *a = arg;

	if (!a->has_spoken) {
		emit_open(a);
		emit_tick(a);
	}
	a->has_spoken = false;
	http_tick(a->http, http_front(a->http)->config.keepalive_ms);
}

static void
on_gone(void *arg)
{
	answer_free(arg);
}

static const struct http_work work = {
	.slow = on_slow,
	.tick = on_tick,
	.gone = on_gone,
};

/*
 * The start
 */

static void
draw_id(char *out, size_t size, const char *start)
{
	uint64_t r[2];

	arc4random_buf(r, sizeof(r));
	(void)snprintf(out, size, "%s%012llx%012llx", start,
	    (unsigned long long)(r[0] >> 16), (unsigned long long)(r[1] >> 16));
}

static void
init_head(struct answer *a, const struct ask *q, const struct model *m)
{
	struct answer_names names = { .model = m->state.name,
		.version = m->front->config.version };

	draw_id(a->id, sizeof(a->id), a->dialect->id_start);
	a->created = time(NULL);
	names.id = str_of(a->id);
	names.created = a->created;
	buf_init(&a->head, ANSWER_HEAD_MAX);
	buf_init(&a->stops, ANSWER_HEAD_MAX);
	buf_put_str(&a->stops, q->gen.stops.packed);
	a->dialect->init(a, q, &names);
}

static int
init_choice(struct answer *a, const struct ask *q, uint32_t i)
{
	struct choice *c = &a->choices[i];

	c->answer = a;
	c->index = i;
	buf_init(&c->text, GATHER_MAX);
	buf_init(&c->reasoning, GATHER_MAX);
	buf_init(&c->stop, ASK_STOP_BYTES);
	calls_init(&c->calls, GATHER_MAX);
	buf_init(&c->probs, GATHER_MAX);
	buf_init(&c->tokens, GATHER_MAX);
	buf_init(&c->prompt, GATHER_MAX);
	buf_init(&c->kept, a->is_stream ? KEPT_MAX : GATHER_MAX);
	if (q->is_echo)
		buf_put_str(&c->text, q->prompts[i / q->n].text);
	a->gathered += buf_len(&c->text);
	return buf_err(&c->text);
}

static int
answer_new(struct http *h, const struct dialect *d, const struct ask *q,
    const struct model *m, struct answer **ret)
{
	uint32_t n = q->n * q->n_prompts;
	struct answer *a = calloc(1, sizeof(*a) + n * sizeof(a->choices[0]));
	int err;

	if (a == NULL)
		return ERR_NOMEM;
	a->http = h;
	a->born_us = clock_us();
	a->dialect = d;
	a->n_choices = a->n_left = n;
	a->n = q->n;
	a->is_stream = q->is_stream;
	a->wants_usage = q->wants_usage;
	init_head(a, q, m);
	err = buf_err(&a->head) != 0 ? buf_err(&a->head) : buf_err(&a->stops);
	for (uint32_t i = 0; i < n; i++)
		err = init_choice(a, q, i) != 0 ? ERR_NOMEM : err;
	if (err != 0)
		answer_free(a);
	else
		*ret = a;
	return err;
}

static int
start(struct answer *a, const struct ask *q, struct model *m, struct fail *why)
{
	struct conn *c = http_conn(a->http);
	const struct gen_order order = { .client = conn_client(c),
		.conn = conn_party(c),
		.times = q->times };
	int err = 0;

	for (uint32_t i = 0; i < a->n_choices && err == 0; i++) {
		struct gen_submit g = ask_choice(q, i);
		bool has_parts = g.tools.n > 0 || g.apart;

		err = gen_start(m, &g, &order,
		    has_parts ? &gen_ops_of_parts : &gen_ops, &a->choices[i],
		    &a->choices[i].gen, why);
	}
	return err;
}

/* The prompts that come back, one a choice, are kept until each goes out. */
static int
check_echo(const struct ask *q, struct fail *why)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; q->is_echo && i < q->n_prompts; i++)
		bytes += (uint64_t)q->prompts[i].text.n * q->n;
	if (bytes <= GATHER_MAX)
		return 0;
	return fail_set(why, ERR_TOO_BIG, "echo",
	    "echo: the prompts of all choices may have %u bytes, not %llu; ask "
	    "for fewer choices",
	    GATHER_MAX, (unsigned long long)bytes);
}

/* Either the answer is on its way, or *why. */
static int
begin(struct http *h, const struct dialect *d, const struct ask *q,
    struct model *m, struct fail *why)
{
	struct answer *a;
	int err = check_echo(q, why);

	if (err != 0)
		return err;
	err = answer_new(h, d, q, m, &a);
	if (err == ERR_TOO_BIG)
		return fail_set(why, err, NULL,
		    "what the answer has to repeat of the request has over %u "
		    "bytes",
		    ANSWER_HEAD_MAX);
	if (err != 0)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	err = start(a, q, m, why);
	if (err != 0) {
		answer_free(a);
		return err;
	}
	http_attach(h, &work, a);
	if (a->is_stream)
		http_tick(h, http_front(h)->config.keepalive_ms);
	if (http_is_slow(h))
		on_slow(a, true);
	return 0;
}

void
dialect_run(struct http *h, const struct request *r, const struct dialect *d)
{
	struct front *f = http_front(h);
	struct ask_limits limits = { .gens_max = f->config.client_queue_max };
	struct model *m = NULL;
	struct ask q;
	struct fail why;
	int err;

	err = ask_parse(&q, d->ask, r->body, &why);
	if (err == 0 && d->instead != NULL && d->instead(h, &q)) {
		ask_done(&q);
		return;
	}
	if (err == 0) {
		m = which_model(h, r, json_root(q.doc), &why);
		err = m == NULL ? why.code : 0;
	}
	if (m != NULL) {
		limits.n_ctx = admit_context(m);
		err = ask_read(&q, &limits, &why);
		if (err == 0)
			err = begin(h, d, &q, m, &why);
	}
	ask_done(&q);
	if (err != 0)
		error_reply(h, &why);
}
