/*
 * cross - what an encoder has computed, for a decoder that looks at it: a
 * client's, from set_cross_attn_params to destroy or the next.
 *
 * How many layers and heads there are only the engine knows; here the sizes are
 * checked against the number of tokens and each other.
 */
#ifndef FRONT_RPC_CROSS_H
#define FRONT_RPC_CROSS_H

#include "front/rpc/method.h"
#include "wire/msg.h"

/* Numbers as they go into a record; without keys there are none. */
struct cross {
	struct buf keys;
	struct buf values;
	struct buf mask;
	struct buf pos;
};

extern const struct shape shape_cross_attn;

void cross_init(struct cross *x);
void cross_done(struct cross *x);

/* Memory that it takes. */
size_t cross_bytes(const struct cross *x);

/* rkllm.set_cross_attn_params */
void cross_set(struct call *c, const struct args *a);

/* For a run: *ret points into x. */
void cross_fill(const struct cross *x, struct gen_submit *ret);

#endif
