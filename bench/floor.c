/*
 * floor - what one token costs a server at the very least: one event written
 * as text, one send(2) of it to a client who waits, one wake to do so.
 *
 * Two processes on a loopback TCP connection. This one wakes in epoll, reads
 * a byte, writes an event and sends it; the other reads it and sends the byte
 * back. The CPU time of this process a round is the floor.
 */
#include "args.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVENT_MAX 512

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* The two ends of a TCP connection on the loopback. */
static void
tcp_pair(int ends[2])
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t n = sizeof(in);
	int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);

	if (l < 0 || bind(l, (struct sockaddr *)&in, n) != 0 ||
	    listen(l, 1) != 0 ||
	    getsockname(l, (struct sockaddr *)&in, &n) != 0)
		die("listen");
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (ends[0] < 0 || connect(ends[0], (struct sockaddr *)&in, n) != 0)
		die("connect");
	ends[1] = accept(l, NULL, NULL);
	if (ends[1] < 0)
		die("accept");
	for (int i = 0; i < 2; i++)
		setsockopt(
		    ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(l);
}

/* The client: reads events for ever, answers each with a byte. */
static void
client(int fd)
{
	char data[EVENT_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(fd, data, sizeof(data)) > 0)
		if (write(fd, "", 1) != 1)
			break;
	_exit(0);
}

/* An event as the OpenAI protocol has it, in an HTTP chunk. */
static size_t
format(char *out, uint32_t i)
{
	char event[EVENT_MAX - 32];
	int n = snprintf(event, sizeof(event),
	    "data: {\"id\":\"cmpl-%08x\",\"object\":\"text_completion\","
	    "\"created\":%u,\"model\":\"%s\",\"choices\":[{\"index\":0,"
	    "\"text\":\"%s\",\"logprobs\":null,\"finish_reason\":null}]}\n\n",
	    i, 1700000000u + i, "demo", " lantern");

	return (size_t)snprintf(out, EVENT_MAX, "%x\r\n%s\r\n", n, event);
}

static uint64_t
cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
rounds(int epoll, int fd, uint32_t n)
{
	struct epoll_event ready;
	char event[EVENT_MAX], byte;

	for (uint32_t i = 0; i < n; i++) {
		size_t size = format(event, i);

		if (send(fd, event, size, MSG_NOSIGNAL) != (ssize_t)size)
			die("send");
		if (epoll_wait(epoll, &ready, 1, -1) != 1 ||
		    read(fd, &byte, 1) != 1)
			die("wait");
	}
}

int
main(int argc, char **argv)
{
	struct epoll_event ev = { .events = EPOLLIN };
	uint32_t n = 20000;
	const struct arg rows[] = {
		{ "rounds", ARG_U32, &n, "how many to measure (20000)" },
	};
	int ends[2], epoll = epoll_create1(0);
	uint64_t before;
	pid_t pid;

	args_parse(rows, 1, "bench-floor - send, wake and format", argc, argv);
	tcp_pair(ends);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		client(ends[0]);
	}
	close(ends[0]);
	if (pid < 0 || epoll < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[1], &ev) != 0)
		die("epoll");
	rounds(epoll, ends[1], n / 10);
	before = cpu_ns();
	rounds(epoll, ends[1], n);
	printf("{\"us\":%.2f}\n", (double)(cpu_ns() - before) / n / 1e3);
	close(ends[1]);
	waitpid(pid, NULL, 0);
	return 0;
}
