/*
 * modelconf - the settings of one model: what the command line says, else its
 * section of the preset, else [*], else the environment and the configuration
 * file, else the default.
 */
#ifndef CONF_MODELCONF_H
#define CONF_MODELCONF_H

#include "conf/conf.h"

#define MODELCONF_MEMBER(group, common, member, kind, ...) \
	setting_##kind member;
struct modelconf {
	CONF_MODEL_TABLE(MODELCONF_MEMBER)
	CONF_PRESET_TABLE(MODELCONF_MEMBER)
	struct settings settings;
};
#undef MODELCONF_MEMBER

/* What base says for every model, and defaults. 0 or ERR_NOMEM; modelconf_done()
 * in any case. It must not be copied: what its texts are found by points into
 * it. */
int modelconf_init(
    struct modelconf *ret, const struct conf *base, struct fail *f) MUST_CHECK;

/* The same as another's. */
int modelconf_copy(struct modelconf *ret, const struct modelconf *of,
    struct fail *f) MUST_CHECK;

void modelconf_done(struct modelconf *c);

/* As if nobody had named any. */
void modelconf_forget_adapters(struct modelconf *c);

/* Whether a worker of one would be as one of the other. */
bool modelconf_is_same(const struct modelconf *a, const struct modelconf *b);

/* Its rows. */
const struct setting *modelconf_rows(size_t *ret_n);

/* The i-th of a list with commas, without spaces around; false at its end. Of
 * "a,,b" the second is "b". */
bool modelconf_word(
    const char *list, size_t i, const char **ret, size_t *ret_n);

#endif
