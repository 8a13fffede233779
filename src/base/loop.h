/*
 * loop - the event loop of the keeper and the front: descriptors, timers,
 * signals. The only file that knows libevent (core) is loop.c.
 *
 * Everything runs on one thread. A callback may free its own or any other
 * watch or timer; it is not called again after that. Allocation failure is
 * the only error: constructors return NULL.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct watch;
struct timer;

#define WATCH_READ 1u
#define WATCH_WRITE 2u

/* events: what is ready, WATCH_* bits. A peer's hang-up shows as readable. */
typedef void (*watch_fn)(void *arg, unsigned events);
typedef void (*timer_fn)(void *arg);

struct loop *loop_new(void);
void loop_free(struct loop *l);

/* Runs until loop_stop(). Returns 0 or ERR_IO. */
int loop_run(struct loop *l) MUST_CHECK;
void loop_stop(struct loop *l);

/* fn hears of the beginning (true) and the end of each callback. */
void loop_observe(
    struct loop *l, void (*fn)(void *arg, bool begins), void *arg);

/* Watches fd for nothing until watch_want(). Does not own fd: close it after
 * watch_free(). */
struct watch *watch_new(struct loop *l, int fd, watch_fn fn, void *arg);
void watch_free(struct watch *w);

/* Sets what is waited for. The same again costs nothing. 0 or ERR_IO. */
int watch_want(struct watch *w, unsigned events) MUST_CHECK;

/* A timer fires once, ms from when it was last set. Setting it again moves it.
 * After firing it may be set again. */
struct timer *timer_new(struct loop *l, timer_fn fn, void *arg);
void timer_free(struct timer *t);
void timer_set(struct timer *t, uint64_t ms);
void timer_clear(struct timer *t);

/* Calls fn in the loop, not in the handler, when the signal has come. Lives as
 * long as the loop. 0 or ERR_NOMEM. */
int loop_on_signal(struct loop *l, int signo, timer_fn fn, void *arg)
    MUST_CHECK;

#endif
