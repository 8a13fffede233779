/*
 * user - what the programs of this folder share: they are written as users of
 * rkllm.h write theirs, and each is built for both versions of it.
 */
#ifndef COMPAT_USER_H
#define COMPAT_USER_H

#include "rkllm.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(is)                                                            \
	do {                                                                 \
		if (!(is)) {                                                 \
			(void)fprintf(                                       \
			    stderr, "%s:%d: %s\n", __FILE__, __LINE__, #is); \
			abort();                                             \
		}                                                            \
	} while (0)

#define TEXT_MAX 65536

/* What a run has said; hear() writes it. */
struct talk {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char text[TEXT_MAX];
	int n_texts;   /* callbacks with one */
	int n_waits;   /* callbacks without */
	int n_last;    /* of a run's end */
	int last;      /* an LLMCallState */
	int32_t token; /* the last one */
	int32_t tokens[4096];
	RKLLMPerfStat perf;
	const float *rows; /* of modes 1 and 2, until the next run */
	int n_rows;
	int n_cols;
	bool releases;	    /* them, at once */
	int pause_at;	    /* pause with the n-th text; 0: never */
	int hold_at;	    /* the callback with the n-th waits ... */
	bool is_let_go;	    /* ... for this; talk_let_go() */
	LLMHandle abort_in; /* abort with the first text */
	pthread_t thread;   /* that called back */
};

static inline void
talk_init(struct talk *t)
{
	(void)memset(t, 0, sizeof(*t));
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->changed, NULL);
}

static inline void
talk_text(struct talk *t, const RKLLMResult *result)
{
	size_t n = strlen(t->text);

	CHECK(n + strlen(result->text) < TEXT_MAX);
	(void)strcpy(t->text + n, result->text);
	t->tokens[t->n_texts % 4096] = result->token_id;
	t->n_texts++;
}

static inline bool
talk_rows(struct talk *t, const RKLLMResult *result)
{
	const RKLLMResultLastHiddenLayer *h = &result->last_hidden_layer;
	const RKLLMResultLogits *l = &result->logits;

	CHECK(h->hidden_states == NULL || l->logits == NULL);
	if (h->hidden_states == NULL && l->logits == NULL)
		return false;
	CHECK(t->n_rows == 0);
	t->rows = h->hidden_states != NULL ? h->hidden_states : l->logits;
	t->n_rows = h->hidden_states != NULL ? h->num_tokens : l->num_tokens;
	t->n_cols = h->hidden_states != NULL ? h->embd_size : l->vocab_size;
	return true;
}

static inline int
hear(RKLLMResult *result, void *userdata, LLMCallState state)
{
	struct talk *t = userdata;
	LLMHandle victim = NULL;
	int verdict = 0;

	CHECK(t != NULL);
	(void)pthread_mutex_lock(&t->lock);
	t->thread = pthread_self();
	t->token = result->token_id;
	if (talk_rows(t, result)) {
		CHECK(state == RKLLM_RUN_NORMAL && result->text == NULL);
		verdict = t->releases ? 2 : 0;
	} else if (state == RKLLM_RUN_NORMAL) {
		CHECK(result->text != NULL);
		talk_text(t, result);
		verdict = t->n_texts == t->pause_at ? 1 : 0;
		victim = t->abort_in;
	} else if (state == RKLLM_RUN_WAITING) {
		CHECK(result->text == NULL);
		t->n_waits++;
	} else {
		CHECK(result->text == NULL);
		t->n_last++;
		t->last = state;
		t->perf = result->perf;
	}
	(void)pthread_cond_broadcast(&t->changed);
	while (t->n_texts > 0 && t->n_texts == t->hold_at && !t->is_let_go)
		(void)pthread_cond_wait(&t->changed, &t->lock);
	(void)pthread_mutex_unlock(&t->lock);
	if (victim != NULL)
		(void)rkllm_abort(victim);
	return verdict;
}

/* Until it has had n texts, or its end. */
static inline void
talk_wait(struct talk *t, int n_texts)
{
	(void)pthread_mutex_lock(&t->lock);
	while (t->n_texts < n_texts && t->n_last == 0)
		(void)pthread_cond_wait(&t->changed, &t->lock);
	(void)pthread_mutex_unlock(&t->lock);
}

static inline void
talk_wait_end(struct talk *t)
{
	talk_wait(t, TEXT_MAX);
}

static inline void
talk_let_go(struct talk *t)
{
	(void)pthread_mutex_lock(&t->lock);
	t->is_let_go = true;
	(void)pthread_cond_broadcast(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
}

/* A greedy program's parameters. */
static inline RKLLMParam
user_param(void)
{
	RKLLMParam p = rkllm_createDefaultParam();

	p.model_path = getenv("BULKHEAD_MODEL");
	p.temperature = 0;
	p.max_new_tokens = 48;
	return p;
}

/* userdata: where init has a place for it. */
static inline int
user_init(LLMHandle *h, RKLLMParam *p, void *userdata)
{
#ifdef RKLLM_1_2
	(void)userdata;
	return rkllm_init(h, p, hear);
#else
	RKLLMCallback c;

	(void)memset(&c, 0, sizeof(c));
	c.result_callback = hear;
	c.result_userdata = userdata;
	return rkllm_init(h, p, &c);
#endif
}

static inline LLMHandle
user_open(void)
{
	RKLLMParam p = user_param();
	LLMHandle h = NULL;

	CHECK(user_init(&h, &p, NULL) == 0);
	CHECK(h != NULL);
	return h;
}

static inline RKLLMInput
user_prompt(const char *text)
{
	RKLLMInput in;

	(void)memset(&in, 0, sizeof(in));
	in.role = "user";
	in.input_type = RKLLM_INPUT_PROMPT;
	in.prompt_input = text;
	return in;
}

static inline RKLLMInferParam
user_infer(void)
{
	RKLLMInferParam how;

	(void)memset(&how, 0, sizeof(how));
	how.mode = RKLLM_INFER_GENERATE;
	return how;
}

/* A whole run, waited for; t has what it said. */
static inline int
user_run(LLMHandle h, const char *text, struct talk *t)
{
	RKLLMInput in = user_prompt(text);
	RKLLMInferParam how = user_infer();

	return rkllm_run(h, &in, &how, t);
}

/* Runs that hardly end before they are told to. */
static inline LLMHandle
user_open_endless(void)
{
	RKLLMParam p = user_param();
	LLMHandle h = NULL;

	p.max_new_tokens = -1;
	p.max_context_len = 1024;
	p.temperature = 1.0f;
	p.top_k = 0;
	p.top_p = 1.0f;
#ifndef RKLLM_1_2
	p.ignore_eos_token = true;
#endif
	CHECK(user_init(&h, &p, NULL) == 0);
	return h;
}

#endif
