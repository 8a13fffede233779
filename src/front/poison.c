#include "front/poison.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

void
poison_init(struct poison *p)
{
	*p = (struct poison){ 0 };
	arc4random_buf(&p->basis, sizeof(p->basis));
}

uint64_t
poison_hash(const struct poison *p, uint32_t model, const struct gen_submit *s)
{
	struct gen_submit same = *s;
	uint64_t h = p->basis ^ model;
	struct buf b;

	same.gen = 0;
	same.seed = 0;
	/* What admission fills in. */
	same.resume_mode = 0;
	same.resume = 0;
	same.done = (struct i32s){ 0 };
	same.mu = 0;
	same.hashes = STR("");
	same.cache_key = 0;
	same.cache = 0;
	same.save = 0;
	same.rows_done = 0;
	buf_init(&b, msg_row(MSG_GEN_SUBMIT)->max);
	layout_pack(&layout_gen_submit, &same, &b);
	h = buf_err(&b) != 0 ? 0 : hash_more(h, buf_data(&b), buf_len(&b));
	buf_done(&b);
	return h;
}

void
poison_note(struct poison *p, uint64_t hash, struct str crash, uint64_t now_ms)
{
	struct poison_row *row = &p->rows[p->n++ % POISON_MAX];

	row->hash = hash;
	row->until_ms = now_ms + POISON_MS;
	(void)snprintf(
	    row->crash, sizeof(row->crash), "%.*s", (int)crash.n, crash.p);
}

const struct poison_row *
poison_find(const struct poison *p, uint32_t model, const struct gen_submit *s,
    uint64_t now_ms)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < POISON_MAX; i++) {
		if (p->rows[i].until_ms <= now_ms)
			continue;
		/* Only now is it worth making. */
		if (hash == 0)
			hash = poison_hash(p, model, s);
		if (hash != 0 && p->rows[i].hash == hash)
			return &p->rows[i];
	}
	return NULL;
}
