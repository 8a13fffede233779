#include "wire/window.h"

#include <string.h>

struct window_cut
window_cut(uint32_t n, int32_t n_keep, uint32_t n_prompt)
{
	uint32_t keep = n_keep < 0 ? n_prompt : (uint32_t)n_keep;
	uint32_t most = n - n / 4 - 1;

	/* At least a quarter must be free to go, or it would be all cuts. */
	if (keep > most)
		keep = most;
	return (struct window_cut){ keep, (n - keep + 1) / 2 };
}

uint32_t
window_apply(struct window_cut cut, int32_t *tokens, uint32_t n)
{
	uint32_t behind = cut.from + cut.n;

	memmove(tokens + cut.from, tokens + behind,
	    (n - behind) * sizeof(tokens[0]));
	return n - cut.n;
}
