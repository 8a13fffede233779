/*
 * libargs - what librkllmrt's init and run are told, in one form for all of its
 * versions; lib12.c and lib13.c make their structs of it.
 */
#ifndef WORKER_RKLLM_LIBARGS_H
#define WORKER_RKLLM_LIBARGS_H

#include "rkllm/abi13.h"
#include "rkllm/call.h"

/* What init is told; the rest is as rkllm_createDefaultParam() has it. */
struct lib_param {
	const char *model_path;	 /* lives until destroy */
	int32_t max_context_len; /* 0: the library's own, which is put here */
	bool skip_special_token;
	bool use_cross_attn;
	const char *img_start; /* before 1.3.0; NULL: the library's own, as */
	const char *img_end;   /* the two below */
	const char *img_content;
	bool has_sampling; /* this one, in place of the library's own */
	struct rkllm13_sampling_param sampling; /* given back: init's */
};

struct lib_images {
	char *prompt;
	float *embed;
	size_t n_tokens; /* of one image */
	size_t n_images;
	size_t width;
	size_t height;
	const char *start; /* 1.3.0; 1.2.x has them at init */
	const char *end;
	const char *content;
};

/* Only what type says is looked at. */
struct lib_input {
	enum rkllm_input_type type;
	const char *role; /* "user", "tool"; or NULL */
	bool enable_thinking;
	const char *prompt;
	struct rkllm_token_input tokens;
	struct rkllm_embed_input embed;
	struct lib_images images;
};

struct lib_infer {
	enum rkllm_mode mode;
	bool keep_history;
	int32_t max_new_tokens;			       /* 1.3.0; <= 0: init's */
	const struct rkllm13_sampling_param *sampling; /* 1.3.0; NULL: init's */
	const char *lora;	/* a name of lib_load_lora(); NULL */
	const char *cache_path; /* NULL: none */
	bool save_cache;	/* to it */
};

#endif
