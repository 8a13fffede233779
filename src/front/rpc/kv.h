/*
 * kv - a client's conversation (rkllm/talk.h), as far as its methods go: what
 * keep_history adds to, and the KV cache's size and clearing.
 */
#ifndef FRONT_RPC_KV_H
#define FRONT_RPC_KV_H

#include "front/rpc/method.h"
#include "wire/msg.h"

struct gen;

/* What rkllm.clear_kv_cache takes. */
extern const struct shape shape_clear;

void kv_clear(struct call *c, const struct args *a);
void kv_size(struct call *c, const struct args *a);

/* A model was loaded: n conversations that are empty. 0 or ERR_NOMEM. */
int kv_open(struct rpc *r, uint32_t n) MUST_CHECK;

/* It goes, and they. Harmless where there are none. */
void kv_close(struct rpc *r);

/* A run that is to be a turn of the seq-th conversation: fills in what it goes on
 * from, maybe in mem, which is empty. 0; ERR_BUSY: another one is not done;
 * ERR_NOMEM or ERR_TOO_BIG. */
int kv_begin(struct rpc *r, uint32_t seq, struct buf *mem, struct gen_submit *g,
    struct fail *why) MUST_CHECK;

/* It is over, or was not begun. g: it is to be added, with the system prompt of its start; NULL:
 * it is not. */
void kv_end(struct rpc *r, uint32_t seq, struct gen *g, uint32_t n_system);

#endif
