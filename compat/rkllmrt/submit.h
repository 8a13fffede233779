/*
 * submit - a run as a C program asks for it, into the record that an engine
 * takes (struct gen_submit).
 */
#ifndef RKLLMRT_SUBMIT_H
#define RKLLMRT_SUBMIT_H

#include "base/buf.h"
#include "rkllm/abi13.h"
#include "wire/msg.h"

/* What is asked, and of whom. */
struct ask {
	const struct rkllm13_param *param;
	const struct rkllm13_input *input;
	const struct rkllm13_infer_param *infer;
	uint64_t gen;	/* its id */
	uint32_t n_ctx; /* what a prompt must fit into */
};

/* Checks it and packs the record into ret (unpack it with layout_gen_submit);
 * nothing of the caller's is kept. 0, or an ERR_* with *why. */
int submit_pack(const struct ask *a, struct buf *ret, struct fail *why)
    MUST_CHECK;

#endif
