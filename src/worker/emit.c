#include "worker/emit.h"

#include "base/utf8.h"

#include <string.h>

#define TEXT_MAX (4u << 20) /* bytes held: the longest stop and a token */

static const struct str replacement = { "\xef\xbf\xbd", 3 };

int
emit_init(struct emit *e, struct strs stops)
{
	*e = (struct emit){ .stop = EMIT_NO_STOP };
	buf_init(&e->text, TEXT_MAX);
	return words_init(&e->stops, stops);
}

void
emit_done(struct emit *e)
{
	words_done(&e->stops);
	buf_done(&e->text);
}

/* Adds one whole character, or cuts the stop that it completes. */
static void
add_char(struct emit *e, struct str ch)
{
	buf_put_str(&e->text, ch);
	buf_truncate(&e->text,
	    buf_len(&e->text) -
		words_end(&e->stops, buf_str(&e->text), &e->stop));
}

/* Bytes at the front of the carry that are one character, good or bad. It
 * grew byte by byte, so if they can be no character, all but the last were
 * the start of one: that start is one bad character (as Unicode advises). */
static size_t
settled(const struct emit *e)
{
	int len = utf8_next(e->carry, e->n_carry);

	if (len != 0)
		return len > 0 ? (size_t)len : 0;
	return e->n_carry > 1 ? e->n_carry - 1u : 1;
}

/* Moves what can be decided from the carry to the text. */
static void
settle(struct emit *e)
{
	size_t n;

	while (
	    e->n_carry > 0 && e->stop == EMIT_NO_STOP && (n = settled(e)) > 0) {
		struct str ch = { e->carry, n };

		add_char(e, utf8_valid(ch.p, ch.n, NULL) ? ch : replacement);
		e->n_carry = (uint8_t)(e->n_carry - n);
		memmove(e->carry, e->carry + n, e->n_carry);
	}
}

/* Bytes at the end of the text that may be the start of a stop. */
static size_t
hold_back(const struct emit *e)
{
	return e->stop != EMIT_NO_STOP
	    ? 0
	    : words_begun(&e->stops, buf_str(&e->text));
}

static int
show(struct emit *e, size_t held, struct str *ret)
{
	if (buf_err(&e->text) != 0)
		return buf_err(&e->text);
	*ret = buf_str(&e->text);
	ret->n -= held;
	e->shown = ret->n;
	return 0;
}

static void
forget_shown(struct emit *e)
{
	buf_consume(&e->text, e->shown);
	e->shown = 0;
}

int
emit_token(struct emit *e, struct str bytes, struct str *ret)
{
	forget_shown(e);
	for (size_t i = 0; i < bytes.n && e->stop == EMIT_NO_STOP; i++) {
		e->carry[e->n_carry++] = bytes.p[i];
		settle(e);
	}
	if (e->stop != EMIT_NO_STOP)
		e->n_carry = 0;
	return show(e, hold_back(e), ret);
}

/* The start of a character that never ended is one bad character; it may
 * complete no stop, for the model has already ended. */
int
emit_flush(struct emit *e, struct str *ret)
{
	forget_shown(e);
	if (e->n_carry > 0 && e->stop == EMIT_NO_STOP)
		buf_put_str(&e->text, replacement);
	e->n_carry = 0;
	return show(e, 0, ret);
}

bool
emit_is_held(const struct emit *e)
{
	return e->n_carry > 0;
}

bool
emit_is_clear(const struct emit *e)
{
	return e->n_carry == 0 && buf_len(&e->text) == e->shown;
}

struct str
emit_stop(const struct emit *e)
{
	return words_at(&e->stops, e->stop);
}
