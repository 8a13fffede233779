/*
 * caches - prompt caches: files (wire/cachefile.h) that runs begin with, and
 * memory that a run's prompt is left in to become one.
 *
 * A cache is time saved and no more: a run takes of it what it would have
 * computed just so (plan_common()), which are whole chunks of the prompt. What
 * was computed by another build or on another device is not used at all.
 */
#ifndef WORKER_LLAMA_CACHES_H
#define WORKER_LLAMA_CACHES_H

#include "wire/cachefile.h"
#include "worker/digest.h"
#include "worker/llama/gen.h"

#define CACHES_MAX 16u /* of each of the two kinds */

struct engine;

struct cache {
	uint32_t id;
	int fd;
	struct cachefile_head head;
	struct cachefile_parts parts;
	uint8_t digest[DIGEST_SIZE]; /* of the file as it was checked */
	void *about;		     /* what the strings and turns are in */
	struct cachefile_about is;
	int32_t *tokens;
	bool is_usable; /* its state, here ... */
	bool is_tried;	/* ... and it holds numbers */
};

struct cache_save {
	uint32_t id;
	int fd;
};

struct caches {
	struct cache v[CACHES_MAX];
	uint32_t n;
	struct cache_save saves[CACHES_MAX];
	uint32_t n_saves;
};

void caches_done(struct caches *c);

/* As engine.h's attach, for ATTACH_CACHE and ATTACH_SAVE. */
int caches_add(struct engine *e, const struct worker_attach *a, int fd,
    struct fail *why) MUST_CHECK;
int caches_add_save(struct engine *e, const struct worker_attach *a, int fd,
    struct fail *why) MUST_CHECK;

/* As its detach: an id of either kind, or of none. */
void caches_remove(struct caches *c, uint32_t id);

/* What it takes to begin with that one; 0: nothing. */
uint64_t caches_kib(struct caches *c, uint32_t id);

/* g is new, and has its sequence: takes what its cache has more. */
void caches_take(struct engine *e, struct gen *g);

/* g has got on: once its prompt is computed, it is saved where it shall be,
 * and that is told. */
void caches_put(struct engine *e, struct gen *g);

#endif
