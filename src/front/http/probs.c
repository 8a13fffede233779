#include "front/http/probs.h"

#include "base/utf8.h"
#include "json/write.h"

#include <float.h>
#include <stdio.h>

/* Stands for minus infinity, which JSON has not, as in OpenAI's answers. */
#define LEAST -9999.0f

/* One token in the packed form. */
struct prob {
	float logprob;
	uint32_t text_at;
	int32_t token;
	struct str piece;
	struct str tops;
};

static void
put_sized(struct buf *b, struct str s)
{
	buf_put_u32(b, (uint32_t)s.n);
	buf_put_str(b, s);
}

static struct str
take_sized(struct cursor *c)
{
	uint32_t n = cursor_u32(c);
	const char *p = cursor_take(c, n);

	return p == NULL ? STR("") : (struct str){ p, n };
}

void
probs_note(struct buf *packed, const struct step *s, uint32_t text_at)
{
	buf_put_f32(packed, s->logprob);
	buf_put_u32(packed, text_at);
	buf_put_i32(packed, s->token);
	put_sized(packed, s->piece);
	put_sized(packed, s->tops);
}

static bool
next(struct cursor *c, struct prob *ret)
{
	if (cursor_left(c) == 0)
		return false;
	ret->logprob = cursor_f32(c);
	ret->text_at = cursor_u32(c);
	ret->token = (int32_t)cursor_u32(c);
	ret->piece = take_sized(c);
	ret->tops = take_sized(c);
	return c->err == 0;
}

static void
put_logprob(struct buf *out, float v)
{
	json_put_f32(out, v > LEAST ? v : LEAST);
}

static void
put_bytes(struct json_out *o, struct str s)
{
	json_key(o, "bytes");
	json_open(o, '[');
	for (size_t i = 0; i < s.n; i++) {
		json_item(o);
		json_put_u64(o->b, (unsigned char)s.p[i]);
	}
	json_close(o, ']');
}

static void
put_chat_members(struct json_out *o, struct str piece, float logprob)
{
	json_key_str(o, "token", piece);
	json_key(o, "logprob");
	put_logprob(o->b, logprob);
	put_bytes(o, piece);
}

static void
put_chat_token(struct json_out *o, const struct prob *p)
{
	struct cursor c = cursor_of(p->tops.p, p->tops.n);
	struct step_top t;

	json_item(o);
	json_open(o, '{');
	put_chat_members(o, p->piece, p->logprob);
	json_key(o, "top_logprobs");
	json_open(o, '[');
	while (step_top_next(&c, &t)) {
		json_item(o);
		json_open(o, '{');
		put_chat_members(o, t.piece, t.logprob);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_close(o, '}');
}

void
probs_put_list(struct buf *out, struct str packed)
{
	struct cursor c = cursor_of(packed.p, packed.n);
	struct json_out o = json_out(out);
	struct prob p;

	json_open(&o, '[');
	while (next(&c, &p))
		put_chat_token(&o, &p);
	json_close(&o, ']');
}

void
probs_put_chat(struct buf *out, struct str packed)
{
	struct json_out o = json_out(out);

	json_open(&o, '{');
	json_key(&o, "content");
	probs_put_list(out, packed);
	json_key_null(&o, "refusal");
	json_close(&o, '}');
}

static void
put_llama_members(
    struct json_out *o, int32_t token, struct str piece, float logprob)
{
	size_t n = piece.n;

	/* As far as it is text, as there. */
	(void)utf8_valid(piece.p, piece.n, &n);
	json_key_i64(o, "id", token);
	json_key_str(o, "token", (struct str){ piece.p, n });
	put_bytes(o, piece);
	json_key(o, "logprob");
	json_put_f32(o->b, logprob > -FLT_MAX ? logprob : -FLT_MAX);
}

static void
put_llama_token(struct json_out *o, const struct prob *p)
{
	struct cursor c = cursor_of(p->tops.p, p->tops.n);
	struct step_top t;

	json_item(o);
	json_open(o, '{');
	put_llama_members(o, p->token, p->piece, p->logprob);
	json_key(o, "top_logprobs");
	json_open(o, '[');
	while (step_top_next(&c, &t)) {
		json_item(o);
		json_open(o, '{');
		put_llama_members(o, t.token, t.piece, t.logprob);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_close(o, '}');
}

void
probs_put_llama(struct buf *out, struct str packed)
{
	struct cursor c = cursor_of(packed.p, packed.n);
	struct json_out o = json_out(out);
	struct prob p;

	json_open(&o, '[');
	while (next(&c, &p))
		put_llama_token(&o, &p);
	json_close(&o, ']');
}

/* A token that is no text is written as OpenAI does: "bytes:\xf0\x9f". */
static void
put_token(struct buf *out, struct str piece)
{
	if (utf8_valid(piece.p, piece.n, NULL)) {
		json_put_str(out, piece);
		return;
	}
	buf_puts(out, "\"bytes:");
	for (size_t i = 0; i < piece.n; i++)
		buf_printf(out, "\\\\x%02x", (unsigned char)piece.p[i]);
	buf_puts(out, "\"");
}

static void
put_tops(struct buf *out, const struct prob *p)
{
	struct cursor c = cursor_of(p->tops.p, p->tops.n);
	const char *comma = "";
	struct step_top t;

	buf_puts(out, "{");
	while (step_top_next(&c, &t)) {
		buf_puts(out, comma);
		put_token(out, t.piece);
		buf_puts(out, ":");
		put_logprob(out, t.logprob);
		comma = ",";
	}
	buf_puts(out, "}");
}

static void
put_own_token(struct buf *out, const struct prob *p)
{
	put_token(out, p->piece);
}

static void
put_own_logprob(struct buf *out, const struct prob *p)
{
	put_logprob(out, p->logprob);
}

static void
put_text_at(struct buf *out, const struct prob *p)
{
	json_put_u64(out, p->text_at);
}

/* Four arrays side by side, one element a token in each. */
static const struct {
	const char *name;
	void (*put)(struct buf *out, const struct prob *p);
} columns[] = {
	{ "tokens", put_own_token },
	{ "token_logprobs", put_own_logprob },
	{ "top_logprobs", put_tops },
	{ "text_offset", put_text_at },
};

void
probs_put_completion(struct buf *out, struct str packed)
{
	struct json_out o = json_out(out);
	struct prob p;

	json_open(&o, '{');
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		struct cursor c = cursor_of(packed.p, packed.n);

		json_key(&o, columns[i].name);
		json_open(&o, '[');
		while (next(&c, &p)) {
			json_item(&o);
			columns[i].put(out, &p);
		}
		json_close(&o, ']');
	}
	json_close(&o, '}');
}

uint32_t
probs_count_chars(struct str s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}
