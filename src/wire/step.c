#include "wire/step.h"

#include "wire/part.h"

#include <string.h>

static void
put_short(struct buf *b, struct str s)
{
	if (s.n > UINT16_MAX) {
		b->err = ERR_TOO_BIG;
		return;
	}
	buf_put_u16(b, (uint16_t)s.n);
	buf_put_str(b, s);
}

static void
put_long(struct buf *b, struct str s)
{
	if (s.n > UINT32_MAX) {
		b->err = ERR_TOO_BIG;
		return;
	}
	buf_put_u32(b, (uint32_t)s.n);
	buf_put_str(b, s);
}

static struct str
take(struct cursor *c, size_t n)
{
	const char *p = cursor_take(c, n);

	return p == NULL ? STR("") : (struct str){ p, n };
}

void
step_put(struct buf *b, const struct step *s)
{
	buf_put_u64(b, s->gen);
	buf_put_i32(b, s->token);
	buf_put_u8(b, s->flags);
	put_long(b, s->text);
	if (s->flags & STEP_MU)
		buf_put_f32(b, s->mu);
	if (s->flags & STEP_HASH)
		buf_put_u64(b, s->hash);
	if (s->flags & STEP_LOGPROBS) {
		buf_put_f32(b, s->logprob);
		put_short(b, s->piece);
		buf_put_u8(b, s->n_tops);
		put_long(b, s->tops);
	}
}

bool
step_next(struct cursor *c, struct step *ret)
{
	if (cursor_left(c) == 0)
		return false;
	*ret = (struct step){ .gen = cursor_u64(c) };
	ret->token = cursor_i32(c);
	ret->flags = cursor_u8(c);
	ret->text = take(c, cursor_u32(c));
	if (ret->flags & STEP_MU)
		ret->mu = cursor_f32(c);
	if (ret->flags & STEP_HASH)
		ret->hash = cursor_u64(c);
	if (ret->flags & STEP_LOGPROBS) {
		ret->logprob = cursor_f32(c);
		ret->piece = take(c, cursor_u16(c));
		ret->n_tops = cursor_u8(c);
		ret->tops = take(c, cursor_u32(c));
	}
	return c->err == 0;
}

static bool
has_newline(struct str s)
{
	return s.n > 0 && memchr(s.p, '\n', s.n) != NULL;
}

bool
step_has_newline(const struct step *s)
{
	struct cursor c = cursor_of(s->text.p, s->text.n);
	struct part p;

	if ((s->flags & STEP_PARTS) == 0)
		return has_newline(s->text);
	while (part_next(&c, &p))
		if (has_newline(p.text))
			return true;
	return false;
}

void
step_top_put(struct buf *b, const struct step_top *t)
{
	buf_put_i32(b, t->token);
	buf_put_f32(b, t->logprob);
	put_short(b, t->piece);
}

bool
step_top_next(struct cursor *c, struct step_top *ret)
{
	if (cursor_left(c) == 0)
		return false;
	ret->token = cursor_i32(c);
	ret->logprob = cursor_f32(c);
	ret->piece = take(c, cursor_u16(c));
	return c->err == 0;
}
