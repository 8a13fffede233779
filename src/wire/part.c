#include "wire/part.h"

#include "wire/layout.h"

void
part_put(struct buf *b, const struct part *p)
{
	buf_put_u8(b, (uint8_t)p->kind);
	buf_put_u32(b, p->call);
	if (p->kind == PART_CALL)
		strs_put(b, p->id);
	strs_put(b, p->kind == PART_CALL ? p->name : p->text);
}

bool
part_next(struct cursor *c, struct part *ret)
{
	bool is_whole;

	if (cursor_left(c) == 0)
		return false;
	*ret = (struct part){ .text = STR(""), .id = STR(""), .name = STR("") };
	ret->kind = (enum part_kind)cursor_u8(c);
	ret->call = cursor_u32(c);
	if (ret->kind == PART_CALL)
		is_whole = strs_next(c, &ret->id) && strs_next(c, &ret->name);
	else
		is_whole = ret->kind >= PART_CONTENT &&
		    ret->kind <= PART_ARGUMENTS && strs_next(c, &ret->text);
	if (!is_whole)
		c->err = ERR_PROTO;
	return is_whole;
}

bool
parts_check(struct str parts, uint32_t n_calls, uint32_t *ret_n_calls)
{
	struct cursor c = cursor_of(parts.p, parts.n);
	struct part p;

	while (part_next(&c, &p)) {
		if (p.kind == PART_CALL && p.call != n_calls++)
			return false;
		if (p.kind == PART_ARGUMENTS && p.call + 1 != n_calls)
			return false;
		if (n_calls > PART_CALLS_MAX)
			return false;
	}
	*ret_n_calls = n_calls;
	return c.err == 0;
}
