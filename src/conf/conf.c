#include "conf/conf.h"

#include "base/status.h"
#include "conf/help.h"
#include "conf/ini.h"
#include "conf/value.h"

#include <string.h>

#define CONF_ROW(...) SETTING_ROW(conf, __VA_ARGS__),
static const struct setting rows[] = { CONF_TABLE(CONF_ROW) };
#undef CONF_ROW

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(N_ROWS <= SETTINGS_MAX, "raise SETTINGS_MAX");

static bool
wants_help(const struct conf *c)
{
	return c->help || c->help_all || c->help_man || c->version;
}

/* What no row can see alone. */
static int
check(const struct conf *c, struct fail *f)
{
	if (c->alias.n > 0 && c->alias.n > c->model.n)
		return fail_set(f, ERR_INVALID, "alias",
		    "--alias: given %zu times, --model %zu times; each name "
		    "needs its model",
		    c->alias.n, c->model.n);
	if (c->tags.n > c->model.n)
		return fail_set(f, ERR_INVALID, "tags",
		    "--tags: given %zu times, --model %zu times", c->tags.n,
		    c->model.n);
	if (c->models_max != 0 && c->model.n > c->models_max)
		return fail_set(f, ERR_INVALID, "models-max",
		    "--model: given %zu times; --models-max allows %u",
		    c->model.n, c->models_max);
	if ((c->ssl_cert_file == NULL) != (c->ssl_key_file == NULL))
		return fail_set(f, ERR_INVALID, "ssl-key-file",
		    "--ssl-cert-file and --ssl-key-file: give both, or none");
	if (!c->http && c->http_socket == NULL && !c->rpc)
		return fail_set(f, ERR_INVALID, "rpc",
		    "--no-http and --no-rpc leave nothing to listen on; give "
		    "--http-socket, or leave one of them out");
	return 0;
}

int
conf_read(struct conf *ret, int argc, char *const argv[], char *const envp[],
    struct fail *f)
{
	int err;

	memset(ret, 0, sizeof(*ret));
	err = settings_init(&ret->settings, rows, N_ROWS, ret, f);
	if (err == 0)
		err = settings_argv(&ret->settings, argc, argv, f);
	if (err != 0 || wants_help(ret))
		return err;
	err = settings_env(&ret->settings, envp, f);
	if (err == 0 && ret->config != NULL)
		err = ini_read_file(&ret->settings, ret->config, f);
	return err != 0 ? err : check(ret, f);
}

#define NAME(group, common, member, kind, name, ...) name,
/* What may change while it serves. */
static const char *const changeable[] = { "model", "alias", "tags",
	"models-dir", "models-preset", "log-level", CONF_MODEL_TABLE(NAME) };
#undef NAME

static bool
may_change(const struct setting *row)
{
	for (size_t i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++)
		if (strcmp(changeable[i], row->name) == 0)
			return true;
	return false;
}

void
conf_take(struct conf *c, struct conf *fresh, struct buf *ret_others)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		void *was = (char *)c + rows[i].off;
		void *now = (char *)fresh + rows[i].off;

		if (may_change(&rows[i])) {
			value_swap(&rows[i], was, now);
			c->settings.from[i] = fresh->settings.from[i];
		} else if (!value_is_same(&rows[i], was, now)) {
			buf_printf(ret_others, "%s%s",
			    buf_len(ret_others) > 0 ? ", " : "", rows[i].name);
		}
	}
}

const struct setting *
conf_rows(size_t *ret_n)
{
	*ret_n = N_ROWS;
	return rows;
}

void
conf_done(struct conf *c)
{
	/* It may have been copied since it was read. */
	c->settings.values = c;
	settings_done(&c->settings);
}

#define STATUS_ROW(name, number, text) { number, text },
static const struct {
	int number;
	const char *text;
} statuses[] = { STATUSES(STATUS_ROW) };
#undef STATUS_ROW

#define N_STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static void
help_statuses(FILE *out)
{
	(void)fputs("Exit status:\n", out);
	for (size_t i = 0; i < N_STATUSES; i++)
		(void)fprintf(
		    out, "  %3d  %s\n", statuses[i].number, statuses[i].text);
}

static void
manual_statuses(FILE *out)
{
	(void)fputs(".SH EXIT STATUS\n", out);
	for (size_t i = 0; i < N_STATUSES; i++)
		(void)fprintf(out, ".TP\n.B %d\n%s.\n", statuses[i].number,
		    statuses[i].text);
}

void
conf_help(const struct conf *c, FILE *out)
{
	if (c->help_man) {
		settings_manual(rows, N_ROWS, out);
		manual_statuses(out);
		return;
	}
	(void)fputs("usage: bulkhead serve [options]\n", out);
	settings_help(rows, N_ROWS, c->help_all, out);
	if (c->help_all)
		help_statuses(out);
	(void)fputs(
	    "example:\n"
	    "  bulkhead serve -m model.gguf -c 8192 --parallel 8 --port 9000\n",
	    out);
}
