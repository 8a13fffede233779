/*
 * A journal that was left by a front that was taken over. The input changes a
 * whole one, made by the writer itself: as long as there are bytes, a slot (one
 * byte), an offset in it (two), how many bytes follow (one), those. Slot 0 is
 * the top. Reading must end, and what it gives must pack.
 */
#include "front/journal.h"
#include "front/saved.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define CHANGED (32u * JOURNAL_SLOT) /* what the input can reach */

/* So that the bytes are really read. */
static volatile unsigned sink;

static uint32_t
add_origin(struct journal *j)
{
	struct journal_origin o = {
		.model = 1, .name = STR("demo"), .identity = STR("this build")
	};
	struct buf b;
	uint32_t slot;

	buf_init(&b, KIB);
	layout_pack(&layout_journal_origin, &o, &b);
	slot = journal_text_new(j, JOURNAL_ORIGIN, 5, buf_str(&b));
	buf_done(&b);
	return slot;
}

static void
add_one(struct journal *j, uint64_t id, uint32_t n)
{
	static char text[3 * JOURNAL_SLOT];
	static int32_t ids[JOURNAL_SLOT];
	static const int32_t turns[] = { 0, 0 };
	struct journal_conn *c = journal_conn_new(j);
	struct gen_submit g = { .gen = id, .prompt = { text, n } };
	struct journal_about a = { .request = STR("cmpl-1"),
		.conn = journal_conn_id(c),
		.conn_slot = journal_conn_slot(j, c) };
	struct journal_token t = { .flags = JOURNAL_HAS_HASH };
	struct journal_token *at;
	struct buf about, record;
	struct entry e;

	buf_init(&about, KIB);
	buf_init(&record, 64 * KIB);
	layout_pack(&layout_journal_about, &a, &about);
	layout_pack(&layout_gen_submit, &g, &record);
	if (entry_new(j, id, buf_str(&about), buf_str(&record), &e) != 0)
		abort();
	e.gen->class = RESUME_EXACT;
	e.gen->origin = add_origin(j);
	if (entry_prompt(&e, (struct i32s){ turns, 2 },
		(struct i32s){ ids, n / 6 }) != 0)
		abort();
	for (uint32_t i = 0; i < n / 30; i++)
		if (entry_token(&e, &t, &at) != 0)
			abort();
	entry_begin(&e);
	buf_done(&about);
	buf_done(&record);
}

static const struct journal *
whole_one(void)
{
	static struct journal j;
	int fd;

	if (j.slots.map != NULL)
		return &j;
	if (journal_make(JOURNAL_EXTENT, &fd) != 0 ||
	    slots_map(&j.slots, fd) != 0 || journal_begin(&j) != 0)
		abort();
	add_one(&j, 1, 3 * JOURNAL_SLOT);
	add_one(&j, 2, 100);
	assert(j.slots.n_used < 31);
	return &j;
}

static void
change(uint8_t *image, const uint8_t *data, size_t n)
{
	struct cursor c = cursor_of(data, n);

	while (cursor_left(&c) > 0) {
		size_t slot = cursor_u8(&c) % 32u;
		size_t off = cursor_u16(&c) % JOURNAL_SLOT;
		size_t len = cursor_u8(&c);
		const void *p;

		if (len > cursor_left(&c))
			len = cursor_left(&c);
		if (len > JOURNAL_SLOT - off)
			len = JOURNAL_SLOT - off;
		p = cursor_take(&c, len);
		if (p != NULL)
			memcpy(image + slot * JOURNAL_SLOT + off, p, len);
	}
}

static void
use(const struct saved *s)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	layout_pack(&layout_gen_submit, &s->submit, &b);
	layout_pack(&layout_journal_about, &s->about, &b);
	layout_pack(&layout_journal_origin, &s->origin, &b);
	assert(buf_err(&b) == 0);
	for (size_t i = 0; i < buf_len(&b); i++)
		sink += buf_data(&b)[i];
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static _Alignas(8) uint8_t image[JOURNAL_EXTENT];
	static struct saved s;
	struct fail why;
	struct view v;

	memcpy(image, whole_one()->slots.map, CHANGED);
	change(image, data, n);
	if (view_open(image, sizeof(image), &v, &why) != 0)
		return 0;
	saved_init(&s);
	for (uint32_t i = view_next(&v, 0); i != 0; i = view_next(&v, i))
		if (saved_read(&s, &v, i) == 0)
			use(&s);
	saved_done(&s);
	return 0;
}
