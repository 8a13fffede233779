/*
 * The tokens of a step from a worker that was taken over. What is read from
 * them packs to the same bytes.
 */
#include "wire/part.h"
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

/* What is passed has whole calls, counted up, and packs to the same bytes. */
static unsigned
walk_parts(struct str packed)
{
	struct cursor c = cursor_of(packed.p, packed.n);
	uint32_t n_calls = 0, n_seen = 0;
	bool is_good = parts_check(packed, 0, &n_calls);
	unsigned sum = 0;
	struct part p;
	struct buf b;

	buf_init(&b, SIZE_MAX);
	while (part_next(&c, &p)) {
		sum += sum_of(p.text) + sum_of(p.id) + sum_of(p.name);
		n_seen += p.kind == PART_CALL;
		part_put(&b, &p);
	}
	assert(buf_err(&b) == 0);
	if (c.err == 0)
		assert(str_eq(buf_str(&b), packed));
	if (is_good)
		assert(c.err == 0 && n_seen == n_calls);
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
		sink += walk_parts(s.text) + step_has_newline(&s);
		step_put(&b, &s);
	}
	assert(buf_err(&b) == 0);
	if (c.err == 0)
		assert(
		    str_eq(buf_str(&b), (struct str){ (const char *)data, n }));
	buf_done(&b);
	return 0;
}
