/*
 * feed - what becomes of the models, as events for those who listen.
 */
#ifndef FRONT_FEED_H
#define FRONT_FEED_H

#include "base/buf.h"
#include "base/list.h"

struct frame;
struct front;
struct model;

/* Who listens embeds one. */
struct feed_ear {
	struct list link; /* in front->feed */
	void (*tell)(void *arg, struct str json);
	void (*end)(void *arg); /* the server is stopping; frees it */
	void *arg;
};

/* llama-server's word for what m is. Never NULL. */
const char *feed_word(const struct model *m);

/* A MODEL_LOADING. 0 or ERR_PROTO. */
int feed_on_loading(struct front *f, struct frame *fr) MUST_CHECK;

/* The server is stopping: nobody is told any more. */
void feed_end(struct front *f);

/* Something about m may be different: tells everyone, if its word is. */
void feed_model(struct model *m);

/* The list of models may be another. */
void feed_reloaded(struct front *f);

#endif
