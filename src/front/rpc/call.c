#include "front/rpc/call.h"

#include "front/conn.h"
#include "front/front.h"
#include "front/errors.h"
#include "front/rpc/rpc.h"
#include "json/write.h"

#include <stdlib.h>

struct batch *
batch_new(size_t max)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	buf_init(&b->out, max);
	b->open = 1;
	return b;
}

void
batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	buf_done(&b->out);
	free(b);
}

/* One of those it waits for is done. Sends the array behind the last. */
static void
settle(struct rpc *r, struct batch *b)
{
	struct buf *out = rpc_out(r);

	if (--b->open > 0)
		return;
	if (buf_err(&b->out) != 0) {
		/* Half an array would be worse than a closed connection. */
		conn_abort(r->conn, buf_err(&b->out));
	} else if (buf_len(&b->out) > 0) {
		buf_put_u8(out, '[');
		buf_put_str(out, buf_str(&b->out));
		buf_puts(out, "]\n");
		conn_touch(r->conn);
	}
	batch_free(b);
}

void
batch_close(struct rpc *r, struct batch *b)
{
	settle(r, b);
}

static struct buf *
target(struct call *c)
{
	if (c->id.n == 0)
		return &c->rpc->nowhere;
	return c->batch != NULL ? &c->batch->out : rpc_out(c->rpc);
}

static struct buf *
start(struct call *c)
{
	struct buf *b = target(c);

	if (c->batch != NULL && buf_len(b) > 0)
		buf_put_u8(b, ',');
	buf_put_str(b, STR("{\"jsonrpc\":\"2.0\",\"id\":"));
	buf_put_str(b, c->id);
	return b;
}

struct buf *
call_open(struct call *c)
{
	struct buf *b = start(c);

	buf_put_str(b, STR(",\"result\":"));
	return b;
}

void
call_close(struct call *c)
{
	if (c->id.n == 0)
		return;
	buf_put_u8(target(c), '}');
	if (c->batch != NULL) {
		settle(c->rpc, c->batch);
		return;
	}
	buf_put_u8(rpc_out(c->rpc), '\n');
	conn_touch(c->rpc->conn);
}

void
call_result(struct call *c, struct str json)
{
	buf_put_str(call_open(c), json);
	call_close(c);
}

/* What a program wants to know of it; nothing: no data at all. */
static void
put_data(struct json_out *o, const struct fail *why)
{
	if (why->field[0] == '\0' && why->retry_ms == 0 &&
	    why->crash[0] == '\0')
		return;
	json_key(o, "data");
	json_open(o, '{');
	if (why->field[0] != '\0')
		json_key_cstr(o, "field", why->field);
	if (why->retry_ms != 0)
		json_key_u64(o, "retry_after_ms", why->retry_ms);
	if (why->crash[0] != '\0')
		json_key_cstr(o, "crash_id", why->crash);
	json_close(o, '}');
}

void
call_fail_as(struct call *c, int code, const struct fail *why)
{
	struct buf *b = start(c);
	struct json_out o = json_out(b);

	c->rpc->front->metrics.rpc_errors_total++;
	buf_put_str(b, STR(",\"error\":"));
	json_open(&o, '{');
	json_key_i64(&o, "code", code);
	json_key_cstr(&o, "message", why->text);
	put_data(&o, why);
	json_close(&o, '}');
	call_close(c);
}

void
call_error(struct call *c, int code, const char *field, const char *text)
{
	struct fail why;

	(void)fail_set(&why, 0, field, "%s", text);
	call_fail_as(c, code, &why);
}

void
call_fail(struct call *c, const struct fail *why)
{
	call_fail_as(c, error_row(why->code)->rpc, why);
}

int
call_keep(struct call *dst, const struct call *c)
{
	char *id = str_dup(c->id);

	if (id == NULL)
		return ERR_NOMEM;
	*dst = *c;
	dst->id.p = id;
	return 0;
}

void
call_drop(struct call *c)
{
	free((char *)(uintptr_t)c->id.p);
	c->id = STR("");
	c->batch = NULL;
}
