#include "worker/reader.h"

#include "worker/draw.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (64u << 20)
#define ALWAYS 256u /* bytes up to which a text is read at each token */
#define CREDIT 16u  /* bytes that one more lets be read again */
#define BLANKS_MAX 64u
#define ID_CHARS 24u

int
reader_init(
    struct reader *r, struct strs marks, uint64_t seed, read_fn read, void *arg)
{
	*r = (struct reader){ .read = read, .arg = arg, .seed = seed };
	buf_init(&r->text, TEXT_MAX);
	buf_init(&r->content, TEXT_MAX);
	buf_init(&r->reasoning, TEXT_MAX);
	buf_init(&r->parts, 2 * TEXT_MAX);
	r->last = calloc(1, sizeof(*r->last));
	r->arguments = calloc(PART_CALLS_MAX, sizeof(*r->arguments));
	if (r->last == NULL || r->arguments == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < PART_CALLS_MAX; i++)
		buf_init(&r->arguments[i], TEXT_MAX);
	return words_init(&r->marks, marks);
}

void
reader_done(struct reader *r)
{
	for (uint32_t i = 0; r->arguments != NULL && i < PART_CALLS_MAX; i++)
		buf_done(&r->arguments[i]);
	free(r->arguments);
	free(r->last);
	words_done(&r->marks);
	buf_done(&r->text);
	buf_done(&r->content);
	buf_done(&r->reasoning);
	buf_done(&r->parts);
}

static bool
begins_with(struct str s, struct str head)
{
	return s.n >= head.n &&
	    (head.n == 0 || memcmp(s.p, head.p, head.n) == 0);
}

static bool
ends_with(struct str s, struct str tail)
{
	return s.n >= tail.n && memcmp(s.p + s.n - tail.n, tail.p, tail.n) == 0;
}

static struct str
behind(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.n - n };
}

static void
say(struct reader *r, enum part_kind kind, uint32_t call, struct str text,
    struct buf *said)
{
	const struct part p = { .kind = kind, .call = call, .text = text };

	if (text.n == 0)
		return;
	part_put(&r->parts, &p);
	buf_put_str(said, text);
}

/* What `now` has more than was said. */
static void
say_rest(struct reader *r, enum part_kind kind, uint32_t call, struct str now,
    struct buf *said)
{
	if (now.n > buf_len(said) && begins_with(now, buf_str(said)))
		say(r, kind, call, behind(now, buf_len(said)), said);
}

/* An id that another process would make the same. */
static void
make_id(const struct reader *r, uint32_t call, char ret[ID_CHARS])
{
	static const char chars[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (uint32_t i = 0; i < ID_CHARS; i++)
		ret[i] =
		    chars[(size_t)(draw_unit(r->seed,
				       (uint64_t)call * ID_CHARS + i, DRAW_ID) *
			(sizeof(chars) - 1))];
}

static void
say_call(struct reader *r, uint32_t i, const struct read_call *c)
{
	char made[ID_CHARS];
	struct part p = { .kind = PART_CALL, .call = i, .name = c->name };

	p.id = c->id;
	if (p.id.n == 0) {
		make_id(r, i, made);
		p.id = (struct str){ made, sizeof(made) };
	}
	part_put(&r->parts, &p);
	r->n_calls = i + 1;
}

/* A call is sure when its arguments have begun; a lone bracket may be what the
 * format's reader puts in the place of what it has not seen. */
static void
say_calls(struct reader *r, bool is_over)
{
	for (uint32_t i = 0; i < r->last->n_calls; i++) {
		const struct read_call *c = &r->last->calls[i];
		bool is_whole =
		    is_over || c->arguments.n > 1 || i + 1 < r->last->n_calls;

		if (i == r->n_calls && c->name.n > 0 && is_whole)
			say_call(r, i, c);
		if (i >= r->n_calls)
			return;
		if (i + 1 == r->n_calls)
			say_rest(r, PART_ARGUMENTS, i, c->arguments,
			    &r->arguments[i]);
	}
}

/* Whether the text, but for the start of a mark at its end, ends with what is
 * said of that kind. */
static bool
is_at_end(struct str text, const struct buf *said)
{
	return buf_len(said) > 0 && ends_with(text, buf_str(said));
}

/* All up to there is given out. */
static void
note_said(struct reader *r, size_t at)
{
	r->said_at = at;
	r->content_at = buf_len(&r->content);
	r->reasoning_at = buf_len(&r->reasoning);
}

/* What more text would be, by the last reading. */
static void
find_open(struct reader *r)
{
	struct str text = buf_str(&r->text);

	text.n -= words_begun(&r->marks, text);
	if (r->last->n_calls > 0)
		return;
	if (is_at_end(text, &r->content))
		r->open = OPEN_CONTENT;
	else if (buf_len(&r->content) == 0 && is_at_end(text, &r->reasoning))
		r->open = OPEN_REASONING;
	if (r->open != OPEN_NOTHING)
		note_said(r, text.n);
}

static int
read_all(struct reader *r, bool is_over)
{
	int err = r->read(r->arg, buf_str(&r->text), !is_over, r->last);

	r->credit -=
	    buf_len(&r->text) < r->credit ? buf_len(&r->text) : r->credit;
	r->open = OPEN_NOTHING;
	if (err != 0)
		return err;
	say_rest(r, PART_REASONING, 0, r->last->reasoning, &r->reasoning);
	say_rest(r, PART_CONTENT, 0, r->last->content, &r->content);
	say_calls(r, is_over);
	find_open(r);
	return 0;
}

/* Bytes at the end of what is pending that a format may leave out before what
 * comes next. */
static size_t
count_blanks(struct str s)
{
	size_t n = 0;

	while (n < s.n && n < BLANKS_MAX &&
	    strchr(" \t\r\n", s.p[s.n - 1 - n]) != NULL)
		n++;
	return n;
}

/* True when a mark is complete in the last n_new bytes of what is pending. */
static bool
has_mark(const struct reader *r, struct str pending, size_t n_new)
{
	int which;

	if (n_new > pending.n)
		n_new = pending.n;
	for (size_t n = pending.n - n_new + 1; n <= pending.n; n++)
		if (words_end(&r->marks, (struct str){ pending.p, n }, &which) >
		    0)
			return true;
	return false;
}

/* Goes on with what is open, unless a mark has ended it. */
static void
go_on(struct reader *r, size_t n_new)
{
	struct str pending = behind(buf_str(&r->text), r->said_at);
	bool is_content = r->open == OPEN_CONTENT;

	if (has_mark(r, pending, n_new)) {
		r->open = OPEN_NOTHING;
		return;
	}
	pending.n -= words_begun(&r->marks, pending);
	pending.n -= count_blanks(pending);
	say(r, is_content ? PART_CONTENT : PART_REASONING, 0, pending,
	    is_content ? &r->content : &r->reasoning);
	note_said(r, r->said_at + pending.n);
}

static bool
is_due(const struct reader *r)
{
	size_t n = buf_len(&r->text);

	return r->open == OPEN_NOTHING && (n <= ALWAYS || n <= r->credit);
}

static int
give(struct reader *r, int err, struct str *ret)
{
	*ret = buf_str(&r->parts);
	if (err != 0 && err != ERR_INVALID)
		return err;
	return buf_err(&r->parts);
}

int
reader_skip(struct reader *r)
{
	int err = read_all(r, false);

	buf_reset(&r->parts);
	return err == ERR_INVALID ? 0 : err;
}

int
reader_add(struct reader *r, struct str text, struct str *ret)
{
	int err = 0;

	buf_reset(&r->parts);
	buf_put_str(&r->text, text);
	if (buf_err(&r->text) != 0)
		return buf_err(&r->text);
	r->credit += text.n * CREDIT;
	if (r->open != OPEN_NOTHING)
		go_on(r, text.n);
	if (text.n > 0 && is_due(r))
		err = read_all(r, false);
	return give(r, err, ret);
}

/* It ended in a way that is not of the format: what nobody has seen of it is
 * content, unless a call has begun. */
static void
say_raw(struct reader *r)
{
	struct str rest = behind(buf_str(&r->text), r->said_at);
	struct str seen = behind(buf_str(&r->content), r->content_at);

	if (r->n_calls == 0 && buf_len(&r->reasoning) == r->reasoning_at &&
	    begins_with(rest, seen))
		say(r, PART_CONTENT, 0, behind(rest, seen.n), &r->content);
}

int
reader_end(struct reader *r, struct str text, struct str *ret)
{
	int err;

	buf_reset(&r->parts);
	buf_put_str(&r->text, text);
	if (buf_err(&r->text) != 0)
		return buf_err(&r->text);
	err = read_all(r, true);
	if (err == ERR_INVALID)
		say_raw(r);
	return give(r, err, ret);
}
