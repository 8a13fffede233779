#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (16u << 20)

static void
add_gap(struct tally *t, uint64_t us)
{
	if (t->n_gaps == t->max_gaps) {
		size_t max = t->max_gaps > 0 ? 2 * t->max_gaps : 4096;
		uint32_t *more = realloc(t->gaps, max * sizeof(*more));

		if (more == NULL)
			abort();
		t->gaps = more;
		t->max_gaps = max;
	}
	t->gaps[t->n_gaps++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* What follows needle in line; NULL where it is not. */
static const char *
after(struct str line, const char *needle)
{
	size_t n = strlen(needle);
	const char *at = memmem(line.p, line.n, needle, n);

	return at != NULL ? at + n : NULL;
}

/* The JSON string that begins at p, up to its quote, still escaped. */
static struct str
until_quote(const char *p, const char *end)
{
	const char *at = p;

	while (at < end && *at != '"')
		at += *at == '\\' ? 2 : 1;
	return (struct str){ p, at < end ? (size_t)(at - p) : 0 };
}

static void
on_text(struct stream *s, struct str text)
{
	struct tally *t = s->tally;

	buf_put_str(&s->text, text);
	if (s->events++ == 0)
		s->first_us = t->now_us;
	else
		add_gap(t, t->now_us - s->last_us);
	s->last_us = t->last_us = t->now_us;
}

static void
on_event(struct stream *s, struct str event)
{
	const char *end = event.p + event.n;
	const char *at = after(event, s->tally->key);
	struct str text = { NULL, 0 };

	if (at != NULL)
		text = until_quote(at, end);
	if (text.n > 0) {
		on_text(s, text);
		return;
	}
	at = after(event, "\"completion_tokens\":");
	if (at != NULL)
		s->tokens = (uint32_t)strtoul(at, NULL, 10);
	if (after(event, "[DONE]") != NULL)
		s->has_done = true;
}

static void
on_line(void *arg, struct str line)
{
	struct stream *s = arg;
	const char *at =
	    line.n >= 5 && memcmp(line.p, "data:", 5) == 0 ? line.p + 5 : NULL;

	if (s->answer.status == 200 && at != NULL)
		on_event(s, (struct str){ at, line.n - 5 });
	else if (line.n > 0 && line.p[0] != ':' && s->why[0] == '\0')
		snprintf(s->why, sizeof(s->why), "%d %.*s", s->answer.status,
		    (int)(line.n < 160 ? line.n : 160), line.p);
}

void
stream_init(struct stream *s, struct tally *t)
{
	*s = (struct stream){ .tally = t };
	answer_init(&s->answer, on_line, s);
	buf_init(&s->text, TEXT_MAX);
}

void
stream_done(struct stream *s)
{
	answer_done(&s->answer);
	buf_done(&s->text);
}

void
stream_feed(struct stream *s, const char *p, size_t n)
{
	answer_feed(&s->answer, p, n);
}

void
stream_end(struct stream *s)
{
	if (s->answer.state != ANSWER_DONE)
		answer_eof(&s->answer);
	if (s->why[0] != '\0')
		return;
	if (s->answer.state != ANSWER_DONE || !s->has_done)
		snprintf(s->why, sizeof(s->why), "cut off after %u events",
		    s->events);
	else if (buf_err(&s->text) != 0)
		snprintf(s->why, sizeof(s->why), "more text than %u bytes",
		    TEXT_MAX);
}
