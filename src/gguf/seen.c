#include "gguf/seen.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 256u

static uint64_t *
place(uint64_t *v, size_t room, uint64_t hash)
{
	size_t i = (size_t)hash & (room - 1);

	while (v[i] != 0 && v[i] != hash)
		i = (i + 1) & (room - 1);
	return &v[i];
}

/* Never more than half full. */
static int
grow(struct seen *s)
{
	size_t room = s->room == 0 ? ROOM_FIRST : s->room * 2;
	uint64_t *v = calloc(room, sizeof(*v));

	if (v == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->v[i] != 0)
			*place(v, room, s->v[i]) = s->v[i];
	free(s->v);
	s->v = v;
	s->room = room;
	return 0;
}

int
seen_add(struct seen *s, uint64_t hash)
{
	uint64_t *at;

	if (hash == 0)
		hash = 1;
	if (2 * (s->n + 1) > s->room && grow(s) != 0)
		return ERR_NOMEM;
	at = place(s->v, s->room, hash);
	if (*at == hash)
		return ERR_INVALID;
	*at = hash;
	s->n++;
	return 0;
}

void
seen_done(struct seen *s)
{
	free(s->v);
	*s = (struct seen){ NULL, 0, 0 };
}
