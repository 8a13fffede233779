/*
 * run_own - what a run is. Private to run.c, which has all runs, and rows.c,
 * which writes the rows of those that asked for them.
 */
#ifndef FRONT_RPC_RUN_OWN_H
#define FRONT_RPC_RUN_OWN_H

#include "base/list.h"
#include "front/gen.h"
#include "front/rpc/rpc.h"
#include "front/rpc/run.h"
#include "front/rpc/submit.h"

struct array;

struct run {
	struct list link; /* in rpc->runs */
	struct rpc *rpc;
	struct gen *gen;	  /* NULL: it is over, and is_over */
	struct str id;		  /* in head; empty: nobody is told */
	int32_t token;		  /* the last one */
	struct attached *adapter; /* that it has; NULL: none */
	struct attached *cache;	  /* likewise */
	struct attached *save;	  /* where its prompt goes; NULL: nowhere */
	struct timer *save_timer; /* NULL: that is not waited for */
	uint32_t n_system;	  /* tokens of its system prompt */
	bool is_turn;		  /* of the client's conversation */
	enum gen_mode mode;
	uint32_t n_cols;      /* floats of a row */
	uint32_t n_rows;      /* written */
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
#define STATE ",\"_callback_state\":"

/* Begins with it, and answers c; run is gone if it cannot. */
void run_go(struct call *c, struct run *run, struct gen_submit *req,
    const struct submit_about *about, bool has_reply);

/* It ends: the last reply, and run is gone. */
void run_end(struct run *run, const struct gen_done *d);

/* The same by an error; its worker may still be at it. */
void run_fail(struct run *run, const struct fail *why);

#endif
