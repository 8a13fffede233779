/*
 * A machine of six states over eight classes of bytes. Only these matter for
 * where a value ends: quotes, backslashes in strings, brackets, and outside
 * of everything whitespace and what a number or literal is made of.
 */
#include "json/frame.h"

#include "json/plain.h"

enum state {
	START,	/* between values */
	SCALAR, /* in a number or literal */
	NEST,	/* in a container, outside strings */
	STRING,
	ESCAPE, /* behind a backslash in a string */
	SKIP,	/* after an error: to the end of the line */
};

enum class {
	OTHER, /* what can stand only in a string; and , : */
	SPACE,
	FIRST, /* what a number or literal begins with */
	WORD,  /* what it goes on with, too */
	QUOTE, /* this and what follows matter in a container */
	OPEN,
	CLOSE,
};

static const uint8_t classes[256] = {
	[' '] = SPACE,
	['\t'] = SPACE,
	['\r'] = SPACE,
	['\n'] = SPACE,
	['-'] = FIRST,
	['0' ... '9'] = FIRST,
	['t'] = FIRST,
	['f'] = FIRST,
	['n'] = FIRST,
	['+'] = WORD,
	['.'] = WORD,
	['A' ... 'Z'] = WORD,
	['a' ... 'e'] = WORD,
	['g' ... 'm'] = WORD,
	['o' ... 's'] = WORD,
	['u' ... 'z'] = WORD,
	['"'] = QUOTE,
	['{'] = OPEN,
	['['] = OPEN,
	['}'] = CLOSE,
	[']'] = CLOSE,
};

void
json_frame_init(struct json_frame *s, uint32_t max_depth)
{
	*s = (struct json_frame){ .max_depth = max_depth, .state = START };
}

bool
json_frame_idle(const struct json_frame *s)
{
	return s->state == START || s->state == SKIP;
}

bool
json_frame_finish(struct json_frame *s)
{
	bool waits = s->state == SCALAR;

	s->state = START;
	s->depth = 0;
	return waits;
}

void
json_frame_skip(struct json_frame *s)
{
	s->state = SKIP;
	s->depth = 0;
}

static int
open_one(struct json_frame *s)
{
	if (s->depth == s->max_depth) {
		json_frame_skip(s);
		return ERR_TOO_BIG;
	}
	s->depth++;
	s->state = NEST;
	return ERR_AGAIN;
}

static int
close_one(struct json_frame *s)
{
	if (--s->depth > 0)
		return ERR_AGAIN;
	s->state = START;
	return 0;
}

static int
in_start(struct json_frame *s, enum class class)
{
	switch (class) {
	case SPACE:
		return ERR_AGAIN;
	case FIRST:
		s->state = SCALAR;
		return ERR_AGAIN;
	case QUOTE:
		s->state = STRING;
		return ERR_AGAIN;
	case OPEN:
		return open_one(s);
	default:
		json_frame_skip(s);
		return ERR_INVALID;
	}
}

static int
in_nest(struct json_frame *s, enum class class)
{
	if (class == OPEN)
		return open_one(s);
	if (class == CLOSE)
		return close_one(s);
	if (class == QUOTE)
		s->state = STRING;
	return ERR_AGAIN;
}

static int
in_string(struct json_frame *s, char c)
{
	if (c == '\\')
		s->state = ESCAPE;
	if (c == '"')
		s->state = s->depth > 0 ? NEST : START;
	if (c == '\n') {
		/* A quote is missing. The line it would skip ends here. */
		(void)json_frame_finish(s);
		return ERR_INVALID;
	}
	return c == '"' && s->depth == 0 ? 0 : ERR_AGAIN;
}

/* One byte that is not part of a run. */
static int
step(struct json_frame *s, char c)
{
	enum class class = (enum class)classes[(unsigned char)c];

	switch ((enum state)s->state) {
	case START:
		return in_start(s, class);
	case NEST:
		return in_nest(s, class);
	case STRING:
		return in_string(s, c);
	case ESCAPE:
		s->state = STRING;
		return c == '\n' ? in_string(s, c) : ERR_AGAIN;
	case SCALAR:
		return ERR_AGAIN;
	default:
		if (c == '\n')
			s->state = START;
		return ERR_AGAIN;
	}
}

/* Bytes that change nothing in this state. */
static size_t
run(const struct json_frame *s, const char *p, size_t n)
{
	const char *end;
	size_t i = 0;

	if (s->state == STRING)
		return json_plain_run(p, n, false);
	if (s->state == NEST) {
		while (i < n && classes[(unsigned char)p[i]] < QUOTE)
			i++;
		return i;
	}
	if (s->state != SKIP)
		return 0;
	end = memchr(p, '\n', n);
	return end == NULL ? n : (size_t)(end - p);
}

/* True when the number or literal ends before c. */
static bool
ends_scalar(struct json_frame *s, char c)
{
	uint8_t class = classes[(unsigned char)c];

	if (s->state != SCALAR || class == FIRST || class == WORD)
		return false;
	s->state = START;
	return true;
}

int
json_frame_scan(struct json_frame *s, const char *p, size_t n, size_t *ret_used)
{
	int err = ERR_AGAIN;
	size_t start = 0; /* of the value, or of this piece of it */
	size_t i = 0;

	while (err == ERR_AGAIN) {
		i += run(s, p + i, n - i);
		if (i == n)
			break;
		if (s->state == START) {
			s->size = 0;
			start = i;
		}
		if (ends_scalar(s, p[i]))
			err = 0;
		else
			err = step(s, p[i++]);
	}
	s->size += i - start;
	if (err != 0 && json_frame_idle(s))
		s->size = 0;
	*ret_used = i;
	return err;
}
