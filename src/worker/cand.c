#include "worker/cand.h"

#include <float.h>
#include <math.h>

#define BLOCKS_MAX 512u /* of the first look at a row */
#define BLOCKS_EACH 3u	/* blocks for each candidate wanted */

int32_t
cand_best(const float *row, size_t n_row)
{
	float best = -INFINITY;
	int32_t id = -1;

	for (size_t i = 0; i < n_row; i++) {
		if (row[i] > best) {
			best = row[i];
			id = (int32_t)i;
		}
	}
	return id;
}

/* Whether a comes after b in the order of candidates. */
static inline bool
is_worse(struct cand a, struct cand b)
{
	return a.logit < b.logit || (a.logit == b.logit && a.id > b.id);
}

/* The heap has its worst member at the root. Puts x at i or below. */
static void
sift_down(struct cand *heap, size_t n, size_t i, struct cand x)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && is_worse(heap[child + 1], heap[child]))
			child++;
		if (!is_worse(heap[child], x))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = x;
}

static void
make_heap(struct cand *v, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(v, n, i, v[i]);
}

/* Takes the worst out again and again: the best is left in front. */
static void
unheap(struct cand *v, size_t n)
{
	while (n > 1) {
		struct cand worst = v[0];

		n--;
		sift_down(v, n, 0, v[n]);
		v[n] = worst;
	}
}

/* The k best of those that are at least `least`, worst first. */
static void
gather(struct cands *c, const float *row, size_t n_row, size_t k, float least)
{
	size_t i = 0;

	c->n = 0;
	for (; i < n_row && c->n < k; i++)
		if (row[i] >= least)
			c->v[c->n++] = (struct cand){ (int32_t)i, row[i], 0 };
	make_heap(c->v, c->n);
	/* Later ones have higher ids: they get in only if they are better. */
	for (; i < n_row && k > 0; i++)
		if (row[i] > c->v[0].logit)
			sift_down(c->v, c->n, 0,
			    (struct cand){ (int32_t)i, row[i], 0 });
}

static float
block_best(const float *row, size_t n)
{
	float best = -INFINITY;

	for (size_t i = 0; i < n; i++)
		if (row[i] > best)
			best = row[i];
	return best;
}

/* A logit that at least k of the row reach: the k-th best of the bests of
 * some blocks. Few others reach it, so the heap has little to do. */
static float
bound(struct cands *c, const float *row, size_t n_row, size_t k)
{
	float bests[BLOCKS_MAX];
	size_t each = n_row / (k * BLOCKS_EACH + 1), n = 0;

	if (k == 0 || k * (BLOCKS_EACH + 1) > BLOCKS_MAX || each < 4)
		return -FLT_MAX;
	for (size_t i = 0; i + each <= n_row && n < BLOCKS_MAX; i += each)
		bests[n++] = block_best(row + i, each);
	gather(c, bests, n, k, -FLT_MAX);
	return c->n == k ? c->v[0].logit : -FLT_MAX;
}

void
cand_top(struct cands *c, const float *row, size_t n_row, size_t k)
{
	float least = bound(c, row, n_row, k);

	c->rest = 0;
	gather(c, row, n_row, k, least);
	unheap(c->v, c->n);
}

double
cand_rest(const struct cands *c, const float *row, size_t n_row)
{
	double sum = 0;

	for (size_t i = 0; i < n_row; i++)
		if (row[i] > -INFINITY)
			sum += (double)expf(row[i] - c->v[0].logit);
	for (size_t i = 0; i < c->n; i++)
		sum -= (double)expf(c->v[i].logit - c->v[0].logit);
	return sum > 0 ? sum : 0;
}

void
cand_softmax(struct cands *c)
{
	double sum = c->rest;

	for (size_t i = 0; i < c->n; i++) {
		c->v[i].p = expf(c->v[i].logit - c->v[0].logit);
		sum += (double)c->v[i].p;
	}
	for (size_t i = 0; i < c->n; i++)
		c->v[i].p = (float)((double)c->v[i].p / sum);
}

void
cand_sort(struct cands *c)
{
	make_heap(c->v, c->n);
	unheap(c->v, c->n);
}

void
cand_compact(struct cands *c, size_t k)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n && n < k; i++)
		if (c->v[i].logit > -INFINITY)
			c->v[n++] = c->v[i];
	c->n = n;
}

size_t
cand_draw(const struct cands *c, double u)
{
	double sum = 0, left;

	for (size_t i = 0; i < c->n; i++)
		sum += (double)c->v[i].p;
	left = u * sum;
	for (size_t i = 0; i + 1 < c->n; i++) {
		left -= (double)c->v[i].p;
		if (left < 0)
			return i;
	}
	return c->n - 1;
}
