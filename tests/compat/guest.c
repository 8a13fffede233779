/* In a process of somebody else's: loaded by name and for itself alone, beside
 * an engine and functions of these names that are there already, and used after
 * the process has locked itself in: no file can be opened any more. */
#include "user.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <llama.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *library;

static void *
symbol(const char *name)
{
	void *p = dlsym(library, name);

	CHECK(p != NULL);
	return p;
}

/* The calls that user.h makes end here, where no library is linked. */
RKLLMParam
rkllm_createDefaultParam(void)
{
	return ((RKLLMParam(*)(void))symbol("rkllm_createDefaultParam"))();
}

#ifdef RKLLM_1_2
#define CALLBACK LLMResultCallback
#else
#define CALLBACK RKLLMCallback *
#endif

int
rkllm_init(LLMHandle *handle, RKLLMParam *param, CALLBACK callback)
{
	return ((int (*)(LLMHandle *, RKLLMParam *, CALLBACK))symbol(
	    "rkllm_init"))(handle, param, callback);
}

int
rkllm_run(LLMHandle handle, RKLLMInput *input, RKLLMInferParam *params,
    void *userdata)
{
	return ((int (*)(LLMHandle, RKLLMInput *, RKLLMInferParam *,
	    void *))symbol("rkllm_run"))(handle, input, params, userdata);
}

int
rkllm_abort(LLMHandle handle)
{
	return ((int (*)(LLMHandle))symbol("rkllm_abort"))(handle);
}

int
rkllm_destroy(LLMHandle handle)
{
	return ((int (*)(LLMHandle))symbol("rkllm_destroy"))(handle);
}

static void
lock_in(void)
{
	static const int calls[] = { SCMP_SYS(open), SCMP_SYS(openat),
		SCMP_SYS(openat2), SCMP_SYS(socket), SCMP_SYS(execve) };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	CHECK(filter != NULL);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		CHECK(seccomp_rule_add(
			  filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0) == 0);
	CHECK(seccomp_load(filter) == 0);
	seccomp_release(filter);
	CHECK(open("/dev/null", O_RDONLY) < 0);
}

int
main(void)
{
	static struct talk talk;
	char path[64];
	RKLLMParam p;
	LLMHandle h = NULL;
	int fd = open(getenv("BULKHEAD_MODEL"), O_RDONLY);
	FILE *was = stderr;

	CHECK(fd >= 0);
	CHECK(llama_max_devices() > 0);
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		(void)fprintf(stderr, "%s\n", dlerror());
	CHECK(library != NULL);
	CHECK(dlsym(library, "log_error") == NULL);
	lock_in();
	p = user_param();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	p.model_path = path;
	CHECK(user_init(&h, &p, NULL) == 0);
	CHECK(stderr == was);
	(void)close(fd);
	talk_init(&talk);
	CHECK(user_run(h, "Hello", &talk) == 0);
	CHECK(talk.last == RKLLM_RUN_FINISH && talk.n_texts > 3);
	CHECK(rkllm_destroy(h) == 0);
	CHECK(dlclose(library) == 0);
	/* A sanitizer could not open what it looks at in the end. */
	_exit(0);
}
