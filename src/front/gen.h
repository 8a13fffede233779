/*
 * gen - a generation from its admission to its last word, and its journal.
 *
 * The journal (journal.h) has what it takes to go on after a worker's death:
 * the packed GEN_SUBMIT record, the prompt's token ids and every token
 * delivered; and more, so that it could go on after the front's. A token is in
 * the journal before its owner sees it, so what a client has got is never
 * computed differently, lost or sent twice.
 *
 *   QUEUED --slot--> SENT --GEN_STARTED--> RUNNING --last word--> (freed)
 *     ^               |                      |
 *     +--- the worker died: back in front ---+
 *     +--- it yields its slot (yield.h) -----+
 *   SENT, RUNNING --cancel--> ENDING --last word, or the worker died--> (freed)
 */
#ifndef FRONT_GEN_H
#define FRONT_GEN_H

#include "front/ticket.h"
#include "wire/chan.h"
#include "wire/step.h"

struct conn;
struct front;
struct gen;
struct journal_about;
struct model;

enum gen_state {
	GEN_QUEUED = 1,
	GEN_SENT,
	GEN_RUNNING,
	GEN_ENDING,
	GEN_NSTATES
};

/* What the owner hears. Pointers are good during the call only. The owner may
 * call gen_cancel() or gen_drop() from any of them. */
struct gen_ops {
	/* Its text may be in parts (wire/part.h): it offers tools. */
	bool takes_parts;
	/* It has a slot. Not called again after a resume. May be NULL. */
	void (*started)(void *, struct gen *, const struct gen_started *);
	void (*token)(void *arg, struct gen *g, const struct step *s);
	/* So many tokens of its prompt are computed. May be NULL. */
	void (*progress)(void *arg, struct gen *g, uint32_t n_done);
	/* The next ones, checked, for a request whose mode wants them. */
	void (*rows)(void *arg, struct gen *g, const struct gen_rows *r);
	/* The last call is one of these two; g is freed after it. */
	void (*done)(void *arg, struct gen *g, const struct gen_done *d);
	void (*failed)(void *arg, struct gen *g, const struct fail *why);
	/* Inside gen_start(): what the journal should have of the owner, by
	 * copy; gives the client's connection. NULL: there is nothing. */
	struct conn *(*describe)(void *arg, struct journal_about *ret);
};

/* Admits a generation to m's queue. req is copied; its gen id is filled in
 * here, its seed if it is UINT64_MAX (drawn), and its adapters if their pointer
 * is NULL (the model's usual ones). Callbacks come later, never
 * from inside this call. 0 and *ret; ERR_BUSY (queue full), ERR_STOPPING,
 * ERR_POISON, ERR_LOAD_FAILED, ERR_TOO_BIG, ERR_NOMEM with *why filled.
 * ERR_BUSY also: the journal is full. */
int gen_start(struct model *m, const struct gen_submit *req,
    const struct gen_order *order, const struct gen_ops *ops, void *arg,
    struct gen **ret, struct fail *why) MUST_CHECK;

/* Asks for its end: done() with REASON_CANCEL follows (or the last word that
 * was already on its way); for one still queued in this turn's end. Never from
 * inside this call. Again is harmless. */
void gen_cancel(struct gen *g);

/* The owner is going: no callback comes any more, the work is cancelled.
 * NULL is allowed. */
void gen_drop(struct gen *g);

/* Ends it with why, wherever it is: its owner is told, its worker too. Nothing
 * if its end was asked for already. */
void gen_fail(struct gen *g, const struct fail *why);

/* Stops or goes on with computing it, for a reader that is slow. */
void gen_park(struct gen *g, bool is_parked);

/* Its suspect.h's count, for the journal. */
void gen_note_deaths(struct gen *g, uint32_t deaths);

uint64_t gen_id(const struct gen *g);
/* Its poison_hash(); 0: not known. */
uint64_t gen_hash(const struct gen *g);

enum gen_state gen_state(const struct gen *g);
/* Of m's that run, those whose bytes are still those of an undisturbed run. */
uint32_t gen_count_exact(const struct model *m);

/* The worker's messages. 0, or ERR_PROTO: the worker is mad. */
int gen_on_frame(struct model *m, const struct frame *f) MUST_CHECK;
/* m's channel ended: everything unfinished goes back to the queue's front. */
void gen_on_worker_death(struct model *m);

/* m has another worker: what began with another file must not go on. */
void gen_on_worker_up(struct model *m);

/* m is given up: everything is answered with why. */
void gen_fail_all(struct model *m, const struct fail *why);

/* The same for those alone that its worker has, or had before it died. */
void gen_fail_inside(struct model *m, const struct fail *why);
/* Ends every generation for a stop that cannot wait. */
void gen_cut_all(struct front *f);

/* Sends it to m's worker, or ends it, if that can never be. 0, or why not now. */
int gen_send(struct gen *g) MUST_CHECK;

/* Whether m's worker owes something for one that it has. */
bool gen_any_due(const struct model *m);

/* Callbacks that were put off (cancelled while queued). From conn_turn(). */
void gen_turn(struct front *f);

#endif
