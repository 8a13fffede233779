/*
 * Theory: clients of the JSON-RPC socket in one thread: each connects, calls
 * rkllm.init, and then does one of three things. --calls: asks rkllm.is_running
 * again as soon as it is answered, all of them for so many milliseconds.
 * --tokens: one run each of so many tokens. Neither: nothing, until standard
 * input ends. What came of it is a line of JSON on standard output.
 *
 * A reply is a line, and what kind it is shows in few bytes of it: a client
 * that is slower than the server would measure itself.
 */
#include "args.h"
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define ABOUT "bench-rpc - clients of the JSON-RPC socket, and what they got"
#define REQUEST(id, method, params)                               \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method \
	"\",\"params\":" params "}\n"
#define EVENTS 64

static const char init[] =
    REQUEST("1", "rkllm.init", "[null,{\"ignore_eos_token\":true},null]");
static const char call[] = REQUEST("2", "rkllm.is_running", "[null]");

struct client {
	int fd;
	bool is_done;
};

static struct {
	const char *to;
	uint32_t n, ms, tokens;
	struct client *clients;
	int epoll;
	uint64_t lines; /* replies */
	uint32_t done;	/* clients */
} b = { .n = 1 };

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
fail(const char *what)
{
	fprintf(stderr, "bench-rpc: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
ask(const struct client *c, const char *text)
{
	if (net_send(c->fd, text, strlen(text)) != 0)
		fail("send");
}

/* What has come, NUL behind it; the server is to stay. */
static size_t
hear(const struct client *c, char *room, size_t size)
{
	ssize_t n;

	do
		n = read(c->fd, room, size - 1);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		fail("read");
	room[n] = '\0';
	if (strstr(room, "\"error\":{") != NULL) {
		fprintf(stderr, "bench-rpc: refused: %s", room);
		exit(1);
	}
	return (size_t)n;
}

static void
open_all(void)
{
	char room[4096];

	for (uint32_t i = 0; i < b.n; i++) {
		struct client *c = &b.clients[i];
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		c->fd = net_connect(b.to);
		if (c->fd < 0)
			fail(b.to);
		ask(c, init);
		(void)hear(c, room, sizeof(room));
		if (epoll_ctl(b.epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
			fail("epoll");
	}
}

static uint64_t
count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p)));
	     p++)
		lines++;
	return lines;
}

/* A reply is short, and asked for alone: it comes whole. */
static void
on_answer(struct client *c, char *room, size_t n)
{
	b.lines += count_lines(room, n);
	ask(c, call);
}

/* The last reply may come in pieces, but its end is short. */
static void
on_piece(struct client *c, char *room, size_t n)
{
	static const char last[] = "\"_callback_state\":2}}\n";
	size_t len = sizeof(last) - 1;

	b.lines += count_lines(room, n);
	if (c->is_done || n < len || memcmp(room + n - len, last, len) != 0)
		return;
	c->is_done = true;
	b.done++;
}

/* Until `until`, or every client is done. */
static void
serve(uint64_t until, void (*on_reply)(struct client *, char *, size_t))
{
	static char room[1 << 16];
	struct epoll_event ev[EVENTS];

	while (b.done < b.n && now_us() < until) {
		int n = epoll_wait(b.epoll, ev, EVENTS, 100);

		for (int i = 0; i < n; i++) {
			struct client *c = ev[i].data.ptr;

			on_reply(c, room, hear(c, room, sizeof(room)));
		}
	}
}

static void
run_calls(void)
{
	uint64_t start = now_us();

	for (uint32_t i = 0; i < b.n; i++)
		ask(&b.clients[i], call);
	serve(start + b.ms * 1000ull, on_answer);
	printf("{\"calls\":%llu,\"us\":%llu}\n", (unsigned long long)b.lines,
	    (unsigned long long)(now_us() - start));
}

static void
run_streams(void)
{
	uint64_t start = now_us();
	char text[512];

	(void)snprintf(text, sizeof(text),
	    REQUEST("3", "rkllm.run",
		"[null,{\"role\":\"user\",\"input_type\":0,\"prompt_input\":"
		"\"Tell me a story.\"},{\"max_new_tokens\":%u,\"seed\":1},"
		"null]"),
	    b.tokens);
	for (uint32_t i = 0; i < b.n; i++)
		ask(&b.clients[i], text);
	serve(start + 600 * 1000000ull, on_piece);
	if (b.done < b.n)
		fail("streams");
	printf("{\"tokens\":%llu,\"us\":%llu}\n",
	    (unsigned long long)(b.lines - b.n),
	    (unsigned long long)(now_us() - start));
}

static void
hold(void)
{
	char byte;

	printf("{\"open\":%u}\n", b.n);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
}

int
main(int argc, char **argv)
{
	const struct arg rows[] = {
		{ "to", ARG_TEXT, &b.to, "PATH   the socket" },
		{ "clients", ARG_U32, &b.n, "N      connections (1)" },
		{ "calls", ARG_U32, &b.ms, "MS     is_running, that long" },
		{ "tokens", ARG_U32, &b.tokens,
		    "N      a run of so many each" },
	};
	struct rlimit files;

	args_parse(rows, sizeof(rows) / sizeof(rows[0]), ABOUT, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	b.clients = calloc(b.n, sizeof(*b.clients));
	b.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (b.to == NULL || b.clients == NULL || b.epoll < 0)
		fail("--to");
	open_all();
	if (b.ms > 0)
		run_calls();
	else if (b.tokens > 0)
		run_streams();
	else
		hold();
	free(b.clients);
	return 0;
}
