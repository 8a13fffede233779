/*
 * tensors - which tensors an architecture has, and their random weights.
 *
 * Weights are drawn so that a forward pass stays in a sane range at any size:
 * each matrix keeps the variance of its input, and logits have a deviation of
 * about 3, so that sampling has real choices and greedy decoding few ties.
 */
#ifndef MKMODEL_TENSORS_H
#define MKMODEL_TENSORS_H

#include "spec.h"

#include <ggml.h>
#include <stdio.h>

/* Of the kinds that have them; not worth options. */
#define N_EXPERTS 8
#define N_EXPERTS_USED 2
#define SSM_STATE 16 /* of each inner channel */
#define SSM_CONV 4   /* tokens that the convolution sees */

struct tensor {
	char name[GGML_MAX_NAME];
	int64_t cols;	/* ne[0]: a row's length */
	int64_t rows;	/* ne[1]; 1 for vectors */
	int64_t planes; /* ne[2]; 1 but for experts */
	bool is_vector;
	bool is_small;	/* kept in f32 whatever the type */
	bool is_rising; /* -1, -2, -3 ... in each row: a state's decay */
	float value;	/* the mean of its elements */
	float spread;	/* and their deviation */
	int64_t quiet;	/* the first rows, of a tenth of that deviation */
};

typedef int (*tensor_fn)(const struct tensor *t, void *arg);

/* Calls fn for each tensor, in file order; stops at the first that is not 0
 * and returns that. */
int tensors_each(const struct spec *s, tensor_fn fn, void *arg);

/* The ggml type in which a file of this spec holds t, before quantizing. */
enum ggml_type tensor_type(const struct spec *s, const struct tensor *t);

/* Writes t's data, padded to align bytes. 0, or -1 with errno. */
int tensor_write(const struct tensor *t, enum ggml_type type, uint64_t seed,
    size_t align, FILE *f);

#endif
