/*
 * out - a GGUF file in the making: keys, tensors, then one pass of writing.
 *
 * Weights are drawn while they are written, so a file may be larger than
 * memory. A path appears when the file is whole, not before.
 */
#ifndef MKMODEL_OUT_H
#define MKMODEL_OUT_H

#include "tensors.h"

#include <gguf.h>

struct out;

/* NULL if out of memory. tensors: how many out_add() may follow. */
struct out *out_new(size_t tensors);
void out_free(struct out *o);

/* For the keys; belongs to o. */
struct gguf_context *out_keys(struct out *o);

void out_add(struct out *o, const struct tensor *t, enum ggml_type type);

/* 0, or -1 after saying why on stderr. */
int out_write(struct out *o, uint64_t seed, const char *path);

/* Rewrites the line on a terminal; says nothing elsewhere. */
void progress(const char *what, double share);
void progress_done(void);

#endif
