/*
 * cache - prompt caches: the one that a client has loaded, which its runs begin
 * with, and those that its runs leave.
 *
 * A run whose prompt is to be saved begins when the keeper has a place for it,
 * and ends when the file is written or cannot be: what a client was told is
 * over is on the disk.
 */
#ifndef FRONT_RPC_CACHE_H
#define FRONT_RPC_CACHE_H

#include "front/rpc/run_own.h"
#include "front/rpc/submit.h"

/* What rkllm.load_prompt_cache takes. */
extern const struct shape shape_cache_path;

void cache_load(struct call *c, const struct args *a);
void cache_release(struct call *c, const struct args *a);

/* A run begins: it has the client's cache, if there is one. */
void cache_take(struct run *run, struct gen_submit *req);

/* Keeps a run that is to be saved until there is a place, then run_go(). */
void cache_wait_for_place(struct call *c, struct run *run,
    const struct gen_submit *req, const struct submit_about *about,
    bool has_reply);

/* Whether run's end has to wait for the file: then cache.c will run_end() it. */
bool cache_must_wait(struct run *run, const struct gen_done *d);

/* Why what was to be saved was not; NULL: it was, or was not to be. */
const struct fail *cache_failure(const struct run *run);

/* run is going. */
void cache_drop(struct run *run);

#endif
