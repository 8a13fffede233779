#include "worker/nest.h"

#include <stdbool.h>
#include <string.h>

/* The offset behind a quoted text that starts at i and ends at `end`. */
static size_t
skip_quoted(struct str s, size_t i, char end)
{
	for (i++; i < s.n && s.p[i] != end; i++)
		if (s.p[i] == '\\')
			i++;
	return i;
}

static size_t
skip_line(struct str s, size_t i)
{
	while (i < s.n && s.p[i] != '\n')
		i++;
	return i;
}

struct depth {
	size_t now;
	size_t most;
};

static void
count(struct depth *d, char c, const char *open, const char *close)
{
	if (c == '\0')
		return;
	if (strchr(open, c) != NULL && ++d->now > d->most)
		d->most = d->now;
	else if (strchr(close, c) != NULL && d->now > 0)
		d->now--;
}

size_t
nest_json(struct str s)
{
	struct depth d = { 0 };

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			i = skip_quoted(s, i, '"');
		else
			count(&d, s.p[i], "[{", "]}");
	}
	return d.most;
}

size_t
nest_gbnf(struct str s)
{
	struct depth d = { 0 };

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			i = skip_quoted(s, i, '"');
		else if (s.p[i] == '[')
			i = skip_quoted(s, i, ']');
		else if (s.p[i] == '#')
			i = skip_line(s, i);
		else
			count(&d, s.p[i], "(", ")");
	}
	return d.most;
}

static bool
starts(struct str s, size_t i, const char *word)
{
	size_t n = strlen(word);

	return s.n - i >= n && memcmp(s.p + i, word, n) == 0;
}

/* The word of a "{% word" tag at i: +1 opens a block, -1 closes one. */
static int
block_at(struct str s, size_t i)
{
	static const char *const openers[] = { "if ", "if(", "for ", "macro ",
		"call ", "filter ", "generation" };

	if (!starts(s, i, "{%"))
		return 0;
	i += 2;
	while (i < s.n &&
	    (s.p[i] == '-' || s.p[i] == '+' || s.p[i] == ' ' ||
		s.p[i] == '\t' || s.p[i] == '\n'))
		i++;
	if (starts(s, i, "end"))
		return -1;
	for (size_t w = 0; w < sizeof(openers) / sizeof(openers[0]); w++)
		if (starts(s, i, openers[w]))
			return 1;
	return 0;
}

size_t
nest_jinja(struct str s)
{
	struct depth brackets = { 0 }, blocks = { 0 };

	for (size_t i = 0; i < s.n; i++) {
		int block = block_at(s, i);

		count(&brackets, s.p[i], "([{", ")]}");
		if (block > 0 && ++blocks.now > blocks.most)
			blocks.most = blocks.now;
		else if (block < 0 && blocks.now > 0)
			blocks.now--;
	}
	return brackets.most > blocks.most ? brackets.most : blocks.most;
}
