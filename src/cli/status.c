/*
 * bulkhead status - asks a running server what it does.
 */
#include "base/status.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/rpc.h"
#include "conf/help.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_TABLE(O)                                                       \
	O("Options", true, json, FLAG, "json", NULL, NULL, "off", 0, 1, NULL, \
	    "all of it, as JSON")                                             \
	O(NULL, true, rpc_socket, STR, "rpc-socket", NULL, "RKLLM_UDS_PATH",  \
	    "/tmp/rkllm.sock", 1, 107, "PATH", "where the server is")         \
	O(NULL, true, help, FLAG, "help", "h", NULL, "off", 0, 1, NULL, "this")

#define STATUS_MEMBER(group, common, member, kind, ...) setting_##kind member;
struct status_options {
	STATUS_TABLE(STATUS_MEMBER)
};
#undef STATUS_MEMBER

#define STATUS_ROW(...) SETTING_ROW(status_options, __VA_ARGS__),
static const struct setting rows[] = { STATUS_TABLE(STATUS_ROW) };
#undef STATUS_ROW
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

#define CELL_BYTES 128

static void
help(void)
{
	(void)puts(
	    "usage: bulkhead status [options]\n"
	    "Shows the processes, models and queues of a running server.");
	settings_help(rows, N_ROWS, false, stdout);
	(void)puts("example:\n"
		   "  bulkhead status --json | jq .models[0].state");
}

static uint64_t
number(const struct json_value *obj, const char *key)
{
	uint64_t v = 0;

	(void)json_u64(json_get(obj, key), &v);
	return v;
}

static bool
flag(const struct json_value *obj, const char *key)
{
	bool v = false;

	(void)json_bool(json_get(obj, key), &v);
	return v;
}

/* Fit for a terminal: some of it comes from model files. */
static const char *
fit(struct str s, char ret[CELL_BYTES])
{
	size_t n;

	for (n = 0; n < s.n && n < CELL_BYTES - 1; n++) {
		unsigned char c = (unsigned char)s.p[n];

		ret[n] = c < 0x20 || c == 0x7f ? '?' : s.p[n];
	}
	ret[n] = '\0';
	return ret;
}

static const char *
text(const struct json_value *obj, const char *key, char ret[CELL_BYTES])
{
	struct str s = STR("");

	(void)json_str(json_get(obj, key), &s);
	return fit(s, ret);
}

/* "3 d 4 h", "12 min 5 s" */
static void
show_time(uint64_t s)
{
	static const struct {
		const char *name;
		uint64_t s;
	} units[] = { { "d", 86400 }, { "h", 3600 }, { "min", 60 },
		{ "s", 1 } };
	size_t i = 0;

	while (i < 3 && s < units[i].s)
		i++;
	(void)printf("%" PRIu64 " %s", s / units[i].s, units[i].name);
	if (i < 3 && s % units[i].s >= units[i + 1].s)
		(void)printf(" %" PRIu64 " %s", s % units[i].s / units[i + 1].s,
		    units[i + 1].name);
}

/* "jail    front: 11 layers, without user-ns (EPERM)" */
static void
show_jail(const char *name, const struct json_value *process)
{
	const struct json_value *jail = json_get(process, "jail");
	const struct json_value *missing = json_get(jail, "missing");
	struct json_iter it = json_iter(missing);
	const char *head = ", without ";
	const struct json_value *layer;
	char cell[CELL_BYTES];
	struct str s;

	/* no_new_privs is there in any case. */
	if (json_count(json_get(jail, "layers")) <= 1) {
		(void)printf("jail    %s: off\n", name);
		return;
	}
	(void)printf("jail    %s: %zu layers", name,
	    json_count(json_get(jail, "layers")));
	while (json_next(&it, NULL, &layer)) {
		if (json_str(layer, &s))
			(void)printf("%s%s", head, fit(s, cell));
		head = ", ";
	}
	(void)putchar('\n');
}

static void
show_processes(const struct json_value *st)
{
	const struct json_value *front = json_get(st, "front");
	char cell[CELL_BYTES];

	(void)printf("bulkhead %s, up ", text(st, "version", cell));
	show_time(number(st, "uptime_s"));
	(void)printf("\nkeeper  pid %" PRIu64 "\n",
	    number(json_get(st, "keeper"), "pid"));
	(void)printf(
	    "cgroups %s\n", text(json_get(st, "keeper"), "cgroups", cell));
	(void)printf("front   pid %" PRIu64 ", clients %" PRIu64
		     ", restarts %" PRIu64,
	    number(front, "pid"), number(front, "clients"),
	    number(front, "restarts"));
	if (text(front, "last_death", cell)[0] != '\0')
		(void)printf(", last %s", cell);
	if (text(front, "crash_id", cell)[0] != '\0')
		(void)printf(" (crash %s)", cell);
	(void)putchar('\n');
	show_jail("front", front);
}

static const char *const heads[] = { "MODEL", "STATE", "PID", "RUNNING",
	"QUEUED", "CTX", "THREADS", "RESTARTS", "LAST DEATH", "CRASH" };
#define N_CELLS (sizeof(heads) / sizeof(heads[0]))

struct row {
	char cells[N_CELLS][CELL_BYTES];
};

static void
put_number(char cell[CELL_BYTES], uint64_t v)
{
	(void)snprintf(cell, CELL_BYTES, "%" PRIu64, v);
}

static void
fill_row(const struct json_value *m, struct row *r)
{
	(void)text(m, "name", r->cells[0]);
	/* Of what is not loaded that is the more telling word. */
	if (flag(m, "retired"))
		(void)strcpy(r->cells[1], "retired");
	else if (text(m, "unusable", r->cells[1])[0] != '\0' &&
	    number(m, "pid") == 0)
		(void)strcpy(r->cells[1], "unusable");
	else
		(void)text(m, "state", r->cells[1]);
	put_number(r->cells[2], number(m, "pid"));
	(void)snprintf(r->cells[3], CELL_BYTES, "%" PRIu64 "/%" PRIu64,
	    number(m, "running"), number(m, "slots"));
	put_number(r->cells[4], number(m, "queued"));
	put_number(r->cells[5], number(m, "n_ctx"));
	put_number(r->cells[6], number(m, "threads"));
	put_number(r->cells[7], number(m, "restarts"));
	(void)text(m, "last_death", r->cells[8]);
	(void)text(m, "crash_id", r->cells[9]);
}

static void
head_row(struct row *r)
{
	for (size_t i = 0; i < N_CELLS; i++)
		(void)snprintf(r->cells[i], CELL_BYTES, "%s", heads[i]);
}

static int
show_models(const struct json_value *st)
{
	const struct json_value *models = json_get(st, "models");
	struct json_iter it = json_iter(models);
	const struct json_value *m;
	size_t n = json_count(models) + 1;
	struct row *table = calloc(n, sizeof(*table));
	int widths[N_CELLS] = { 0 };
	size_t at = 1;

	if (table == NULL)
		return ERR_NOMEM;
	head_row(&table[0]);
	while (at < n && json_next(&it, NULL, &m))
		fill_row(m, &table[at++]);
	for (size_t i = 0; i < at * N_CELLS; i++) {
		int len = (int)strlen(table[i / N_CELLS].cells[i % N_CELLS]);

		if (len > widths[i % N_CELLS])
			widths[i % N_CELLS] = len;
	}
	for (size_t i = 0; i < at * N_CELLS; i++) {
		size_t column = i % N_CELLS;
		bool is_last = column == N_CELLS - 1;

		(void)printf("%-*s%s", is_last ? 0 : widths[column],
		    table[i / N_CELLS].cells[column], is_last ? "\n" : "  ");
	}
	free(table);
	return 0;
}

/* Of every model that has a worker. */
static void
show_jails(const struct json_value *st)
{
	struct json_iter it = json_iter(json_get(st, "models"));
	const struct json_value *m;
	char name[CELL_BYTES];

	while (json_next(&it, NULL, &m))
		if (number(m, "pid") != 0)
			show_jail(text(m, "name", name), m);
}

static void
show_listeners(const struct json_value *st)
{
	struct json_iter it = json_iter(json_get(st, "listeners"));
	const struct json_value *l;
	char kind[CELL_BYTES];
	char address[CELL_BYTES];

	while (json_next(&it, NULL, &l))
		(void)printf("listens %s (%s)\n", text(l, "address", address),
		    text(l, "kind", kind));
}

/* Why files cannot be served. */
static void
show_flaws(const struct json_value *st)
{
	struct json_iter it = json_iter(json_get(st, "models"));
	const struct json_value *m;
	char name[CELL_BYTES];
	char why[CELL_BYTES];

	while (json_next(&it, NULL, &m))
		if (number(m, "pid") == 0 &&
		    text(m, "unusable", why)[0] != '\0')
			(void)printf(
			    "unusable %s: %s\n", text(m, "name", name), why);
}

static int
show(const struct json_value *st, bool json)
{
	struct buf b;
	int err = 0;

	if (!json) {
		show_processes(st);
		show_jails(st);
		show_listeners(st);
		err = show_models(st);
		show_flaws(st);
		return err;
	}
	buf_init(&b, 16u * 1024 * 1024);
	json_put_value(&b, st);
	err = buf_err(&b);
	if (err == 0)
		(void)printf(
		    "%.*s\n", (int)buf_len(&b), (const char *)buf_data(&b));
	buf_done(&b);
	return err;
}

static int
ask(const struct status_options *o, struct fail *f)
{
	const struct json_value *st = NULL;
	struct json_doc *d = NULL;
	struct rpc rpc;
	int err = rpc_open(&rpc, o->rpc_socket, f);

	if (err != 0)
		return err;
	err = rpc_send(&rpc, 1, "bulkhead.status", STR("{}"), f);
	if (err == 0)
		err = rpc_next(&rpc, &d, f);
	if (err == ERR_AGAIN)
		err = fail_set(f, ERR_ABORTED, "", "interrupted");
	if (err == 0 && (st = rpc_result(d, f)) == NULL)
		err = f->code;
	if (err == 0 && show(st, o->json) != 0)
		err = fail_set(f, ERR_NOMEM, "", "out of memory");
	json_free(d);
	rpc_close(&rpc);
	return err;
}

int
status_main(int argc, char *const argv[], char *const envp[])
{
	struct status_options o = { .json = false };
	struct settings s;
	struct fail f = { .text = "" };
	int err = settings_init(&s, rows, N_ROWS, &o, &f);
	int status = STATUS_DONE;

	if (err == 0)
		err = command_read(&s, argc, argv, envp, &o.help, &f);
	if (err != 0) {
		status = complain("status", f.text, STATUS_USAGE);
	} else if (o.help) {
		help();
	} else {
		interrupt_init();
		if (ask(&o, &f) != 0)
			status = complain("status", f.text, STATUS_FAILED);
	}
	settings_done(&s);
	return status;
}
