/*
 * Every order in which requests, cancels, unloads, deaths, failures and
 * messages can come, for a few models and room for fewer: the tables of both
 * sides (keeper/room.c, front/stay.c), with the channels between them, by
 * exhaustion. What keeper and front do beside their tables is told here in as
 * few words as possible (model.c, modelask.c, modelroom.c; model.c, letgo.c).
 *
 * In each state: never more in memory than there is room for; nothing is sent
 * to a worker that was told to leave. And from each state, if nothing new
 * comes, everything comes to rest with nobody waiting.
 */
#include "router_front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Hashes of the states seen, open addressing; 0 is free. */
#define SEEN_BITS 22u
#define SEEN_MAX (3u << 20)

struct search {
	uint64_t *seen;
	size_t n_seen;
	struct world *stack;
	size_t n, room;
	bool is_cut; /* not all was seen */
};

static uint64_t
hash(const struct world *w)
{
	const unsigned char *p = (const void *)w;
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < sizeof(*w); i++)
		h = (h ^ p[i]) * 1099511628211u;
	h ^= h >> 29;
	return h == 0 ? 1 : h;
}

/* False if it was there. */
static bool
see(struct search *s, const struct world *w)
{
	uint64_t h = hash(w);
	size_t at = h >> (64 - SEEN_BITS);

	while (s->seen[at] != 0 && s->seen[at] != h)
		at = (at + 1) & ((1u << SEEN_BITS) - 1);
	if (s->seen[at] == h)
		return false;
	s->seen[at] = h;
	s->n_seen++;
	return true;
}

static void
push(void *arg, const struct world *w)
{
	struct search *s = arg;

	if (s->n_seen >= SEEN_MAX)
		s->is_cut = true;
	if (s->is_cut || !see(s, w))
		return;
	if (s->n == s->room) {
		s->room = s->room == 0 ? 1024 : s->room * 2;
		s->stack = realloc(s->stack, s->room * sizeof(*w));
		assert_non_null(s->stack);
	}
	s->stack[s->n++] = *w;
}

/* The first way on, taken. */
static void
take_first(void *arg, const struct world *w)
{
	struct world *to = arg;

	if (!to->is_taken)
		*to = *w;
	to->is_taken = true;
}

static void
comes_to_rest(const struct world *from)
{
	struct world w = *from, next;

	for (int i = 0; i < 500; i++) {
		memset(&next, 0, sizeof(next));
		world_progress(&w, take_first, &next);
		if (!next.is_taken) {
			if (!world_is_at_rest(&w)) {
				world_print(from);
				world_print(&w);
				fail_msg("somebody waits for ever");
			}
			return;
		}
		next.is_taken = false;
		w = next;
	}
	world_print(from);
	fail_msg("it goes round and round");
}

static void
check(const struct world *w)
{
	const char *why = world_fault(w);

	if (why != NULL) {
		world_print(w);
		fail_msg("%s", why);
	}
	comes_to_rest(w);
}

static void
explore(const struct world *from, const char *what)
{
	struct search s = { .seen = calloc(1u << SEEN_BITS, sizeof(uint64_t)) };

	assert_non_null(s.seen);
	push(&s, from);
	while (s.n > 0) {
		struct world w = s.stack[--s.n];

		check(&w);
		world_progress(&w, push, &s);
		world_disturb(&w, push, &s);
	}
	printf("%s: %zu states%s\n", what, s.n_seen, s.is_cut ? ", cut" : "");
	assert_false(s.is_cut);
	free(s.stack);
	free(s.seen);
}

static struct world
world(uint8_t models, uint8_t max, uint8_t requests)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	w.n = models;
	w.max = max;
	w.requests = requests;
	world_init(&w);
	return w;
}

static void
requests_alone(void **state)
{
	struct world w = world(3, 1, 3);

	(void)state;
	explore(&w, "3 models, room for 1, 3 requests");
	w = world(3, 2, 4);
	explore(&w, "3 models, room for 2, 4 requests");
	w = world(2, 1, 6);
	explore(&w, "2 models, room for 1, 6 requests");
}

static void
with_cancels_and_unloads(void **state)
{
	struct world w = world(2, 1, 3);

	(void)state;
	w.cancels = w.unloads = 1;
	explore(&w, "2 models, room for 1, a cancel, an unload");
	w = world(3, 1, 3);
	w.cancels = w.unloads = 1;
	explore(&w, "3 models, room for 1, a cancel, an unload");
}

static void
with_deaths_and_failures(void **state)
{
	struct world w = world(2, 1, 3);

	(void)state;
	w.crashes = w.failures = 1;
	explore(&w, "2 models, room for 1, a crash, a failed load");
	w = world(3, 2, 3);
	w.crashes = w.failures = 1;
	explore(&w, "3 models, room for 2, a crash, a failed load");
}

static void
with_everything(void **state)
{
	struct world w = world(2, 1, 2);

	(void)state;
	w.cancels = w.unloads = w.crashes = w.failures = w.front_deaths = 1;
	explore(&w, "2 models, room for 1, one of everything");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_alone),
		cmocka_unit_test(with_cancels_and_unloads),
		cmocka_unit_test(with_deaths_and_failures),
		cmocka_unit_test(with_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
