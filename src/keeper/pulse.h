/*
 * pulse - whether a child still gets on, told from its progress page.
 *
 * A child at work owes progress by a deadline: --hang-timeout, or 20 times the
 * longest of what such work takes by the child's own measure (a running 99th
 * percentile of its steps, and what it announced for the unit under way). So a
 * long prompt on a slow machine is not a hang, and a step 19 times as long as
 * usual is not either. Until a worker's pace is known its first step has as
 * long as loading has between two signs of life.
 *
 * A child that says it is idle owes nothing, unless somebody waits for it:
 * then silence counts as well.
 *
 * Only time in which the keeper itself looked is counted, so that a keeper
 * that was stopped, and a machine that slept, blame nobody. Nor is time in
 * which the child waited for a processor that others had. No clock and no
 * process in here: super.c looks.
 */
#ifndef KEEPER_PULSE_H
#define KEEPER_PULSE_H

#include "wire/progress.h"

#include <stdbool.h>
#include <stdint.h>

struct pulse_limits {
	uint32_t hang_ms;  /* the least deadline; 0: nothing is ever a hang */
	uint32_t first_ms; /* the least while the pace is not known */
};

struct pulse {
	struct pulse_limits limits;
	uint64_t count;	     /* of the page, at the last look: count + turns */
	uint32_t phase;	     /* at the last look */
	uint64_t looked_ms;  /* when; 0: never */
	uint64_t waited_ms;  /* for a processor, until then */
	uint64_t awaited_ms; /* when somebody last waited for it; 0: nobody */
	uint64_t still_ms;   /* how long nothing has moved, though it should */
};

/* For a new process. */
void pulse_init(struct pulse *p, const struct pulse_limits *limits);

/* Milliseconds from one look to the next; 0: none is needed. */
uint64_t pulse_interval(const struct pulse_limits *limits);

/* Somebody waits for the child, whatever its page says. Good until the child
 * moves, or for two looks: to be repeated while it is so. */
void pulse_await(struct pulse *p, uint64_t now_ms);

/* True when the child is stuck: still_ms says for how long. waited_ms: for a
 * processor, in all its life (waited.h). */
bool pulse_look(struct pulse *p, const struct progress *page, uint64_t now_ms,
    uint64_t waited_ms);

/* Whether it said that it is idle, and nothing has moved since the look
 * before the last. */
bool pulse_is_idle(const struct pulse *p);

/* The deadline for the unit of work that the page tells of. */
uint64_t pulse_deadline(
    const struct pulse_limits *limits, const struct progress *page);

#endif
