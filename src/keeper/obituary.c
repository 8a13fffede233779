#include "keeper/obituary.h"

#include "base/clock.h"
#include "base/folder.h"
#include "base/list.h"
#include "base/log.h"
#include "conf/crashdir.h"
#include "keeper/jaillog.h"
#include "keeper/reap.h"
#include "keeper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MAX 8u	/* each holds a dead worker's page */
#define SUSPECTS_MS 500 /* the front has to say who it was */
#define HELPER_MS 30000
#define POLL_MS 20u
#define LAST_MS 3000 /* for all that waits, when the keeper leaves */
#define EARLY 4u     /* suspects that came before the death was seen */

struct death_note {
	struct list link; /* in waiting */
	uint32_t pid;
	char id[CRASH_ID_SIZE];
	struct buf packed;   /* struct obituary, but for the suspects */
	struct buf suspects; /* struct strs, packed */
	int words;	     /* -1: none */
	uint64_t ready_ms;   /* not before, unless suspects have come */
};

struct early {
	uint32_t pid;
	struct buf suspects;
};

struct obituaries {
	const struct conf *conf;
	const char *exe;
	char *const *env;
	char dir[PATH_MAX]; /* "": none are kept */
	struct list waiting;
	uint32_t n_waiting;
	struct early early[EARLY];
	uint32_t n_early;
	struct timer *timer;
	pid_t helper; /* 0: none runs */
	int record;   /* what it reads, and where it says how it is jailed */
	struct jail_report jail; /* its first stage */
	uint64_t deadline_ms;
	char id[CRASH_ID_SIZE]; /* of what it writes */
};

const char *
obituary_id(uint64_t unix_s, pid_t pid, char ret[CRASH_ID_SIZE])
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	size_t n;

	if (gmtime_r(&t, &tm) == NULL)
		tm = (struct tm){ .tm_mday = 1, .tm_year = 70 };
	n = strftime(ret, CRASH_ID_SIZE, "%Y%m%d-%H%M%S", &tm);
	(void)snprintf(ret + n, CRASH_ID_SIZE - n, "-%04x", pid & 0xffff);
	return ret;
}

static void
note_free(struct obituaries *o, struct death_note *d)
{
	list_remove(&d->link);
	o->n_waiting--;
	buf_done(&d->packed);
	buf_done(&d->suspects);
	if (d->words >= 0)
		(void)close(d->words);
	free(d);
}

/* A memfd with what the helper reads; -1. */
static int
record(const struct death_note *d)
{
	struct obituary what;
	struct buf b;
	int fd = -1;

	buf_init(&b, OBITUARY_MAX);
	if (layout_unpack(&layout_obituary, &what, buf_data(&d->packed),
		buf_len(&d->packed)) == 0) {
		what.suspects.packed = buf_str(&d->suspects);
		layout_pack(&layout_obituary, &what, &b);
		if (buf_err(&b) == 0)
			fd = memfd_create("bulkhead-obituary", MFD_CLOEXEC);
	}
	if (fd >= 0 &&
	    write(fd, buf_data(&b), buf_len(&b)) != (ssize_t)buf_len(&b)) {
		(void)close(fd);
		fd = -1;
	}
	buf_done(&b);
	return fd;
}

static int
start_helper(struct obituaries *o, struct death_note *d, struct fail *f)
{
	struct spawn s = {
		.exe = o->exe,
		.name = "bulkhead-autopsy",
		.env = o->env,
		.channel = record(d),
		.progress = d->words,
		.lastwords = -1,
		.jail = (enum jail_mode)o->conf->jail,
	};
	int pidfd = -1;
	int err;

	if (s.channel < 0)
		return fail_set(f, ERR_IO, "", "out of memory");
	/* Its place must be somebody's. */
	if (s.progress < 0)
		s.progress = s.channel;
	o->jail = (struct jail_report){ .landlock_abi = 0 };
	err = spawn(&s, &o->helper, &pidfd, &o->jail, f);
	if (pidfd >= 0)
		(void)close(pidfd);
	if (err == 0)
		o->record = s.channel;
	else
		(void)close(s.channel);
	return err;
}

/* What holds the helper: said once, as of any child. */
static void
say_jail(struct obituaries *o)
{
	struct jail_report more;
	ssize_t n = pread(o->record, &more, sizeof(more), OBITUARY_JAIL_AT);

	(void)close(o->record);
	if (n > 0 && report_read(&more, &more, (size_t)n)) {
		report_add(&o->jail, &more);
		jail_log("bulkhead-autopsy", &o->jail);
	}
}

static void
write_first(struct obituaries *o)
{
	struct death_note *d =
	    LIST_ENTRY(o->waiting.next, struct death_note, link);
	struct fail f = { .text = "" };

	(void)memcpy(o->id, d->id, sizeof(o->id));
	o->deadline_ms = clock_ms() + HELPER_MS;
	if (start_helper(o, d, &f) != 0) {
		o->helper = 0;
		log_warn("crash %s: no obituary: %s", o->id, f.text);
	}
	note_free(o, d);
}

/* Frees the place of a helper that is done. */
static void
look_at_helper(struct obituaries *o)
{
	struct death d;
	char text[64];

	if (o->helper == 0)
		return;
	if (clock_ms() > o->deadline_ms)
		(void)kill(o->helper, SIGKILL);
	if (reap(o->helper, &d) != 0)
		return;
	o->helper = 0;
	say_jail(o);
	/* Status 1: it has said why. */
	if (d.by_signal || d.number > 1)
		log_warn("crash %s: bulkhead-autopsy %s; its obituary has no "
			 "stacks",
		    o->id, death_text(&d, text, sizeof(text)));
}

static void
on_timer(void *arg)
{
	struct obituaries *o = arg;
	struct death_note *d;

	look_at_helper(o);
	while (o->helper == 0 && o->n_waiting > 0) {
		d = LIST_ENTRY(o->waiting.next, struct death_note, link);
		if (clock_ms() < d->ready_ms)
			break;
		write_first(o);
	}
	if (o->helper != 0 || o->n_waiting > 0)
		timer_set(o->timer, POLL_MS);
}

/* That there will be no obituaries is better known before the first death; by
 * then it may have been mended. */
static void
look_at_folder(const struct obituaries *o)
{
	struct fail f;
	int fd = -1;
	int err = folder_open(o->dir, &fd, &f);

	if (err == 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
		err = fail_set(&f, ERR_FILE, "", "%.240s: not writable: %s",
		    o->dir, strerror(errno));
	if (err != 0)
		log_warn("--crash-dir: %s; no obituaries are kept as long as "
			 "that is so",
		    f.text);
	if (fd >= 0)
		(void)close(fd);
}

struct obituaries *
obituaries_new(struct loop *l, const struct conf *conf, const char *exe,
    char *const *env, char *const envp[])
{
	struct obituaries *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	list_init(&o->waiting);
	o->conf = conf;
	o->exe = exe;
	o->env = env;
	o->timer = timer_new(l, on_timer, o);
	for (uint32_t i = 0; i < EARLY; i++)
		buf_init(&o->early[i].suspects, OBITUARY_MAX / 2);
	if (o->timer == NULL) {
		obituaries_free(o);
		return NULL;
	}
	if (!crashdir_find(conf->crash_dir, envp, o->dir))
		o->dir[0] = '\0';
	if (o->dir[0] != '\0' && exe[0] == '\0') {
		o->dir[0] = '\0';
		log_warn("bulkhead-autopsy is not installed: no obituaries");
	}
	if (o->dir[0] != '\0')
		look_at_folder(o);
	return o;
}

/* What waits for the front's word waits no more: it is going too. */
static void
finish(struct obituaries *o)
{
	uint64_t end = clock_ms() + LAST_MS;

	while ((o->helper != 0 || o->n_waiting > 0) && clock_ms() < end) {
		look_at_helper(o);
		if (o->helper == 0 && o->n_waiting > 0)
			write_first(o);
		(void)usleep(2000);
	}
	while (o->n_waiting > 0)
		note_free(
		    o, LIST_ENTRY(o->waiting.next, struct death_note, link));
	o->deadline_ms = 0;
	for (int i = 0; o->helper != 0 && i < 500; i++) {
		look_at_helper(o);
		(void)usleep(2000);
	}
}

void
obituaries_free(struct obituaries *o)
{
	if (o == NULL)
		return;
	finish(o);
	timer_free(o->timer);
	for (uint32_t i = 0; i < EARLY; i++)
		buf_done(&o->early[i].suspects);
	free(o);
}

/* The front may see the channel's end before we see the death. */
static bool
take_early(struct obituaries *o, struct death_note *d, uint32_t pid)
{
	for (uint32_t i = 0; i < EARLY; i++) {
		struct early *e = &o->early[i];

		if (e->pid != pid)
			continue;
		buf_put_str(&d->suspects, buf_str(&e->suspects));
		buf_reset(&e->suspects);
		e->pid = 0;
		return true;
	}
	return false;
}

void
obituaries_add(
    struct obituaries *o, struct obituary *what, int words, bool has_suspects)
{
	struct death_note *d = NULL;

	if (o->dir[0] != '\0' && o->n_waiting < WAITING_MAX)
		d = calloc(1, sizeof(*d));
	if (d == NULL) {
		if (o->dir[0] != '\0')
			log_warn("crash %.*s: no obituary: too many deaths at "
				 "once",
			    (int)what->id.n, what->id.p);
		if (words >= 0)
			(void)close(words);
		return;
	}
	what->version = STR(BULKHEAD_VERSION);
	what->jail = (uint8_t)o->conf->jail;
	what->dir = str_of(o->dir);
	what->files_max = o->conf->crash_files;
	what->bytes_max = o->conf->crash_bytes;
	d->words = words;
	d->pid = what->pid;
	(void)snprintf(
	    d->id, sizeof(d->id), "%.*s", (int)what->id.n, what->id.p);
	buf_init(&d->packed, OBITUARY_MAX / 2);
	buf_init(&d->suspects, OBITUARY_MAX / 2);
	layout_pack(&layout_obituary, what, &d->packed);
	if (has_suspects && !take_early(o, d, what->pid))
		d->ready_ms = clock_ms() + SUSPECTS_MS;
	list_append(&o->waiting, &d->link);
	o->n_waiting++;
	timer_set(o->timer, 0);
}

static struct death_note *
find(struct obituaries *o, uint32_t pid)
{
	struct list *it, *next;

	LIST_EACH (it, next, &o->waiting) {
		struct death_note *d = LIST_ENTRY(it, struct death_note, link);

		if (d->pid == pid)
			return d;
	}
	return NULL;
}

void
obituaries_suspects(struct obituaries *o, const struct model_suspects *s)
{
	struct death_note *d = find(o, s->pid);
	struct early *e;

	if (s->pid == 0)
		return;
	if (d != NULL && d->ready_ms > 0) {
		buf_put_str(&d->suspects, s->suspects.packed);
		d->ready_ms = 0;
		timer_set(o->timer, 0);
	} else if (d == NULL) {
		e = &o->early[o->n_early++ % EARLY];
		e->pid = s->pid;
		buf_reset(&e->suspects);
		buf_put_str(&e->suspects, s->suspects.packed);
	}
}

bool
obituaries_own(const struct obituaries *o, pid_t pid)
{
	return o->helper == pid;
}
