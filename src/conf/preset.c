/*
 * The lines are read here and not by inih, whose dialect is another: it cuts
 * lines at 200 bytes, and knows no '#' behind a value. A file is read in two
 * steps: into sections of pairs, then each pair is tried on settings that are
 * thrown away, so that preset_apply() has nothing left to complain of.
 */
#include "conf/preset.h"

#include "base/log.h"
#include "conf/presetwords.h"
#include "conf/textfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	char *key;
	char *value;
	unsigned line;
};

struct section {
	char *name; /* "*" for all models */
	unsigned line;
	struct pair *pairs;
	size_t n;
};

struct preset {
	char *file;
	struct section *sections;
	size_t n;
};

struct reader {
	struct preset *p;
	struct section *in; /* NULL: before the first */
	struct str left;
	unsigned line; /* of what is read now, from 1 */
	struct fail *f;
};

static int
bad_line(const struct reader *r, unsigned line, const char *what)
{
	return fail_set(r->f, ERR_INVALID, "models-preset", "%.200s:%u: %s",
	    r->p->file, line, what);
}

static int
no_memory(struct fail *f)
{
	return fail_set(f, ERR_NOMEM, "", "out of memory");
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct str
trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct str
next_line(struct reader *r)
{
	const char *nl = memchr(r->left.p, '\n', r->left.n);
	struct str line = { r->left.p,
		nl != NULL ? (size_t)(nl - r->left.p) : r->left.n };
	size_t used = line.n + (nl != NULL);

	r->left.p += used;
	r->left.n -= used;
	r->line++;
	return line;
}

static bool
is_mark(char c)
{
	return c == ';' || c == '#';
}

/* Cuts the comment off. A mark within a word, where llama-server would cut too,
 * is more likely a part of a path. */
static int
cut_comment(const struct reader *r, struct str *line)
{
	for (size_t i = 0; i < line->n; i++) {
		if (!is_mark(line->p[i]))
			continue;
		if (i > 0 && !is_space(line->p[i - 1]) &&
		    !(line->p[0] == '[' && line->p[i - 1] == ']'))
			return bad_line(r, r->line,
			    "'#' and ';' begin a comment; put white space "
			    "before it, or take another name for the file");
		line->n = i;
		break;
	}
	*line = trim(*line);
	return 0;
}

static const struct section *
section_of(const struct preset *p, struct str name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_is(name, p->sections[i].name))
			return &p->sections[i];
	return NULL;
}

static int
add_section(struct reader *r, struct str name)
{
	struct preset *p = r->p;
	struct section *all =
	    realloc(p->sections, (p->n + 1) * sizeof(*p->sections));

	if (all == NULL)
		return no_memory(r->f);
	p->sections = all;
	all[p->n] = (struct section){ str_dup(name), r->line, NULL, 0 };
	if (all[p->n].name == NULL)
		return no_memory(r->f);
	r->in = &all[p->n++];
	return 0;
}

static int
read_section(struct reader *r, struct str line)
{
	const struct section *was;
	struct str name;
	char what[96];

	if (line.p[line.n - 1] != ']')
		return bad_line(r, r->line, "a section's name ends in ]");
	name = trim((struct str){ line.p + 1, line.n - 2 });
	if (name.n == 0 || name.n > PRESET_NAME_MAX)
		return bad_line(
		    r, r->line, "a section's name has 1 to 128 bytes");
	if (memchr(name.p, ',', name.n) != NULL)
		return bad_line(r, r->line, "a model's name may hold no comma");
	was = section_of(r->p, name);
	(void)snprintf(what, sizeof(what),
	    "this section is in line %u already; put both together",
	    was != NULL ? was->line : 0);
	if (was != NULL)
		return bad_line(r, r->line, what);
	if (r->p->n == PRESET_SECTIONS_MAX)
		return bad_line(r, r->line, "more than 1024 sections");
	return add_section(r, name);
}

static bool
is_key(struct str s)
{
	static const char first[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char more[] = "0123456789.-";

	for (size_t i = 0; i < s.n; i++)
		if (strchr(first, s.p[i]) == NULL &&
		    (i == 0 || strchr(more, s.p[i]) == NULL))
			return false;
	return s.n > 0 && s.n < 64;
}

static int
add_pair(struct reader *r, struct str key, struct str value)
{
	struct section *in = r->in;
	struct pair *all = realloc(in->pairs, (in->n + 1) * sizeof(*in->pairs));

	if (all == NULL)
		return no_memory(r->f);
	in->pairs = all;
	all[in->n] = (struct pair){ str_dup(key), str_dup(value), r->line };
	in->n++;
	return all[in->n - 1].key != NULL && all[in->n - 1].value != NULL
	    ? 0
	    : no_memory(r->f);
}

static int
read_pair(struct reader *r, struct str line)
{
	const char *equals = memchr(line.p, '=', line.n);
	size_t at = equals != NULL ? (size_t)(equals - line.p) : 0;
	struct str key = trim((struct str){ line.p, at });
	struct str value;

	if (equals == NULL || !is_key(key))
		return bad_line(
		    r, r->line, "is neither key = value nor [section]");
	value = trim((struct str){ equals + 1, line.n - at - 1 });
	if (str_is(key, "version"))
		return str_is(value, "1")
		    ? 0
		    : bad_line(r, r->line, "version: only version 1 is known");
	if (r->in == NULL)
		return bad_line(r, r->line,
		    "a key before the first section; put [*] above what is "
		    "for every model");
	return add_pair(r, key, value);
}

static int
read_line(struct reader *r)
{
	struct str line = next_line(r);
	int err;

	if (memchr(line.p, '\0', line.n) != NULL)
		return bad_line(r, r->line, "holds a NUL byte");
	line = trim(line);
	err = cut_comment(r, &line);
	if (err != 0 || line.n == 0)
		return err;
	return line.p[0] == '[' ? read_section(r, line) : read_pair(r, line);
}

enum fate { PASSED, YES, REFUSED };

#define WORD(fate, names, text) { fate, names, text },
static const struct word {
	enum fate fate;
	const char *names;
	const char *text;
} words[] = { PRESET_WORDS(WORD) };
#undef WORD
#define N_WORDS (sizeof(words) / sizeof(words[0]))

/* llama-server's other names for what we have. */
static const struct {
	const char *theirs;
	const char *ours;
} synonyms[] = {
	{ "gpu-layers", "n-gpu-layers" },
};

static const char *
our_key(const char *key)
{
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (strcmp(key, synonyms[i].theirs) == 0)
			return synonyms[i].ours;
	return key;
}

static bool
is_among(const char *names, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = names; at[0] != '\0';) {
		size_t len = strcspn(at, " ");

		if (len == n && strncmp(at, key, n) == 0)
			return true;
		at += len + strspn(at + len, " ");
	}
	return false;
}

static const struct word *
find_word(const char *key)
{
	if (strncmp(key, "no-", 3) == 0)
		key += 3;
	for (size_t i = 0; i < N_WORDS; i++)
		if (is_among(words[i].names, key))
			return &words[i];
	return NULL;
}

static bool
says_yes(const struct pair *pair)
{
	static const char *const yes[] = { "on", "true", "1", "yes",
		"enabled" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(pair->value, yes[i]) == 0)
			return strncmp(pair->key, "no-", 3) != 0;
	return false;
}

/* A key that is none of a model's settings. */
static int
unknown_key(const struct reader *r, const struct pair *pair)
{
	const struct word *w = find_word(pair->key);
	size_t n;
	const struct setting *server = conf_rows(&n);
	char what[256];

	if (w != NULL &&
	    (w->fate == PASSED || (w->fate == YES && says_yes(pair)))) {
		log_debug("%s:%u: %s: passed over: %s", r->p->file, pair->line,
		    pair->key, w->text);
		return 0;
	}
	if (w != NULL)
		(void)snprintf(
		    what, sizeof(what), "%s: %s", pair->key, w->text);
	else if (settings_has_key(server, n, pair->key))
		(void)snprintf(what, sizeof(what),
		    "%s: is the server's, not a model's; give it on the "
		    "command line or in --config",
		    pair->key);
	else
		(void)snprintf(what, sizeof(what),
		    "%s: no such setting of a model; keys are options without "
		    "dashes, or their variables",
		    pair->key);
	return bad_line(r, pair->line, what);
}

static int
set_pair(const struct preset *p, const struct pair *pair,
    enum setting_from from, struct modelconf *c, struct fail *f)
{
	char where[256];

	(void)snprintf(where, sizeof(where), "%.150s:%u: %s", p->file,
	    pair->line, pair->key);
	return settings_set_key(
	    &c->settings, from, where, our_key(pair->key), pair->value, f);
}

/* What only one model can have. */
static bool
is_for_one(const char *key)
{
	static const char names[] =
	    "model m LLAMA_ARG_MODEL alias a LLAMA_ARG_ALIAS "
	    "mmproj mm LLAMA_ARG_MMPROJ";

	return is_among(names, key);
}

static int
try_section(const struct reader *r, const struct section *s)
{
	static const struct conf none;
	bool is_all = strcmp(s->name, "*") == 0;
	struct modelconf c;
	int err = modelconf_init(&c, &none, r->f);

	for (size_t i = 0; err == 0 && i < s->n; i++) {
		const struct pair *pair = &s->pairs[i];

		if (is_all && is_for_one(pair->key))
			err = bad_line(r, pair->line,
			    "no two models can have the same model, alias or "
			    "mmproj: put it into a section of its own");
		else
			err = set_pair(r->p, pair, FROM_SECTION, &c, r->f);
		if (err == ERR_NOT_FOUND)
			err = unknown_key(r, pair);
	}
	modelconf_done(&c);
	return err;
}

int
preset_read(
    const char *file, struct str text, struct preset **ret, struct fail *f)
{
	struct preset *p = calloc(1, sizeof(*p));
	struct reader r = { .p = p, .left = text, .f = f };
	int err = 0;

	if (p != NULL)
		p->file = strdup(file);
	if (p == NULL || p->file == NULL) {
		preset_free(p);
		return no_memory(f);
	}
	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		r.left = (struct str){ text.p + 3, text.n - 3 };
	while (err == 0 && r.left.n > 0)
		err = read_line(&r);
	for (size_t i = 0; err == 0 && i < p->n; i++)
		err = try_section(&r, &p->sections[i]);
	if (err != 0) {
		preset_free(p);
		return err;
	}
	*ret = p;
	return 0;
}

int
preset_read_file(const char *path, struct preset **ret, struct fail *f)
{
	struct buf b;
	int err;

	buf_init(&b, PRESET_FILE_MAX);
	err = textfile_read("models-preset", path, &b, f);
	if (err == 0)
		err = preset_read(path, buf_str(&b), ret, f);
	buf_done(&b);
	return err;
}

void
preset_free(struct preset *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		struct section *s = &p->sections[i];

		for (size_t k = 0; k < s->n; k++) {
			free(s->pairs[k].key);
			free(s->pairs[k].value);
		}
		free(s->pairs);
		free(s->name);
	}
	free(p->sections);
	free(p->file);
	free(p);
}

static const struct section *
nth(const struct preset *p, size_t i)
{
	for (size_t k = 0; p != NULL && k < p->n; k++)
		if (strcmp(p->sections[k].name, "*") != 0 && i-- == 0)
			return &p->sections[k];
	return NULL;
}

const char *
preset_section(const struct preset *p, size_t i)
{
	const struct section *s = nth(p, i);

	return s != NULL ? s->name : NULL;
}

const char *
preset_where(const struct preset *p, size_t i, char *ret, size_t n)
{
	const struct section *s = nth(p, i);

	(void)snprintf(ret, n, "%.200s:%u", s != NULL ? p->file : "",
	    s != NULL ? s->line : 0);
	return ret;
}

static int
apply(const struct preset *p, const char *name, enum setting_from from,
    struct modelconf *c, struct fail *f)
{
	const struct section *s = section_of(p, str_of(name));
	int err = 0;

	for (size_t i = 0; s != NULL && err == 0 && i < s->n; i++) {
		err = set_pair(p, &s->pairs[i], from, c, f);
		if (err == ERR_NOT_FOUND)
			err = 0;
	}
	return err;
}

int
preset_apply(const struct preset *p, const char *name, struct modelconf *c,
    struct fail *f)
{
	int err;

	if (p == NULL)
		return 0;
	err = apply(p, "*", FROM_ALL, c, f);
	return err != 0 ? err : apply(p, name, FROM_SECTION, c, f);
}
