/*
 * pool - how a model's rows of a prompt become one that stands for all of it.
 *
 * libllama pools within a batch, and for good once a context is made. Here the
 * context gives every token's row and they are pooled behind it, in the order
 * of the tokens: so a prompt may have many batches, each request its own way,
 * and a model that generates embeds beside that. Only a ranking head is
 * libllama's.
 */
#ifndef WORKER_LLAMA_POOL_H
#define WORKER_LLAMA_POOL_H

#include "wire/mode.h"

#include <llama.h>
#include <stddef.h>

/* What the file says; POOL_MODEL where it says nothing. */
enum pooling pool_of_file(const struct llama_model *weights, const char *arch);

/* Whether each token looks at all others, so that a prompt must be one batch. */
bool pool_looks_ahead(const struct llama_model *weights, const char *arch);

/* "mean"; never NULL. */
const char *pool_name(enum pooling p);

/* Takes row i of n into sum, which has n_cols floats and was 0. */
void pool_add(enum pooling p, float *sum, const float *row, size_t n_cols,
    uint32_t i, uint32_t n);

/* As enum NORMALIZE_* says, and llama-server does. */
void pool_normalize(float *row, size_t n_cols, int32_t how);

#endif
