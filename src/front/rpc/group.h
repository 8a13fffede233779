/*
 * group - a run of several inputs, as many as init's n_batch says.
 *
 * Each is a run of its own, with its own conversation; they share the request's
 * id. Replies say of which input they are, and the last one, which is of all,
 * comes when the last of them has ended. One that fails ends them all.
 */
#ifndef FRONT_RPC_GROUP_H
#define FRONT_RPC_GROUP_H

#include "front/rpc/run_own.h"

/* Says in an error of which input it is. */
void group_name(uint32_t seq, struct fail *why);

/* Starts a run of an array of inputs. */
void group_start(struct call *c, const struct args *a, bool has_reply);

/* run ends well. True: it was the last, and *d is of all of them. */
bool group_end(struct run *run, struct gen_done *d);

/* run fails, or its client is gone: the others end in silence. */
void group_fail(struct run *run);

#endif
