/*
 * load-many - gives model files to workers as the keeper does, one after the
 * other, and says what became of each.
 *
 *   load-many WORKER SECONDS <paths
 *
 * For each line of standard input one line comes out:
 *
 *   served            loaded, and a request was answered
 *   refused TEXT      loaded, and the request was refused
 *   failed TEXT       cannot be loaded; WORKER_FAILED says why
 *   signal N          it died of a signal, while it loaded or answered
 *   exit N            it left without a word
 *   hang              neither within SECONDS; it was killed
 *
 * Each file has a process of its own, the real one; what is saved beside the
 * real keeper is only the bookkeeping. Address space is bounded, so that a
 * file that asks for everything does not get it.
 */
#include "wire/chan.h"
#include "wire/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUT_MAX (1u << 20)
#define SPACE_MAX (4ull << 30) /* bytes; no bound under a sanitizer */
#define TEXT_MAX 1500

struct run {
	const char *exe;
	const char *path;
	pid_t pid;
	struct chan *keeper; /* our end of the worker's channel 3 */
	struct chan *front;  /* and of the one that it serves */
	long long deadline;  /* ms */
	char said[TEXT_MAX]; /* what to print; "": nothing yet */
};

static long long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void
say(struct run *r, const char *word, struct str text)
{
	if (r->said[0] == '\0')
		snprintf(r->said, sizeof(r->said), "%s %.*s", word, (int)text.n,
		    text.p);
}

static void
bound_space(void)
{
	struct rlimit most = { SPACE_MAX, SPACE_MAX };

	if (getenv("BULKHEAD_SANITIZE") == NULL ||
	    *getenv("BULKHEAD_SANITIZE") == '\0')
		(void)setrlimit(RLIMIT_AS, &most);
}

static _Noreturn void
be_worker(const struct run *r, int channel, int page)
{
	char *const argv[] = { (char *)"bulkhead-worker", NULL };
	char *const env[] = { (char *)"PATH=/usr/bin:/bin",
		(char *)"LANG=C.UTF-8", (char *)"GGML_NO_BACKTRACE=1", NULL };
	struct rlimit none = { 0, 0 };
	int null = open("/dev/null", O_RDWR);
	int high_channel = fcntl(channel, F_DUPFD, 20);
	int high_page = fcntl(page, F_DUPFD, 20);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	bound_space();
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
	if (dup2(high_channel, CHANNEL_FD) < 0 ||
	    dup2(high_page, PROGRESS_FD) < 0)
		_exit(125);
	(void)close_range(PROGRESS_FD + 1, ~0u, 0);
	(void)execve(r->exe, argv, env);
	_exit(126);
}

/* 0, or -1 with errno set. */
static int
start(struct run *r)
{
	struct progress *page;
	int channel[2], page_fd;

	if (chan_pair(channel) != 0 || progress_make(&page, &page_fd) != 0)
		return -1;
	progress_unmap(page);
	r->pid = fork();
	if (r->pid < 0)
		return -1;
	if (r->pid == 0)
		be_worker(r, channel[1], page_fd);
	(void)close(channel[1]);
	(void)close(page_fd);
	r->keeper = chan_new(channel[0], PROC_KEEPER, PROC_WORKER, OUT_MAX);
	return r->keeper == NULL ? -1 : 0;
}

static int
give_model(struct run *r)
{
	struct worker_load load = { .engine = ENGINE_LLAMA,
		.name = str_of("mutant"),
		.path = str_of(r->path),
		.log_level = 3,
		.n_ctx = 256,
		.n_seq = 1,
		.n_threads = 1,
		.n_threads_batch = 1,
		.chunk = 16,
		.use_mmap = 1 };
	struct worker_channel channel = { .front_pid = (uint32_t)getpid() };
	int pair[2];
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0 || chan_pair(pair) != 0)
		return -1;
	err = chan_send(r->keeper, MSG_WORKER_LOAD, &load, fd);
	if (err == 0)
		err =
		    chan_send(r->keeper, MSG_WORKER_CHANNEL, &channel, pair[1]);
	(void)close(fd);
	(void)close(pair[1]);
	r->front = chan_new(pair[0], PROC_FRONT, PROC_WORKER, OUT_MAX);
	return r->front == NULL ? -1 : err;
}

/* What was not mentioned is off, or it would look at the mutant less. */
static int
ask(struct run *r)
{
	struct gen_submit g = { .gen = 1,
		.input = INPUT_CHAT,
		.messages = str_of("[{\"role\":\"user\",\"content\":"
				   "\"Once upon \xc3\xa9 <0x41>\"}]"),
		.max_tokens = 2,
		.seed = 1,
		.want_logprobs = 1,
		.n_top_logprobs = 2,
		.temperature = 0.8f,
		.top_k = 40,
		.top_p = 0.9f,
		.typical_p = 1,
		.top_n_sigma = -1,
		.xtc_threshold = 1,
		.repeat_penalty = 1,
		.resume_mode = RESUME_EXACT };

	return chan_send(r->front, MSG_GEN_SUBMIT, &g, -1);
}

/* A GEN_STEP and the like need no answer. */
static void
hear(struct run *r, const struct frame *f)
{
	union {
		struct worker_failed failed;
		struct gen_failed refused;
	} m;

	if (f->msg == MSG_WORKER_READY && ask(r) != 0)
		say(r, "exit", STR("-1"));
	else if (f->msg == MSG_GEN_DONE)
		say(r, "served", STR(""));
	else if (f->msg == MSG_WORKER_FAILED && frame_unpack(f, &m) == 0)
		say(r, "failed", m.failed.text);
	else if (f->msg == MSG_GEN_FAILED && frame_unpack(f, &m) == 0)
		say(r, "refused", m.refused.text);
}

/* False when the channel has ended. */
static bool
take(struct run *r, struct chan *c)
{
	struct frame f;
	int err;

	(void)chan_flush(c);
	while ((err = chan_recv(c, &f)) == 0) {
		hear(r, &f);
		frame_close(&f);
	}
	return err == ERR_AGAIN;
}

static void
listen_to(struct run *r)
{
	bool is_open = true;

	while (is_open && r->said[0] == '\0') {
		struct pollfd fds[] = {
			{ .fd = chan_fd(r->keeper), .events = POLLIN },
			{ .fd = chan_fd(r->front), .events = POLLIN },
		};
		long long left = r->deadline - now_ms();

		if (left <= 0 || poll(fds, 2, (int)left) == 0) {
			say(r, "hang", STR(""));
			break;
		}
		/* The front's first: the keeper's end says that it is over. */
		if (fds[1].revents != 0)
			(void)take(r, r->front);
		if (fds[0].revents != 0)
			is_open = take(r, r->keeper);
		if (fds[1].revents & POLLHUP)
			break;
	}
}

/* How it died if nothing was heard; it is killed if it still lives. */
static void
bury(struct run *r)
{
	char number[16];
	int status = 0;
	bool was_heard = r->said[0] != '\0';

	if (was_heard)
		(void)kill(r->pid, SIGKILL);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (was_heard)
		return;
	snprintf(number, sizeof(number), "%d",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	say(r, WIFSIGNALED(status) ? "signal" : "exit", str_of(number));
}

static int
one(const char *exe, const char *path, long seconds)
{
	struct run r = { .exe = exe, .path = path };
	int err = -1;

	r.deadline = now_ms() + seconds * 1000;
	if (start(&r) != 0 || give_model(&r) != 0) {
		fprintf(stderr, "load-many: %s: %s\n", path, strerror(errno));
	} else {
		listen_to(&r);
		bury(&r);
		for (char *c = r.said; *c != '\0'; c++)
			if (*c == '\n')
				*c = ' ';
		printf("%s\n", r.said);
		fflush(stdout);
		err = 0;
	}
	chan_free(r.front);
	chan_free(r.keeper);
	return err;
}

int
main(int argc, char **argv)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (argc != 3) {
		fprintf(stderr, "usage: load-many WORKER SECONDS <paths\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	while ((n = getline(&line, &size, stdin)) > 0) {
		line[n - 1] = '\0';
		if (one(argv[1], line, atol(argv[2])) != 0)
			return 1;
	}
	free(line);
	return 0;
}
