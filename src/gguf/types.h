/*
 * types - the types of tensors, and the names of mixtures of them.
 */
#ifndef GGUF_TYPES_H
#define GGUF_TYPES_H

#include <stdbool.h>
#include <stdint.h>

struct tensor_type {
	const char *name;
	uint32_t block; /* elements of a block; 0: there is no such type */
	uint32_t size;	/* bytes of it */
};

/* ggml's type of that number; NULL if it is not known. */
const struct tensor_type *types_find(uint32_t type);

/* "Q4_K - Medium" for general.file_type, as llama.cpp calls them; NULL. */
const char *types_mixture(uint64_t file_type);

#endif
