#include "conf/setting.h"

#include "conf/value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND_SIZE(kind, type, what) [SETTING_##kind] = sizeof(type),
static const size_t sizes[SETTING_NKINDS] = { SETTING_KINDS(KIND_SIZE) };
#undef KIND_SIZE

static void *
value_at(const struct settings *s, const struct setting *row)
{
	return (char *)s->values + row->off;
}

int
settings_init(struct settings *s, const struct setting *rows, size_t n,
    void *values, struct fail *f)
{
	assert(n <= SETTINGS_MAX);
	*s = (struct settings){ .rows = rows, .n = n, .values = values };
	for (size_t i = 0; i < n; i++) {
		int err;

		if (rows[i].init == NULL)
			continue;
		err = settings_set(
		    s, &rows[i], FROM_DEFAULT, rows[i].name, rows[i].init, f);
		if (err != 0)
			return err;
	}
	return 0;
}

void
settings_done(struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		value_free(&s->rows[i], value_at(s, &s->rows[i]));
}

/* Reads into a scratch value first: a bad one is refused also where a stronger
 * source has already spoken. */
int
settings_set(struct settings *s, const struct setting *row,
    enum setting_from from, const char *where, const char *text, struct fail *f)
{
	union {
		struct strings list;
		char *text;
		double real;
		uint32_t u32;
		bool flag;
	} scratch = { .list = { NULL, 0 } };
	uint8_t *was = &s->from[row - s->rows];
	int err;

	if (*was == from && row->kind == SETTING_STRS)
		return value_read(row, where, text, value_at(s, row), f);
	err = value_read(row, where, text, &scratch, f);
	if (err != 0)
		return err;
	if (*was > from) {
		value_free(row, &scratch);
		return 0;
	}
	*was = (uint8_t)from;
	value_free(row, value_at(s, row));
	memcpy(value_at(s, row), &scratch, sizes[row->kind]);
	return 0;
}

#define BRIEF 4u /* bytes; what is longer may have two dashes too */

static const struct setting *
find_long_brief(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].brief != NULL && strlen(name) > BRIEF &&
		    strcmp(name, s->rows[i].brief) == 0)
			return &s->rows[i];
	return NULL;
}

/* The row called name; *ret_not when it is a flag called "no-name". */
static const struct setting *
find(const struct settings *s, const char *name, bool *ret_not)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct setting *row = &s->rows[i];

		*ret_not = false;
		if (row->name[0] != '\0' && strcmp(name, row->name) == 0)
			return row;
		*ret_not = true;
		if (row->kind == SETTING_FLAG && strncmp(name, "no-", 3) == 0 &&
		    strcmp(name + 3, row->name) == 0)
			return row;
	}
	*ret_not = false;
	return find_long_brief(s, name);
}

static const struct setting *
find_brief(const struct settings *s, const char *brief)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct setting *row = &s->rows[i];

		if (row->brief != NULL && strcmp(brief, row->brief) == 0)
			return row;
	}
	return NULL;
}

static const struct setting *
find_words(const struct settings *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].name[0] == '\0')
			return &s->rows[i];
	return NULL;
}

/* "no-mmap = on" is mmap off. */
static int
set_flag_not(struct settings *s, const struct setting *row,
    enum setting_from from, const char *where, const char *text, struct fail *f)
{
	bool flag;
	int err = value_read(row, where, text, &flag, f);

	if (err != 0)
		return err;
	return settings_set(s, row, from, where, flag ? "off" : "on", f);
}

int
settings_set_named(struct settings *s, enum setting_from from,
    const char *where, const char *name, const char *text, struct fail *f)
{
	bool not ;
	const struct setting *row = find(s, name, &not );

	if (row == NULL)
		return ERR_NOT_FOUND;
	if (not )
		return set_flag_not(s, row, from, where, text, f);
	return settings_set(s, row, from, where, text, f);
}

/* Whether one of the names, separated by spaces, is the variable's. */
static bool
names_variable(const char *names, const char *variable, size_t n)
{
	while (names != NULL && *names != '\0') {
		size_t len = strcspn(names, " ");

		if (len == n && strncmp(names, variable, n) == 0)
			return true;
		names += len + strspn(names + len, " ");
	}
	return false;
}

static const struct setting *
find_variable(const struct settings *s, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < s->n; i++)
		if (names_variable(s->rows[i].env, name, n))
			return &s->rows[i];
	return NULL;
}

static const struct setting *
find_key(const struct settings *s, const char *key, bool *ret_not)
{
	const struct setting *row = find(s, key, ret_not);

	if (row != NULL)
		return row;
	*ret_not = false;
	row = find_brief(s, key);
	return row != NULL ? row : find_variable(s, key);
}

int
settings_set_key(struct settings *s, enum setting_from from, const char *where,
    const char *key, const char *text, struct fail *f)
{
	bool not ;
	const struct setting *row = find_key(s, key, &not );

	if (row == NULL)
		return ERR_NOT_FOUND;
	if (not )
		return set_flag_not(s, row, from, where, text, f);
	return settings_set(s, row, from, where, text, f);
}

bool
settings_has_key(const struct setting *rows, size_t n, const char *key)
{
	const struct settings s = { .rows = rows, .n = n };
	bool not ;

	return find_key(&s, key, &not ) != NULL;
}

/* The words that are left, and how far they are read. */
struct words {
	char *const *v;
	int n;
	int i;
};

static const char *
next_word(struct words *w)
{
	while (w->i < w->n) {
		const char *word = w->v[w->i++];

		if (word != NULL)
			return word;
	}
	return NULL;
}

static int
set_word(struct settings *s, const char *word, struct fail *f)
{
	const struct setting *row = find_words(s);

	if (row == NULL)
		return fail_set(f, ERR_INVALID, "",
		    "%.120s: no such option; --help lists them", word);
	return settings_set(s, row, FROM_ARGV, row->arg, word, f);
}

/* --name, --name=value, --name value, --no-name, -brief value */
static int
set_option(
    struct settings *s, const char *word, struct words *left, struct fail *f)
{
	const char *equals = strchr(word, '=');
	const struct setting *row;
	char name[64] = "";
	const char *text;
	bool not = false;

	if (equals != NULL && strncmp(word, "--", 2) == 0 &&
	    (size_t)(equals - word) < sizeof(name)) {
		memcpy(name, word, (size_t)(equals - word));
		text = equals + 1;
	} else {
		(void)snprintf(name, sizeof(name), "%s", word);
		text = NULL;
	}
	row = strncmp(name, "--", 2) == 0 ? find(s, name + 2, &not )
					  : find_brief(s, name + 1);
	if (row == NULL)
		return fail_set(f, ERR_INVALID, "",
		    "%.60s: no such option; --help lists them", name);
	if (row->kind == SETTING_FLAG && text == NULL)
		text = "on";
	else if (text == NULL)
		text = next_word(left);
	if (text == NULL)
		return fail_set(f, ERR_INVALID, row->name,
		    "%s: needs a value (%s)", name, row->arg);
	if (not )
		return set_flag_not(s, row, FROM_ARGV, name, text, f);
	return settings_set(s, row, FROM_ARGV, name, text, f);
}

int
settings_argv(struct settings *s, int argc, char *const argv[], struct fail *f)
{
	struct words w = { argv, argv != NULL ? argc : 0, 1 };
	bool options = true;
	const char *word;

	while ((word = next_word(&w)) != NULL) {
		int err;

		if (options && strcmp(word, "--") == 0) {
			options = false;
			continue;
		}
		if (options && word[0] == '-' && word[1] != '\0')
			err = set_option(s, word, &w, f);
		else
			err = set_word(s, word, f);
		if (err != 0)
			return err;
	}
	return 0;
}

/* LLAMA_ARG_NO_MMAP for the flag of LLAMA_ARG_MMAP; any value counts, as in
 * llama-server. */
static bool
names_not(const struct setting *row, const char *variable, size_t n)
{
	static const char head[] = "LLAMA_ARG_";
	size_t h = sizeof(head) - 1;

	return row->kind == SETTING_FLAG && row->env != NULL && n > h + 3 &&
	    strncmp(variable, head, h) == 0 &&
	    strncmp(variable + h, "NO_", 3) == 0 &&
	    strncmp(row->env, head, h) == 0 &&
	    strlen(row->env + h) == n - h - 3 &&
	    strncmp(row->env + h, variable + h + 3, n - h - 3) == 0;
}

static int
set_variable(struct settings *s, const char *variable, struct fail *f)
{
	const char *equals = strchr(variable, '=');
	size_t n = equals != NULL ? (size_t)(equals - variable) : 0;
	char where[64];

	/* An empty variable is one that is not set. */
	if (n == 0 || n >= sizeof(where) || equals[1] == '\0')
		return 0;
	memcpy(where, variable, n);
	where[n] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		const struct setting *row = &s->rows[i];

		if (names_not(row, variable, n))
			return settings_set(s, row, FROM_ENV, where, "off", f);
		if (names_variable(row->env, variable, n))
			return settings_set(
			    s, row, FROM_ENV, where, equals + 1, f);
	}
	return 0;
}

int
settings_env(struct settings *s, char *const envp[], struct fail *f)
{
	for (size_t i = 0; envp != NULL && envp[i] != NULL; i++) {
		int err = set_variable(s, envp[i], f);

		if (err != 0)
			return err;
	}
	return 0;
}

enum setting_from
settings_from(const struct settings *s, size_t off)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].off == off)
			return s->from[i];
	return FROM_NOBODY;
}
