#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_BYTES (16u << 20)

void
answer_init(struct answer *a, answer_line_fn *on_line, void *arg)
{
	*a = (struct answer){ .on_line = on_line, .arg = arg };
	buf_init(&a->framing, LINE_MAX_BYTES);
	buf_init(&a->body, LINE_MAX_BYTES);
	answer_reset(a);
}

void
answer_done(struct answer *a)
{
	buf_done(&a->framing);
	buf_done(&a->body);
}

void
answer_reset(struct answer *a)
{
	a->state = ANSWER_HEAD;
	a->status = 0;
	a->is_chunked = false;
	a->left = UINT64_MAX;
	buf_reset(&a->framing);
	buf_reset(&a->body);
}

/* Adds what p has up to its first newline to b. True if that is a whole line,
 * without its end in *ret; it is in b, or in p where b had nothing. */
static bool
take_line(struct buf *b, const char **p, const char *end, struct str *ret)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));
	const char *from = *p;

	if (nl == NULL) {
		buf_put(b, from, (size_t)(end - from));
		*p = end;
		return false;
	}
	*p = nl + 1;
	*ret = (struct str){ from, (size_t)(nl - from) };
	if (buf_len(b) > 0) {
		buf_put(b, ret->p, ret->n);
		*ret = buf_str(b);
	}
	if (ret->n > 0 && ret->p[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

static void
read_body(struct answer *a, const char *p, size_t n)
{
	const char *end = p + n;
	struct str line;

	while (p < end && take_line(&a->body, &p, end, &line)) {
		a->on_line(a->arg, line);
		buf_reset(&a->body);
	}
}

/* The end of the answer; a last line may lack its newline. */
static void
finish(struct answer *a)
{
	if (buf_len(&a->body) > 0)
		a->on_line(a->arg, buf_str(&a->body));
	buf_reset(&a->body);
	a->state = ANSWER_DONE;
}

static void
read_header(struct answer *a, struct str line)
{
	static const char length[] = "content-length:";
	static const char coding[] = "transfer-encoding:";
	char text[256];
	size_t n = line.n < sizeof(text) - 1 ? line.n : sizeof(text) - 1;

	memcpy(text, line.p, n);
	text[n] = '\0';
	if (a->status == 0) {
		if (strncmp(text, "HTTP/1.", 7) == 0)
			a->status = atoi(text + 8);
		if (a->status == 0)
			a->state = ANSWER_BAD;
	} else if (strncasecmp(text, length, sizeof(length) - 1) == 0) {
		a->left = strtoull(text + sizeof(length) - 1, NULL, 10);
	} else if (strncasecmp(text, coding, sizeof(coding) - 1) == 0) {
		a->is_chunked = strcasestr(text, "chunked") != NULL;
	} else if (n == 0) {
		a->state = a->is_chunked ? ANSWER_SIZE : ANSWER_BODY;
		if (a->left == 0)
			finish(a);
	}
}

static void
read_size(struct answer *a, struct str line)
{
	char text[32];
	size_t n = line.n < sizeof(text) - 1 ? line.n : sizeof(text) - 1;
	char *end;

	memcpy(text, line.p, n);
	text[n] = '\0';
	a->left = strtoull(text, &end, 16);
	if (end == text)
		a->state = ANSWER_BAD;
	else
		a->state = a->left > 0 ? ANSWER_CHUNK : ANSWER_TRAILER;
}

/* A line of the head or between chunks. */
static void
read_framing(struct answer *a, struct str line)
{
	if (a->state == ANSWER_HEAD)
		read_header(a, line);
	else if (a->state == ANSWER_SIZE)
		read_size(a, line);
	else if (a->state == ANSWER_CHUNK_END)
		a->state = line.n == 0 ? ANSWER_SIZE : ANSWER_BAD;
	else if (line.n == 0) /* ANSWER_TRAILER */
		finish(a);
}

/* Bytes of the chunk or body; returns how many it took. */
static size_t
read_data(struct answer *a, const char *p, size_t n)
{
	if (n > a->left)
		n = (size_t)a->left;
	read_body(a, p, n);
	if (a->left != UINT64_MAX)
		a->left -= n;
	if (a->left == 0 && a->state == ANSWER_CHUNK)
		a->state = ANSWER_CHUNK_END;
	else if (a->left == 0)
		finish(a);
	return n;
}

void
answer_feed(struct answer *a, const char *p, size_t n)
{
	const char *end = p + n;
	struct str line;

	while (p < end && a->state < ANSWER_DONE) {
		if (a->state == ANSWER_CHUNK || a->state == ANSWER_BODY) {
			p += read_data(a, p, (size_t)(end - p));
		} else if (take_line(&a->framing, &p, end, &line)) {
			read_framing(a, line);
			buf_reset(&a->framing);
		}
	}
}

void
answer_eof(struct answer *a)
{
	if (a->state == ANSWER_BODY && a->left == UINT64_MAX)
		finish(a);
	else if (a->state != ANSWER_DONE)
		a->state = ANSWER_BAD;
}
