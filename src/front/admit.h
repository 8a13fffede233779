/*
 * admit - whether a model takes one more generation of a client.
 */
#ifndef FRONT_ADMIT_H
#define FRONT_ADMIT_H

#include "wire/msg.h"

struct client;
struct front;
struct gen_order;
struct model;
struct queue;

/* 0, and it counts against the client's rate, if it was not; ERR_STOPPING, ERR_BUSY,
 * ERR_POISON, or what keeps the model from serving, with *why. Whether the
 * queue has room is not asked here. */
int admit_check(struct model *m, const struct gen_order *order,
    const struct gen_submit *req, struct fail *why) MUST_CHECK;

/* Whether who has c's API key may use m: 0, or ERR_DENIED and *why. */
int admit_model(const struct model *m, const struct client *c, struct fail *why)
    MUST_CHECK;

/* Tokens that a prompt and its answer may have in m's worker; 0: there is none,
 * and nobody knows what the next one has room for. m may be NULL. */
uint32_t admit_context(const struct model *m);

/* Milliseconds until one more at the end of m's queue would get a slot, by
 * what those before it took; from a second to an hour. */
uint32_t admit_wait(const struct model *m);

/* What is said to whom a full queue of m's has no room for. Returns ERR_BUSY. */
int admit_full(const struct model *m, const struct queue *q, struct fail *why);

/* A generation that took that long has left its slot. */
void admit_note(struct model *m, uint64_t ms);

#endif
