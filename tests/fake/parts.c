#include "fake.h"

#include "wire/part.h"

#include <stdio.h>

/* The arguments of the call are {"said":"SEED:k SEED:k+1 ..."}. */
static void
put_call(const struct script *s, const struct gen *g, struct str text,
    struct buf *out)
{
	char id[32];
	struct part p = { .kind = PART_CALL, .id.p = id, .name = STR("act") };

	p.id.n = (size_t)snprintf(
	    id, sizeof(id), "id%llu", (unsigned long long)g->seed);
	if (g->n_out == s->call - 1) {
		part_put(out, &p);
		p = (struct part){ .kind = PART_ARGUMENTS,
			.text = STR("{\"said\":\"") };
		part_put(out, &p);
	}
	p = (struct part){ .kind = PART_ARGUMENTS, .text = text };
	part_put(out, &p);
	if (g->n_out + 1 == s->tokens) {
		p.text = STR("\"}");
		part_put(out, &p);
	}
}

void
parts_of(const struct script *s, const struct gen *g, struct str text,
    struct buf *out)
{
	struct part p = { .text = text };

	if (s->call > 0 && g->n_out + 1 >= s->call) {
		put_call(s, g, text, out);
		return;
	}
	p.kind = g->n_out < s->think ? PART_REASONING : PART_CONTENT;
	part_put(out, &p);
}
