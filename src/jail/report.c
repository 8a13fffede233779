#include "jail/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LAYER_NAME(name, word, what) [LAYER_##name] = word,
static const char *const names[LAYER_COUNT] = { JAIL_LAYERS(LAYER_NAME) };
#undef LAYER_NAME

#define REASON_TEXT(name, word) [REASON_##name] = word,
static const char *const reasons[LAYER_REASON_COUNT] = { LAYER_REASONS(
    REASON_TEXT) };
#undef REASON_TEXT

const char *
layer_name(enum jail_layer l)
{
	return (unsigned)l < LAYER_COUNT ? names[l] : "?";
}

void
report_set(struct jail_report *r, enum jail_layer l, enum layer_state s,
    unsigned error)
{
	r->layers[l].state = (uint8_t)s;
	r->layers[l].error = (uint8_t)error;
}

void
report_outcome(struct jail_report *r, enum jail_layer l, int outcome)
{
	if (outcome == 0)
		report_set(r, l, LAYER_ON, 0);
	else
		report_set(r, l, LAYER_MISSING, (unsigned)errno);
}

void
report_add(struct jail_report *r, const struct jail_report *more)
{
	for (size_t i = 0; i < LAYER_COUNT; i++)
		if (more->layers[i].state != LAYER_UNSAID)
			r->layers[i] = more->layers[i];
	if (more->landlock_abi != 0)
		r->landlock_abi = more->landlock_abi;
}

bool
report_read(struct jail_report *ret, const void *p, size_t n)
{
	struct jail_report r;

	if (n != sizeof(r))
		return false;
	memcpy(&r, p, n);
	for (size_t i = 0; i < LAYER_COUNT; i++) {
		if (r.layers[i].state > LAYER_LEFT_OUT)
			return false;
		if (r.layers[i].state == LAYER_LEFT_OUT &&
		    r.layers[i].error >= LAYER_REASON_COUNT)
			return false;
	}
	*ret = r;
	return true;
}

static void
append(char ret[JAIL_TEXT_MAX], const char *name, const char *why)
{
	size_t n = strlen(ret);

	(void)snprintf(ret + n, JAIL_TEXT_MAX - n, "%s%s%s%s%s",
	    n > 0 ? ", " : "", name, why[0] != '\0' ? " (" : "", why,
	    why[0] != '\0' ? ")" : "");
}

void
report_held(const struct jail_report *r, char ret[JAIL_TEXT_MAX])
{
	char abi[16];

	ret[0] = '\0';
	(void)snprintf(abi, sizeof(abi), "ABI %u", r->landlock_abi);
	for (size_t i = 0; i < LAYER_COUNT; i++)
		if (r->layers[i].state == LAYER_ON)
			append(ret, names[i], i == LAYER_LANDLOCK ? abi : "");
}

static bool
is_missing(const struct jail_report *r, size_t i)
{
	return r->layers[i].state != LAYER_ON &&
	    r->layers[i].state != LAYER_NEEDLESS;
}

static bool
is_for_its_work(const struct jail_report *r, size_t i)
{
	return r->layers[i].state == LAYER_LEFT_OUT &&
	    (r->layers[i].error == REASON_DEVICE ||
		r->layers[i].error == REASON_FILES);
}

void
report_missing(const struct jail_report *r, char ret[JAIL_TEXT_MAX])
{
	ret[0] = '\0';
	for (size_t i = 0; i < LAYER_COUNT; i++) {
		unsigned error = r->layers[i].error;
		const char *why = "not tried";

		if (!is_missing(r, i))
			continue;
		if (r->layers[i].state == LAYER_LEFT_OUT)
			why = reasons[error];
		else if (r->layers[i].state == LAYER_MISSING)
			why = strerrorname_np((int)error);
		append(ret, names[i], why != NULL ? why : "unknown error");
	}
}

bool
report_has_gap(const struct jail_report *r)
{
	for (size_t i = 0; i < LAYER_COUNT; i++)
		if (r->layers[i].state != LAYER_UNSAID && is_missing(r, i) &&
		    !is_for_its_work(r, i))
			return true;
	return false;
}

bool
report_is_whole(const struct jail_report *r)
{
	for (size_t i = 0; i < LAYER_COUNT; i++)
		if (is_missing(r, i) && !is_for_its_work(r, i))
			return false;
	return true;
}
