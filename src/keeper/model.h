/*
 * model - one model: its file, its worker, and what the front is told of it.
 * Only those whose names begin with it include this.
 */
#ifndef KEEPER_MODEL_H
#define KEEPER_MODEL_H

#include "base/list.h"
#include "keeper/adapters.h"
#include "keeper/attach.h"
#include "keeper/modelfile.h"
#include "keeper/modelneed.h"
#include "keeper/modelparts.h"
#include "keeper/modelroom.h"
#include "keeper/modelset.h"
#include "keeper/modelspec.h"

#define MODEL_TEXT_MAX 128u
#define IDENTITY_MAX 512u
#define LOOK_MS 1000u

struct model {
	struct list link;
	struct models *in;
	uint32_t id;
	struct modelspec *spec;
	const char *name; /* of spec: what requests call it */
	const char *path; /* of spec */
	struct modelfile file;
	struct modelparts parts;  /* of it */
	struct adapters adapters; /* as they were opened last */
	bool is_guarded;  /* nobody can write to it while its worker lives */
	bool is_lent;	  /* its worker had to go for who opens it to write */
	uint64_t lent_ms; /* since when the next waits for it */
	uint32_t n_ctx;	  /* asked of the worker; tokens, 0: the model's */
	bool is_fixed;	  /* of the configuration: never unloaded */
	bool is_listed;	  /* of --models-dir: never forgotten */
	bool is_pinned;	  /* never unloaded for another */
	bool is_asleep;	  /* unloaded because it was idle */
	bool is_refused;  /* while those who wait are told */
	struct place place;
	uint64_t measured; /* bytes that its workers took; 0: not known */
	bool is_given_up;  /* its worker died too often; nothing runs */
	bool is_retired; /* not configured any more; leaves when it is empty */
	bool is_leaving; /* GONE was said; freed when its worker is dead */
	uint32_t users;	 /* MODEL_WANTs of this front, not yet dropped */
	uint32_t *refs;	 /* those that still wait for an answer */
	uint32_t n_refs;
	struct modelprobe probe; /* what its head says */
	struct super *super;
	struct memory_of memory;
	struct attachments attachments; /* of clients */
	struct attach_death death;	/* of the last worker that died */
	bool is_pardoned;		/* that death was of one of those */
	int front_end;	    /* of the worker's channel; -1: the front has it */
	struct fail fail;   /* why it cannot be served; code 0: it can */
	uint32_t n_failed;  /* tries of the file since it was last ready */
	uint64_t may_at_ms; /* the file is not tried before */
	struct worker_ready about;			 /* of the last READY */
	char arch[MODEL_TEXT_MAX], desc[MODEL_TEXT_MAX]; /* its strings */
	char identity[IDENTITY_MAX];
	struct buf texts;   /* those that may be long */
	uint32_t n_threads; /* of the first READY; 0: not known yet */
	uint32_t n_threads_batch;
	bool has_begun;	  /* the last worker that died had begun to load */
	uint64_t up_ms;	  /* when it was last ready */
	uint32_t percent; /* loaded, as the front was told */
	uint32_t outside; /* pid of the last worker: not its own doing */
};

/* Takes over spec and file, also when it fails: NULL if out of memory. n_ctx:
 * asked for, or 0. Its worker is not started. */
struct model *model_new(struct models *in, struct modelspec *spec,
    struct modelfile *file, uint32_t n_ctx);

/* Those that stay known when they are not loaded: of the command line, and
 * listed ones. */
bool model_may_rest(const struct model *m);

/* Such a one has no worker now: its file is closed. */
void model_rest(struct model *m);
void model_free(struct model *m);

/* One user more, who waits for the answer under ref. */
void model_join(struct model *m, uint32_t ref);

/* That one does not wait any more. False: it is none of m's. */
bool model_unjoin(struct model *m, uint32_t ref);

/* It is to be loaded for nobody: at the start, say. */
void model_wake(struct model *m);

/* Those who wait for it hear why they wait in vain. May free it. */
void model_refuse(struct model *m, const struct fail *why);

/* It has its place: starts its worker, or starts it again after a failure. */
void model_start(struct model *m);

/* Says GONE, stops the worker and frees the model when that is dead. */
void model_leave(struct model *m, bool hurry);

/* Tells the front what it is now: whoever waits is answered, if it can be. */
void model_tell(struct model *m);

/* Says the first words to its new worker, or lets it wait for the file. */
void model_give_file(struct model *m);

/* Makes a fresh channel between its worker and the front. */
void model_connect(struct model *m);

/* How long its file is left alone after a failure, in ms. */
uint32_t model_pause(const struct model *m);
/* What the front is told it is; and why, when that is MODEL_FAILED. */
enum model_status model_status(const struct model *m);
void model_explain(const struct model *m, struct fail *ret);

/* Whether a user who needs n_ctx tokens (0: any) can share it. */
bool model_fits(const struct model *m, uint32_t n_ctx);
#endif
