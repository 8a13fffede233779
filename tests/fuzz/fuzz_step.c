/*
 * The tokens of a step from a worker that was taken over. What is read from
 * them packs to the same bytes.
 */
#include "wire/step.h"

#include <assert.h>
#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* So that the bytes are really read. */
static volatile unsigned sink;

static unsigned
sum_of(struct str s)
{
	unsigned sum = 0;

	for (size_t i = 0; i < s.n; i++)
		sum += (unsigned char)s.p[i];
	return sum;
}

static unsigned
walk_tops(const struct step *s)
{
	struct cursor c = cursor_of(s->tops.p, s->tops.n);
	unsigned sum = 0;
	struct step_top t;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	while (step_top_next(&c, &t)) {
		sum += sum_of(t.piece);
		step_top_put(&b, &t);
	}
	assert(buf_err(&b) == 0);
	if (c.err == 0)
		assert(str_eq(buf_str(&b), s->tops));
	buf_done(&b);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cursor c = cursor_of(data, n);
	struct step s;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	while (step_next(&c, &s)) {
		sink += sum_of(s.text) + sum_of(s.piece) + walk_tops(&s);
		step_put(&b, &s);
	}
	assert(buf_err(&b) == 0);
	if (c.err == 0)
		assert(
		    str_eq(buf_str(&b), (struct str){ (const char *)data, n }));
	buf_done(&b);
	return 0;
}
