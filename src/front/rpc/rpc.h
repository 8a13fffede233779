/*
 * rpc - a client of the Unix socket: its framing, its model, its runs.
 *
 * What the files of this folder share. The doors to the rest of the front are
 * rpc_accept() and rpc_refusal() in front/listener.h.
 *
 * Messages are handled in the order they came, each to its end, but for two
 * things that take time: runs, which go on by themselves, and a change of the
 * client's model (init, destroy). While a change is under way, a message that
 * needs its outcome waits, and those behind it.
 */
#ifndef FRONT_RPC_RPC_H
#define FRONT_RPC_RPC_H

#include "base/list.h"
#include "front/rpc/call.h"
#include "front/rpc/cross.h"
#include "front/rpc/param.h"
#include "json/frame.h"
#include "json/read.h"
#include "rkllm/style.h"

#include <stdbool.h>

struct conn;
struct front;
struct model;
struct run;
struct want;

/* Containers in one another in a message. */
#define RPC_DEPTH 64u
/* Bytes of an id: it is repeated with every token. */
#define RPC_ID_MAX 1024u
/* Requests in a batch: each may cost a reply. */
#define RPC_BATCH_MAX 1024u
/* Names of unknown fields that are warned of, per connection. */
#define RPC_WARNED_MAX 32u

struct attach;
struct attached;
struct speaker;

/* An init, a destroy or a load of a file that is not answered yet. */
struct change {
	struct call call;
	struct want *want;	  /* init: until the model is there */
	struct attach *attach;	  /* a file: until it is there */
	struct reload *reload;	  /* until the keeper has done it */
	void *what;		  /* a file: what it is for ... */
	void (*drop)(void *what); /* ... and how that is freed */
	bool is_run;		  /* a run that is to begin then */
	struct rkllm_param param; /* init: for the runs to come */
};

struct warned {
	uint32_t n;
	uint32_t hash[RPC_WARNED_MAX];
};

struct rpc {
	struct conn *conn;
	struct front *front;
	struct json_frame frame;
	size_t scanned;	     /* bytes of conn_in() that frame has seen */
	size_t whole;	     /* the last of those: a message; 0: unfinished */
	struct batch *batch; /* a message that waits: its replies so far, */
	uint32_t n_done;     /* and how many of its requests are handled */
	uint32_t model;	     /* id; one model_want() of ours; 0: none loaded */
	struct change *change;	  /* what waits; NULL: nothing */
	struct rkllm_param param; /* defaults of runs, from init */
	struct list adapters;	  /* struct adapter, of load_lora */
	struct attached *cache;	  /* of load_prompt_cache; NULL: none */
	struct style style;	  /* how what is said becomes a prompt */
	struct cross cross;	  /* of set_cross_attn_params */
	size_t setup_share;	  /* of the two, that front/intake.h counts */
	struct speaker *speakers; /* of runs with keep_history; one each input
				   * of a run; NULL: no model is loaded */
	uint32_t n_speakers;
	uint64_t talk_file; /* a hash of which file they are of */
	struct list runs;   /* struct run */
	uint32_t n_runs;
	struct run *line;      /* whose line is being written; NULL: none */
	struct buf held;       /* what others have to say meanwhile */
	uint64_t unread;       /* what rows of runs that are over may take */
	struct warned *warned; /* NULL until there is something */
	struct buf nowhere;    /* takes nothing: answers to notifications */
	bool is_waiting;       /* the message is for after the change */
	bool is_skipping;      /* nothing of the unfinished one is kept */
	bool is_closing;       /* conn_finish() was called: say no more */
};

/* A run or a change ended: goes on with what waited for it; after the client's
 * last byte, or when the server stops, closes once nothing is owed. */
void rpc_settled(struct rpc *r);

/* Where a whole line is to be written; then conn_touch(). */
struct buf *rpc_out(struct rpc *r);

/* Stops or goes on with reading requests, as answers can be said or not. */
void rpc_update_pause(struct rpc *r);

/* The client's model; NULL if it has none. */
struct model *rpc_model(const struct rpc *r);

/* An error that belongs to no request (id null), as a line. */
void rpc_complain(struct rpc *r, int code, const char *text);
void rpc_complain_of(struct rpc *r, const struct fail *why);

/* Warns of a field that nobody knows, once per name. */
void rpc_warn_unknown(struct rpc *r, const char *where, const char *name);

/* message.c: handles the message that is whole. False: it waits, and comes
 * again when rpc_settled() lets it. */
bool message_handle(struct rpc *r) MUST_CHECK;

#endif
