#include "worker/rkllm/says.h"

#include "worker/rkllm/npu.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S 1 /* for the last of what was printed */
#define NO_CAUSE (-1)

/* A word of a line, in small letters, and what it means to a person. In order:
 * what is above is the cause of what is below. The lines are those that people
 * report; nobody has a list. */
static const struct {
	const char *word;
	const char *meaning;
} causes[] = {
	{ "failed to open rknpu", NULL }, /* npu_missing() */
	{ "failed to open rknn device", NULL },
	{ "device is not available", NULL },
	{ "driver version is too low",
	    "the NPU's kernel driver is too old for this librkllmrt: update "
	    "the kernel (`cat /sys/kernel/debug/rknpu/version` says which it "
	    "is), or use an older librkllmrt" },
	{ "your platform is",
	    "this librkllmrt does not know this chip: it serves RK3588, "
	    "RK3576, RK3562 and RV1126B" },
	{ "platform error", "this librkllmrt does not know this chip" },
	{ "query platform", "this librkllmrt cannot tell which chip this is" },
	{ "target_platform",
	    "the model was made for another chip: convert it with "
	    "target_platform set to this one" },
	{ "target platform",
	    "the model was made for another chip: convert it with "
	    "target_platform set to this one" },
	{ "model magic",
	    "the file is no model of this librkllmrt's version: convert it "
	    "with the toolkit of the same version, or fetch it again" },
	{ "invalid magic",
	    "the file is no model of this librkllmrt's version: convert it "
	    "with the toolkit of the same version, or fetch it again" },
	{ "malloc npu memory",
	    "the NPU has not enough memory for it: a smaller model or "
	    "--ctx-size, or unload another" },
	{ "failed to allocate",
	    "there is not enough memory for it: a smaller model or "
	    "--ctx-size, or unload another" },
	{ "max_context",
	    "the model does not take so long a context: a smaller "
	    "--ctx-size" },
};
#define N_CAUSES ((int)(sizeof(causes) / sizeof(causes[0])))
#define N_DEVICE 3 /* of them: there is no NPU */

static bool
has(const char *line, const char *word)
{
	return strcasestr(line, word) != NULL;
}

/* "E rkllm: ..." and "E RKNN: ..." are errors; so is what says so. */
static bool
is_error(const char *line)
{
	return strncmp(line, "E ", 2) == 0 || has(line, "error") ||
	    has(line, "fail");
}

static int
cause_of(const char *line)
{
	/* What it prints about every model. */
	if (strncmp(line, "I ", 2) == 0)
		return NO_CAUSE;
	for (int i = 0; i < N_CAUSES; i++)
		if (has(line, causes[i].word))
			return i;
	return NO_CAUSE;
}

void
says_line(struct says *s, const char *line)
{
	int cause = cause_of(line);

	if (line[0] == '\0')
		return;
	(void)snprintf(s->last, sizeof(s->last), "%s", line);
	if (s->error[0] == '\0' && is_error(line))
		(void)snprintf(s->error, sizeof(s->error), "%s", line);
	if (cause != NO_CAUSE && (s->cause == NO_CAUSE || cause < s->cause))
		s->cause = cause;
}

static void
take(struct says *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n' && p[i] != '\r') {
			if (s->n_part < sizeof(s->part) - 1)
				s->part[s->n_part++] = p[i];
			continue;
		}
		s->part[s->n_part] = '\0';
		s->n_part = 0;
		says_line(s, s->part);
	}
}

static void *
read_all(void *arg)
{
	struct says *s = arg;
	char room[1024];
	ssize_t n;

	while ((n = read(s->pipe, room, sizeof(room))) > 0 ||
	    (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		(void)fd_put(s->real[1], room, (size_t)n);
		take(s, room, (size_t)n);
	}
	take(s, "\n", 1);
	return NULL;
}

static void
close_if(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void
put_back(struct says *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->real[i] >= 0)
			(void)dup2(s->real[i], i + 1);
	}
}

void
says_begin(struct says *s)
{
	int ends[2];

	*s = (struct says){ .cause = NO_CAUSE };
	(void)fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	s->pipe = ends[0];
	for (int i = 0; i < 2; i++)
		s->real[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 0);
	if (s->real[0] >= 0 && s->real[1] >= 0 &&
	    pthread_create(&s->reader, NULL, read_all, s) == 0) {
		s->is_on = dup2(ends[1], 1) >= 0 && dup2(ends[1], 2) >= 0;
		(void)close(ends[1]);
		return;
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
	close_if(s->real[0]);
	close_if(s->real[1]);
}

/* The reader ends with the pipe's last other end. A library that has kept one
 * for itself keeps the reader too. */
void
says_end(struct says *s)
{
	struct timespec until;

	if (!s->is_on)
		return;
	s->is_on = false;
	(void)fflush(NULL);
	put_back(s);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	if (pthread_timedjoin_np(s->reader, NULL, &until) != 0) {
		(void)pthread_detach(s->reader);
		return;
	}
	(void)close(s->pipe);
	close_if(s->real[0]);
	close_if(s->real[1]);
}

void
says_explain(const struct says *s, struct fail *why)
{
	const char *words = s->error[0] != '\0' ? s->error : s->last;
	char missing[NPU_TEXT_MAX];
	char before[128];
	const char *meaning;

	(void)snprintf(before, sizeof(before), "%.120s", why->text);
	if (s->cause != NO_CAUSE && s->cause < N_DEVICE)
		meaning = npu_missing(missing);
	else
		meaning = s->cause != NO_CAUSE
		    ? causes[s->cause].meaning
		    : "the library gave no reason that is known";
	if (words[0] == '\0')
		(void)fail_set(why, why->code, why->field,
		    "%s, and the library printed nothing about it", before);
	else
		(void)fail_set(why, why->code, why->field,
		    "%s: %s (librkllmrt: %s)", before, meaning, words);
}
