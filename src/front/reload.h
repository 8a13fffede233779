/*
 * reload - has the keeper read the configuration anew.
 */
#ifndef FRONT_RELOAD_H
#define FRONT_RELOAD_H

#include "wire/msg.h"

struct conn;
struct frame;
struct front;
struct json_out;
struct reload;

#define RELOADS_MAX 64u /* who wait for an answer */

/* The answer: err and text of it say what became of it. */
typedef void (*reload_fn)(void *arg, const struct reloaded *r);

/* 0, and one call of fn follows, later; ERR_NOMEM; ERR_BUSY: too many wait
 * already; ERR_DENIED: who asks there has a key that is for some models only. */
int reload_ask(const struct conn *c, reload_fn fn, void *arg,
    struct reload **ret, struct fail *why) MUST_CHECK;

/* The asker is going away: no call will come. NULL is allowed. */
void reload_cancel(struct reload *r);

/* A RELOADED. 0 or ERR_PROTO. */
int reload_on_frame(struct front *f, struct frame *fr) MUST_CHECK;

/* As clients are told of one that was taken: {"success":true,"added":1,...}. */
void reload_put(struct json_out *o, const struct reloaded *r);

/* For the end of the process. */
void reload_free_all(struct front *f);

#endif
