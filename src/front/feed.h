/*
 * feed - what becomes of the models, as events for those who listen.
 */
#ifndef FRONT_FEED_H
#define FRONT_FEED_H

#include "base/buf.h"
#include "base/list.h"

struct front;
struct model;

/* Who listens embeds one. */
struct feed_ear {
	struct list link; /* in front->feed */
	void (*tell)(void *arg, struct str json);
	void *arg;
};

/* llama-server's word for what m is. Never NULL. */
const char *feed_word(const struct model *m);

/* Something about m may be different: tells everyone, if its word is. */
void feed_model(struct model *m);

#endif
