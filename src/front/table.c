#include "front/table.h"

#include <assert.h>
#include <stdlib.h>

#define PLACE_MASK (TABLE_MAX - 1u)
#define FIRST_PLACES 64u

struct slot {
	void *thing; /* NULL: free */
	uint64_t id;
	uint32_t next_free; /* place + 1; 0: the last */
};

struct table {
	struct slot *slots;
	uint32_t n;
	uint32_t first_free; /* place + 1; 0: none */
	uint64_t count;
};

struct table *
table_new(void)
{
	return calloc(1, sizeof(struct table));
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	free(t->slots);
	free(t);
}

static int
grow(struct table *t)
{
	uint32_t n = t->n == 0 ? FIRST_PLACES : t->n * 2;
	struct slot *slots;

	if (n > TABLE_MAX)
		return ERR_BUSY;
	slots = realloc(t->slots, n * sizeof(*slots));
	if (slots == NULL)
		return ERR_NOMEM;
	for (uint32_t i = n; i-- > t->n;) {
		slots[i] = (struct slot){ .next_free = t->first_free };
		t->first_free = i + 1;
	}
	t->slots = slots;
	t->n = n;
	return 0;
}

int
table_add(struct table *t, void *thing, uint64_t *ret_id)
{
	struct slot *s;
	uint32_t place;
	int err;

	if (t->first_free == 0 && (err = grow(t)) != 0)
		return err;
	place = t->first_free - 1;
	s = &t->slots[place];
	t->first_free = s->next_free;
	s->thing = thing;
	s->id = ++t->count * TABLE_MAX + place;
	*ret_id = s->id;
	return 0;
}

void *
table_get(const struct table *t, uint64_t id)
{
	uint32_t place = (uint32_t)(id & PLACE_MASK);

	if (place >= t->n || t->slots[place].id != id)
		return NULL;
	return t->slots[place].thing;
}

void
table_remove(struct table *t, uint64_t id)
{
	uint32_t place = (uint32_t)(id & PLACE_MASK);

	assert(table_get(t, id) != NULL);
	t->slots[place].thing = NULL;
	t->slots[place].id = 0;
	t->slots[place].next_free = t->first_free;
	t->first_free = place + 1;
}
