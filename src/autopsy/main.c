/*
 * bulkhead-autopsy - writes one obituary.
 *
 * The keeper starts it after a death with two descriptors: what it knows
 * itself, and the page of the dead. First everything that needs no thought is
 * written, so that it is there whatever becomes of us; then the stacks are
 * unwound and the functions named, and the file is written again. What it
 * reads was written by a process that had gone wrong, so it trusts nothing,
 * has little power, and the keeper ends it when it takes too long.
 *
 * Exits 0; 1 when nothing could be written, having said why.
 */
#include "autopsy/report.h"
#include "autopsy/ring.h"

#include "base/log.h"
#include "base/stray.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_MAX (8u << 20)
#define MEMORY_MAX (2ull << 30) /* debug information is large */
#define CPU_MAX 20		/* seconds */

/* Sanitizers map all there is, and have threads. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAY_LIMIT false
#else
#define MAY_LIMIT true
#endif

static void
limit_self(void)
{
	static const struct {
		__rlimit_resource_t what;
		struct rlimit limit;
	} limits[] = {
		{ RLIMIT_AS, { MEMORY_MAX, MEMORY_MAX } },
		{ RLIMIT_CPU, { CPU_MAX, CPU_MAX } },
		{ RLIMIT_FSIZE, { REPORT_MAX, REPORT_MAX } },
		{ RLIMIT_CORE, { 0, 0 } },
		{ RLIMIT_NPROC, { 0, 0 } },
	};

	for (size_t i = 0; MAY_LIMIT && i < sizeof(limits) / sizeof(limits[0]);
	     i++)
		(void)setrlimit(limits[i].what, &limits[i].limit);
	(void)setpriority(PRIO_PROCESS, 0, 19);
}

/* A copy of n bytes of the file; NULL. */
static void *
read_file(int fd, size_t n)
{
	char *p = malloc(n == 0 ? 1 : n);
	size_t done = 0;
	ssize_t r;

	while (p != NULL && done < n) {
		r = pread(fd, p + done, n - done, (off_t)done);
		if (r <= 0) {
			free(p);
			return NULL;
		}
		done += (size_t)r;
	}
	return p;
}

static int
read_record(void **ret_mem, struct obituary *ret)
{
	struct stat st;

	if (fstat(OBITUARY_FD, &st) != 0 || st.st_size > (off_t)OBITUARY_MAX)
		return ERR_PROTO;
	*ret_mem = read_file(OBITUARY_FD, (size_t)st.st_size);
	if (*ret_mem == NULL)
		return ERR_NOMEM;
	return layout_unpack(
	    &layout_obituary, ret, *ret_mem, (size_t)st.st_size);
}

static struct lastwords *
read_words(void)
{
	struct stat st;

	if (fstat(OBITUARY_WORDS_FD, &st) != 0 ||
	    st.st_size != (off_t)sizeof(struct lastwords))
		return NULL;
	return read_file(OBITUARY_WORDS_FD, sizeof(struct lastwords));
}

static int
write_down(struct ring *ring, const struct report *r, struct fail *f)
{
	char id[32];
	struct buf b;
	int err;

	(void)snprintf(
	    id, sizeof(id), "%.*s", (int)r->what->id.n, r->what->id.p);
	buf_init(&b, REPORT_MAX);
	report_put(&b, r);
	err = buf_err(&b);
	if (err != 0)
		(void)fail_set(f, err, "", "%s", err_text(err));
	else
		err = ring_put(ring, id, &b, f);
	buf_done(&b);
	return err;
}

static bool
has_threads(const struct lastwords *w)
{
	return w != NULL && w->state != LASTWORDS_NONE && w->n_threads > 0;
}

static int
autopsy(struct report *r, struct fail *f)
{
	struct ring ring = {
		.files_max = r->what->files_max,
		.bytes_max = r->what->bytes_max,
	};
	struct fail why = { .text = "" };
	int err = ring_open(&ring, r->what->dir, f);
	bool is_worth_it = has_threads(r->words);

	r->autopsy = is_worth_it ? "not finished"
	    : r->words == NULL || r->words->n_lines == 0
	    ? "nothing left to look at"
	    : "no handler ran: no stacks";
	if (err == 0)
		err = write_down(&ring, r, f);
	if (err == 0 && is_worth_it) {
		r->frames = frames_open(r->words, &why);
		r->autopsy = r->frames != NULL ? "done" : why.text;
		err = write_down(&ring, r, f);
		frames_close(r->frames);
	}
	ring_close(&ring);
	return err;
}

int
main(void)
{
	struct obituary what;
	struct report r = { .what = &what };
	struct fail f = { .text = "" };
	void *mem = NULL;
	int err;

	limit_self();
	stray_ignore(NULL); /* a file that gets too large is one of them */
	log_init("bulkhead-autopsy", LOG_INFO);
	err = read_record(&mem, &what);
	if (err != 0) {
		log_error("not started by the keeper: descriptor %d holds no "
			  "record",
		    OBITUARY_FD);
		return EXIT_FAILURE;
	}
	r.words = read_words();
	err = autopsy(&r, &f);
	if (err != 0)
		log_warn("crash %.*s: %s", (int)what.id.n, what.id.p, f.text);
	free(r.words);
	free(mem);
	return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
