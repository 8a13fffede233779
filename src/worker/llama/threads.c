#include "worker/llama/threads.h"

#include "worker/llama/decode.h"

#include "base/clock.h"
#include "base/log.h"

#include <ggml-backend.h>
#include <ggml.h>
#include <sched.h>
#include <stdlib.h>

#define RUNS 5		     /* of which the median counts */
#define ENOUGH_US 50000u     /* no more runs once they took this long */
#define SLOWER 2u	     /* times the best so far: not worth going on */
#define BIG_STEP_US 20000u   /* such a step is all computing: use all cores */
#define CHUNK_MOST 512u	     /* tokens that are measured */
#define BIG_CHUNK_US 300000u /* the same for a chunk */

typedef struct ggml_threadpool *(*pool_new_fn)(struct ggml_threadpool_params *);
typedef void (*pool_free_fn)(struct ggml_threadpool *);

/* The CPU backend may be a module, so it is asked for its functions. */
static void *
cpu_function(const char *name)
{
	ggml_backend_reg_t cpu = ggml_backend_reg_by_name("CPU");

	return cpu == NULL ? NULL
			   : ggml_backend_reg_get_proc_address(cpu, name);
}

/* Waiting threads sleep: a busy wait takes the core from who shares it. */
static struct ggml_threadpool *
pool_new(int32_t n)
{
	pool_new_fn make = (pool_new_fn)cpu_function("ggml_threadpool_new");
	struct ggml_threadpool_params p = ggml_threadpool_params_default(n);

	p.poll = 0;
	return make == NULL ? NULL : make(&p);
}

static void
pool_free(struct pool *pool)
{
	pool_free_fn drop = (pool_free_fn)cpu_function("ggml_threadpool_free");

	if (pool->threads != NULL && drop != NULL)
		drop(pool->threads);
	*pool = (struct pool){ 0 };
}

/* The pool of n threads; NULL where llama.cpp makes threads by itself. */
static struct ggml_threadpool *
pool_of(struct model *m, int32_t n)
{
	size_t i = 0;

	while (i < POOLS_MAX && m->pools[i].n != 0 && m->pools[i].n != n)
		i++;
	if (i == POOLS_MAX)
		return NULL;
	if (m->pools[i].n == 0)
		m->pools[i] = (struct pool){ n, pool_new(n) };
	return m->pools[i].threads;
}

static void
attach(struct model *m, enum batch_kind kind)
{
	int32_t n = m->threads[kind];
	struct ggml_threadpool *pool = pool_of(m, n);

	/* llama.cpp tells by the number of tokens which of its two it uses;
	 * here the kind of batch decides, so both are the same. */
	if (pool != NULL)
		llama_attach_threadpool(m->ctx, pool, pool);
	else
		llama_detach_threadpool(m->ctx);
	llama_set_n_threads(m->ctx, n, n);
	m->attached = kind;
}

void
threads_attach(struct model *m, enum batch_kind kind)
{
	if (m->attached != kind && m->threads[kind] != m->threads[m->attached])
		attach(m, kind);
}

void
threads_free(struct model *m)
{
	for (size_t i = 0; i < POOLS_MAX; i++)
		pool_free(&m->pools[i]);
}

/* Only after a run: until then the CPU backend has the pool of the last one,
 * and looks into it when it gets another. */
static void
free_unused(struct model *m)
{
	for (size_t i = 0; i < POOLS_MAX; i++)
		if (m->pools[i].n != m->threads[BATCH_STEP] &&
		    m->pools[i].n != m->threads[BATCH_CHUNK])
			pool_free(&m->pools[i]);
}

static void
use(struct model *m, int32_t n_step, int32_t n_chunk)
{
	m->threads[BATCH_STEP] = n_step;
	m->threads[BATCH_CHUNK] = n_chunk;
	attach(m, BATCH_STEP);
}

static int
by_time(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* One batch of n tokens at position 0 of an empty sequence. */
static int
run_once(struct model *m, enum batch_kind kind, uint32_t n)
{
	static const struct adapter_set none;
	int err;

	model_clear(m, false);
	model_begin(m);
	for (uint32_t i = 0; i < n; i++)
		model_add(m, (int32_t)(i % m->n_vocab), i, 0, i + 1 == n);
	err = model_run(m, kind, m->kernels, &none);
	llama_synchronize(m->ctx);
	return err;
}

/* The median of a few runs, after one that does not count. A run that takes
 * longer than `most` is cut off: this is not the fastest. */
static int
measure(struct model *m, enum batch_kind kind, uint32_t n, uint64_t most,
    uint64_t *ret_us)
{
	uint64_t us[RUNS], all = 0;
	size_t done = 0;
	int err = 0;

	for (int i = -1; i < RUNS && err == 0 && all < ENOUGH_US; i++) {
		uint64_t start = clock_us();

		m->deadline_us = most == UINT64_MAX ? most : start + most;
		err = run_once(m, kind, n);
		all += clock_us() - start;
		if (i >= 0)
			us[done++] = clock_us() - start;
		else if (all >= ENOUGH_US)
			us[done++] = all;
	}
	m->deadline_us = UINT64_MAX;
	*ret_us = UINT64_MAX;
	if (err != 0)
		return most == UINT64_MAX ? err : 0;
	qsort(us, done, sizeof(us[0]), by_time);
	*ret_us = us[done / 2];
	return 0;
}

static int32_t
usable_cores(void)
{
	cpu_set_t set;

	int n =
	    sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	if (n > GGML_MAX_N_THREADS)
		n = GGML_MAX_N_THREADS;
	return n > 0 ? n : 1;
}

/* The fastest of 1, 2, 4 ... all cores, until more are slower. A batch that
 * takes `big` with one thread is not worth measuring: barriers are nothing
 * beside it. */
static int
fastest(struct model *m, enum batch_kind kind, uint32_t n, uint64_t big,
    struct progress *p, int32_t *ret)
{
	int32_t most = usable_cores(), t = 1;
	uint64_t best = UINT64_MAX, us;
	int err;

	for (;; t = t * 2 < most ? t * 2 : most) {
		use(m, t, t);
		err = measure(
		    m, kind, n, best == UINT64_MAX ? best : SLOWER * best, &us);
		if (err != 0)
			return err;
		if (p != NULL)
			atomic_fetch_add(&p->count, 1);
		log_debug("%s of %u with %d threads: %s%llu us",
		    kind == BATCH_STEP ? "step" : "chunk", n, t,
		    us == UINT64_MAX ? "cut off after " : "",
		    (unsigned long long)(us == UINT64_MAX ? SLOWER * best
							  : us));
		/* A tenth faster, or it is not worth another core. */
		if (us >= best - best / 10)
			return 0;
		best = us;
		*ret = t;
		if (us > big)
			*ret = most;
		if (*ret == most)
			return 0;
	}
}

int
threads_choose(
    struct model *m, uint32_t n_step, uint32_t n_chunk, struct progress *p)
{
	int32_t step = (int32_t)n_step, chunk = (int32_t)n_chunk;
	int err = 0;

	if (n_step == 0)
		err = fastest(m, BATCH_STEP, 1, BIG_STEP_US, p, &step);
	if (err == 0 && n_chunk == 0)
		err = fastest(m, BATCH_CHUNK,
		    m->chunk < CHUNK_MOST ? m->chunk : CHUNK_MOST, BIG_CHUNK_US,
		    p, &chunk);
	if (err != 0)
		return err;
	use(m, step, chunk);
	if (n_step != 0 && n_chunk != 0)
		return 0;
	err = run_once(m, BATCH_STEP, 1);
	free_unused(m);
	model_clear(m, true);
	return err;
}
