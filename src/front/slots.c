#include "front/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Empty extents that keep their memory, so that a load that comes and goes
 * costs no system calls; none where so few slots are used that nothing does. */
#define SPARE 4u
#define FEW 64u

static struct journal_top *
top_of(const struct slots *s)
{
	return (struct journal_top *)s->map;
}

static off_t
offset_of(uint32_t extent)
{
	return (off_t)extent * (off_t)JOURNAL_EXTENT;
}

int
slots_map(struct slots *s, int fd)
{
	struct stat st;
	void *p = MAP_FAILED;
	uint64_t n = 0;

	*s = (struct slots){ .fd = fd };
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		n = (uint64_t)st.st_size / JOURNAL_EXTENT;
	if (n == 0 || n > JOURNAL_EXTENTS_MAX ||
	    (uint64_t)st.st_size != n * JOURNAL_EXTENT) {
		slots_unmap(s);
		return ERR_PROTO;
	}
	s->n_extents = (uint32_t)n;
	s->extents = calloc(n, sizeof(s->extents[0]));
	if (s->extents != NULL)
		p = mmap(NULL, n * JOURNAL_EXTENT, PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		slots_unmap(s);
		return ERR_NOMEM;
	}
	s->map = p;
	return 0;
}

void
slots_unmap(struct slots *s)
{
	if (s->map != NULL)
		(void)munmap(s->map, (size_t)s->n_extents * JOURNAL_EXTENT);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->extents);
	*s = (struct slots){ .fd = -1 };
}

/* Memory is asked for by a call, which fails where there is none; a store to a
 * page that cannot be had would kill us. */
static bool
bring(struct slots *s, uint32_t i)
{
	_Atomic uint64_t *bits = &top_of(s)->extents[i / 64];
	int r;

	do
		r = fallocate(s->fd, 0, offset_of(i), JOURNAL_EXTENT);
	while (r != 0 && errno == EINTR);
	if (r != 0)
		return false;
	atomic_store_explicit(bits,
	    atomic_load_explicit(bits, memory_order_relaxed) | 1ull << i % 64,
	    memory_order_release);
	s->extents[i].is_here = true;
	s->n_empty++;
	return true;
}

static void
punch(struct slots *s, uint32_t i)
{
	_Atomic uint64_t *bits = &top_of(s)->extents[i / 64];

	atomic_store_explicit(bits,
	    atomic_load_explicit(bits, memory_order_relaxed) &
		~(1ull << i % 64),
	    memory_order_release);
	(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    offset_of(i), JOURNAL_EXTENT);
	s->extents[i].is_here = false;
	s->n_empty--;
}

int
slots_clear(struct slots *s, const char *build)
{
	struct journal_top *top = top_of(s);

	(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	    offset_of(s->n_extents));
	memset(s->extents, 0, s->n_extents * sizeof(s->extents[0]));
	s->first = s->n_used = s->n_empty = 0;
	if (!bring(s, 0))
		return ERR_NOMEM;
	top->version = JOURNAL_VERSION;
	top->slot = JOURNAL_SLOT;
	top->size = (uint64_t)offset_of(s->n_extents);
	top->fields = journal_fields();
	top->pid = (uint32_t)getpid();
	(void)snprintf(top->build, sizeof(top->build), "%s", build);
	s->extents[0].used[0] = 1;
	s->extents[0].n_used = 1;
	s->n_empty--;
	atomic_store_explicit(&top->magic, JOURNAL_MAGIC, memory_order_release);
	return 0;
}

static uint32_t
take_in(struct extent *e)
{
	uint32_t i = 0;
	uint32_t bit;

	while (e->used[i] == UINT64_MAX)
		i++;
	bit = (uint32_t)__builtin_ctzll(~e->used[i]);
	e->used[i] |= 1ull << bit;
	e->n_used++;
	return i * 64 + bit;
}

uint32_t
slots_take(struct slots *s)
{
	struct extent *e;

	while (s->first < s->n_extents &&
	    s->extents[s->first].n_used == JOURNAL_EXTENT_SLOTS)
		s->first++;
	if (s->first == s->n_extents)
		return 0;
	e = &s->extents[s->first];
	if (!e->is_here && !bring(s, s->first))
		return 0;
	if (e->n_used == 0)
		s->n_empty--;
	s->n_used++;
	return s->first * JOURNAL_EXTENT_SLOTS + take_in(e);
}

void
slots_give(struct slots *s, uint32_t slot)
{
	uint32_t i = slot / JOURNAL_EXTENT_SLOTS;
	uint32_t bit = slot % JOURNAL_EXTENT_SLOTS;
	struct extent *e = &s->extents[i];

	e->used[bit / 64] &= ~(1ull << bit % 64);
	e->n_used--;
	s->n_used--;
	if (i < s->first)
		s->first = i;
	if (e->n_used > 0)
		return;
	s->n_empty++;
}

bool
slots_are_tidy(const struct slots *s)
{
	return s->n_empty <= (s->n_used < FEW ? 0 : SPARE);
}

/* The last one first: the front ones are the next to be taken. */
void
slots_tidy(struct slots *s)
{
	if (slots_are_tidy(s))
		return;
	for (uint32_t i = s->n_extents; i-- > 1;)
		if (s->extents[i].is_here && s->extents[i].n_used == 0) {
			punch(s, i);
			return;
		}
}

uint32_t
slots_count(const struct slots *s)
{
	return s->n_extents * JOURNAL_EXTENT_SLOTS - 1;
}
