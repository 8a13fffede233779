#include "conf/modelconf.h"

#include "conf/value.h"

#include <ctype.h>
#include <string.h>

#define MODELCONF_ROW(...) SETTING_ROW(modelconf, __VA_ARGS__),
static const struct setting rows[] = { CONF_MODEL_TABLE(MODELCONF_ROW)
	    CONF_PRESET_TABLE(MODELCONF_ROW) };
#undef MODELCONF_ROW
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(N_ROWS <= SETTINGS_MAX, "raise SETTINGS_MAX");

/* Those that the command line has too: what is for workers. */
#define ONE(...) +1
#define N_SHARED ((size_t)(0 CONF_MODEL_TABLE(ONE)))

const struct setting *
modelconf_rows(size_t *ret_n)
{
	*ret_n = N_ROWS;
	return rows;
}

static const struct setting *
row_of_conf(const char *name, size_t *ret_at)
{
	size_t n;
	const struct setting *all = conf_rows(&n);

	for (*ret_at = 0; *ret_at < n; (*ret_at)++)
		if (strcmp(all[*ret_at].name, name) == 0)
			return &all[*ret_at];
	return NULL;
}

int
modelconf_init(struct modelconf *ret, const struct conf *base, struct fail *f)
{
	int err;

	memset(ret, 0, sizeof(*ret));
	err = settings_init(&ret->settings, rows, N_ROWS, ret, f);
	for (size_t i = 0; err == 0 && i < N_SHARED; i++) {
		size_t at;
		const struct setting *row = row_of_conf(rows[i].name, &at);

		if (row == NULL || base->settings.from[at] <= FROM_DEFAULT)
			continue;
		value_free(&rows[i], (char *)ret + rows[i].off);
		err = value_copy(&rows[i], (const char *)base + row->off,
		    (char *)ret + rows[i].off);
		ret->settings.from[i] = base->settings.from[at];
	}
	return err == 0 ? 0 : fail_set(f, err, "", "out of memory");
}

int
modelconf_copy(
    struct modelconf *ret, const struct modelconf *of, struct fail *f)
{
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	ret->settings = of->settings;
	ret->settings.values = ret;
	for (size_t i = 0; err == 0 && i < N_ROWS; i++)
		err = value_copy(&rows[i], (const char *)of + rows[i].off,
		    (char *)ret + rows[i].off);
	return err == 0 ? 0 : fail_set(f, err, "", "out of memory");
}

void
modelconf_done(struct modelconf *c)
{
	settings_done(&c->settings);
}

void
modelconf_forget_adapters(struct modelconf *c)
{
	for (size_t i = 0; i < N_SHARED; i++) {
		size_t off = rows[i].off;

		if (off != offsetof(struct modelconf, lora) &&
		    off != offsetof(struct modelconf, lora_scaled))
			continue;
		value_free(&rows[i], (char *)c + off);
		c->settings.from[i] = FROM_NOBODY;
	}
}

bool
modelconf_is_same(const struct modelconf *a, const struct modelconf *b)
{
	for (size_t i = 0; i < N_SHARED; i++)
		if (!value_is_same(&rows[i], (const char *)a + rows[i].off,
			(const char *)b + rows[i].off))
			return false;
	return a->stop_ms == b->stop_ms;
}

bool
modelconf_word(const char *list, size_t i, const char **ret, size_t *ret_n)
{
	while (list != NULL && *list != '\0') {
		size_t n;

		list += strspn(list, " \t,");
		n = strcspn(list, ",");
		*ret = list;
		list += n;
		while (n > 0 && isspace((unsigned char)(*ret)[n - 1]))
			n--;
		if (n > 0 && i-- == 0) {
			*ret_n = n;
			return true;
		}
	}
	return false;
}
