#include "worker/rkllm/results.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int
results_init(struct results *q)
{
	*q = (struct results){ .is_open = true,
		.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (q->wake < 0)
		return ERR_IO;
	(void)pthread_mutex_init(&q->lock, NULL);
	(void)pthread_cond_init(&q->has_room, NULL);
	return 0;
}

static void
forget(struct results *q)
{
	for (; q->n > 0; q->n--) {
		free(q->v[q->first].text);
		q->first = (q->first + 1) % RESULTS_ROOM;
	}
	q->is_told = false;
}

void
results_done(struct results *q)
{
	forget(q);
	(void)pthread_cond_destroy(&q->has_room);
	(void)pthread_mutex_destroy(&q->lock);
	(void)close(q->wake);
}

/* The lock is held. */
static void
append(struct results *q, const struct result *r)
{
	uint64_t one = 1;

	q->v[(q->first + q->n++) % RESULTS_ROOM] = *r;
	(void)!write(q->wake, &one, sizeof(one));
}

/* One is enough to say that the library has not ended yet. */
static void
drop(struct results *q, const struct result *r)
{
	static const struct result dropped = { .kind = RESULT_DROPPED };

	free(r->text);
	if (!q->is_told)
		append(q, &dropped);
	q->is_told = true;
}

static bool
is_last_word(const struct result *r)
{
	return r->kind == RESULT_FINISH || r->kind == RESULT_OVER;
}

void
results_put(struct results *q, const struct result *r)
{
	(void)pthread_mutex_lock(&q->lock);
	if (r->kind != RESULT_OVER) {
		q->n_waiting++;
		while (q->is_open && (q->is_held || q->n >= RESULTS_MAX))
			(void)pthread_cond_wait(&q->has_room, &q->lock);
		q->n_waiting--;
	}
	if (q->is_open || r->kind == RESULT_OVER ||
	    (is_last_word(r) && q->n < RESULTS_ROOM - 1))
		append(q, r);
	else
		drop(q, r);
	(void)pthread_mutex_unlock(&q->lock);
}

bool
results_take(struct results *q, struct result *ret)
{
	uint64_t count;
	bool has_one;

	(void)pthread_mutex_lock(&q->lock);
	has_one = q->n > 0;
	if (has_one) {
		*ret = q->v[q->first];
		q->first = (q->first + 1) % RESULTS_ROOM;
		q->n--;
		q->is_told = q->is_told && ret->kind != RESULT_DROPPED;
		(void)pthread_cond_broadcast(&q->has_room);
	}
	if (q->n == 0)
		(void)!read(q->wake, &count, sizeof(count));
	(void)pthread_mutex_unlock(&q->lock);
	return has_one;
}

bool
results_is_empty(struct results *q)
{
	bool is_empty;

	(void)pthread_mutex_lock(&q->lock);
	is_empty = q->n == 0;
	(void)pthread_mutex_unlock(&q->lock);
	return is_empty;
}

bool
results_is_stuck(struct results *q)
{
	bool is_stuck;

	(void)pthread_mutex_lock(&q->lock);
	is_stuck = q->n_waiting > 0;
	(void)pthread_mutex_unlock(&q->lock);
	return is_stuck;
}

void
results_hold(struct results *q, bool is_held)
{
	(void)pthread_mutex_lock(&q->lock);
	q->is_held = is_held;
	(void)pthread_cond_broadcast(&q->has_room);
	(void)pthread_mutex_unlock(&q->lock);
}

/* The lock is held. */
static void
keep_last_words(struct results *q)
{
	uint32_t n = q->n;

	q->n = 0;
	q->is_told = false;
	for (uint32_t i = 0; i < n; i++) {
		struct result r = q->v[(q->first + i) % RESULTS_ROOM];

		if (is_last_word(&r))
			q->v[(q->first + q->n++) % RESULTS_ROOM] = r;
		else
			free(r.text);
	}
}

void
results_open(struct results *q, bool is_open)
{
	(void)pthread_mutex_lock(&q->lock);
	if (!is_open && q->is_open)
		keep_last_words(q);
	q->is_open = is_open;
	(void)pthread_cond_broadcast(&q->has_room);
	(void)pthread_mutex_unlock(&q->lock);
}
