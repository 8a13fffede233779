/*
 * want - asking the keeper for a model that may have to be loaded, and being
 * answered once: when it is up, when it cannot be, or when --queue-timeout has
 * passed.
 */
#ifndef FRONT_WANT_H
#define FRONT_WANT_H

#include "base/buf.h"
#include "base/err.h"

struct front;
struct model;
struct want;

/* Exactly one call, later or at once: m is up, or m is NULL and why says. m
 * stays until model_drop(). */
typedef void (*want_fn)(void *arg, struct model *m, const struct fail *why);

/* path: a file or a model's name; empty: the default. n_ctx: tokens per
 * sequence that are needed, 0: as configured. NULL: out of memory. */
struct want *model_want(
    struct front *f, struct str path, uint32_t n_ctx, want_fn fn, void *arg);

/* The asker is going away: no call will come. What is loaded is dropped. */
void want_cancel(struct want *w);

/* Those for m that are not answered yet are, with why. */
void want_fail_all(struct model *m, const struct fail *why);

/* The number of its MODEL_WANT. */
uint32_t want_ref(const struct want *w);

/* Whether one is not answered yet that may be for m. */
bool want_is_for(const struct model *m);

/* The keeper has answered that number: m is up, or NULL and why says. */
void want_answer(
    struct front *f, uint32_t ref, struct model *m, const struct fail *why);

/* For the end of the process. */
void want_free_all(struct front *f);

#endif
