/*
 * modelset - what the models of a keeper share, and how one is found. Only those
 * whose names begin with "model" include this.
 */
#ifndef KEEPER_MODELSET_H
#define KEEPER_MODELSET_H

#include "keeper/memory.h"
#include "keeper/modelfile.h"
#include "keeper/models.h"
#include "keeper/probes.h"
#include "keeper/quarantine.h"
#include "keeper/room.h"
#include "keeper/super.h"

struct model;

struct models {
	struct loop *loop;
	const struct conf *conf;
	const struct models_ops *ops;
	void *arg;
	struct program worker;
	struct child_limits limits;
	struct pulse_limits pulse;
	struct quarantine *bad_files;
	struct memory *memory;
	struct cachedir *cachedir;
	struct probes *probes;
	struct timer *look; /* at files that cannot be guarded */
	struct timer *pace; /* to look how far those are that load */
	struct timer *turn; /* to look whom there is room for */
	struct room room;
	struct room_wanted said; /* to this front */
	struct list all;	 /* struct model, the default one first */
	uint32_t last_id;
	pid_t front; /* 0: none */
};

/* Those that are not leaving: by the name of requests ("": the default one); by
 * a file with room for n_ctx tokens. NULL: none. */
struct model *models_by_name(const struct models *all, const char *name);
struct model *models_by_file(
    const struct models *all, const struct modelfile *file, uint32_t n_ctx);

/* One that a client named by its file, which is taken over; like is the model
 * of that file that does not do, or NULL. 0 and *ret. */
int models_make(struct models *all, const char *path, const struct model *like,
    struct modelfile *file, uint32_t n_ctx, struct model **ret, struct fail *f)
    MUST_CHECK;

#endif
