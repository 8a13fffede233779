/*
 * bulkhead-autopsy - writes one obituary.
 *
 * The keeper starts it after a death with two descriptors: what it knows
 * itself, and the page of the dead. First everything that needs no thought is
 * written, so that it is there whatever becomes of us; then the stacks are
 * unwound and the functions named, and the file is written again. What it
 * reads was written by a process that had gone wrong, so it trusts nothing:
 * it locks itself in before it reads a byte of that page, with the folder of
 * obituaries open, and the keeper ends it when it takes too long.
 *
 * Exits 0; 1 when nothing could be written, having said why.
 */
#include "autopsy/places.h"
#include "autopsy/report.h"
#include "autopsy/ring.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/stray.h"
#include "jail/jail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_MAX (8u << 20) /* the jail allows no larger file */

/* A copy of the n bytes of the file; NULL. */
static void *
read_file(int fd, size_t n)
{
	char *p = malloc(n == 0 ? 1 : n);

	if (p != NULL && fd_get(fd, p, n) == n)
		return p;
	free(p);
	return NULL;
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

/* From here on nothing is opened but ELF files and the obituary's. */
static int
lock_in(const struct obituary *what, const struct ring *ring, struct fail *f)
{
	const char *read[PLACES_MAX];
	struct jail_files files = {
		.read = read, .n_read = places_list(read), .write = ring->dir
	};
	struct jail_report r = { .landlock_abi = 0 };

	if (what->jail == JAIL_OFF)
		return 0;
	jail_lock(JAIL_AUTOPSY, (enum jail_mode)what->jail, &files, &r);
	if (pwrite(OBITUARY_FD, &r, sizeof(r), OBITUARY_JAIL_AT) !=
	    (ssize_t)sizeof(r))
		log_warn("the keeper cannot be told what the jail holds");
	if (what->jail == JAIL_REQUIRE && report_has_gap(&r))
		return fail_set(f, ERR_UNSUPPORTED, "jail",
		    "--jail require: not all of it is to be had; nothing is "
		    "read");
	return 0;
}

static int
autopsy(struct report *r, struct ring *ring, struct fail *f)
{
	struct fail why = { .text = "" };
	bool is_worth_it = has_threads(r->words);
	int err;

	r->autopsy = is_worth_it ? "not finished"
	    : r->words == NULL || r->words->n_lines == 0
	    ? "nothing left to look at"
	    : "no handler ran: no stacks";
	err = write_down(ring, r, f);
	if (err != 0 || !is_worth_it)
		return err;
	r->frames = frames_open(r->words, &why);
	r->autopsy = r->frames != NULL ? "done" : why.text;
	err = write_down(ring, r, f);
	frames_close(r->frames);
	return err;
}

static int
examine(struct report *r, struct fail *f)
{
	struct ring ring = {
		.files_max = r->what->files_max,
		.bytes_max = r->what->bytes_max,
	};
	int err = ring_open(&ring, r->what->dir, f);

	if (err == 0)
		err = lock_in(r->what, &ring, f);
	if (err == 0) {
		r->words = read_words();
		err = autopsy(r, &ring, f);
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

	(void)setpriority(PRIO_PROCESS, 0, 19);
	stray_ignore(NULL); /* a file that gets too large is one of them */
	log_init("bulkhead-autopsy", LOG_INFO);
	err = read_record(&mem, &what);
	if (err != 0) {
		log_error("not started by the keeper: descriptor %d holds no "
			  "record",
		    OBITUARY_FD);
		return EXIT_FAILURE;
	}
	err = examine(&r, &f);
	if (err != 0)
		log_warn("crash %.*s: %s", (int)what.id.n, what.id.p, f.text);
	free(r.words);
	free(mem);
	return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
