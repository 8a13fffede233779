#include "keeper/keyfile.h"

#include <stdlib.h>
#include <string.h>

#define RATE_MAX 1000000u
#define TOKENS_MAX 100000000u

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word of a line; false: none is left. */
static bool
next_word(struct str *line, struct str *ret)
{
	while (line->n > 0 && is_space(line->p[0])) {
		line->p++;
		line->n--;
	}
	*ret = (struct str){ line->p, 0 };
	while (line->n > 0 && !is_space(line->p[0])) {
		line->p++;
		line->n--;
		ret->n++;
	}
	return ret->n > 0;
}

bool
keyfile_next(struct str *list, struct str *ret)
{
	const char *comma = list->n == 0 ? NULL : memchr(list->p, ',', list->n);

	*ret = *list;
	if (comma != NULL)
		ret->n = (size_t)(comma - list->p);
	list->p += ret->n + (comma != NULL);
	list->n -= ret->n + (comma != NULL);
	return ret->n > 0 || comma != NULL;
}

bool
keyfile_is_name(struct str s)
{
	if (s.n == 0 || s.n > KEY_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_word = (c >= '0' && c <= '9') ||
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!is_word && (c == '\0' || strchr("._@-", c) == NULL))
			return false;
	}
	return true;
}

static int
add_key(struct keyline *l, struct str value, struct fail *why)
{
	if (value.n == 0 || value.n > KEY_BYTES_MAX)
		return fail_set(why, ERR_INVALID, NULL,
		    "key: must have 1 to %u bytes, not %zu", KEY_BYTES_MAX,
		    value.n);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < '!' || value.p[i] > '~')
			return fail_set(why, ERR_INVALID, NULL,
			    "key: has a byte that no HTTP header may have");
	if (l->n_keys == KEY_DIGESTS_MAX)
		return fail_set(why, ERR_INVALID, NULL,
		    "key: given more than %u times", KEY_DIGESTS_MAX);
	l->keys[l->n_keys++] = value;
	return 0;
}

static int
take_name(struct keyline *l, struct str value, struct fail *why)
{
	if (!keyfile_is_name(value))
		return fail_set(why, ERR_INVALID, NULL,
		    "name: must be 1 to %u letters, digits and . _ @ -",
		    KEY_NAME_MAX);
	l->name = value;
	return 0;
}

static int
take_number(const char *name, struct str value, uint32_t max, uint32_t *ret,
    struct fail *why)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < value.n && i < 10; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			break;
		n = n * 10 + (uint64_t)(value.p[i] - '0');
	}
	if (i == 0 || i < value.n || n > max)
		return fail_set(why, ERR_INVALID, NULL,
		    "%s: must be a whole number, 0 (any) to %u", name, max);
	*ret = (uint32_t)n;
	return 0;
}

static int
take_rate(struct keyline *l, struct str value, struct fail *why)
{
	l->has_rate = true;
	return take_number("rate", value, RATE_MAX, &l->rate, why);
}

static int
take_tokens(struct keyline *l, struct str value, struct fail *why)
{
	l->has_tokens = true;
	return take_number("tokens", value, TOKENS_MAX, &l->tokens, why);
}

static int
take_models(struct keyline *l, struct str value, struct fail *why)
{
	struct str list = value, one;

	if (value.n == 0)
		return fail_set(
		    why, ERR_INVALID, NULL, "models: must name some");
	while (keyfile_next(&list, &one))
		if (one.n == 0)
			return fail_set(why, ERR_INVALID, NULL,
			    "models: has an empty name");
	l->models = value;
	return 0;
}

static const struct word {
	const char *name;
	int (*take)(struct keyline *l, struct str value, struct fail *why);
	bool may_repeat;
} words[] = {
	{ "key=", add_key, true },
	{ "name=", take_name, false },
	{ "rate=", take_rate, false },
	{ "tokens=", take_tokens, false },
	{ "models=", take_models, false },
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

static size_t
find_word(struct str s)
{
	size_t i;

	for (i = 0; i < N_WORDS; i++)
		if (s.n >= strlen(words[i].name) &&
		    memcmp(s.p, words[i].name, strlen(words[i].name)) == 0)
			break;
	return i;
}

static int
take_words(struct str line, struct keyline *l, struct fail *why)
{
	bool seen[N_WORDS] = { false };
	struct str s;
	int err;

	while (next_word(&line, &s)) {
		size_t i = find_word(s);
		size_t n;

		if (i == N_WORDS)
			return fail_set(why, ERR_INVALID, NULL,
			    "after key=KEY a line has name=, rate=, tokens=, "
			    "models= and further key=, with no space in them, "
			    "and this one has another word");
		n = strlen(words[i].name);
		if (seen[i] && !words[i].may_repeat)
			return fail_set(why, ERR_INVALID, NULL,
			    "%.*s: given twice", (int)n - 1, words[i].name);
		seen[i] = true;
		err = words[i].take(l, (struct str){ s.p + n, s.n - n }, why);
		if (err != 0)
			return err;
	}
	return 0;
}

static bool
has_key_word(struct str line)
{
	struct str s;

	while (next_word(&line, &s))
		if (find_word(s) == 0)
			return true;
	return false;
}

int
keyfile_line(struct str line, struct keyline *ret, struct fail *why)
{
	struct str rest = line, s, more;

	*ret = (struct keyline){ .name = STR(""), .models = STR("") };
	if (line.n > KEYFILE_LINE_MAX)
		return fail_set(why, ERR_INVALID, NULL,
		    "a line may have %u bytes", KEYFILE_LINE_MAX);
	if (!next_word(&rest, &s) || s.p[0] == '#')
		return 0;
	if (has_key_word(line))
		return take_words(line, ret, why);
	if (next_word(&rest, &more))
		return fail_set(why, ERR_INVALID, NULL,
		    "a key has no spaces; a line of several words needs "
		    "key=KEY");
	return add_key(ret, s, why);
}
