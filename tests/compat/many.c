/* Several handles at once, each on a thread of the program's; and one that
 * many threads pull at. */
#include "user.h"

#define USERS 3
#define ROUNDS 6

static const char *const prompts[USERS] = { "Hello", "Tell me a story",
	"What is a ship?" };
static struct talk alone[USERS], beside[USERS];

static void *
use_own(void *arg)
{
	int i = (int)(size_t)arg;

	for (int k = 0; k < ROUNDS; k++) {
		LLMHandle h = user_open();

		talk_init(&beside[i]);
		CHECK(user_run(h, prompts[i], &beside[i]) == 0);
		CHECK(strcmp(alone[i].text, beside[i].text) == 0);
		CHECK(rkllm_destroy(h) == 0);
	}
	return NULL;
}

static void
each_its_own(void)
{
	pthread_t t[USERS];
	LLMHandle h = user_open();

	for (int i = 0; i < USERS; i++) {
		talk_init(&alone[i]);
		CHECK(user_run(h, prompts[i], &alone[i]) == 0);
	}
	CHECK(rkllm_destroy(h) == 0);
	for (size_t i = 0; i < USERS; i++)
		CHECK(pthread_create(&t[i], NULL, use_own, (void *)i) == 0);
	for (int i = 0; i < USERS; i++)
		(void)pthread_join(t[i], NULL);
}

static LLMHandle shared;

/* Each run is refused, or ends once. */
static void *
pull(void *arg)
{
	struct talk *t = &beside[(size_t)arg];
	int n_done = 0;

	talk_init(t);
	for (int k = 0; k < 20; k++) {
		if (user_run(shared, prompts[(size_t)arg], t) == 0)
			n_done++;
		(void)rkllm_is_running(shared);
		if (k % 3 == 0)
			(void)rkllm_abort(shared);
		t->text[0] = '\0';
	}
	CHECK(t->n_last == n_done);
	return NULL;
}

static void
all_the_same(void)
{
	pthread_t t[USERS];

	shared = user_open();
	for (size_t i = 0; i < USERS; i++)
		CHECK(pthread_create(&t[i], NULL, pull, (void *)i) == 0);
	for (int i = 0; i < USERS; i++)
		(void)pthread_join(t[i], NULL);
	CHECK(rkllm_destroy(shared) == 0);
}

int
main(void)
{
	each_its_own();
	all_the_same();
	return 0;
}
