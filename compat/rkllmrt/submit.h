/*
 * submit - a run as a C program asks for it, into the record that an engine
 * takes (struct gen_submit).
 */
#ifndef RKLLMRT_SUBMIT_H
#define RKLLMRT_SUBMIT_H

#include "lora.h"

#include "rkllm/abi13.h"
#include "rkllm/style.h"
#include "rkllm/talk.h"

/* Around an image's embeddings, and of their place: for inputs without their
 * own. Each may be "". */
struct marks {
	char *start;
	char *end;
	char *content;
};

/* What is asked, and of whom. */
struct ask {
	const struct rkllm13_param *param;
	const struct rkllm13_input *input;
	const struct rkllm13_infer_param *infer;
	const struct style *style;
	const struct talk *talk; /* that a run with keep_history goes on from */
	const struct loras *loras;
	uint64_t gen; /* its id */
	const struct marks *marks;
	uint32_t prompt_cache; /* to begin with; 0: none */
	uint32_t n_ctx;	       /* what a prompt must fit into */
	uint32_t n_embd;       /* numbers of an embedding; 0: it takes none */
};

/* Checks it and packs the record into ret (unpack it with layout_gen_submit);
 * nothing of the caller's is kept. 0, or an ERR_* with *why. */
int submit_pack(const struct ask *a, struct buf *ret, struct fail *why)
    MUST_CHECK;

#endif
