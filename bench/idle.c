#include "idle.h"
#include "answer.h"
#include "net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void
ignore_line(void *arg, struct str line)
{
	(void)arg;
	(void)line;
}

/* One request and its whole answer, so that the connection is what a client
 * with a pool leaves behind. */
static int
use(int fd)
{
	static const char request[] = "GET /health HTTP/1.1\r\n"
				      "Host: localhost\r\n\r\n";
	struct answer a;
	char data[4096];
	int rc = -1;

	answer_init(&a, ignore_line, NULL);
	if (net_send(fd, request, sizeof(request) - 1) != 0)
		goto out;
	while (a.state < ANSWER_DONE) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n <= 0)
			goto out;
		answer_feed(&a, data, (size_t)n);
	}
	rc = a.state == ANSWER_DONE && a.status == 200 ? 0 : -1;
out:
	answer_done(&a);
	return rc;
}

static uint32_t
count_open(const int *fds, uint32_t n)
{
	uint32_t open = 0;
	char byte;

	for (uint32_t i = 0; i < n; i++) {
		ssize_t got = recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK);

		open += got > 0 || (got < 0 && errno == EAGAIN);
	}
	return open;
}

static uint32_t
open_all(const char *to, int *fds, uint32_t n, bool is_used)
{
	for (uint32_t i = 0; i < n; i++) {
		fds[i] = net_connect(to);
		if (fds[i] < 0) {
			perror("bench-load: connect");
			return i;
		}
		if (is_used && use(fds[i]) != 0) {
			fprintf(stderr, "bench-load: no answer\n");
			close(fds[i]);
			return i;
		}
	}
	return n;
}

int
idle_run(const char *to, uint32_t n, bool is_used)
{
	int *fds = calloc(n, sizeof(*fds));
	struct rlimit files;
	uint32_t open;
	char byte;

	if (fds == NULL)
		return 1;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	open = open_all(to, fds, n, is_used);
	printf("{\"open\":%u}\n", open);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	printf("{\"open\":%u}\n", count_open(fds, open));
	for (uint32_t i = 0; i < open; i++)
		close(fds[i]);
	free(fds);
	return open == n ? 0 : 1;
}
