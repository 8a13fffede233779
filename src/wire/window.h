/*
 * window - what a context that is full goes on with.
 *
 * Its first tokens stay, of the rest the older half goes. Worker and front
 * both reckon by this, so what a conversation has is known without asking.
 */
#ifndef WIRE_WINDOW_H
#define WIRE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

/* How many of n tokens go, from the n_keep-th on: at least one, and at most
 * all behind those. n_keep is cut to what leaves room. */
struct window_cut {
	uint32_t from;
	uint32_t n;
};

/* n: tokens there are, at least 2. n_keep < 0: the first n_prompt. */
struct window_cut window_cut(uint32_t n, int32_t n_keep, uint32_t n_prompt);

/* Cuts them out; returns how many are left. */
uint32_t window_apply(struct window_cut cut, int32_t *tokens, uint32_t n);

#endif
