/*
 * conf - the settings of `bulkhead serve`, as one table.
 *
 * Names are llama-server's wherever it has one, so that a command line, a unit
 * file or a preset moves over. One differs in meaning: --ctx-size is for each
 * stream here, and for all slots together there.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/buf.h"
#include "conf/setting.h"
#include "conf/table.h"

#include <stdio.h>

#define CONF_MEMBER(group, common, member, kind, ...) setting_##kind member;
struct conf {
	CONF_TABLE(CONF_MEMBER)
	struct settings settings; /* who set what, and what to free */
};
#undef CONF_MEMBER

/* Reads the words after argv[0], envp (NULL is allowed) and --config's file
 * into *ret. 0, or ERR_INVALID, ERR_FILE or ERR_NOMEM with a line for the user
 * in f. conf_done() in any case. When help or version is asked for, nothing
 * else is checked. */
int conf_read(struct conf *ret, int argc, char *const argv[],
    char *const envp[], struct fail *f) MUST_CHECK;

void conf_done(struct conf *c);

/* Takes over what fresh says of that which may change while it serves: models,
 * their settings, the log. Appends names of other options that differ, with
 * commas, to ret_others: they wait for a restart. conf_done(fresh) is still
 * due. */
void conf_take(struct conf *c, struct conf *fresh, struct buf *ret_others);

/* The rows of its table. */
const struct setting *conf_rows(size_t *ret_n);

/* The help, as help, help_all or help_man of c ask. */
void conf_help(const struct conf *c, FILE *out);

#endif
