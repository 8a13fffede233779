/*
 * The faults of a script, as two tables: actions, and the frames that break
 * the rules. The latter are written past chan.c, which would not send them.
 */
#include "fake.h"

#include "base/log.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 16u

/* Everything that waits, then n bytes, all of them. */
static void
write_raw(struct chan *c, const void *p, size_t n)
{
	const char *at = p;

	while (chan_waiting(c) > 0 && chan_flush(c) == 0)
		(void)poll(&(struct pollfd){ chan_fd(c), POLLOUT, 0 }, 1, -1);
	while (n > 0) {
		ssize_t r = send(chan_fd(c), at, n, MSG_NOSIGNAL);

		if (r < 0 && errno != EAGAIN && errno != EINTR)
			_exit(0); /* whom it was for is gone */
		if (r < 0)
			(void)poll(
			    &(struct pollfd){ chan_fd(c), POLLOUT, 0 }, 1, -1);
		at += r > 0 ? r : 0;
		n -= r > 0 ? (size_t)r : 0;
	}
}

/* A frame with whatever header and payload. claim: the length it says. */
static void
frame_raw(struct chan *c, uint32_t msg, const void *p, size_t n, uint32_t claim)
{
	uint32_t head[HEADER / 4] = { claim, msg, 0, 0 };
	static const char zero[8];

	write_raw(c, head, sizeof(head));
	write_raw(c, p, n);
	write_raw(c, zero, (8 - n % 8) % 8);
}

static void
send_garbage(struct worker *w, struct gen *g)
{
	char bytes[64];

	(void)g;
	memset(bytes, 0xff, sizeof(bytes));
	write_raw(w->front, bytes, sizeof(bytes));
}

static void
send_garbage_to_keeper(struct worker *w, struct gen *g)
{
	char bytes[64];

	(void)g;
	memset(bytes, 0xff, sizeof(bytes));
	write_raw(w->keeper, bytes, sizeof(bytes));
}

static void
send_oversize(struct worker *w, struct gen *g)
{
	(void)g;
	frame_raw(w->front, MSG_GEN_STEP, "", 0, 1u << 30);
}

static void
send_unknown(struct worker *w, struct gen *g)
{
	(void)g;
	frame_raw(w->front, 9999, "", 0, 0);
}

/* A message of the front's own. */
static void
send_others(struct worker *w, struct gen *g)
{
	frame_raw(
	    w->front, MSG_GEN_CANCEL, &g->id, sizeof(g->id), sizeof(g->id));
}

static void
pack_done(const struct gen *g, uint64_t id, uint8_t reason, struct buf *out)
{
	struct gen_done d = { .gen = id,
		.reason = reason,
		.text = STR(""),
		.stop = STR(""),
		.n_prompt = g->n_prompt,
		.n_out = g->n_out };

	buf_init(out, KIB);
	layout_pack(&layout_gen_done, &d, out);
}

static void
send_done_as(struct worker *w, struct gen *g, uint8_t reason, int more)
{
	struct buf b;
	size_t n;

	pack_done(g, g->id, reason, &b);
	buf_put_u64(&b, 0);
	n = buf_len(&b) - 8;
	n = more < 0 ? n / 2 : n + (size_t)more;
	frame_raw(w->front, MSG_GEN_DONE, buf_data(&b), n, (uint32_t)n);
	buf_done(&b);
}

static void
send_done(struct worker *w, struct gen *g)
{
	send_done_as(w, g, REASON_EOS, 0);
}

static void
send_short(struct worker *w, struct gen *g)
{
	send_done_as(w, g, REASON_EOS, -1);
}

static void
send_leftover(struct worker *w, struct gen *g)
{
	send_done_as(w, g, REASON_EOS, 8);
}

static void
send_reason(struct worker *w, struct gen *g)
{
	send_done_as(w, g, 77, 0);
}

static void
send_step(struct worker *w, const struct step *s)
{
	struct buf b;

	buf_init(&b, KIB);
	step_put(&b, s);
	frame_raw(w->front, MSG_GEN_STEP, buf_data(&b), buf_len(&b),
	    (uint32_t)buf_len(&b));
	buf_done(&b);
}

/* Of a generation that it was never given. */
static void
send_stranger(struct worker *w, struct gen *g)
{
	send_step(w,
	    &(struct step){ .gen = g->id ^ (1u << 20), .text = STR("lie ") });
}

static void
send_token(struct worker *w, struct gen *g)
{
	send_step(w, &(struct step){ .gen = g->id, .text = STR("lie ") });
}

static void
send_flags(struct worker *w, struct gen *g)
{
	send_step(w,
	    &(struct step){ .gen = g->id,
		.flags = STEP_LOGPROBS,
		.text = STR("lie "),
		.n_tops = 20,
		.tops = STR("broken") });
}

static void
send_utf8(struct worker *w, struct gen *g)
{
	send_step(
	    w, &(struct step){ .gen = g->id, .text = STR("\xff\xc0\x80 ") });
}

/* More tokens than the context that it claims has room for. */
static void
send_flood(struct worker *w, struct gen *g)
{
	for (uint32_t i = 0; i < w->script.context + 2; i++)
		send_token(w, g);
}

/* What it may say once, for ever and as fast as it can. */
static void
send_babble(struct worker *w, struct gen *g)
{
	struct gen_started s = { .gen = g->id };
	struct buf all, one;
	uint32_t head[HEADER / 4] = { 0, MSG_GEN_STARTED, 0, 0 };

	buf_init(&one, KIB);
	layout_pack(&layout_gen_started, &s, &one);
	head[0] = (uint32_t)buf_len(&one);
	buf_init(&all, MIB);
	while (buf_len(&all) < MIB / 2) {
		buf_put(&all, head, sizeof(head));
		buf_put(&all, buf_data(&one), buf_len(&one));
		buf_put(&all, "\0\0\0\0\0\0\0", (8 - buf_len(&one) % 8) % 8);
	}
	for (;;)
		write_raw(w->front, buf_data(&all), buf_len(&all));
}

/* A descriptor where none may come. */
static void
send_fd(struct worker *w, struct gen *g)
{
	uint32_t head[HEADER / 4] = { 0, MSG_GEN_STEP, 1, 0 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
			  .cmsg_level = SOL_SOCKET,
			  .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { head, sizeof(head) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room) };
	int fd = STDIN_FILENO;

	(void)g;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	(void)sendmsg(chan_fd(w->front), &m, MSG_NOSIGNAL);
}

static const struct {
	const char *name;
	void (*fn)(struct worker *w, struct gen *g);
} lies[] = {
	{ "garbage", send_garbage },
	{ "oversize", send_oversize },
	{ "unknown", send_unknown },
	{ "others", send_others },
	{ "done", send_done },
	{ "short", send_short },
	{ "leftover", send_leftover },
	{ "reason", send_reason },
	{ "stranger", send_stranger },
	{ "token", send_token },
	{ "flags", send_flags },
	{ "utf8", send_utf8 },
	{ "flood", send_flood },
	{ "fd", send_fd },
	{ "babble", send_babble },
	{ "keeper-garbage", send_garbage_to_keeper },
};

static void
do_send(struct worker *w, struct gen *g, const char *kind)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		if (strcmp(lies[i].name, kind) != 0)
			continue;
		lies[i].fn(w, g);
		return;
	}
	errx(2, "script: no frame is called %s", kind);
}

static void
do_die(struct worker *w, struct gen *g, const char *name)
{
	static const struct {
		const char *name;
		int signo;
	} names[] = { { "KILL", SIGKILL }, { "SEGV", SIGSEGV },
		{ "BUS", SIGBUS }, { "FPE", SIGFPE }, { "ILL", SIGILL },
		{ "ABRT", SIGABRT }, { "TRAP", SIGTRAP }, { "SYS", SIGSYS } };

	(void)w;
	(void)g;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) != 0)
			continue;
		(void)signal(names[i].signo, SIG_DFL);
		(void)raise(names[i].signo);
	}
	errx(2, "script: no signal is called %s", name);
}

static void
do_exit(struct worker *w, struct gen *g, const char *status)
{
	(void)w;
	(void)g;
	_exit(atoi(status));
}

static void
do_stall(struct worker *w, struct gen *g, const char *arg)
{
	(void)g;
	(void)arg;
	w->is_stalled = true;
}

static void
do_spin(struct worker *w, struct gen *g, const char *arg)
{
	volatile unsigned turns = 0;

	(void)w;
	(void)g;
	(void)arg;
	for (;;)
		turns++;
}

static void
do_announce(struct worker *w, struct gen *g, const char *ms)
{
	(void)g;
	progress_begin(
	    w->progress, atomic_load(&w->progress->phase), 1000.0 * atoi(ms));
}

static void
do_nap(struct worker *w, struct gen *g, const char *ms)
{
	(void)w;
	(void)g;
	(void)poll(NULL, 0, atoi(ms));
}

static void
do_hold(struct worker *w, struct gen *g, const char *arg)
{
	(void)w;
	(void)arg;
	g->is_held = true;
}

static void
do_cut(struct worker *w, struct gen *g, const char *bytes)
{
	size_t n = strtoul(bytes, NULL, 10);
	uint32_t head[HEADER / 4] = { 0, MSG_GEN_STEP, 0, 0 };
	struct buf b, whole;

	buf_init(&b, MIB);
	gen_step(w, g, &b);
	buf_init(&whole, MIB);
	head[0] = (uint32_t)buf_len(&b);
	buf_put(&whole, head, sizeof(head));
	buf_put(&whole, buf_data(&b), buf_len(&b));
	buf_put(&whole, "\0\0\0\0\0\0\0", (8 - buf_len(&b) % 8) % 8);
	write_raw(w->front, buf_data(&whole),
	    n < buf_len(&whole) ? n : buf_len(&whole));
	(void)raise(SIGKILL);
}

static void
do_fail(struct worker *w, struct gen *g, const char *text)
{
	struct worker_failed load = { .err = ERR_FILE, .text = str_of(text) };
	struct gen_failed gen = { .gen = g == NULL ? 0 : g->id,
		.err = ERR_INVALID,
		.field = STR("prompt"),
		.text = str_of(text) };

	if (g != NULL) {
		if (chan_send(w->front, MSG_GEN_FAILED, &gen, -1) != 0)
			log_warn("cannot send GEN_FAILED");
		return;
	}
	if (chan_send(w->keeper, MSG_WORKER_FAILED, &load, -1) != 0)
		log_warn("cannot send WORKER_FAILED");
	_exit(1);
}

static void
act(struct worker *w, const struct fault *f, struct gen *g)
{
	static const struct {
		const char *name;
		void (*fn)(struct worker *w, struct gen *g, const char *arg);
	} actions[] = { { "die", do_die }, { "exit", do_exit },
		{ "stall", do_stall }, { "spin", do_spin },
		{ "announce", do_announce }, { "nap", do_nap },
		{ "hold", do_hold }, { "cut", do_cut }, { "send", do_send },
		{ "fail", do_fail } };

	log_info("%s %s", f->action, f->arg);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, f->action) != 0)
			continue;
		actions[i].fn(w, g, f->arg);
		return;
	}
	errx(2, "script: no action is called %s", f->action);
}

static bool
is_meant(const struct fault *f, enum place place, uint32_t k, struct str prompt)
{
	if (f->place != place)
		return false;
	if (place == AT_FRAME || place == AT_TOKEN)
		return f->k == k;
	if (place == AT_PROMPT)
		return memmem(prompt.p, prompt.n, f->word, strlen(f->word)) !=
		    NULL;
	return true;
}

bool
fault_at(struct worker *w, enum place place, struct gen *g, uint32_t k,
    struct str prompt)
{
	bool was_failed = false;

	for (uint32_t i = 0; i < w->script.n_faults; i++) {
		const struct fault *f = &w->script.faults[i];

		if (!is_meant(f, place, k, prompt))
			continue;
		act(w, f, g);
		was_failed |= strcmp(f->action, "fail") == 0;
	}
	return was_failed;
}

bool
fault_of_file(struct worker *w, int fd, char *text, size_t n)
{
	char line[WORD_MAX + 32] = "";
	struct fault f = { .place = N_PLACES };

	if (pread(fd, line, sizeof(line) - 1, 0) < 0)
		err(2, "an attached file");
	if (sscanf(line, "GGUF %15s %127[^\n]", f.action, f.arg) < 1)
		return false;
	if (strcmp(f.action, "fail") != 0) {
		act(w, &f, NULL);
		return false;
	}
	(void)snprintf(text, n, "%s", f.arg);
	return true;
}
