/*
 * load - S streams at once from an HTTP server, counted and timed.
 *
 * Every stream has a connection of its own and one request, a line of the
 * file of requests. All connect, then all send, then one thread reads what
 * comes, in large pieces and without parsing JSON: on a small machine this
 * program takes its time from the server that it measures. What is printed
 * is one JSON object; texts are compared by who reads it.
 *
 * With --idle it only opens connections: see idle.h.
 */
#include "args.h"
#include "idle.h"
#include "net.h"
#include "stream.h"

#include "base/clock.h"
#include "json/write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define REPORT_MAX (64u << 20)
#define US_PER_S 1000000u

struct client {
	struct stream stream;
	char *body; /* of the request */
	int fd;
};

struct load {
	const char *to;
	const char *path;
	const char *requests;
	const char *key;
	uint32_t timeout; /* seconds */
	uint32_t idle;
	bool is_used;
	struct client *clients;
	uint32_t n; /* clients */
	uint32_t running;
	struct tally tally;
	uint64_t begin_us;
};

static int
complain(const char *what)
{
	fprintf(stderr, "bench-load: %s: %s\n", what, strerror(errno));
	return -1;
}

static int
add_client(struct load *l, const char *body)
{
	size_t size = (l->n + 1) * sizeof(*l->clients);
	struct client *more = realloc(l->clients, size);

	if (more == NULL)
		return complain("memory");
	l->clients = more;
	more[l->n] = (struct client){ .fd = -1, .body = strdup(body) };
	l->n++;
	return 0;
}

/* A request a line. */
static int
read_requests(struct load *l)
{
	FILE *f = fopen(l->requests, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int rc = 0;

	if (f == NULL)
		return complain(l->requests);
	while (rc == 0 && (n = getline(&line, &size, f)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		rc = add_client(l, line);
	}
	free(line);
	fclose(f);
	return rc;
}

static int
connect_all(struct load *l, int epoll)
{
	struct epoll_event ev = { .events = EPOLLIN };

	for (uint32_t i = 0; i < l->n; i++) {
		struct client *c = &l->clients[i];

		stream_init(&c->stream, &l->tally);
		c->fd = net_connect(l->to);
		if (c->fd < 0)
			return complain(l->to);
		ev.data.ptr = c;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
			return complain("epoll_ctl");
	}
	return 0;
}

static int
send_request(const struct load *l, struct client *c)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
	    "POST %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    l->path, strlen(c->body));

	c->stream.sent_us = clock_us();
	if (net_send(c->fd, head, (size_t)n) != 0 ||
	    net_send(c->fd, c->body, strlen(c->body)) != 0)
		return complain("send");
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
		return complain("fcntl");
	return 0;
}

static void
finish(struct load *l, struct client *c)
{
	stream_end(&c->stream);
	close(c->fd);
	c->fd = -1;
	l->running--;
}

static void
read_some(struct load *l, struct client *c)
{
	static char data[1 << 16];
	ssize_t n = read(c->fd, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		stream_feed(&c->stream, data, (size_t)n);
	if (n <= 0 || c->stream.answer.state >= ANSWER_DONE)
		finish(l, c);
}

static int
read_all(struct load *l, int epoll)
{
	uint64_t deadline = l->begin_us + (uint64_t)l->timeout * US_PER_S;
	struct epoll_event ready[256];

	while (l->running > 0) {
		int n = epoll_wait(epoll, ready, 256, 1000);

		l->tally.now_us = clock_us();
		if (n < 0 && errno != EINTR)
			return complain("epoll_wait");
		for (int i = 0; i < n; i++)
			read_some(l, ready[i].data.ptr);
		if (l->tally.now_us > deadline)
			break;
	}
	for (uint32_t i = 0; i < l->n; i++)
		if (l->clients[i].fd >= 0)
			finish(l, &l->clients[i]);
	return 0;
}

static int
drive(struct load *l)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int rc;

	rc = epoll < 0 ? complain("epoll") : connect_all(l, epoll);
	l->running = l->n;
	l->begin_us = clock_us();
	for (uint32_t i = 0; i < l->n && rc == 0; i++)
		rc = send_request(l, &l->clients[i]);
	if (rc == 0)
		rc = read_all(l, epoll);
	if (epoll >= 0)
		close(epoll);
	return rc;
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
gap_at(const struct tally *t, size_t percent)
{
	return t->n_gaps > 0 ? t->gaps[(t->n_gaps - 1) * percent / 100] : 0;
}

/* The CPU time of this process in microseconds. */
static uint64_t
own_cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

static void
report_stream(struct json_out *o, const struct stream *s)
{
	uint64_t first = s->first_us > 0 ? s->first_us - s->sent_us : 0;

	json_item(o);
	json_open(o, '{');
	json_key_u64(o, "events", s->events);
	json_key_u64(o, "tokens", s->tokens);
	json_key_u64(o, "first_us", first);
	json_key_cstr(o, "why", s->why);
	json_key(o, "text");
	buf_puts(o->b, "\"");
	buf_put_str(o->b, buf_str(&s->text));
	buf_puts(o->b, "\"");
	json_close(o, '}');
}

static int
report(struct load *l)
{
	struct tally *t = &l->tally;
	struct json_out o;
	struct buf b;
	int rc;

	if (t->n_gaps > 0)
		qsort(t->gaps, t->n_gaps, sizeof(*t->gaps), by_size);
	buf_init(&b, REPORT_MAX);
	o = json_out(&b);
	json_open(&o, '{');
	json_key_u64(&o, "wall_us",
	    t->last_us > l->begin_us ? t->last_us - l->begin_us : 0);
	json_key_u64(&o, "own_cpu_us", own_cpu_us());
	json_key_u64(&o, "gap_p50_us", gap_at(t, 50));
	json_key_u64(&o, "gap_p99_us", gap_at(t, 99));
	json_key_u64(&o, "gap_max_us", gap_at(t, 100));
	json_key(&o, "streams");
	json_open(&o, '[');
	for (uint32_t i = 0; i < l->n; i++)
		report_stream(&o, &l->clients[i].stream);
	json_close(&o, ']');
	json_close(&o, '}');
	buf_puts(&b, "\n");
	rc = buf_err(&b);
	if (rc == 0 && fwrite(buf_data(&b), buf_len(&b), 1, stdout) != 1)
		rc = complain("stdout");
	buf_done(&b);
	return rc;
}

static void
load_done(struct load *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		stream_done(&l->clients[i].stream);
		free(l->clients[i].body);
	}
	free(l->clients);
	free(l->tally.gaps);
}

int
main(int argc, char **argv)
{
	struct load l = {
		.path = "/v1/completions",
		.key = "\"text\":\"",
		.timeout = 300,
	};
	const struct arg rows[] = {
		{ "to", ARG_TEXT, &l.to, "HOST:PORT or the path of a socket" },
		{ "path", ARG_TEXT, &l.path, "/v1/completions" },
		{ "requests", ARG_TEXT, &l.requests, "file, a body a line" },
		{ "key", ARG_TEXT, &l.key, "before a text: \"text\":\"" },
		{ "timeout", ARG_U32, &l.timeout, "seconds (300)" },
		{ "idle", ARG_U32, &l.idle, "open that many and wait" },
		{ "used", ARG_FLAG, &l.is_used, "after a request on each" },
	};
	int rc;

	args_parse(rows, sizeof(rows) / sizeof(rows[0]),
	    "bench-load - streams from an HTTP server, timed", argc, argv);
	if (l.to == NULL || (l.requests == NULL) == (l.idle == 0)) {
		fprintf(stderr,
		    "bench-load: wants --to and --requests or --idle\n");
		return 2;
	}
	if (l.idle > 0)
		return idle_run(l.to, l.idle, l.is_used);
	l.tally.key = l.key;
	rc = read_requests(&l);
	if (rc == 0)
		rc = drive(&l);
	if (rc == 0)
		rc = report(&l);
	load_done(&l);
	return rc == 0 ? 0 : 1;
}
