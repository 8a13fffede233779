/*
 * Each answer goes into the cache as it came, packed; a model has a copy of its
 * own. A process is found dead by looking, some times a second, as nobody waits
 * for it. A file that cannot be opened, and one whose probe dies, have answers
 * too: those are made here.
 */
#include "keeper/probes.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "keeper/jaillog.h"
#include "keeper/modelfile.h"
#include "keeper/modelparts.h"
#include "keeper/reap.h"
#include "keeper/spawn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define AT_ONCE 2u
#define POLL_MS 20u
#define DEADLINE_MS 15000u
#define AGAIN_MS 5000u /* no process could be started */
#define LAST_MS 1000u  /* for what was killed at our end */
#define CACHE_MAX 4096u

struct kept {
	struct list link; /* in the cache, the oldest first */
	struct stat st;
	size_t n;
	char packed[];
};

struct run {
	pid_t pid;	       /* 0: free */
	struct modelprobe *of; /* NULL: nobody asks any more */
	struct stat st;
	int answer; /* memory that it writes to */
	uint64_t deadline_ms;
	bool is_late; /* it was killed for that */
	struct jail_report jail;
};

struct probes {
	enum jail_mode jail;
	const char *exe;
	char *const *env;
	probed_fn fn;
	void *arg;
	bool is_started;
	struct timer *timer;
	struct list queue; /* struct modelprobe */
	struct list cache;
	size_t n_kept;
	struct run runs[AT_ONCE];
};

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static const struct kept *
find_kept(const struct probes *p, const struct stat *st)
{
	struct list *it, *next;

	LIST_EACH (it, next, &p->cache) {
		const struct kept *k = LIST_ENTRY(it, struct kept, link);

		if (is_same(&k->st, st))
			return k;
	}
	return NULL;
}

static void
drop_kept(struct probes *p, struct list *link)
{
	list_remove(link);
	p->n_kept--;
	free(LIST_ENTRY(link, struct kept, link));
}

static void
keep(struct probes *p, const struct stat *st, struct str packed)
{
	struct kept *k = malloc(sizeof(*k) + packed.n);

	if (k == NULL)
		return;
	list_init(&k->link);
	k->st = *st;
	k->n = packed.n;
	memcpy(k->packed, packed.p, packed.n);
	list_append(&p->cache, &k->link);
	if (++p->n_kept > CACHE_MAX)
		drop_kept(p, p->cache.next);
}

/* Gives mp a copy. */
static int
give(struct probes *p, struct modelprobe *mp, const struct stat *st,
    struct str packed)
{
	struct probe about;
	void *mem = malloc(packed.n);

	if (mem == NULL)
		return ERR_NOMEM;
	memcpy(mem, packed.p, packed.n);
	if (layout_unpack(&layout_probe, &about, mem, packed.n) != 0) {
		free(mem);
		return ERR_PROTO;
	}
	free(mp->mem);
	mp->mem = mem;
	mp->about = about;
	/* Of the others all that is known is how large they are. */
	if (about.n_split > 1) {
		mp->about.n_bytes += modelparts_bytes(mp->path);
		mp->about.n_params = 0;
	}
	mp->st = *st;
	mp->is_known = true;
	p->fn(p->arg, mp);
	return 0;
}

/* The answer of a file that nobody could read. */
static void
give_failure(struct probes *p, struct modelprobe *mp, const struct stat *st,
    int err, const char *why, bool is_kept)
{
	struct probe about = { .err = err, .why = str_of(why) };
	struct buf b;

	buf_init(&b, PROBE_MAX);
	layout_pack(&layout_probe, &about, &b);
	if (buf_err(&b) == 0 && is_kept)
		keep(p, st, buf_str(&b));
	if (buf_err(&b) == 0 && mp != NULL)
		(void)give(p, mp, st, buf_str(&b));
	buf_done(&b);
}

static int
make_answer(enum jail_mode jail)
{
	uint8_t mode = (uint8_t)jail;
	int fd = memfd_create("bulkhead-probe", MFD_CLOEXEC);

	if (fd >= 0 && pwrite(fd, &mode, 1, 0) != 1) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
start(struct probes *p, struct run *r, int file, struct fail *f)
{
	struct spawn s = {
		.exe = p->exe,
		.name = "bulkhead-probe",
		.env = p->env,
		.channel = file,
		.progress = make_answer(p->jail),
		.lastwords = -1,
		.jail = p->jail,
	};
	int pidfd = -1;
	int err;

	if (s.progress < 0)
		return fail_set(f, ERR_IO, "", "no memory for its answer");
	r->jail = (struct jail_report){ .landlock_abi = 0 };
	err = spawn(&s, &r->pid, &pidfd, &r->jail, f);
	if (pidfd >= 0)
		(void)close(pidfd);
	if (err != 0) {
		(void)close(s.progress);
		r->pid = 0;
		return err;
	}
	r->answer = s.progress;
	r->is_late = false;
	r->deadline_ms = clock_ms() + DEADLINE_MS;
	return 0;
}

/* Opens the file, and answers at once where nothing needs to be read. False when
 * there is no process to be had now. */
static bool
begin(struct probes *p, struct run *r, struct modelprobe *mp)
{
	static const struct stat none;
	struct modelfile file;
	const struct kept *k;
	struct fail why;
	int err = modelfile_open(mp->path, &file, &why);

	if (err != 0) {
		give_failure(p, mp, &none, err, why.text, false);
		return true;
	}
	k = find_kept(p, &file.st);
	if (k != NULL) {
		(void)give(p, mp, &file.st, (struct str){ k->packed, k->n });
	} else if (start(p, r, file.fd, &why) == 0) {
		r->of = mp;
		r->st = file.st;
	} else {
		log_warn("%s", why.text);
		list_append(&p->queue, &mp->link);
		err = ERR_AGAIN;
	}
	modelfile_close(&file);
	return err == 0;
}

/* Said once, as of any child. */
static void
say_jail(struct run *r, struct str said)
{
	struct jail_report more;

	if (said.n == 0 || !report_read(&more, said.p, said.n))
		return;
	report_add(&r->jail, &more);
	jail_log("bulkhead-probe", &r->jail);
}

/* Reads what it left; false if that is no answer. */
static bool
take_answer(struct probes *p, struct run *r)
{
	uint32_t words[PROBE_MAX / sizeof(uint32_t)];
	size_t got = fd_get(r->answer, words, sizeof(words));
	struct str packed = { (const char *)(words + 1), words[0] };
	struct probe about;

	if (got < sizeof(words[0]) || packed.n > got - sizeof(words[0]) ||
	    layout_unpack(&layout_probe, &about, packed.p, packed.n) != 0)
		return false;
	say_jail(r, about.jail);
	keep(p, &r->st, packed);
	if (r->of != NULL)
		(void)give(p, r->of, &r->st, packed);
	return true;
}

/* What killed it may do so again: that is an answer too. */
static void
end(struct probes *p, struct run *r, const struct death *d)
{
	struct modelprobe *of = r->of;
	char text[64];
	char why[128];
	bool is_good = !d->by_signal && d->number == 0;

	r->pid = 0;
	(void)snprintf(why, sizeof(why), "the probe of it %s",
	    r->is_late ? "took too long" : death_text(d, text, sizeof(text)));
	if (!is_good || !take_answer(p, r)) {
		give_failure(p, of, &r->st, ERR_LOAD_FAILED,
		    is_good ? "the probe of it said nothing" : why,
		    d->by_signal);
		log_warn(
		    "%s: %s", of != NULL ? of->path : "a model's file", why);
	}
	(void)close(r->answer);
}

static void
look(struct probes *p, struct run *r)
{
	struct death d;

	if (r->pid == 0)
		return;
	if (clock_ms() > r->deadline_ms) {
		r->is_late = true;
		(void)kill(r->pid, SIGKILL);
	}
	if (reap(r->pid, &d) == 0)
		end(p, r, &d);
}

static void
on_timer(void *arg)
{
	struct probes *p = arg;
	bool is_busy = false;
	bool may_start = true;

	for (size_t i = 0; i < AT_ONCE; i++) {
		struct run *r = &p->runs[i];

		look(p, r);
		while (may_start && r->pid == 0 && !list_empty(&p->queue)) {
			struct modelprobe *mp =
			    LIST_ENTRY(p->queue.next, struct modelprobe, link);

			list_remove(&mp->link);
			may_start = begin(p, r, mp);
		}
		is_busy |= r->pid != 0;
	}
	if (is_busy)
		timer_set(p->timer, POLL_MS);
	else if (!may_start)
		timer_set(p->timer, AGAIN_MS);
}

struct probes *
probes_new(struct loop *l, enum jail_mode jail, const char *exe,
    char *const *env, probed_fn fn, void *arg)
{
	struct probes *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct probes){
		.jail = jail, .exe = exe, .env = env, .fn = fn, .arg = arg
	};
	list_init(&p->queue);
	list_init(&p->cache);
	p->timer = timer_new(l, on_timer, p);
	if (p->timer == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

static void
end_run(struct run *r)
{
	uint64_t until = clock_ms() + LAST_MS;
	struct death d;

	if (r->pid == 0)
		return;
	(void)kill(r->pid, SIGKILL);
	while (reap(r->pid, &d) != 0 && clock_ms() < until)
		(void)usleep(1000);
	(void)close(r->answer);
}

void
probes_free(struct probes *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < AT_ONCE; i++)
		end_run(&p->runs[i]);
	while (!list_empty(&p->cache))
		drop_kept(p, p->cache.next);
	timer_free(p->timer);
	free(p);
}

void
probes_start(struct probes *p)
{
	if (p->exe[0] == '\0') {
		if (!list_empty(&p->queue))
			log_warn("bulkhead-probe is not installed: lists say "
				 "little of what is not loaded");
		return;
	}
	p->is_started = true;
	timer_set(p->timer, 0);
}

void
modelprobe_init(struct modelprobe *mp)
{
	*mp = (struct modelprobe){ .path = NULL };
	list_init(&mp->link);
}

void
modelprobe_done(struct probes *p, struct modelprobe *mp)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (p->runs[i].of == mp)
			p->runs[i].of = NULL;
	list_remove(&mp->link);
	free(mp->mem);
	mp->mem = NULL;
	mp->is_known = false;
}

static bool
is_asked(const struct probes *p, const struct modelprobe *mp)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (p->runs[i].of == mp)
			return true;
	return !list_empty(&mp->link);
}

void
probes_ask(struct probes *p, struct modelprobe *mp, const char *path)
{
	struct stat st;

	if (is_asked(p, mp))
		return;
	if (mp->is_known && stat(path, &st) == 0 && is_same(&st, &mp->st))
		return;
	mp->path = path;
	list_append(&p->queue, &mp->link);
	if (p->is_started)
		timer_set(p->timer, 0);
}

bool
probes_own(const struct probes *p, pid_t pid)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (p->runs[i].pid == pid)
			return true;
	return false;
}
