#include "front/rpc/group.h"

#include "front/front.h"
#include "front/params.h"
#include "json/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STARTED "{\"success\":true,\"message\":\"Async inference started\"}"

struct group {
	uint32_t n_open;
	struct gen_done sum; /* of those that have ended */
};

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* They ran side by side: counts add up, times do not. */
static void
add(struct gen_done *sum, const struct gen_done *d)
{
	sum->n_prompt += d->n_prompt;
	sum->n_cached += d->n_cached;
	sum->n_out += d->n_out;
	sum->prefill_us = most(sum->prefill_us, d->prefill_us);
	sum->decode_us = most(sum->decode_us, d->decode_us);
	sum->peak_kib = most(sum->peak_kib, d->peak_kib);
}

void
group_name(uint32_t seq, struct fail *why)
{
	char text[sizeof(why->text)];

	memcpy(text, why->text, sizeof(text));
	(void)snprintf(why->text, sizeof(why->text), "input %u: %.*s", seq,
	    (int)sizeof(text) - 24, text);
}

bool
group_end(struct run *run, struct gen_done *d)
{
	struct group *g = run->group;
	bool is_last;

	if (g == NULL)
		return true;
	run->group = NULL;
	add(&g->sum, d);
	is_last = --g->n_open == 0;
	if (is_last) {
		*d = g->sum;
		free(g);
	}
	return is_last;
}

void
group_fail(struct run *run)
{
	struct group *g = run->group;
	struct list *it, *next;

	if (g == NULL)
		return;
	run->group = NULL;
	LIST_EACH (it, next, &run->rpc->runs) {
		struct run *other = LIST_ENTRY(it, struct run, link);

		if (other->group != g)
			continue;
		other->group = NULL;
		other->id = STR("");
		if (other->gen != NULL)
			gen_cancel(other->gen);
	}
	free(g);
}

/* An array with an input for each conversation. */
static int
check(const struct call *c, const struct json_value *inputs, struct fail *why)
{
	const struct rpc *r = c->rpc;
	uint32_t max = r->front->config.client_queue_max;

	if (json_count(inputs) != r->n_speakers)
		return fail_set(why, ERR_INVALID, "rkllm_input",
		    "rkllm_input: has %zu inputs, but init's "
		    "extend_param.n_batch is %u",
		    json_count(inputs), r->n_speakers);
	if (r->n_runs + r->n_speakers > max)
		return fail_set(why, ERR_BUSY, NULL,
		    "%u runs of this connection are not done, and with %u "
		    "more they are over the limit of %u",
		    r->n_runs, r->n_speakers, max);
	return 0;
}

/* One of them: 0, or why not. */
static int
start_one(struct call *c, const struct submit *from, struct group *g,
    uint32_t seq, struct run **first, struct fail *why)
{
	struct submit_mem mem;
	struct submit_about about;
	struct gen_submit req;
	struct run *run = NULL;
	int err;

	submit_mem_init(&mem);
	err = submit_read(from, &mem, &req, &about, why);
	if (err == 0 && about.save.n > 0)
		err = fail_set(why, ERR_INVALID, "prompt_cache_params",
		    "prompt_cache_params: a prompt is saved where n_batch is "
		    "1 only");
	run = err == 0 ? run_new(c) : NULL;
	if (run != NULL) {
		run->seq = seq;
		err = run_begin(run, &mem.joined, &req, &about, why);
	} else if (err == 0) {
		err = fail_set(why, ERR_NOMEM, NULL, "out of memory");
	}
	submit_mem_done(&mem);
	if (err != 0 || run == NULL) {
		run_discard(run);
		return err;
	}
	run->group = g;
	g->n_open++;
	*first = run;
	return 0;
}

static int
start_all(struct call *c, const struct args *a, struct group *g,
    struct run **first, struct fail *why)
{
	struct json_iter it = json_iter(a->at[0].own);
	struct submit from = run_source(c, a);
	struct source one = a->at[0];
	const struct json_value *v;
	uint32_t seq = 0;
	int err = 0;

	from.input = &one;
	while (err == 0 && json_next(&it, NULL, &v)) {
		one.own = v;
		err = start_one(c, &from, g, seq++, first, why);
	}
	if (err != 0)
		group_name(seq - 1, why);
	return err;
}

void
group_start(struct call *c, const struct args *a, bool has_reply)
{
	struct fail why = { 0 };
	struct run *first = NULL;
	struct group *g = NULL;
	int err = check(c, a->at[0].own, &why);

	if (err == 0)
		g = calloc(1, sizeof(*g));
	if (g != NULL)
		err = start_all(c, a, g, &first, &why);
	else if (err == 0)
		err = fail_set(&why, ERR_NOMEM, NULL, "out of memory");
	if (err == 0) {
		if (has_reply)
			call_result(c, STR(STARTED));
		return;
	}
	if (first == NULL) {
		free(g);
	} else {
		first->id = STR("");
		gen_cancel(first->gen);
		group_fail(first);
	}
	call_fail(c, &why);
}
