/*
 * rows - the hidden states or logits of a run, in one reply that is written as
 * they come.
 *
 * Such a reply is one line of any length, so while it is being written the
 * connection has no other: runs beside it are parked, and what is to be said
 * otherwise (answers, tokens that were on their way) is held in rpc->held
 * until the line has ended. The line ends when its run does, however that is,
 * and is valid JSON in any case: num_tokens stands behind the array.
 *
 * Where a client asks for a memfd there is no such line: the rows go there,
 * and a reply of the usual size tells of it when they are all there.
 */
#ifndef FRONT_RPC_ROWS_H
#define FRONT_RPC_ROWS_H

#include "front/rpc/run_own.h"

/* A run that is to give rows is about to begin: counts what they may take. 0,
 * or ERR_BUSY. Harmless where none are wanted. */
int rows_begin(struct run *run, const struct gen_submit *req,
    const struct submit_about *about, struct fail *why) MUST_CHECK;

/* The client has read what there was, or is gone: nothing of runs that are
 * over counts any more. */
void rows_drained(struct rpc *r);

/* A struct gen_ops' rows. */
void rows_take(void *arg, struct gen *g, const struct gen_rows *r);

/* Whether run's end has to wait, because it has rows that another's line is in
 * the way of: rows_next() will run_end() it. */
bool rows_must_wait(const struct run *run);

/* Ends run's line, if it has it, and says what was held meanwhile; or passes
 * its memfd. 0, or an ERR_* with *why: that cannot be had. */
void rows_close(struct run *run);
int rows_pass(struct run *run, struct fail *why) MUST_CHECK;

/* What it has and nobody will get. */
void rows_drop(struct run *run);

/* A run is gone: the next that has rows begins its line. */
void rows_next(struct rpc *r);

#endif
