#include "args.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
usage(const struct arg *rows, size_t n, const char *about)
{
	printf("%s\n\n", about);
	for (size_t i = 0; i < n; i++)
		printf("  --%-9s %s\n", rows[i].name, rows[i].help);
}

static const struct arg *
find(const struct arg *rows, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(word, "--", 2) == 0 &&
		    strcmp(word + 2, rows[i].name) == 0)
			return &rows[i];
	return NULL;
}

static bool
apply(const struct arg *row, const char *text)
{
	unsigned long v;
	char *end;

	if (row->kind == ARG_FLAG) {
		*(bool *)row->at = true;
		return true;
	}
	if (text == NULL)
		return false;
	if (row->kind == ARG_TEXT) {
		*(const char **)row->at = text;
		return true;
	}
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v > UINT32_MAX)
		return false;
	*(uint32_t *)row->at = (uint32_t)v;
	return true;
}

void
args_parse(
    const struct arg *rows, size_t n, const char *about, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct arg *row = find(rows, n, argv[i]);

		if (strcmp(argv[i], "--help") == 0) {
			usage(rows, n, about);
			exit(0);
		}
		if (row == NULL || !apply(row, argv[i + 1])) {
			fprintf(stderr, "%s: %s: not understood; see --help\n",
			    argv[0], argv[i]);
			exit(2);
		}
		if (row->kind != ARG_FLAG)
			i++;
	}
}
