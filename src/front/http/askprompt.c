#include "front/http/askprompt.h"

#include <stdlib.h>
#include <string.h>

static void *
copy(const void *p, size_t n)
{
	void *own = malloc(n > 0 ? n : 1);

	if (own != NULL && n > 0)
		memcpy(own, p, n);
	return own;
}

int
ask_prompt_copy(struct ask_prompt *p, const struct gen_submit *g)
{
	size_t n = g->parts.packed.n;

	p->input = g->input;
	p->text = g->prompt;
	if (g->tokens.n > 0) {
		p->tokens.p = copy(g->tokens.p, g->tokens.n * sizeof(int32_t));
		if (p->tokens.p == NULL)
			return ERR_NOMEM;
		p->tokens.n = g->tokens.n;
	}
	if (n > 0) {
		p->parts.packed.p = copy(g->parts.packed.p, n);
		if (p->parts.packed.p == NULL)
			return ERR_NOMEM;
		p->parts.packed.n = n;
	}
	return 0;
}

void
ask_prompt_done(struct ask_prompt *p)
{
	free((void *)(uintptr_t)p->tokens.p);
	if (p->parts.packed.n > 0)
		free((void *)(uintptr_t)p->parts.packed.p);
}

void
ask_prompt_put(const struct ask_prompt *p, struct gen_submit *g)
{
	g->input = p->input;
	if (p->input == 0)
		g->input = p->text.p != NULL ? INPUT_PROMPT : INPUT_TOKENS;
	g->prompt = p->text;
	g->tokens = p->tokens;
	g->parts = p->parts;
}
