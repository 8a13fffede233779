/*
 * partname - names of files that are parts of one model, as llama.cpp splits
 * them: "x-00001-of-00003.gguf".
 */
#ifndef KEEPER_PARTNAME_H
#define KEEPER_PARTNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct partname {
	size_t n_stem; /* bytes before "-00001-of-00003.gguf" */
	uint32_t no;   /* from 1 */
	uint32_t of;   /* at least 2 */
};

/* Whether a path or name is one of a part. */
bool partname_read(const char *path, struct partname *ret);

/* The path of the part with that number; false if it has not room in n bytes
 * with its NUL. */
bool partname_other(const char *path, const struct partname *p, uint32_t no,
    char *ret, size_t n);

#endif
