/*
 * identity - in a line, what the bits of a model's logits depend on beside
 * its file, and how exact they were found to be.
 */
#ifndef WORKER_LLAMA_IDENTITY_H
#define WORKER_LLAMA_IDENTITY_H

#include "worker/llama/model.h"

#define IDENTITY_MAX 1024u

/* "by rows", "by shapes" or "no"; and for the first by which kernels. */
const char *identity_class(const struct model *m);

/* The line, of a model that was tested. */
void identity_make(const struct model *m, char *ret, size_t n);

/* What the bytes of a state depend on, beside the model and the schedule. */
void identity_of_state(const struct model *m, char *ret, size_t n);

/* Takes m->rule and m->kernels from what another process found out, if all
 * else in its line is the same; returns whether it did. */
bool identity_recall(struct model *m, struct str line);

#endif
