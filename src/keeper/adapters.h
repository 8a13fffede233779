/*
 * adapters - the LoRA files of the configuration's models: opened once, handed
 * to each of their workers.
 */
#ifndef KEEPER_ADAPTERS_H
#define KEEPER_ADAPTERS_H

#include "base/buf.h"
#include "conf/setting.h"
#include "keeper/modelfile.h"
#include "wire/msg.h"

struct process;

struct adapter {
	char *path;
	float scale; /* of a request that names no adapters */
	struct modelfile file;
};

/* In the order of their ids, from 0. */
struct adapters {
	struct adapter v[WORKER_ADAPTERS_MAX];
	uint32_t n;
};

/* plain: files; scaled: "FILE:SCALE"; both may hold several, with commas in
 * between. 0, ERR_NOMEM, ERR_INVALID, or ERR_FILE for one that cannot be read;
 * adapters_close() in any case. */
int adapters_open(struct adapters *a, const struct strings *plain,
    const struct strings *scaled, struct fail *f) MUST_CHECK;
void adapters_close(struct adapters *a);

/* Opens the files of a as they are now. 0, and ret, which had been opened
 * before or is empty, has them; else ret is as it was. */
int adapters_again(
    const struct adapters *a, struct adapters *ret, struct fail *f) MUST_CHECK;

/* Whether they are still what they were: 0, else ERR_FILE. */
int adapters_check(const struct adapters *a, struct fail *f) MUST_CHECK;

/* Gives them to a new worker, before its model. */
void adapters_send(const struct adapters *a, struct process *to);

/* Appends which files they are: see modelfile_id(). */
void adapters_put_ids(const struct adapters *a, struct buf *to);

/* Those that are named; ids that there are not are passed over. */
void adapters_set_scales(struct adapters *a, struct biases scales);

/* For the front: packed strs of paths, and struct bias each: id and scale. */
void adapters_put_paths(const struct adapters *a, struct buf *to);
void adapters_put_scales(const struct adapters *a, struct buf *to);

#endif
