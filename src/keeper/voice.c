#include "keeper/voice.h"

#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 1536u
#define PIPE_BYTES (256 * 1024)
#define BURST (1024u * 1024) /* bytes that may come at once */
#define PER_MS 64u	     /* bytes that may come for ever */
#define TALK_MS 1024u	     /* of one that has a line for each request */
#define PAUSE_MS 250u	     /* once that is used up */
#define A_TURN 8u	     /* reads before others have theirs */
#define AT_THE_END 1024u     /* the same for who is dead */

struct voice {
	const char *name;
	pid_t pid;
	int fd;
	struct watch *watch;
	struct timer *pause;
	char line[LINE_BYTES];
	size_t n;
	uint64_t left; /* bytes that may still come */
	uint64_t per_ms;
	uint64_t at_ms;
};

static void
pass_line(struct voice *v)
{
	char head[64];
	int n = snprintf(head, sizeof(head), "%s[%d]", v->name, (int)v->pid);

	v->line[v->n] = '\0';
	if (n > 0 && strncmp(v->line, head, (size_t)n) == 0 &&
	    v->line[n] == ' ')
		log_pass("", v->line);
	else if (v->n > 0)
		log_pass(head, v->line);
	v->n = 0;
}

static void
take(struct voice *v, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' || v->n == sizeof(v->line) - 1)
			pass_line(v);
		/* It would end the line before its end. */
		if (p[i] != '\n')
			v->line[v->n++] = p[i] != '\0' ? p[i] : '?';
	}
}

static void
refill(struct voice *v)
{
	uint64_t now = clock_ms();

	v->left += (now - v->at_ms) * v->per_ms;
	if (v->left > BURST)
		v->left = BURST;
	v->at_ms = now;
}

/* False when nothing more has come, or nothing more may. */
static bool
take_some(struct voice *v)
{
	char room[4096];
	ssize_t n = read(v->fd, room, sizeof(room));

	if (n <= 0) {
		/* Without a writer it is always readable. */
		if (n == 0 && v->watch != NULL)
			(void)!watch_want(v->watch, 0);
		return false;
	}
	take(v, room, (size_t)n);
	v->left -= (uint64_t)n < v->left ? (uint64_t)n : v->left;
	return v->left > 0;
}

static void
on_words(void *arg, unsigned events)
{
	struct voice *v = arg;

	(void)events;
	refill(v);
	for (unsigned i = 0; i < A_TURN && take_some(v); i++)
		;
	if (v->left > 0)
		return;
	log_warn("%s (pid %d) says too much; some of it is lost", v->name,
	    (int)v->pid);
	(void)!watch_want(v->watch, 0);
	timer_set(v->pause, PAUSE_MS);
}

static void
on_pause_over(void *arg)
{
	struct voice *v = arg;

	(void)!watch_want(v->watch, WATCH_READ);
}

static int
open_pipe(struct voice *v, int *ret_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return ERR_IO;
	(void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES);
	v->fd = fds[0];
	*ret_fd = fds[1];
	return 0;
}

struct voice *
voice_new(struct loop *l, const char *name, bool talks, int *ret_fd)
{
	struct voice *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	*v = (struct voice){ .name = name,
		.fd = -1,
		.left = BURST,
		.per_ms = talks ? TALK_MS : PER_MS };
	v->at_ms = clock_ms();
	if (open_pipe(v, ret_fd) != 0) {
		voice_free(v);
		return NULL;
	}
	v->watch = watch_new(l, v->fd, on_words, v);
	v->pause = timer_new(l, on_pause_over, v);
	if (v->watch != NULL && v->pause != NULL &&
	    watch_want(v->watch, WATCH_READ) == 0)
		return v;
	(void)close(*ret_fd);
	*ret_fd = -1;
	voice_free(v);
	return NULL;
}

void
voice_of(struct voice *v, pid_t pid)
{
	v->pid = pid;
}

void
voice_end(struct voice *v)
{
	if (v == NULL)
		return;
	for (unsigned i = 0; i < AT_THE_END && take_some(v); i++)
		;
	pass_line(v);
}

void
voice_free(struct voice *v)
{
	if (v == NULL)
		return;
	watch_free(v->watch);
	timer_free(v->pause);
	if (v->fd >= 0)
		(void)close(v->fd);
	free(v);
}
