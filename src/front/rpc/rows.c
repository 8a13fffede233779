#include "front/rpc/rows.h"

#include "front/conn.h"
#include "json/write.h"

#include <string.h>

/* Of floats that came before their turn: what a worker has under way when it
 * is told to park, several times over. */
#define EARLY_MAX (8u << 20)

#define AT_ONCE 256u /* floats made text in one go */

/* What stands before and behind the array. */
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
	[MODE_HIDDEN] = { S(",\"last_hidden_layer\":{\"hidden_states\":["),
	    S("],\"embd_size\":"),
	    S("}" NO_LOGITS PERF NO_PERF STATE "0}}\n") },
	[MODE_LOGITS] = { S(NO_HIDDEN ",\"logits\":{\"logits\":["),
	    S("],\"vocab_size\":"), S("}" PERF NO_PERF STATE "0}}\n") },
#undef S
};

static void
open_line(struct run *run)
{
	struct buf *out = conn_out(run->rpc->conn);

	run->rpc->line = run;
	conn_widen(run->rpc->conn);
	buf_put_str(out, run->head);
	buf_puts(out, "null,\"token_id\":0");
	buf_put_str(out, forms[run->mode].before);
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

void
rows_take(void *arg, struct gen *g, const struct gen_rows *r)
{
	struct run *run = arg;
	struct run *line = run->rpc->line;

	(void)g;
	if (run->id.n == 0)
		return;
	run->n_cols = r->n_cols;
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

bool
rows_must_wait(const struct run *run)
{
	return run->rpc->line != NULL && run->rpc->line != run &&
	    buf_len(&run->early) > 0;
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
	buf_put_str(out, forms[run->mode].size);
	json_put_u64(out, run->n_cols);
	buf_puts(out, ",\"num_tokens\":");
	json_put_u64(out, run->n_rows);
	buf_put_str(out, forms[run->mode].behind);
	r->line = NULL;
	release(r);
}

static struct run *
first_early(const struct rpc *r)
{
	for (struct list *it = r->runs.next; it != &r->runs; it = it->next) {
		struct run *run = LIST_ENTRY(it, struct run, link);

		if (buf_len(&run->early) > 0)
			return run;
	}
	return NULL;
}

void
rows_next(struct rpc *r)
{
	struct run *run = r->line == NULL ? first_early(r) : NULL;

	if (run != NULL) {
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
