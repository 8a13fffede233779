/*
 * several - a request for many small things of one model, each a generation of
 * its own: a few of them run at once, the next begins when one is done, and
 * while the client does not read what there is none begins.
 *
 * What is asked and what is made of it is the caller's, by struct several_ops.
 */
#ifndef HTTP_SEVERAL_H
#define HTTP_SEVERAL_H

#include "front/deadline.h"
#include "wire/msg.h"

struct http;
struct model;

#define SEVERAL_AT_ONCE 8u /* of a request; a place each */

/* i: which of them. */
struct several_ops {
	uint32_t at_once; /* 1 to SEVERAL_AT_ONCE */
	/* The first whose place in the answer is not over: none begins that is
	 * at_once or more behind it. NULL: their order is no matter. */
	uint32_t (*turn)(const void *arg);
	/* The record of the i-th; what it points to is good until the next
	 * call. 0, or an ERR_* with *why. */
	int (*make)(
	    void *arg, uint32_t i, struct gen_submit *ret, struct fail *why);
	/* As of struct gen_ops; any may be NULL. */
	void (*started)(void *arg, uint32_t i, const struct gen_started *s);
	void (*rows)(void *arg, uint32_t i, const struct gen_rows *r);
	/* False: it could not be taken, and is why all ends. */
	bool (*done)(
	    void *arg, uint32_t i, const struct gen_done *d, struct fail *why);
	/* All are done: answers. */
	void (*end)(void *arg, struct http *h);
	/* One failed, and with it all: answers. NULL: by error_reply(). */
	void (*failed)(void *arg, struct http *h, const struct fail *why);
	/* Last call; also when the client is gone. */
	void (*free)(void *arg);
};

/* Begins n of them, at least 1; arg is taken over when it is 0. The client hears
 * nothing before this returns. Else an ERR_* with *why, and arg stays. */
int several_start(struct http *h, struct model *m, uint32_t n,
    const struct gen_times *times, const struct several_ops *ops, void *arg,
    struct fail *why) MUST_CHECK;

/* The same where arg keeps so many bytes of the request until its end: they
 * count against --input-max. */
int several_keep(struct http *h, struct model *m, uint32_t n, size_t kept,
    const struct gen_times *times, const struct several_ops *ops, void *arg,
    struct fail *why) MUST_CHECK;

#endif
