#include "keeper/jaillog.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

/* Of each name, what was said last. */
static struct {
	const char *name;
	struct jail_report r;
} said[8];
#define SAID_MAX (sizeof(said) / sizeof(said[0]))

static bool
is_news(const char *name, const struct jail_report *r)
{
	size_t i = 0;

	while (i < SAID_MAX && said[i].name != NULL &&
	    strcmp(said[i].name, name) != 0)
		i++;
	if (i == SAID_MAX)
		return true;
	if (said[i].name != NULL && memcmp(&said[i].r, r, sizeof(*r)) == 0)
		return false;
	said[i].name = name;
	said[i].r = *r;
	return true;
}

void
jail_log(const char *name, const struct jail_report *r)
{
	char held[JAIL_TEXT_MAX];
	char missing[JAIL_TEXT_MAX];

	if (!is_news(name, r))
		return;
	report_held(r, held);
	report_missing(r, missing);
	if (missing[0] == '\0')
		log_info("jail of %s: %s", name, held);
	else if (report_is_whole(r))
		log_info("jail of %s: %s; left out: %s", name, held, missing);
	else
		log_warn(
		    "jail of %s: %s; not available: %s", name, held, missing);
}

int
jail_check(bool core, struct fail *f)
{
	static const struct {
		const char *name;
		enum jail_kind kind;
	} children[] = { { "front", JAIL_FRONT }, { "worker", JAIL_WORKER },
		{ "helper that writes obituaries", JAIL_AUTOPSY },
		{ "probe of models", JAIL_PROBE } };

	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		struct jail_report r = { .landlock_abi = 0 };
		char missing[JAIL_TEXT_MAX];

		if (!jail_try(children[i].kind, core, &r))
			return fail_set(f, ERR_UNSUPPORTED, "jail",
			    "--jail require: cannot try the jail: %s",
			    strerror(errno));
		report_missing(&r, missing);
		if (!report_is_whole(&r))
			return fail_set(f, ERR_UNSUPPORTED, "jail",
			    "--jail require: not available for a %s: %.300s; "
			    "--jail auto does without",
			    children[i].name, missing);
	}
	return 0;
}
