/* What a stranger's process wrote is in here: no control byte of it gets to
 * the terminal. */
#include "cli/crashes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct str
string(const struct json_value *obj, const char *key)
{
	struct str s = STR("");

	(void)json_str(json_get(obj, key), &s);
	return s;
}

static uint64_t
number(const struct json_value *obj, const char *key)
{
	uint64_t v = 0;

	(void)json_u64(json_get(obj, key), &v);
	return v;
}

static char
plain(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

static void
put(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		(void)putchar(plain(s.p[i]));
}

static void
cell(char *ret, struct str s)
{
	size_t n = s.n < CRASHES_CELL - 1 ? s.n : CRASHES_CELL - 1;

	for (size_t i = 0; i < n; i++)
		ret[i] = plain(s.p[i]);
	ret[n] = '\0';
}

/* "2026-11-22T14:02:33Z" as the reader's own clock has it. */
static void
local_time(struct str s, char *ret)
{
	char text[32];
	struct tm tm = { .tm_isdst = 0 };
	time_t t;

	cell(ret, s);
	(void)snprintf(text, sizeof(text), "%.31s", ret);
	if (strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
		return;
	t = timegm(&tm);
	if (localtime_r(&t, &tm) != NULL)
		(void)strftime(ret, CRASHES_CELL, "%Y-%m-%d %H:%M:%S", &tm);
}

/* SIGSEGV; exit 3; and what the keeper had against it. */
static void
reason(const struct json_value *c, char *ret)
{
	struct str s = string(c, "signal");
	uint64_t status;

	if (s.n > 0)
		cell(ret, s);
	else if (json_u64(json_get(c, "exit_status"), &status))
		(void)snprintf(ret, CRASHES_CELL, "exit %" PRIu64, status);
	else
		cell(ret, string(c, "what"));
}

void
crashes_add(struct crashes_list *l, const struct json_value *c)
{
	struct str where = string(c, "cause");
	struct crashes_row *more = realloc(l->v, (l->n + 1) * sizeof(*l->v));
	struct crashes_row *r;

	if (more == NULL)
		return;
	l->v = more;
	r = &l->v[l->n++];
	if (where.n == 0)
		where = string(c, "where");
	if (where.n == 0)
		where = string(c, "abort");
	cell(r->cells[0], string(c, "id"));
	local_time(string(c, "time"), r->cells[1]);
	cell(r->cells[2], string(c, "process"));
	cell(r->cells[3], string(c, "model"));
	reason(c, r->cells[4]);
	cell(r->cells[5], where.n > 0 ? where : string(c, "autopsy"));
}

void
crashes_print(const struct crashes_list *l)
{
	static const char *const heads[CRASHES_CELLS] = { "ID", "WHEN",
		"PROCESS", "MODEL", "SIGNAL", "WHERE" };
	int widths[CRASHES_CELLS];

	for (size_t k = 0; k < CRASHES_CELLS; k++) {
		widths[k] = (int)strlen(heads[k]);
		for (size_t i = 0; i < l->n; i++) {
			int n = (int)strlen(l->v[i].cells[k]);

			widths[k] = n > widths[k] ? n : widths[k];
		}
	}
	for (size_t i = 0; i <= l->n; i++)
		for (size_t k = 0; k < CRASHES_CELLS; k++) {
			bool is_last = k == CRASHES_CELLS - 1;

			(void)printf("%-*s%s", is_last ? 0 : widths[k],
			    i == 0 ? heads[k] : l->v[i - 1].cells[k],
			    is_last ? "\n" : "  ");
		}
}

/* "  memory    ..." where there is something to say. */
static void
line(const char *name, struct str s)
{
	if (s.n == 0)
		return;
	(void)printf("  %-9s ", name);
	put(s);
	(void)putchar('\n');
}

static void
show_death(const struct json_value *c)
{
	struct str s;

	(void)printf("crash ");
	put(string(c, "id"));
	(void)printf(
	    "\n  %s pid %" PRIu64, string(c, "process").p, number(c, "pid"));
	if ((s = string(c, "model")).n > 0) {
		(void)printf(", model ");
		put(s);
		(void)printf(" (");
		put(string(c, "path"));
		(void)printf(")");
	}
	(void)printf("\n  ");
	put(string(c, "what"));
	if ((s = string(c, "code")).n > 0) {
		(void)printf(", ");
		put(s);
	}
	if ((s = string(c, "address")).n > 0) {
		(void)printf(", address ");
		put(s);
	}
	if (json_get(c, "system_call") != NULL)
		(void)printf(
		    ", system call %" PRIu64, number(c, "system_call"));
	if (number(c, "sender") > 0)
		(void)printf(", from pid %" PRIu64, number(c, "sender"));
	(void)putchar('\n');
	line("cause", string(c, "cause"));
	line("abort", string(c, "abort"));
	line("where", string(c, "where"));
}

static void
show_doing(const struct json_value *c)
{
	struct json_iter it = json_iter(json_get(c, "requests"));
	const struct json_value *r;
	bool computed = false;
	int64_t seq;

	(void)printf("  %-9s ", "doing");
	put(string(c, "doing"));
	(void)printf(", phase ");
	put(string(c, "phase"));
	if (number(c, "batch_tokens") > 0)
		(void)printf(", %" PRIu64 " tokens of %zu sequences",
		    number(c, "batch_tokens"),
		    json_count(json_get(c, "batch_sequences")));
	(void)putchar('\n');
	while (json_next(&it, NULL, &r)) {
		(void)json_bool(json_get(r, "computed"), &computed);
		(void)printf("  %-9s generation %" PRIu64, "request",
		    number(r, "generation"));
		if (json_i64(json_get(r, "sequence"), &seq))
			(void)printf(", sequence %" PRId64, seq);
		(void)printf(", ");
		put(string(r, "request"));
		(void)printf(" ");
		put(string(r, "client"));
		(void)printf("%s\n", computed ? "  <- being computed" : "");
	}
}

static void
show_figures(const struct json_value *c)
{
	(void)printf("  %-9s %" PRIu64 " MiB at death, %" PRIu64
		     " MiB at most\n",
	    "memory", number(c, "rss_kib") / 1024,
	    number(c, "peak_kib") / 1024);
	(void)printf("  %-9s %" PRIu64 ".%" PRIu64 " s, death %" PRIu64
		     " of its kind; %" PRIu64 " tokens generated\n",
	    "age", number(c, "age_ms") / 1000, number(c, "age_ms") / 100 % 10,
	    number(c, "deaths"), number(c, "tokens"));
}

static void
show_frame(const struct json_value *f, unsigned i)
{
	struct str s = string(f, "function");
	bool guess = false;

	(void)json_bool(json_get(f, "guess"), &guess);
	(void)printf("  %s#%-2u ", guess ? "?" : " ", i);
	if (s.n > 0)
		put(s);
	else
		put(string(f, "pc"));
	if (string(f, "file").n > 0) {
		(void)printf(" at ");
		put(string(f, "file"));
		(void)printf(":%" PRIu64, number(f, "line"));
	} else if (string(f, "module").n > 0) {
		(void)printf(" in ");
		put(string(f, "module"));
		(void)printf("+");
		put(string(f, "offset"));
	}
	(void)putchar('\n');
}

static void
show_registers(const struct json_value *t)
{
	struct json_iter it = json_iter(json_get(t, "registers"));
	const struct json_value *v;
	struct str name, value;
	unsigned n = 0;

	while (json_next(&it, &name, &v)) {
		if (!json_str(v, &value))
			continue;
		(void)printf(
		    "%s%-3.*s ", n % 4 == 0 ? "    " : "", (int)name.n, name.p);
		put(value);
		(void)printf("%*s", (int)(value.n < 19 ? 19 - value.n : 1), "");
		if (++n % 4 == 0)
			(void)putchar('\n');
	}
	if (n % 4 != 0)
		(void)putchar('\n');
}

static void
show_threads(const struct json_value *c)
{
	struct json_iter it = json_iter(json_get(c, "threads"));
	const struct json_value *t, *f;
	bool died = false;

	while (json_next(&it, NULL, &t)) {
		struct json_iter frames = json_iter(json_get(t, "frames"));
		unsigned i = 0;

		(void)json_bool(json_get(t, "died"), &died);
		(void)printf("thread %" PRIu64 "%s", number(t, "tid"),
		    died ? ", which died" : "");
		if (!str_is(string(t, "state"), "whole")) {
			(void)printf(": ");
			put(string(t, "state"));
		}
		(void)putchar('\n');
		while (json_next(&frames, NULL, &f))
			show_frame(f, i++);
		if (died)
			show_registers(t);
	}
}

static void
show_log(const struct json_value *c)
{
	struct json_iter it = json_iter(json_get(c, "log"));
	const struct json_value *v;
	struct str s;

	if (json_count(json_get(c, "log")) > 0)
		(void)puts("its last words in the log");
	while (json_next(&it, NULL, &v)) {
		if (!json_str(v, &s))
			continue;
		(void)printf("    ");
		put(s);
		(void)putchar('\n');
	}
}

void
crashes_show(const struct json_value *c)
{
	show_death(c);
	show_doing(c);
	show_figures(c);
	if (!str_is(string(c, "autopsy"), "done"))
		line("stacks", string(c, "autopsy"));
	show_threads(c);
	show_log(c);
}
