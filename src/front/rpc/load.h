/*
 * load - a client's model: init and destroy.
 *
 * A client has one model or none. An init puts the new one in its place only
 * when it is up, so a failed init costs nothing; a destroy ends the client's
 * runs first. Models are shared: what goes is this client's use.
 */
#ifndef FRONT_RPC_LOAD_H
#define FRONT_RPC_LOAD_H

#include "front/attach.h"
#include "front/rpc/method.h"

/* A change of what the client has: its call is answered later, and until then
 * what needs its outcome waits. NULL: out of memory, and answered. */
struct change *change_new(struct call *c);

/* The same, and it is that of its connection. False: another is not done, or
 * out of memory; answered. */
bool change_begin(struct call *c);

/* Ends the change: the caller answers its call, then drops that. */
struct call change_end(struct rpc *r);

/* The error of a file that was to be attached. field: who named it, where the
 * file itself is to blame. */
void change_fail(struct call *c, const char *field, const struct fail *why);

/* What a file is for; now the caller's. */
void *change_what(struct rpc *r);

/* A change that attaches a file to the client's model. what: taken over, and
 * given to drop if nobody takes it; NULL, if there was no memory for it. */
void change_attach(struct call *c, enum attach_kind kind, struct str path,
    void *what, void (*drop)(void *what), attach_fn fn);

void load_init(struct call *c, const struct args *a);
void load_destroy(struct call *c, const struct args *a);

/* The last run ended: a destroy that waited for it goes on. */
void load_on_idle(struct rpc *r);

/* The server is stopping: an init that waits is answered. */
void load_stop(struct rpc *r);

/* The client is gone: what it has and what it waits for is dropped. */
void load_drop(struct rpc *r);

#endif
