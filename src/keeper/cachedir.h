/*
 * cachedir - the folder of prompt caches: the only place where clients' files
 * are written, and where their prompt caches are read.
 *
 * A path is looked up from the folder's own descriptor, beneath it and through
 * no symbolic link, by the kernel (openat2(2)): so it does not matter who
 * changes what in between. What is written is written beside its place, and
 * gets its name when it is whole.
 */
#ifndef KEEPER_CACHEDIR_H
#define KEEPER_CACHEDIR_H

#include "base/loop.h"
#include "keeper/modelfile.h"

struct cachedir;
struct cachesave;

/* wish: of --prompt-cache-dir, or NULL. max: bytes of all files in it. The
 * folder is made when it is needed first. NULL if out of memory. */
struct cachedir *cachedir_new(
    struct loop *l, const char *wish, char *const envp[], uint64_t max);

/* NULL is allowed. What is being written must have gone. */
void cachedir_free(struct cachedir *d);

/* Opens one to be read. path: relative to the folder, or absolute and below
 * it. 0; ERR_FILE with words, which are about the path. */
int cachedir_open(struct cachedir *d, const char *path, struct modelfile *ret,
    struct fail *f) MUST_CHECK;

/* Prepares one to be written: *ret_memory, which is the caller's, is memory of
 * a size that does not change, as large as there may be more files. 0;
 * ERR_FILE or ERR_NOMEM with words. */
int cachesave_new(struct cachedir *d, const char *path, struct cachesave **ret,
    int *ret_memory, struct fail *f) MUST_CHECK;

/* why.code 0: it has its name. */
typedef void (*cachesave_fn)(void *arg, const struct fail *why);

/* Writes the first size bytes of memory to the file, bit by bit, if there still
 * is room for them beside those of others that are under way; and calls fn
 * once, later. Once for each save. */
void cachesave_write(
    struct cachesave *s, int memory, uint64_t size, cachesave_fn fn, void *arg);

/* NULL is allowed. What is not whole by now is given up, and fn not called. */
void cachesave_free(struct cachesave *s);

#endif
