/*
 * What a launcher passes: any argc, argv and envp, with null entries, or null
 * themselves. Whatever it is: settings within their ranges, or one line.
 *
 * Input: a byte argc, a byte of flags (1: no argv, 2: no envp), then words,
 * each ended by a NUL; a word "\1" is a null entry, "\2" starts envp.
 */
#include "conf/conf.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct words {
	char *v[WORDS_MAX + 1];
	int n;
};

static void
add(struct words *w, char *word)
{
	if (w->n < WORDS_MAX)
		w->v[w->n++] = strcmp(word, "\1") == 0 ? NULL : word;
}

static void
split(char *text, size_t n, struct words *argv, struct words *envp)
{
	struct words *to = argv;

	for (char *p = text; p < text + n; p += strlen(p) + 1) {
		if (strcmp(p, "\2") == 0)
			to = envp;
		/* No files of this machine. */
		else if (strstr(p, "onfig") == NULL &&
		    strstr(p, "CONFIG") == NULL)
			add(to, p);
	}
}

static void
check(struct conf *c, int err, const struct fail *f)
{
	assert(err == 0 || err == ERR_INVALID);
	assert((err == 0) == (f->text[0] == '\0'));
	assert(strchr(f->text, '\n') == NULL || err != 0);
	if (err == 0 && !c->help && !c->help_all && !c->help_man && !c->version)
		assert(c->port <= 65535 && c->models_max <= 64 &&
		    c->alias.n <= c->model.n && c->host != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct words argv = { .n = 0 };
	struct words envp = { .n = 0 };
	struct fail f = { .text = "" };
	struct conf conf;
	char *text;
	int argc;

	if (n < 2)
		return 0;
	text = malloc(n - 1);
	assert(text != NULL);
	memcpy(text, data + 2, n - 2);
	text[n - 2] = '\0';
	split(text, n - 2, &argv, &envp);
	/* As main's caller may: less than there are, or nothing. */
	argc = data[0] < argv.n ? data[0] : argv.n;
	check(&conf,
	    conf_read(&conf, argc, data[1] & 1 ? NULL : argv.v,
		data[1] & 2 ? NULL : envp.v, &f),
	    &f);
	conf_done(&conf);
	free(text);
	return 0;
}
