#include "front/rpc/rows.h"

#include "front/array.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/model.h"
#include "json/write.h"

#include <string.h>

/* Of floats that came before their turn: what a worker has under way when it
 * is told to park, several times over. */
#define EARLY_MAX (8u << 20)

/* What a run's rows may take as text and before that, at most. */
#define HOLD (8u << 20)

#define AT_ONCE 256u /* floats made text in one go */

/* What stands before the array, between that and its size, and before the state. */
struct form {
	struct str before;
	struct str size;
	struct str behind;
};

static const struct form forms[MODE_COUNT] = {
#define S(text)                          \
	{                                \
		(text), sizeof(text) - 1 \
	}
	[MODE_HIDDEN] = { S(",\"last_hidden_layer\":{\"hidden_states\":"),
	    S(",\"embd_size\":"), S("}" NO_LOGITS PERF NO_PERF) },
	[MODE_LOGITS] = { S(NO_HIDDEN ",\"logits\":{\"logits\":"),
	    S(",\"vocab_size\":"), S("}" PERF NO_PERF) },
#undef S
};

static void
put_head(const struct run *run, struct buf *out)
{
	buf_put_str(out, run->head);
	buf_puts(out, "null,\"token_id\":0");
	buf_put_str(out, forms[run->mode].before);
}

static void
put_tail(const struct run *run, struct buf *out)
{
	buf_put_str(out, forms[run->mode].size);
	json_put_u64(out, run->n_cols);
	buf_puts(out, ",\"num_tokens\":");
	json_put_u64(out, run->n_rows);
	buf_put_str(out, forms[run->mode].behind);
	run_put_state(run, out, '0');
}

static void
open_line(struct run *run)
{
	struct buf *out = conn_out(run->rpc->conn);

	run->rpc->line = run;
	conn_widen(run->rpc->conn);
	put_head(run, out);
	buf_put_u8(out, '[');
	run_park_some(run->rpc);
	rpc_update_pause(run->rpc);
}

/* They lie anywhere, so not as floats do. */
static void
put_floats(struct run *run, const uint8_t *p, size_t n)
{
	struct buf *out = conn_out(run->rpc->conn);
	float v[AT_ONCE];

	for (size_t at = 0; at < n; at += AT_ONCE) {
		size_t some = n - at < AT_ONCE ? n - at : AT_ONCE;

		memcpy(v, p + at * sizeof(*v), some * sizeof(*v));
		if (run->n_rows > 0 || at > 0)
			buf_put_u8(out, ',');
		json_put_f32_list(out, v, some);
	}
	run->n_rows += (uint32_t)(n / run->n_cols);
	conn_touch(run->rpc->conn);
}

/* A worker that sends more than it may once it is parked. */
static void
give_up(struct run *run)
{
	struct fail why;

	(void)fail_set(&why, ERR_BUSY, NULL,
	    "its rows came while another run of this connection was being "
	    "answered, and there was no room to keep them; try again");
	run_fail(run, &why);
}

/* With the first of them it is known how much memory they take. */
static bool
make_memfd(struct run *run, const struct gen_rows *r)
{
	struct rpc *rpc = run->rpc;
	struct fail why;
	struct array *a = array_new(rpc->front, conn_client(rpc->conn),
	    (uint64_t)r->n_rows * r->n_cols * sizeof(float), &why);

	if (a == NULL)
		run_fail(run, &why);
	else
		run->memfd = a;
	return a != NULL;
}

static void
fill(struct run *run, const struct gen_rows *r)
{
	struct fail why;

	if (run->memfd == NULL && !make_memfd(run, r))
		return;
	run->n_rows += (uint32_t)(r->data.n / sizeof(float) / r->n_cols);
	if (array_put(run->memfd, r->data.p, r->data.n) == 0)
		return;
	(void)fail_set(&why, ERR_NOMEM, NULL, "no memory for the memfd");
	run_fail(run, &why);
}

void
rows_take(void *arg, struct gen *g, const struct gen_rows *r)
{
	struct run *run = arg;
	struct run *line = run->rpc->line;

	(void)g;
	if (run->id.n == 0)
		return;
	run->n_cols = r->n_cols;
	if (run->wants_memfd) {
		fill(run, r);
		return;
	}
	if (line != NULL && line != run) {
		run->early.max = EARLY_MAX;
		buf_put(&run->early, r->data.p, r->data.n);
		if (buf_err(&run->early) != 0)
			give_up(run);
		return;
	}
	if (line == NULL)
		open_line(run);
	put_floats(run, (const uint8_t *)r->data.p, r->data.n / sizeof(float));
}

static bool
has_rows(const struct run *run)
{
	return buf_len(&run->early) > 0 || (run->memfd != NULL && run->is_over);
}

bool
rows_must_wait(const struct run *run)
{
	return run->rpc->line != NULL && run->rpc->line != run && has_rows(run);
}

static void
release(struct rpc *r)
{
	struct buf *out = conn_out(r->conn);

	/* A line with a hole would be worse than a closed connection. */
	if (buf_err(&r->held) != 0)
		conn_abort(r->conn, buf_err(&r->held));
	else
		buf_put_str(out, buf_str(&r->held));
	buf_reset(&r->held);
	buf_trim(&r->held);
	conn_touch(r->conn);
}

void
rows_close(struct run *run)
{
	struct rpc *r = run->rpc;
	struct buf *out = conn_out(r->conn);

	if (r->line != run)
		return;
	buf_put_u8(out, ']');
	put_tail(run, out);
	r->line = NULL;
	release(r);
}

int
rows_pass(struct run *run, struct fail *why)
{
	struct conn *c = run->rpc->conn;
	struct buf *out = conn_out(c);
	struct json_out o = json_out(out);

	if (run->memfd == NULL || run->n_rows == 0 || run->id.n == 0)
		return 0;
	if (array_seal(run->memfd) != 0)
		return fail_set(
		    why, ERR_INTERNAL, NULL, "the memfd cannot be sealed");
	conn_put_array(c, run->memfd);
	put_head(run, out);
	json_open(&o, '{');
	json_key_bool(&o, "memfd", true);
	json_key_cstr(&o, "dtype", "float32");
	json_key(&o, "shape");
	buf_printf(out, "[%u,%u]", run->n_rows, run->n_cols);
	json_key_u64(&o, "bytes", run->memfd->used);
	json_close(&o, '}');
	put_tail(run, out);
	run->memfd = NULL;
	conn_touch(c);
	return 0;
}

int
rows_begin(struct run *run, const struct gen_submit *req,
    const struct submit_about *about, struct fail *why)
{
	struct rpc *r = run->rpc;
	uint64_t half = r->front->config.array_max / 2;

	if (req->mode == MODE_GENERATE || about->wants_memfd)
		return 0;
	run->hold = array_hold(
	    r->front, conn_client(r->conn), HOLD < half ? HOLD : half, why);
	return run->hold > 0 ? 0 : why->code;
}

void
rows_drained(struct rpc *r)
{
	array_release(r->front, conn_client(r->conn), r->unread);
	r->unread = 0;
}

/* Its text may still be on its way: then that counts on. */
static void
let_go(struct run *run)
{
	struct rpc *r = run->rpc;

	if (run->hold > 0 && r->unread == 0) {
		r->unread = run->hold;
		conn_widen(r->conn);
	} else {
		array_release(r->front, conn_client(r->conn), run->hold);
	}
	run->hold = 0;
}

void
rows_drop(struct run *run)
{
	let_go(run);
	array_free(run->memfd);
	run->memfd = NULL;
	buf_done(&run->early);
}

static struct run *
first_with_rows(const struct rpc *r)
{
	for (struct list *it = r->runs.next; it != &r->runs; it = it->next) {
		struct run *run = LIST_ENTRY(it, struct run, link);

		if (has_rows(run))
			return run;
	}
	return NULL;
}

void
rows_next(struct rpc *r)
{
	struct run *run = r->line == NULL ? first_with_rows(r) : NULL;

	/* Those that nobody is told of any more. */
	while (run != NULL && run->id.n == 0 && !run->is_over) {
		rows_drop(run);
		run = first_with_rows(r);
	}
	if (run != NULL && run->id.n > 0 && run->memfd == NULL) {
		open_line(run);
		put_floats(run, buf_data(&run->early),
		    buf_len(&run->early) / sizeof(float));
		buf_done(&run->early);
	}
	run_park_some(r);
	rpc_update_pause(r);
	/* Comes here again. */
	if (run != NULL && run->is_over)
		run_end(run, &run->last);
}
