/*
 * run_own - what a run is. Private to run.c, which has all runs, rows.c, which
 * writes the rows of those that asked for them, cache.c and group.c.
 */
#ifndef FRONT_RPC_RUN_OWN_H
#define FRONT_RPC_RUN_OWN_H

#include "base/list.h"
#include "front/gen.h"
#include "front/rpc/rpc.h"
#include "front/rpc/run.h"
#include "front/rpc/submit.h"

struct array;
struct group;

struct run {
	struct list link; /* in rpc->runs */
	struct rpc *rpc;
	struct gen *gen;	  /* NULL: it is over, and is_over */
	struct str id;		  /* in head; empty: nobody is told */
	int32_t token;		  /* the last one */
	bool is_ids;		  /* its prompt came as token ids */
	struct attached *adapter; /* that it has; NULL: none */
	struct attached *cache;	  /* likewise */
	struct attached *save;	  /* where its prompt goes; NULL: nowhere */
	struct timer *save_timer; /* NULL: that is not waited for */
	uint32_t n_system;	  /* tokens of its system prompt */
	bool is_turn;		  /* of a conversation of the client's */
	uint32_t seq;		  /* which; of n_batch inputs */
	struct group *group;	  /* those; NULL: it is the only one */
	enum gen_mode mode;
	uint32_t n_cols;      /* floats of a row */
	uint32_t n_rows;      /* written */
	uint64_t hold;	      /* of what arrays may take */
	struct buf early;     /* floats that came while another had the line */
	bool wants_memfd;     /* in place of text: */
	struct array *memfd;  /* NULL: not yet, or there are no rows to be */
	bool is_over;	      /* its end waits until those are written */
	struct gen_done last; /* then what that end is, but for strings */
	struct str head;      /* of each reply, up to the text; in mem */
	char mem[];
};

#define NO_HIDDEN                                         \
	",\"last_hidden_layer\":{\"hidden_states\":null," \
	"\"embd_size\":0,\"num_tokens\":0}"
#define NO_LOGITS                                        \
	",\"logits\":{\"logits\":null,\"vocab_size\":0," \
	"\"num_tokens\":0}"
#define PERF ",\"perf\":{\"prefill_time_ms\":"
#define NO_PERF                                              \
	"0.0,\"prefill_tokens\":0,\"generate_time_ms\":0.0," \
	"\"generate_tokens\":0,\"memory_usage_mb\":0.0}"

/* Begins with it, and answers c; run is gone if it cannot. joined: an empty
 * buf, for what goes before the request. */
void run_go(struct call *c, struct run *run, struct buf *joined,
    struct gen_submit *req, const struct submit_about *about, bool has_reply);

/* Makes one that answers c; NULL: no memory. */
struct run *run_new(const struct call *c);

/* Adds it to its client's. 0, or why not: then run is still the caller's. */
int run_begin(struct run *run, struct buf *joined, struct gen_submit *req,
    const struct submit_about *about, struct fail *why) MUST_CHECK;

/* Frees it with all that it has, begun or not; NULL is allowed. */
void run_discard(struct run *run);

/* What a run of c is read from. */
struct submit run_source(const struct call *c, const struct args *a);

/* The end of a reply: state, a digit, and which input it is of. */
void run_put_state(const struct run *run, struct buf *out, char state);

/* It ends: the last reply, and run is gone. */
void run_end(struct run *run, const struct gen_done *d);

/* The same by an error; its worker may still be at it. */
void run_fail(struct run *run, const struct fail *why);

#endif
