/*
 * reload - reads the configuration anew: the file of --config, the preset, the
 * folder of models, templates. It is taken as a whole, or the old one stays.
 */
#ifndef KEEPER_RELOAD_H
#define KEEPER_RELOAD_H

#include "conf/conf.h"
#include "wire/msg.h"

struct front;
struct models;

struct reload {
	int argc; /* what conf is read from */
	char *const *argv;
	char *const *envp;
	const char *demo; /* as for catalog_read() */
	struct conf *conf;
	struct models *models;
	struct front *front;
};

/* Does it, says so in the log and, where somebody has asked (NULL: nobody), to
 * the front. */
void reload_now(const struct reload *r, const struct reload_want *w);

#endif
