/*
 * Theory: all that the engine opens by a path but models is opened when this
 * library is loaded, because the program may lock itself in before its first
 * call. Of worker/ the files are left out that make a process their own:
 * main.c, new.cc (operator new) and llama/prints.c, whose place is taken here;
 * and llama/selftest.c, which takes seconds to find out what is exact: nothing
 * is resumed here.
 */
#include "guest.h"

#include "base/log.h"
#include "worker/engine.h"
#include "worker/llama/prints.h"
#include "worker/llama/selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fail not_there;
static pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;

/* The program's standard error stays as it is. */
void
prints_take_over(void)
{
}

int
selftest_run(struct model *m, struct str tested, struct progress *p)
{
	(void)tested;
	(void)p;
	m->rule = PLAN_FREE;
	m->kernels = KERNELS_OWN;
	return 0;
}

/* As the socket server reads it: 0 debug, 1 info, 2 warn, 3 error. */
static enum log_level
level_wanted(void)
{
	const char *s = getenv("RKLLM_LOG_LEVEL");

	if (s == NULL || s[0] < '0' || s[0] > '3' || s[1] != '\0')
		return LOG_WARN;
	return (enum log_level)(s[0] - '0');
}

__attribute__((constructor)) static void
on_load(void)
{
	const struct worker_load cfg = { .n_gpu_layers = UINT32_MAX };
	enum jail_kind jail;

	log_init("librkllmrt", level_wanted());
	(void)!engine_llama.prepare(&cfg, &jail, &not_there);
}

int
guest_check(struct fail *why)
{
	if (not_there.code != 0)
		*why = not_there;
	return not_there.code;
}

void
guest_alone(bool is_beginning)
{
	if (is_beginning)
		(void)pthread_mutex_lock(&alone);
	else
		(void)pthread_mutex_unlock(&alone);
}

int
guest_descriptor(const char *path)
{
	int n = 0, fd = -1;

	return sscanf(path, "/proc/self/fd/%d%n", &fd, &n) == 1 &&
		path[n] == '\0'
	    ? fd
	    : -1;
}

/* A program in a jail names what it has open already. */
int
guest_open(const char *path, const char *field, int *ret, struct fail *why)
{
	int fd;

	if (path == NULL || path[0] == '\0')
		return fail_set(why, ERR_INVALID, field,
		    "%s: must name a GGUF file", field);
	fd = guest_descriptor(path);
	if (fd >= 0)
		*ret = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else
		*ret = open(path, O_RDONLY | O_CLOEXEC);
	if (*ret < 0)
		return fail_set(why, ERR_FILE, field, "%s: %s: %s", field, path,
		    strerror(errno));
	return 0;
}
