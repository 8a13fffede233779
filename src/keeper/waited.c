#include "keeper/waited.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS 1000000u

/* The beginning of one of pid's files; "" if there is none. */
static void
read_file(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64];
	size_t n = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = fd_get(fd, ret, size - 1);
		(void)close(fd);
	}
	ret[n] = '\0';
}

/* "415736 13238859 3": nanoseconds on a processor, nanoseconds waited for one
 * before each time that it got one, how often it did. */
static bool
read_times(pid_t pid, uint64_t *ret_run, uint64_t *ret_delay)
{
	char text[96];
	char *at;

	read_file(pid, "schedstat", text, sizeof(text));
	*ret_run = strtoull(text, &at, 10);
	*ret_delay = strtoull(at, NULL, 10);
	return text[0] != '\0';
}

/* "5219 (bulkhead-worker) R ...": it runs, or waits to. */
static bool
is_runnable(pid_t pid)
{
	char text[128];
	const char *name_end;

	read_file(pid, "stat", text, sizeof(text));
	name_end = strrchr(text, ')');
	return name_end != NULL && strncmp(name_end, ") R", 3) == 0;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t
waited_look(struct waited *w, pid_t pid, uint64_t now_ms)
{
	uint64_t ms = now_ms - w->looked_ms;
	uint64_t run_ns, delay_ns, waited = 0;
	bool is_first = w->looked_ms == 0;

	w->looked_ms = now_ms;
	if (!read_times(pid, &run_ns, &delay_ns))
		return w->ms;
	waited = (delay_ns - w->delay_ns) / NS_PER_MS;
	/* The kernel adds up a wait when it is over. */
	if (is_runnable(pid)) {
		uint64_t run_ms = (run_ns - w->run_ns) / NS_PER_MS;

		waited = larger(waited, ms > run_ms ? ms - run_ms : 0);
	}
	w->run_ns = run_ns;
	w->delay_ns = delay_ns;
	if (!is_first)
		w->ms += waited < ms ? waited : ms;
	return w->ms;
}
