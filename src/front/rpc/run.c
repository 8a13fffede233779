/*
 * Theory: all replies of a run but the text, the token and the numbers at the
 * end are the same bytes. What comes before the text holds the id and is made
 * once per run; what comes after is constant. So a token costs the escaping of
 * its text into the connection's output and nothing else.
 *
 * A run ends with exactly one last reply: state 2, also when it was aborted,
 * or an error. Replies of a run that a client aborted go on until the worker
 * has stopped; an abort is answered at once, before the last of them.
 */
#include "front/rpc/run.h"

#include "front/admit.h"
#include "front/attach.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/model.h"
#include "front/rpc/adapter.h"
#include "front/rpc/cache.h"
#include "front/rpc/group.h"
#include "front/rpc/kv.h"
#include "front/rpc/load.h"
#include "front/rpc/rows.h"
#include "front/rpc/submit.h"
#include "json/write.h"
#include "wire/journal.h"

#include <stdlib.h>
#include <string.h>

/* LLMCallState; 3, an error, is an error reply here. */
enum state { NORMAL, WAITING, FINISH };

#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":"
#define TEXT ",\"result\":{\"text\":"
#define STARTED "{\"success\":true,\"message\":\"Async inference started\"}"
#define ABORTED                                                        \
	"{\"success\":true,\"message\":\"Task aborted successfully\"," \
	"\"status_code\":0}"
#define NOTHING_RUNS                                             \
	"{\"success\":false,\"message\":\"No task is running\"," \
	"\"status_code\":-1}"

static char *
append(char *at, struct str s)
{
	memcpy(at, s.p, s.n);
	return at + s.n;
}

struct run *
run_new(const struct call *c)
{
	size_t n = strlen(HEAD) + c->id.n + strlen(TEXT);
	struct run *run = calloc(1, sizeof(*run) + n);
	char *at;

	if (run == NULL)
		return NULL;
	run->rpc = c->rpc;
	list_init(&run->link);
	at = append(run->mem, STR(HEAD));
	run->id = (struct str){ at, c->id.n };
	at = append(at, c->id);
	(void)append(at, STR(TEXT));
	run->head = (struct str){ run->mem, n };
	return run;
}

void
run_discard(struct run *run)
{
	if (run == NULL)
		return;
	list_remove(&run->link);
	attached_drop(run->adapter);
	cache_drop(run);
	rows_drop(run);
	free(run);
}

/* The run is over and its last reply written. */
static void
run_free(struct run *run)
{
	struct rpc *r = run->rpc;

	r->n_runs--;
	run_discard(run);
	rows_next(r);
	if (r->n_runs == 0)
		load_on_idle(r);
	rpc_settled(r);
}

void
run_put_state(const struct run *run, struct buf *out, char state)
{
	buf_put_str(out, STR(",\"_callback_state\":"));
	buf_put_u8(out, (uint8_t)state);
	if (run->group != NULL) {
		buf_put_str(out, STR(",\"batch_index\":"));
		json_put_u64(out, run->seq);
	}
	buf_put_str(out, STR("}}\n"));
}

/* One callback of rkllm.h as a line. text NULL: null. */
static void
put_reply(
    struct run *run, const struct str *text, int32_t token, enum state state)
{
	struct buf *out = rpc_out(run->rpc);

	if (run->id.n == 0)
		return;
	buf_put_str(out, run->head);
	if (text != NULL)
		json_put_str(out, *text);
	else
		buf_put_str(out, STR("null"));
	buf_put_str(out, STR(",\"token_id\":"));
	json_put_i64(out, token);
	buf_put_str(out, STR(NO_HIDDEN NO_LOGITS PERF));
	if (state == FINISH)
		return; /* put_last() goes on */
	buf_put_str(out, STR(NO_PERF));
	run_put_state(run, out, state == NORMAL ? '0' : '1');
	conn_touch(run->rpc->conn);
}

static void
put_last(struct run *run, const struct gen_done *d)
{
	struct buf *out = rpc_out(run->rpc);

	if (run->id.n == 0)
		return;
	put_reply(run, NULL, run->token, FINISH);
	json_put_f32(out, (float)d->prefill_us / 1000.0f);
	buf_put_str(out, STR(",\"prefill_tokens\":"));
	json_put_u64(out, d->n_prompt - d->n_cached);
	buf_put_str(out, STR(",\"generate_time_ms\":"));
	json_put_f32(out, (float)d->decode_us / 1000.0f);
	buf_put_str(out, STR(",\"generate_tokens\":"));
	json_put_u64(out, d->n_out);
	buf_put_str(out, STR(",\"memory_usage_mb\":"));
	json_put_f32(out, (float)d->peak_kib / 1024.0f);
	buf_put_u8(out, '}');
	run_put_state(run, out, '2');
	conn_touch(run->rpc->conn);
}

static void
on_started(void *arg, struct gen *g, const struct gen_started *s)
{
	struct run *run = arg;

	(void)g;
	run->n_system = s->n_system;
}

static void
on_token(void *arg, struct gen *g, const struct step *s)
{
	struct run *run = arg;
	bool is_held = s->text.n == 0 && (s->flags & STEP_HELD);

	(void)g;
	run->token = s->token;
	put_reply(run, is_held ? NULL : &s->text, s->token,
	    is_held ? WAITING : NORMAL);
}

void
run_end(struct run *run, const struct gen_done *d)
{
	struct gen_done sum;
	struct fail why;

	rows_close(run);
	if (cache_failure(run) != NULL) {
		run_fail(run, cache_failure(run));
		return;
	}
	if (rows_pass(run, &why) != 0) {
		run_fail(run, &why);
		return;
	}
	sum = *d;
	if (group_end(run, &sum))
		put_last(run, &sum);
	run_free(run);
}

static void
on_done(void *arg, struct gen *g, const struct gen_done *d)
{
	struct run *run = arg;

	if (run->is_turn)
		kv_end(run->rpc, run->seq, g, run->n_system);
	run->is_turn = false;
	run->gen = NULL;
	run->is_over = true;
	if (run->mode == MODE_GENERATE && d->text.n > 0)
		put_reply(run, &d->text, run->token, NORMAL);
	run->last = *d;
	if (!rows_must_wait(run) && !cache_must_wait(run, d))
		run_end(run, d);
}

/* The worker speaks of the record's fields; the client knows them by the names
 * of rkllm.h. */
static void
name_as_sent(const struct run *run, const struct fail *why, struct fail *ret)
{
	const char *const names[][2] = {
		{ "messages", "prompt_input" },
		{ "embed", "embed_input.embed" },
		{ "prompt",
		    run->is_ids ? "token_input.input_ids" : "prompt_input" },
		{ "tokens", "token_input.input_ids" },
	};

	*ret = *why;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i][0]);

		if (strcmp(why->field, names[i][0]) != 0)
			continue;
		if (strncmp(why->text, why->field, n) != 0)
			n = 0;
		(void)fail_set(ret, why->code, names[i][1], "%s%s",
		    n > 0 ? names[i][1] : "", why->text + n);
		return;
	}
}

static void
on_failed(void *arg, struct gen *g, const struct fail *why)
{
	struct run *run = arg;
	struct call c = { .rpc = run->rpc, .id = run->id };
	struct fail as_sent;
	bool is_of_group;

	(void)g;
	if (run->is_turn)
		kv_end(run->rpc, run->seq, NULL, 0);
	is_of_group = run->group != NULL;
	rows_close(run);
	group_fail(run);
	name_as_sent(run, why, &as_sent);
	if (is_of_group)
		group_name(run->seq, &as_sent);
	call_fail(&c, &as_sent);
	run_free(run);
}

void
run_fail(struct run *run, const struct fail *why)
{
	gen_drop(run->gen);
	on_failed(run, NULL, why);
}

static struct conn *
describe(void *arg, struct journal_about *ret)
{
	const struct run *run = arg;

	ret->protocol = PROTOCOL_RPC;
	ret->is_stream = 1;
	ret->request = run->id;
	ret->n_choices = 1;
	return run->rpc->conn;
}

static int
may_run(const struct rpc *r, struct fail *f)
{
	uint32_t max = r->front->config.client_queue_max;

	if (r->n_speakers > 1)
		return fail_set(f, ERR_INVALID, "rkllm_input",
		    "rkllm_input: must be an array of %u inputs, as init's "
		    "extend_param.n_batch says",
		    r->n_speakers);
	if (r->n_runs < max)
		return 0;
	return fail_set(f, ERR_BUSY, NULL,
	    "%u runs of this connection are not done, the limit is %u",
	    r->n_runs, max);
}

int
run_begin(struct run *run, struct buf *mem, struct gen_submit *req,
    const struct submit_about *about, struct fail *f)
{
	static const struct gen_ops ops = {
		.describe = describe,
		.started = on_started,
		.token = on_token,
		.rows = rows_take,
		.done = on_done,
		.failed = on_failed,
	};
	struct rpc *r = run->rpc;
	const struct gen_order order = { .client = conn_client(r->conn),
		.conn = conn_party(r->conn),
		.times = about->times };
	int err = 0;

	if (about->is_turn)
		err = kv_begin(r, run->seq, mem, req, f);
	if (err != 0)
		return err;
	cache_take(run, req);
	err = rows_begin(run, req, about, f);
	if (err == 0)
		err = gen_start(
		    rpc_model(r), req, &order, &ops, run, &run->gen, f);
	if (err != 0 && about->is_turn)
		kv_end(r, run->seq, NULL, 0);
	if (err != 0)
		return err;
	run->is_ids = req->input == INPUT_TOKENS;
	run->is_turn = about->is_turn;
	if (req->adapters.p != NULL)
		run->adapter = adapter_hold(&r->adapters, &req->adapters);
	run->mode = (enum gen_mode)req->mode;
	run->wants_memfd = about->wants_memfd;
	list_append(&r->runs, &run->link);
	r->n_runs++;
	run_park_some(r);
	return 0;
}

void
run_go(struct call *c, struct run *run, struct buf *joined,
    struct gen_submit *req, const struct submit_about *about, bool has_reply)
{
	struct fail why = { 0 };

	if (run_begin(run, joined, req, about, &why) != 0) {
		run_discard(run);
		call_fail(c, &why);
	} else if (has_reply) {
		call_result(c, STR(STARTED));
	}
}

struct submit
run_source(const struct call *c, const struct args *a)
{
	return (struct submit){ .input = &a->at[0],
		.infer = &a->at[1],
		.param = &c->rpc->param,
		.adapters = &c->rpc->adapters,
		.style = &c->rpc->style,
		.cross = &c->rpc->cross,
		.n_ctx = admit_context(rpc_model(c->rpc)),
		.n_embd = rpc_model(c->rpc)->state.n_embd_in,
		.any_embd = rpc_model(c->rpc)->state.any_embd };
}

static void
run_start(struct call *c, const struct args *a, bool has_reply)
{
	const struct submit from = run_source(c, a);
	struct gen_submit req;
	struct submit_about about;
	struct fail why = { 0 };
	struct run *run = NULL;
	struct submit_mem mem;
	int err;

	if (json_type(a->at[0].own) == JSON_ARRAY) {
		group_start(c, a, has_reply);
		return;
	}
	submit_mem_init(&mem);
	err = may_run(c->rpc, &why);
	if (err == 0)
		err = submit_read(&from, &mem, &req, &about, &why);
	if (err == 0 && (run = run_new(c)) == NULL)
		err = fail_set(&why, ERR_NOMEM, NULL, "out of memory");
	if (err != 0)
		call_fail(c, &why);
	else if (about.save.n > 0)
		cache_wait_for_place(c, run, &req, &about, has_reply);
	else
		run_go(c, run, &mem.joined, &req, &about, has_reply);
	submit_mem_done(&mem);
}

void
run_sync(struct call *c, const struct args *a)
{
	run_start(c, a, c->batch != NULL);
}

void
run_async(struct call *c, const struct args *a)
{
	run_start(c, a, true);
}

void
run_abort(struct call *c, const struct args *a)
{
	(void)a;
	call_result(c, c->rpc->n_runs > 0 ? STR(ABORTED) : STR(NOTHING_RUNS));
	run_cancel_all(c->rpc);
}

void
run_is_running(struct call *c, const struct args *a)
{
	(void)a;
	call_result(c,
	    c->rpc->n_runs > 0
		? STR("{\"is_running\":true,\"status_code\":1}")
		: STR("{\"is_running\":false,\"status_code\":0}"));
}

void
run_cancel_all(struct rpc *r)
{
	struct list *it, *next;

	LIST_EACH (it, next, &r->runs) {
		struct run *run = LIST_ENTRY(it, struct run, link);

		if (run->gen != NULL)
			gen_cancel(run->gen);
	}
}

void
run_park_some(struct rpc *r)
{
	bool is_slow = conn_is_slow(r->conn);
	struct list *it, *next;

	LIST_EACH (it, next, &r->runs) {
		struct run *run = LIST_ENTRY(it, struct run, link);
		bool has_line = r->line == NULL || r->line == run;

		if (run->gen != NULL)
			gen_park(run->gen, is_slow || !has_line);
	}
}

void
run_drop_all(struct rpc *r)
{
	struct list *it, *next;

	if (r->line != NULL)
		rows_close(r->line);
	LIST_EACH (it, next, &r->runs) {
		struct run *run = LIST_ENTRY(it, struct run, link);

		group_fail(run);
		gen_drop(run->gen);
		run_discard(run);
	}
	r->n_runs = 0;
}
