#include "worker/words.h"

#include <string.h>

#define WORDS_MAX (1u << 20) /* bytes of all of them together */

int
words_init(struct words *w, struct strs from)
{
	struct cursor c = strs_walk(from);
	struct str s;

	*w = (struct words){ .longest = 0 };
	buf_init(&w->packed, WORDS_MAX);
	while (strs_next(&c, &s))
		if (s.n > w->longest)
			w->longest = s.n;
	buf_put_str(&w->packed, from.packed);
	return buf_err(&w->packed);
}

void
words_done(struct words *w)
{
	buf_done(&w->packed);
}

static struct cursor
walk(const struct words *w)
{
	return strs_walk((struct strs){ buf_str(&w->packed) });
}

size_t
words_end(const struct words *w, struct str text, int *ret_index)
{
	struct cursor c = walk(w);
	size_t longest = 0;
	struct str s;

	for (int i = 0; strs_next(&c, &s); i++) {
		if (s.n <= longest || s.n > text.n ||
		    memcmp(text.p + text.n - s.n, s.p, s.n) != 0)
			continue;
		longest = s.n;
		*ret_index = i;
	}
	return longest;
}

/* Whether the last n bytes of the text begin a word, which is longer. */
static bool
begins_word(const struct words *w, struct str text, size_t n)
{
	struct cursor c = walk(w);
	struct str s;

	while (strs_next(&c, &s))
		if (s.n > n && memcmp(text.p + text.n - n, s.p, n) == 0)
			return true;
	return false;
}

size_t
words_begun(const struct words *w, struct str text)
{
	size_t n = text.n;

	if (w->longest == 0)
		return 0;
	if (n >= w->longest)
		n = w->longest - 1;
	while (n > 0 && !begins_word(w, text, n))
		n--;
	return n;
}

struct str
words_at(const struct words *w, int i)
{
	struct cursor c = walk(w);
	struct str s = STR("");

	for (int at = 0; strs_next(&c, &s); at++)
		if (at == i)
			return s;
	return STR("");
}
