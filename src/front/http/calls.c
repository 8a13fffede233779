#include "front/http/calls.h"

#include <string.h>

/* A call is packed as three lengths and what they are of; the arguments are
 * last, so that they can grow while no other call has begun. */
#define HEAD (3 * sizeof(uint32_t))

void
calls_init(struct calls *c, size_t max)
{
	buf_init(&c->packed, max);
	c->last = 0;
}

void
calls_done(struct calls *c)
{
	buf_done(&c->packed);
}

void
calls_reset(struct calls *c)
{
	buf_reset(&c->packed);
	c->last = 0;
}

bool
calls_any(const struct calls *c)
{
	return buf_len(&c->packed) > 0;
}

static void
begin(struct calls *c, const struct part *p)
{
	c->last = buf_len(&c->packed);
	buf_put_u32(&c->packed, (uint32_t)p->id.n);
	buf_put_u32(&c->packed, (uint32_t)p->name.n);
	buf_put_u32(&c->packed, 0);
	buf_put_str(&c->packed, p->id);
	buf_put_str(&c->packed, p->name);
}

/* The length of the last call's arguments, n bytes more. */
static void
count(struct calls *c, size_t n)
{
	uint8_t *at = c->packed.data + c->packed.off + c->last + 8;
	uint32_t length;

	memcpy(&length, at, sizeof(length));
	length += (uint32_t)n;
	memcpy(at, &length, sizeof(length));
}

void
calls_add(struct calls *c, const struct part *p)
{
	if (p->kind == PART_CALL) {
		begin(c, p);
		return;
	}
	if (buf_len(&c->packed) < c->last + HEAD)
		return;
	buf_put_str(&c->packed, p->text);
	if (buf_err(&c->packed) == 0)
		count(c, p->text.n);
}

struct cursor
calls_walk(const struct calls *c)
{
	return cursor_of(buf_data(&c->packed), buf_len(&c->packed));
}

static struct str
take(struct cursor *at, uint32_t n)
{
	const char *p = cursor_take(at, n);

	return p == NULL ? STR("") : (struct str){ p, n };
}

bool
calls_next(struct cursor *at, struct call *ret)
{
	uint32_t n_id, n_name, n_arguments;

	if (cursor_left(at) == 0)
		return false;
	n_id = cursor_u32(at);
	n_name = cursor_u32(at);
	n_arguments = cursor_u32(at);
	ret->id = take(at, n_id);
	ret->name = take(at, n_name);
	ret->arguments = take(at, n_arguments);
	return at->err == 0;
}

void
calls_put(struct json_out *o, const struct call *c)
{
	json_open(o, '{');
	json_key_str(o, "id", c->id);
	json_key_cstr(o, "type", "function");
	json_key(o, "function");
	json_open(o, '{');
	json_key_str(o, "name", c->name);
	json_key_str(o, "arguments", c->arguments);
	json_close(o, '}');
	json_close(o, '}');
}
