/*
 * cache - prompt caches in the library's own format, behind a head of ours that
 * says of which model and version they are, because the library checks neither.
 *
 * It opens them by a path, so as with adapters (lora.h) they are copied to where
 * there is one.
 */
#ifndef WORKER_RKLLM_CACHE_H
#define WORKER_RKLLM_CACHE_H

#include "wire/msg.h"

#include <stdbool.h>

#define CACHE_FILES 32u /* of both kinds */
#define CACHE_PATH 32u

struct cache_file {
	uint32_t id; /* 0: none */
	int fd;	     /* what the library reads; or memory to be filled */
	bool is_save;
	bool is_leaving; /* closed when no run wants it */
};

struct cache_files {
	struct cache_file v[CACHE_FILES];
	uint64_t model;	     /* a digest of its file */
	const char *version; /* of the library */
};

/* model: its file. */
void cache_init(struct cache_files *c, int model, const char *version);
void cache_done(struct cache_files *c);

/* fd stays the caller's. 0, ERR_FILE, ERR_NOMEM, ERR_BUSY. */
int cache_attach(struct cache_files *c, const struct worker_attach *a, int fd,
    struct fail *why) MUST_CHECK;
void cache_detach(struct cache_files *c, uint32_t id);
void cache_sweep(struct cache_files *c, uint32_t one, uint32_t other);

bool cache_has_save(const struct cache_files *c, uint32_t id);

/* A path to one, in ret; false if there is none. */
bool cache_path(const struct cache_files *c, uint32_t id, char ret[CACHE_PATH]);

/* Memory that the library is to write to, and its path; -1: there is none. */
int cache_new(char ret[CACHE_PATH]);

/* What it has written goes into the ATTACH_SAVE of that id, and ret says so. */
void cache_put(struct cache_files *c, uint32_t id, int from,
    struct worker_saved *ret, struct fail *why);

#endif
