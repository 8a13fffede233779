#include "keeper/quarantine.h"

#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE 16384u /* bytes at either end */
#define MOST 64u      /* files; the oldest goes first */

/* Everything that is compared; no padding, so that memcmp() may. */
struct content {
	uint64_t size;
	uint8_t head[SAMPLE];
	uint8_t tail[SAMPLE];
};

struct entry {
	struct list link;
	struct content content;
	uint32_t pause_ms;
	uint64_t until_ms;
	char how[QUARANTINE_HOW];
};

struct quarantine {
	struct list all; /* struct entry, the oldest first */
	uint32_t n;
	uint32_t first_ms;
	uint32_t longest_ms;
};

struct quarantine *
quarantine_new(uint32_t first_ms, uint32_t longest_ms)
{
	struct quarantine *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	list_init(&q->all);
	q->first_ms = first_ms;
	q->longest_ms = longest_ms;
	return q;
}

static void
drop(struct quarantine *q, struct entry *e)
{
	list_remove(&e->link);
	q->n--;
	free(e);
}

void
quarantine_free(struct quarantine *q)
{
	if (q == NULL)
		return;
	while (!list_empty(&q->all))
		drop(q, LIST_ENTRY(q->all.next, struct entry, link));
	free(q);
}

/* False if it cannot be read. */
static bool
read_content(const struct modelfile *file, struct content *ret)
{
	uint64_t size = (uint64_t)file->st.st_size;
	off_t tail = size > SAMPLE ? (off_t)(size - SAMPLE) : 0;

	memset(ret, 0, sizeof(*ret));
	ret->size = size;
	return pread(file->fd, ret->head, SAMPLE, 0) >= 0 &&
	    pread(file->fd, ret->tail, SAMPLE, tail) >= 0;
}

static struct entry *
find(const struct quarantine *q, const struct content *c)
{
	struct list *it, *next;

	LIST_EACH (it, next, &q->all) {
		struct entry *e = LIST_ENTRY(it, struct entry, link);

		if (memcmp(&e->content, c, sizeof(*c)) == 0)
			return e;
	}
	return NULL;
}

/* The entry of that file; NULL if there is none. */
static struct entry *
find_file(const struct quarantine *q, const struct modelfile *file)
{
	struct content c;

	/* The usual case reads nothing. */
	if (q->n == 0 || !read_content(file, &c))
		return NULL;
	return find(q, &c);
}

static struct entry *
make(struct quarantine *q, const struct modelfile *file)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL || !read_content(file, &e->content)) {
		free(e);
		return NULL;
	}
	if (q->n == MOST)
		drop(q, LIST_ENTRY(q->all.next, struct entry, link));
	list_append(&q->all, &e->link);
	q->n++;
	return e;
}

void
quarantine_add(struct quarantine *q, const struct modelfile *file,
    const char *how, uint64_t now_ms)
{
	struct entry *e = find_file(q, file);

	if (e == NULL)
		e = make(q, file);
	if (e == NULL)
		return;
	if (e->pause_ms == 0)
		e->pause_ms = q->first_ms;
	else if (e->pause_ms < q->longest_ms / 2)
		e->pause_ms *= 2;
	else
		e->pause_ms = q->longest_ms;
	e->until_ms = now_ms + e->pause_ms;
	(void)snprintf(e->how, sizeof(e->how), "%s", how);
}

void
quarantine_forgive(struct quarantine *q, const struct modelfile *file)
{
	struct entry *e = find_file(q, file);

	if (e != NULL)
		drop(q, e);
}

static uint32_t
left(const struct entry *e, uint64_t now_ms)
{
	return e == NULL || now_ms >= e->until_ms
	    ? 0
	    : (uint32_t)(e->until_ms - now_ms);
}

uint32_t
quarantine_left(
    const struct quarantine *q, const struct modelfile *file, uint64_t now_ms)
{
	return left(find_file(q, file), now_ms);
}

int
quarantine_check(const struct quarantine *q, const struct modelfile *file,
    const char *path, uint64_t now_ms, struct fail *f)
{
	const struct entry *e = find_file(q, file);
	uint32_t ms = left(e, now_ms);

	if (ms == 0)
		return 0;
	(void)fail_set(f, ERR_LOAD_FAILED, "model",
	    "model %.200s: this file killed the workers that loaded it (the "
	    "last: %s); it is left alone until it changes, or for a while",
	    path, e->how);
	f->retry_ms = ms;
	return ERR_LOAD_FAILED;
}
