/*
 * runner - the thread that is in the library.
 *
 * rkllm_run returns when a run is over, so it has a thread of its own and the
 * worker's loop never waits for it. What comes of a job is in a struct results,
 * RESULT_OVER last. Each callback is a beat on the progress page: it is the
 * library that must look stuck when it is, and nothing else beats here.
 *
 * A job with parts before its input has the library read these first, each in
 * RKLLM_MODE_HIDDEN with its history kept, which computes a prompt and
 * generates nothing. Its own input then continues that history. That an input
 * of tokens is taken as it is, without a chat template around it, and that mode
 * 1 leaves what it has read in the KV cache, is assumed of the real library.
 */
#ifndef WORKER_RKLLM_RUNNER_H
#define WORKER_RKLLM_RUNNER_H

#include "worker/rkllm/lib.h"
#include "worker/rkllm/results.h"
#include "worker/rkllm/setup.h"

#include "wire/msg.h"
#include "wire/progress.h"

#include <stdatomic.h>

/* What it points at is the caller's until RESULT_OVER. */
struct job {
	const struct lib_input *parts; /* read before its input */
	uint32_t n_parts;
	const struct lib_input *input;
	struct lib_infer infer;
	uint32_t n_row;	    /* numbers of an embedding in it; 0: it has none */
	uint32_t row;	    /* the first that is wanted, of modes 1 and 2 */
	bool goes_on;	    /* from what is in the KV cache */
	struct setup setup; /* its texts are who made the job's */
	struct rkllm_cross_attn_param cross; /* where setup.has_cross */
	struct runner_lora *lora;	     /* or NULL */
	uint32_t epoch; /* with an adapter of a later one, none before stays */
	uint32_t cache; /* id of the prompt cache to begin with; 0: none */
	const char *cache_path;
};

/* An adapter of a client; the library is told of it when a job first wants it. */
struct runner_lora {
	char path[32];
	char name[32];
	float scale;
	uint32_t life; /* of the model that it is loaded in; 0: none */
};

struct runner {
	struct lib *lib;
	struct results *results;
	struct progress *p;	/* or NULL */
	struct lib_param param; /* of init, for the next */
	struct setup setup;	/* what it is told */
	uint32_t life;	/* of the model: 1, 2 after it was loaded anew ... */
	uint32_t epoch; /* of the adapters that it has */
	uint32_t cache; /* the prompt cache that it has; 0: none */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t has_news;
	const struct job *job; /* NULL: none */
	bool is_leaving;
	bool is_dirty;		  /* the KV cache may hold something */
	atomic_bool is_cancelled; /* the job */
	uint32_t n_embd;	  /* numbers of an embedding; 0: not known */
	atomic_bool is_asking;	  /* for that */
	atomic_bool is_reading;	  /* a part: what it generates is not wanted */
	atomic_bool wants_rows;	  /* its mode is not RKLLM_MODE_GENERATE */
	atomic_bool is_running;	  /* a callback now is of the job */
};

/* The library is initialized with runner_on_result and r. 0 or ERR_NOMEM. r must
 * not move. */
int runner_init(struct runner *r, struct lib *lib, struct results *results,
    struct progress *p) MUST_CHECK;

/* Makes the thread. 0 or ERR_NOMEM. */
int runner_start(struct runner *r) MUST_CHECK;

/* Whether a job first needs the model loaded anew, for another setup, with 1.2.x
 * another sampler, or to be rid of adapters; the KV cache goes then. There must be no job. */
bool runner_must_reload(const struct runner *r, const struct job *job);

/* Whether a job begins with an empty KV cache, whatever was in it: it was loaded
 * anew, or asked how long its embeddings are. There must be no job. */
bool runner_forgets(const struct runner *r, const struct job *job);

/* Ends it; false if the library does not let it go within a second: then
 * nothing that it uses may be freed. */
bool runner_stop(struct runner *r);

int runner_on_result(struct rkllm_result *result, void *userdata, int state);

/* There must be none: RESULT_OVER has come for the last one. */
void runner_begin(struct runner *r, const struct job *job);

/* Asks it to end; the results are closed. To be repeated for each
 * RESULT_DROPPED: the first may have come before the library was in its run. */
void runner_cancel(struct runner *r);

#endif
