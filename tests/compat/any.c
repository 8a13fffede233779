/*
 * any - every function in any order from several threads, on handles that come
 * and go: nothing crashes or waits for ever, callbacks of a handle come one at
 * a time, and none when it is destroyed. ANY_SEED and ANY_CALLS set more.
 */
#include "user.h"

#include <stdatomic.h>
#include <unistd.h>

#define THREADS 4
#define SLOTS 3
#define LIVES 4096

/* Of one handle, from its init on. */
struct life {
	atomic_int n_inside; /* callbacks at this moment */
	atomic_bool is_over; /* destroy has returned */
	atomic_uint n_calls;
};

struct slot {
	pthread_mutex_t lock; /* of both below */
	LLMHandle handle;
	struct life *life;
};

/* Before 1.3.0 only a run has a userdata. Then it may be that of the handle
 * which had the same address before. */
#ifdef RKLLM_1_2
#define IS_OF_RUN true
#else
#define IS_OF_RUN false
#endif

static struct slot slots[SLOTS];
static struct life lives[LIVES];
static atomic_uint n_lives;
static char cache[64];

struct dice {
	uint64_t state;
};

static unsigned
throw_dice(struct dice *d, unsigned n)
{
	d->state = d->state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(d->state >> 33) % n;
}

static int
check(RKLLMResult *result, void *userdata, LLMCallState state)
{
	struct life *l = userdata;
	unsigned n = atomic_fetch_add(&l->n_calls, 1);

	CHECK(atomic_fetch_add(&l->n_inside, 1) == 0);
	CHECK(IS_OF_RUN || !atomic_load(&l->is_over));
	CHECK(result != NULL && state <= RKLLM_RUN_ERROR);
	CHECK(atomic_fetch_sub(&l->n_inside, 1) == 1);
	return n % 11 == 7 ? 1 : n % 5 == 3 ? 2 : 0;
}

static LLMHandle
handle_of(struct slot *s, struct life **ret)
{
	LLMHandle h;

	(void)pthread_mutex_lock(&s->lock);
	h = s->handle;
	*ret = s->life;
	(void)pthread_mutex_unlock(&s->lock);
	return h;
}

static void
open_one(struct slot *s)
{
	RKLLMParam p = user_param();
	struct life *l = &lives[atomic_fetch_add(&n_lives, 1) % LIVES];
	LLMHandle h = NULL;

	(void)memset(l, 0, sizeof(*l));
	p.max_new_tokens = 12;
#ifdef RKLLM_1_2
	CHECK(rkllm_init(&h, &p, check) == 0);
#else
	RKLLMCallback c;

	(void)memset(&c, 0, sizeof(c));
	c.result_callback = check;
	c.result_userdata = l;
	CHECK(rkllm_init(&h, &p, &c) == 0);
#endif
	(void)pthread_mutex_lock(&s->lock);
	s->handle = h;
	s->life = l;
	(void)pthread_mutex_unlock(&s->lock);
}

/* Lives are kept: a callback that comes too late has to find its own. */
static void
close_one(struct slot *s)
{
	struct life *l;
	LLMHandle h;

	(void)pthread_mutex_lock(&s->lock);
	h = s->handle;
	l = s->life;
	s->handle = NULL;
	(void)pthread_mutex_unlock(&s->lock);
	if (h == NULL)
		return;
	CHECK(rkllm_destroy(h) == 0);
	atomic_store(&l->is_over, true);
	open_one(s);
}

static void
run_one(LLMHandle h, struct life *l, struct dice *d)
{
	static const char *const prompts[] = { "Hello", "A fox.", "Why?",
		NULL };
	int32_t ids[] = { 5, 6, 7, 1 << 30 };
	RKLLMPromptCacheParam save = { 1, cache };
	RKLLMLoraParam lora = { "nobody" };
	RKLLMInput in = user_prompt(prompts[throw_dice(d, 4)]);
	RKLLMInferParam how = user_infer();

	if (throw_dice(d, 4) == 0) {
		in.input_type = RKLLM_INPUT_TOKEN;
		in.token_input.input_ids = ids;
		in.token_input.n_tokens = 1 + throw_dice(d, 4);
	}
	how.mode =
	    (RKLLMInferMode)(throw_dice(d, 8) < 6 ? 0 : throw_dice(d, 4));
	how.keep_history = (int)throw_dice(d, 2);
	how.prompt_cache_params = throw_dice(d, 8) == 0 ? &save : NULL;
	how.lora_params = throw_dice(d, 16) == 0 ? &lora : NULL;
	if (throw_dice(d, 2) == 0)
		(void)rkllm_run(h, &in, &how, IS_OF_RUN ? l : NULL);
	else
		(void)rkllm_run_async(h, &in, &how, IS_OF_RUN ? l : NULL);
}

static void
set_one(LLMHandle h, struct dice *d)
{
	RKLLMLoraAdapter a = { getenv("BULKHEAD_MODEL"), "a", 1 };
	int from = (int)throw_dice(d, 8), end = (int)throw_dice(d, 40);

	switch (throw_dice(d, 8)) {
	case 0:
		(void)rkllm_set_chat_template(h, "Be brief.", "Q: ", " A:");
		break;
	case 1:
		(void)rkllm_set_function_tools(
		    h, "", "[{\"name\":\"f\"}]", "tool");
		break;
	case 2:
		(void)rkllm_load_lora(h, &a);
		break;
	case 3:
		(void)rkllm_load_prompt_cache(h, cache);
		break;
	case 4:
		(void)rkllm_release_prompt_cache(h);
		break;
	case 5:
		(void)rkllm_clear_kv_cache(
		    h, (int)throw_dice(d, 2), NULL, NULL);
		break;
	default:
		(void)rkllm_clear_kv_cache(h, 0, &from, &end);
	}
}

static void
do_one(struct dice *d)
{
	struct slot *s = &slots[throw_dice(d, SLOTS)];
	struct life *l;
	LLMHandle h = handle_of(s, &l);
	int n;

	switch (throw_dice(d, 32)) {
	case 0:
		close_one(s);
		break;
	case 1 ... 4:
		(void)rkllm_abort(h);
		break;
	case 5 ... 8:
		(void)rkllm_is_running(h);
		break;
	case 9 ... 12:
		(void)rkllm_get_kv_cache_size(h, &n);
		break;
	case 13 ... 20:
		set_one(h, d);
		break;
	default:
		run_one(h, l, d);
	}
}

static unsigned
setting(const char *name, unsigned usual)
{
	const char *s = getenv(name);

	return s != NULL ? (unsigned)atoi(s) : usual;
}

static void *
live(void *arg)
{
	struct dice d = { setting("ANY_SEED", 1) * 1000u +
		(unsigned)(size_t)arg };
	unsigned n = setting("ANY_CALLS", 400);

	while (n-- > 0)
		do_one(&d);
	return NULL;
}

int
main(void)
{
	pthread_t threads[THREADS];
	struct life *l;

	(void)snprintf(
	    cache, sizeof(cache), "/tmp/compat-any-%d", (int)getpid());
	for (int i = 0; i < SLOTS; i++) {
		(void)pthread_mutex_init(&slots[i].lock, NULL);
		open_one(&slots[i]);
	}
	/* What is refused is said, and is what is expected here. */
	CHECK(freopen("/dev/null", "w", stderr) != NULL);
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, live, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	for (int i = 0; i < SLOTS; i++) {
		CHECK(rkllm_destroy(handle_of(&slots[i], &l)) == 0);
	}
	(void)unlink(cache);
	return 0;
}
