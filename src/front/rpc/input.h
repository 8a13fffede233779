/*
 * input - RKLLMInput: what is said, in any of its four types.
 */
#ifndef FRONT_RPC_INPUT_H
#define FRONT_RPC_INPUT_H

#include "front/rpc/submit.h"

/* Fills in what a worker makes the prompt from; text and numbers of *ret point
 * into the request and into mem. Errors as submit_read(). */
int input_read(const struct submit *from, struct submit_mem *mem,
    struct gen_submit *ret, struct fail *f) MUST_CHECK;

#endif
