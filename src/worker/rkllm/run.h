/*
 * run - one generation: its job, what came of it, and how it ends.
 *
 * Only the library can turn tokens into text, so what the text of delivered
 * tokens was is lost with the worker. So a token is delivered when nothing of
 * its text is held back any more (the start of a character, or of a stop
 * string), together with those that waited for it: whoever takes over finds no
 * text under way, and what was under way is generated again.
 */
#ifndef WORKER_RKLLM_RUN_H
#define WORKER_RKLLM_RUN_H

#include "worker/emit.h"
#include "worker/rkllm/ask.h"
#include "worker/rkllm/cache.h"

#include "wire/step.h"

/* Why it ends: an enum gen_reason, or one of these. */
#define RUN_GOES_ON 0
#define RUN_FAILED (-1)	   /* run.why */
#define RUN_FORGOTTEN (-2) /* nobody wants to hear of it */

struct run {
	uint64_t id;
	struct ask ask;
	bool is_parked;
	bool is_cut; /* the library was asked to end it */
	int reason;
	struct fail why;
	struct emit emit;
	struct buf text;   /* shown, of tokens that are not delivered yet */
	struct buf tokens; /* these: struct run_token each */
	uint32_t n_out;	   /* those not delivered included */
	uint64_t hash;	   /* of the conversation\'s numbers so far */
	uint32_t n_read;   /* tokens of the prompt's parts, as counted by it */
	uint32_t save;	   /* an ATTACH_SAVE to be filled; or 0 */
	int save_fd;	   /* what the library writes; -1: none */
	char save_path[CACHE_PATH];  /* to that */
	char cache_path[CACHE_PATH]; /* of the job's cache */
	enum gen_mode mode;
	uint32_t n_rows;	/* in all; 0: none came */
	uint32_t row;		/* that comes next */
	struct rkllm_perf perf; /* of its FINISH */
	bool has_perf;
	uint64_t start_us;
	uint64_t first_us; /* its first token in this process; 0: none yet */
};

struct run_token {
	int32_t token;
	uint8_t flags; /* of its step */
};

/* Called for each token that can be delivered, the text of all of them with
 * the last. */
typedef void run_step_fn(void *arg, const struct step *s);

/* What is wrong with the record is in why. */
int run_new(const struct gen_submit *g, const struct ask_of *of,
    struct run **ret, struct fail *why) MUST_CHECK;

/* NULL is allowed. */
void run_free(struct run *r);

/* One more token, and perhaps the reason to end. */
void run_take(
    struct run *r, const struct result *res, run_step_fn *fn, void *arg);

/* What waited is delivered after all: the run ends. */
void run_deliver(struct run *r, run_step_fn *fn, void *arg);

/* The library has ended it by itself: of what, it does not say. */
int run_reason(const struct run *r);

/* What the library then has of a conversation; no key, if it is not known. */
struct ask_kept run_kept(const struct run *r);

/* The last word. Its strings live as long as the run. */
void run_last_word(struct run *r, int reason, struct gen_done *ret);

#endif
