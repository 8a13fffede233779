#include "conf/help.h"
#include "conf/value.h"

#include <string.h>

#define HELP_COLUMN 31

/* "-c, --ctx-size N"; a flag that is on by default shows as what turns it
 * off. */
static void
write_names(const struct setting *row, char *ret, size_t n)
{
	bool is_on = row->kind == SETTING_FLAG && row->init != NULL &&
	    strcmp(row->init, "on") == 0;
	char brief[16] = "";

	if (row->brief != NULL)
		(void)snprintf(brief, sizeof(brief), "-%s, ", row->brief);
	(void)snprintf(ret, n, "%s%s%s%s%s%s", brief,
	    row->name[0] != '\0' ? "--" : "", is_on ? "no-" : "", row->name,
	    row->arg != NULL && row->name[0] != '\0' ? " " : "",
	    row->arg != NULL ? row->arg : "");
}

static bool
shows_default(const struct setting *row)
{
	return row->init != NULL && row->kind != SETTING_FLAG &&
	    row->init[0] != '\0';
}

static void
help_row(const struct setting *row, bool all, FILE *out)
{
	char names[80];
	char range[80];

	write_names(row, names, sizeof(names));
	value_range(row, range, sizeof(range));
	(void)fprintf(out, "  %-*s %s", HELP_COLUMN - 3, names, row->help);
	if (shows_default(row))
		(void)fprintf(out, " (%s)", row->init);
	(void)fputc('\n', out);
	if (!all || (range[0] == '\0' && row->env == NULL))
		return;
	(void)fprintf(out, "%*s%s%s%s\n", HELP_COLUMN, "", range,
	    range[0] != '\0' && row->env != NULL ? "; " : "",
	    row->env != NULL ? row->env : "");
}

void
settings_help(const struct setting *rows, size_t n, bool all, FILE *out)
{
	const char *group = NULL;
	const char *shown = NULL;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].group != NULL)
			group = rows[i].group;
		if (!all && !rows[i].common)
			continue;
		if (group != shown)
			(void)fprintf(out, "%s:\n", group);
		shown = group;
		help_row(&rows[i], all, out);
	}
}

/* man(7): a hyphen that is to be typed, and what starts a request, need a
 * backslash. */
static void
put_roff(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '-' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

static void
manual_row(const struct setting *row, FILE *out)
{
	char names[80];
	char range[80];

	write_names(row, names, sizeof(names));
	value_range(row, range, sizeof(range));
	(void)fputs(".TP\n.B ", out);
	put_roff(names, out);
	(void)fputc('\n', out);
	put_roff(row->help, out);
	(void)fputs(".\n", out);
	if (shows_default(row))
		(void)fprintf(out, "Default: %s.\n", row->init);
	if (range[0] != '\0')
		(void)fprintf(out, "Range: %s.\n", range);
	if (row->env != NULL)
		(void)fprintf(out, "Environment: %s.\n", row->env);
}

void
settings_manual(const struct setting *rows, size_t n, FILE *out)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].group != NULL)
			(void)fprintf(out, ".SS %s\n", rows[i].group);
		manual_row(&rows[i], out);
	}
}
