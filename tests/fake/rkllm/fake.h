/*
 * What the fake librkllmrt knows of a model that is loaded: rkllm.c says how it
 * behaves.
 */
#ifndef FAKE_RKLLM_H
#define FAKE_RKLLM_H

#include <pthread.h>

#if FAKE_LAYOUT == 13
#include "rkllm/abi13.h"
#define PARAM rkllm13_param
#define INPUT rkllm13_input
#define INFER rkllm13_infer_param
#else
#include "rkllm/abi12.h"
#define PARAM rkllm12_param
#define INPUT rkllm12_input
#define INFER rkllm12_infer_param
#endif

struct fake {
	struct PARAM param;
	rkllm_result_fn *on;
	void *userdata;
	char prompt[65536]; /* of the history; or empty */
	int n_read;	    /* tokens that the history has, without answers */
	int n_said;	    /* tokens of the answer to the last prompt */
	int n_all;	    /* tokens in it */
	int n_loads;	    /* of the model, in this process */
	char system[64];    /* of the template that was set; "-": none */
	char loras[64][32]; /* names */
	int n_loras;
	char cross[96];	 /* an encoder's keys; or "" */
	int cache;	 /* tokens of the one that is loaded; 0: none */
	char waiting[4]; /* bytes of a character */
	int n_waiting;
	pthread_mutex_t lock;
	int is_running;
	int is_aborted;
};

#endif
