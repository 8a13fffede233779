/*
 * model - one loaded GGUF model: weights, KV cache, vocabulary, threads.
 */
#ifndef WORKER_LLAMA_MODEL_H
#define WORKER_LLAMA_MODEL_H

#include "worker/chat.h"
#include "worker/files.h"
#include "worker/llama/adapters.h"
#include "worker/llama/kernels.h"
#include "worker/llama/pool.h"
#include "worker/plan.h"

#include "wire/msg.h"
#include "wire/progress.h"

#include <llama.h>
#include <signal.h>

struct ggml_threadpool;

/* What a batch is, and so with how many threads it is computed. */
enum batch_kind {
	BATCH_STEP,  /* one token of each of some sequences */
	BATCH_CHUNK, /* many tokens of one sequence */
	BATCH_KINDS
};

#define POOLS_MAX 12 /* of 1, 2, 4 ... 512 threads, and of all cores */

struct pool {
	int32_t n; /* threads; 0: none */
	struct ggml_threadpool *threads;
};

struct model {
	struct llama_model *weights;
	struct llama_context *ctx;
	const struct llama_vocab *vocab;
	struct chat *chat;
	struct adapters adapters;
	struct llama_batch batch;  /* room for n_batch tokens */
	struct llama_batch embeds; /* of rows; made when it is wanted */
	struct llama_batch *now;   /* the one that is being filled */
	uint32_t n_batch;
	uint32_t n_embd;     /* numbers of an embedding that goes in */
	uint32_t n_pos;	     /* of positions that each has */
	uint32_t n_ctx;	     /* tokens of one sequence */
	uint32_t n_ctx_most; /* that a client may ask for */
	uint32_t n_seq;
	uint32_t gpu_layers; /* as asked for */
	uint32_t n_vocab;
	uint32_t chunk;
	uint32_t n_rows;      /* of logits that a batch may ask for */
	uint32_t n_cols;      /* floats of a hidden state */
	uint32_t rows_chunk;  /* tokens of a batch whose rows are all wanted */
	bool is_one_way;      /* the cache cannot remove a tail */
	bool gives_hidden;    /* the context computes hidden states */
	bool is_suffix_first; /* of code with a hole, by its settings */
	bool no_embeds;	      /* by its settings */
	bool only_embeds; /* a prompt is one batch, and nothing follows it */
	bool is_ranker;	  /* and one row comes of it: scores */
	enum pooling pooling; /* as set or filed; POOL_MODEL: neither says */
	uint32_t n_scores;    /* of a ranker */
	bool is_fast;	      /* set up for speed first: --resume fast */
	ggml_backend_t cpu;   /* the context's; NULL: not known */
	enum kernels kernels; /* for output that shall be exact */
	enum plan_rule rule;  /* by which it is; PLAN_FREE: it cannot be */
	int32_t threads[BATCH_KINDS];
	struct pool pools[POOLS_MAX];
	enum batch_kind attached; /* whose pool the context has now */
	struct digested file;	  /* of the weights */
	int32_t *bans;	 /* end tokens, then what the model suppresses */
	uint32_t n_ends; /* of bans */
	uint32_t n_bans;
	size_t longest; /* bytes of the longest token's text */
	char arch[64];
	char desc[128];
	_Atomic int is_interrupted; /* end the batch that runs */
	uint64_t deadline_us; /* the same, at that time; UINT64_MAX: never */
};

/* Loads the files; all of cfg but the thread counts, which
 * threads_choose() sets. 0 or an ERR_*; after a failure, model_done() is
 * still wanted. m must be zeroed and must not move. */
int model_load(struct model *m, const struct worker_load *cfg,
    const struct files *files, struct progress *p, struct fail *why) MUST_CHECK;
void model_done(struct model *m);

/* The bytes of a token, in room that the next call uses again. */
struct str model_piece(const struct model *m, int32_t token, bool special,
    char *room, size_t n_room);

bool model_is_end(const struct model *m, int32_t token);

#endif
