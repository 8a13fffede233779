#include "faulty.h"

#include "wire/lastwords.h"

#include <ggml.h>
#include <llama.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No fault may be optimized away, or be one with its caller. */
#define FAULT __attribute__((noinline, noclone))

extern struct lastwords *crash_page; /* of src/crash */

static volatile int zero;
static void (*volatile nowhere)(void);
static char *volatile cut; /* mapped, and the file ends before */

FAULT static void
fault_read(void)
{
	zero = *(volatile int *)(uintptr_t)zero;
}

FAULT static void
fault_call(void)
{
	nowhere();
	zero = 0;
}

FAULT static void
fault_bus(void)
{
	zero = cut[4096];
}

FAULT static void
fault_divide(void)
{
	volatile int n = 77;

	zero = n / zero;
}

FAULT static void
fault_illegal(void)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#else
	__builtin_trap();
#endif
	zero = 0;
}

FAULT static void
fault_trap(void)
{
#if defined(__x86_64__)
	__asm__ volatile("int3");
#else
	(void)raise(SIGTRAP);
#endif
	zero = 0;
}

FAULT static void
fault_abort(void)
{
	abort();
}

FAULT static void
fault_sys(void)
{
	/* The jail's word; where there is none, ours. */
	(void)syscall(SYS_socket, 0, 0, 0);
	(void)raise(SIGSYS);
	zero = 0;
}

FAULT static void
fault_kill(void)
{
	(void)raise(SIGKILL);
	zero = 0;
}

FAULT static void
fault_ggml(void)
{
	GGML_ABORT("on purpose, %d", 7 + zero);
}

FAULT static int
fault_overflow(volatile char *above)
{
	volatile char room[4096];

	if (above[0] == 2)
		return 0;
	room[0] = above[0];
	room[0] = (char)(fault_overflow(room) + room[0]);
	return room[0];
}

FAULT static void
fault_stack(void)
{
	volatile char a = 1;

	zero = fault_overflow(&a);
}

FAULT static void
fault_exit(void)
{
	exit(3 + zero);
}

/* Writes over what follows: glibc finds it, and aborts, with the arena's lock
 * held. */
FAULT static void
fault_malloc(void)
{
	char *volatile big = malloc(100000);
	char *volatile more;

	(void)memset(big + malloc_usable_size(big), 0x41, 16);
	more = malloc(120000);
	free(big);
	free(more);
}

/* The handler finds no memory for its words. */
FAULT static void
fault_twice(void)
{
	(void)munmap(crash_page, sizeof(*crash_page));
	fault_read();
}

/* A thread like those that the engine computes with. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool is_asked;

FAULT static void
fault_in_pool(void)
{
	fault_read();
	zero = 0;
}

static void *
pool_thread(void *arg)
{
	(void)pthread_mutex_lock(&lock);
	while (!is_asked)
		(void)pthread_cond_wait(&change, &lock);
	(void)pthread_mutex_unlock(&lock);
	fault_in_pool();
	return arg;
}

FAULT static void
fault_pool(void)
{
	(void)pthread_mutex_lock(&lock);
	is_asked = true;
	(void)pthread_cond_broadcast(&change);
	(void)pthread_mutex_unlock(&lock);
	for (;;)
		(void)usleep(1000); /* the jail has no sigsuspend(2) */
}

/* Until somebody ends it. */
FAULT static void
fault_hang(void)
{
	while (zero == 0)
		continue;
}

static const struct fault {
	const char *name;
	void (*fn)(void);
} faults[] = {
	{ "read", fault_read },
	{ "call", fault_call },
	{ "bus", fault_bus },
	{ "divide", fault_divide },
	{ "illegal", fault_illegal },
	{ "trap", fault_trap },
	{ "abort", fault_abort },
	{ "sys", fault_sys },
	{ "kill", fault_kill },
	{ "ggml", fault_ggml },
	{ "throw", fault_throw },
	{ "new", fault_new },
	{ "stack", fault_stack },
	{ "exit", fault_exit },
	{ "malloc", fault_malloc },
	{ "twice", fault_twice },
	{ "pool", fault_pool },
	{ "hang", fault_hang },
};

static const struct fault *armed;
static unsigned calls_left;

static const struct fault *
find(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strlen(faults[i].name) == n &&
		    memcmp(faults[i].name, name, n) == 0)
			return &faults[i];
	return NULL;
}

/* Before anything is locked away. */
__attribute__((constructor)) static void
prepare(void)
{
	int fd = memfd_create("faulty", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 8192) != 0)
		abort();
	cut = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	if (cut == MAP_FAILED || ftruncate(fd, 4096) != 0)
		abort();
	(void)close(fd);
}

extern int32_t __real_llama_tokenize(const struct llama_vocab *vocab,
    const char *text, int32_t text_len, llama_token *tokens,
    int32_t n_tokens_max, bool add_special, bool parse_special);
extern int32_t __real_llama_decode(
    struct llama_context *ctx, struct llama_batch batch);
extern struct llama_model *__real_llama_model_load_from_file_ptr(
    FILE *file, struct llama_model_params params);

extern struct llama_adapter_lora *__real_llama_adapter_lora_init_from_file_ptr(
    struct llama_model *model, FILE *file);

int32_t __wrap_llama_tokenize(const struct llama_vocab *vocab, const char *text,
    int32_t text_len, llama_token *tokens, int32_t n_tokens_max,
    bool add_special, bool parse_special);
struct llama_adapter_lora *__wrap_llama_adapter_lora_init_from_file_ptr(
    struct llama_model *model, FILE *file);
int32_t __wrap_llama_decode(
    struct llama_context *ctx, struct llama_batch batch);
struct llama_model *__wrap_llama_model_load_from_file_ptr(
    FILE *file, struct llama_model_params params);

int32_t
__wrap_llama_tokenize(const struct llama_vocab *vocab, const char *text,
    int32_t text_len, llama_token *tokens, int32_t n_tokens_max,
    bool add_special, bool parse_special)
{
	static const char mark[] = "FAULT:";
	const char *at = memmem(text, (size_t)text_len, mark, sizeof(mark) - 1);
	const char *end = text + text_len;
	char word[32] = "";
	size_t n = 0;

	if (at != NULL) {
		at += sizeof(mark) - 1;
		while (at + n < end && n < sizeof(word) - 1 && at[n] > ' ')
			n++;
		(void)memcpy(word, at, n);
		n = strcspn(word, ":");
		armed = find(word, n);
		calls_left = word[n] == ':' ? (unsigned)atoi(word + n + 1) : 1;
	}
	return __real_llama_tokenize(vocab, text, text_len, tokens,
	    n_tokens_max, add_special, parse_special);
}

int32_t
__wrap_llama_decode(struct llama_context *ctx, struct llama_batch batch)
{
	if (armed != NULL && --calls_left == 0)
		armed->fn();
	return __real_llama_decode(ctx, batch);
}

/* What stands at a file's end. */
static void
fault_at_end(FILE *file)
{
	char end[16] = ""; /* "FAULT:ggml......" */
	const struct fault *f = NULL;

	if (fseek(file, -(long)sizeof(end), SEEK_END) == 0 &&
	    fread(end, 1, sizeof(end), file) == sizeof(end) &&
	    memcmp(end, "FAULT:", 6) == 0)
		f = find(end + 6, strcspn(end + 6, "."));
	rewind(file);
	if (f != NULL)
		f->fn();
}

struct llama_adapter_lora *
__wrap_llama_adapter_lora_init_from_file_ptr(
    struct llama_model *model, FILE *file)
{
	fault_at_end(file);
	return __real_llama_adapter_lora_init_from_file_ptr(model, file);
}

struct llama_model *
__wrap_llama_model_load_from_file_ptr(
    FILE *file, struct llama_model_params params)
{
	pthread_t thread;

	fault_at_end(file);
	if (pthread_create(&thread, NULL, pool_thread, NULL) != 0)
		abort();
	return __real_llama_model_load_from_file_ptr(file, params);
}
