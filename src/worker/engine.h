/*
 * engine - the boundary between a worker and what computes.
 *
 * main.c and front.c know channels and frames; an engine knows a model and
 * generations. It never sends or blocks: it computes one unit when told to, on
 * the caller's thread, and says what came of it through engine_events. llama/
 * does no more. rkllm/ has a library that computes in a thread of its own; there
 * a unit is to take what has come, and a descriptor says that something has.
 */
#ifndef WORKER_ENGINE_H
#define WORKER_ENGINE_H

#include "worker/files.h"

#include "jail/jail.h"
#include "wire/msg.h"
#include "wire/progress.h"
#include "wire/step.h"

#include <stdbool.h>

/* What an engine says, from within submit, cancel and step. What is pointed
 * at lives only as long as the call. Each generation gets one started, any
 * number of steps or, by its mode, of rows, and one last word: done or failed;
 * or failed alone. */
struct engine_events {
	void *arg;
	void (*on_started)(void *arg, const struct gen_started *s);
	void (*on_step)(void *arg, const struct step *s);
	void (*on_done)(void *arg, const struct gen_done *d);
	void (*on_failed)(void *arg, const struct gen_failed *f);
	/* Between the two, of a resume with hashes: how it compares. */
	void (*on_checked)(void *arg, const struct gen_checked *c);
	/* The next ones, in order; none comes twice, also of a resume. */
	void (*on_rows)(void *arg, const struct gen_rows *r);
	/* How far a prompt is, for who wants it. May be NULL. */
	void (*on_progress)(void *arg, const struct gen_progress *p);
	/* What a generation's ATTACH_SAVE has now, before its first token. May be
	 * NULL where there are none. */
	void (*on_saved)(void *arg, const struct worker_saved *s);
};

struct engine;

struct engine_ops {
	const char *name;

	/* Opens all that has a path: libraries, devices. From then on the
	 * process is in its jail, and can open nothing but what that kind of
	 * jail allows. 0, or an ERR_* with why filled. */
	int (*prepare)(const struct worker_load *cfg, enum jail_kind *ret_jail,
	    struct fail *why) MUST_CHECK;

	/* Loads the model and its adapters; the descriptors stay the caller's
	 * and may be closed afterwards. Bumps p (NULL is allowed) as it goes.
	 * events are copied, what cfg and files point at is not kept.
	 * 0, or an ERR_* with why filled for a person. */
	int (*load)(struct engine **ret, const struct worker_load *cfg,
	    const struct files *files, const struct engine_events *events,
	    struct progress *p, struct fail *why) MUST_CHECK;

	/* NULL is allowed. Running generations get no last word. */
	void (*free)(struct engine *e);

	/* The strings in it live as long as the engine. load_ms is left 0. */
	void (*describe)(const struct engine *e, struct worker_ready *ret);

	/* Takes a generation; answers by on_started or on_failed. */
	void (*submit)(struct engine *e, const struct gen_submit *g);

	/* Ends it by on_done. An unknown id is harmless. */
	void (*cancel)(struct engine *e, uint64_t gen);

	/* Forgets every generation without a word: nobody listens. */
	void (*cancel_all)(struct engine *e);

	/* Computes nothing for it, or goes on. An unknown id is harmless. */
	void (*park)(struct engine *e, uint64_t gen, bool is_parked);

	/* Whether step would compute something. */
	bool (*has_work)(struct engine *e);

	/* One unit: a chunk of one sequence, or a token of many. */
	void (*step)(struct engine *e);

	/* Takes a file beside the model, between two units; fd stays the
	 * caller's. NULL: this engine can do none of it. 0, or an ERR_* with
	 * why filled: ERR_FILE where the file is to blame, ERR_UNSUPPORTED. */
	int (*attach)(struct engine *e, const struct worker_attach *a, int fd,
	    struct fail *why) MUST_CHECK;

	/* It is used no more; what runs with it does so to its end. An unknown
	 * id is harmless. NULL where attach is. */
	void (*detach)(struct engine *e, uint32_t id);

	/* Asks a unit that is running to end early. Called from a signal
	 * handler: it may only set a flag. */
	void (*interrupt)(struct engine *e);

	/* Only of an engine that computes by itself; else NULL. */

	/* Readable when there may be work; -1: nothing makes any now. */
	int (*wake)(const struct engine *e);

	/* Whether it computes though there is no work, and so owes progress,
	 * which it says on its page. */
	bool (*owes)(struct engine *e);
};

extern const struct engine_ops engine_llama;
extern const struct engine_ops engine_rkllm;

#endif
