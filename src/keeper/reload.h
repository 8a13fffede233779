/*
 * reload - reads the configuration anew: the file of --config, the preset, the
 * folder of models, templates. It is taken as a whole, or the old one stays.
 *
 * Clients may ask for it as often as they like; it takes no more than a part of
 * the keeper's time, and who asks meanwhile gets the next one's answer.
 */
#ifndef KEEPER_RELOAD_H
#define KEEPER_RELOAD_H

#include "base/loop.h"
#include "conf/conf.h"
#include "wire/msg.h"

struct entry;
struct front;
struct models;
struct reload;

/* All of it outlives the reload. */
struct reload_spec {
	int argc; /* what conf is read from */
	char *const *argv;
	char *const *envp;
	const char *demo; /* as for catalog_read() */
	struct conf *conf;
	struct models *models;
	struct front *front;
	struct entry *entry; /* read anew too, each part of it by itself */
};

/* NULL if out of memory. */
struct reload *reload_new(struct loop *l, const struct reload_spec *spec);

/* NULL is allowed here and below: nothing is done. */
void reload_free(struct reload *r);

/* Does it soon; says so in the log and to the front, with the answer for w
 * (NULL: nobody waits for one). */
void reload_ask(struct reload *r, const struct reload_want *w);

/* Who asked is gone, with the front. */
void reload_forget_front(struct reload *r);

#endif
