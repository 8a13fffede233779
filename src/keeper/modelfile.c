/*
 * What a worker has mapped must not change, and times say little about that:
 * touch(1) sets them and writes nothing. While we have a lease, nobody can have
 * opened the file for writing or cut it: whatever its times, its content is
 * what it was. So the times that it has then are those that count later.
 *
 * Who tries to open it is made to wait, and the lease is then pending: it must
 * be given back, and shall be once the worker is dead. But who would not wait
 * (O_NONBLOCK, as touch does) has gone away with EAGAIN. A lease cannot be had
 * while somebody has the file open for writing or waits to: that tells one from
 * the other. A pending lease cannot be mended, only given back and taken again.
 * A write in between would be seen by its time, which is later than any before
 * if the clock of the file system has moved on since.
 *
 * All that only where no other machine writes behind this kernel's back.
 */
#include "keeper/modelfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX_LLAMA ".gguf"
#define SUFFIX_RKLLM ".rkllm"

static int
refuse(const char *path, const char *why, struct fail *f)
{
	return fail_set(f, ERR_FILE, "model", "model %.240s: %s", path, why);
}

static int
cannot_open(const char *path, int error, struct fail *f)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return refuse(path, "no such file; check the path", f);
	case EACCES:
	case EPERM:
		return refuse(path,
		    "not readable by this user; "
		    "see ls -l of it and of its folders",
		    f);
	default:
		return refuse(path, strerror(error), f);
	}
}

static int
check_kind(const char *path, const struct stat *st, struct fail *f)
{
	if (S_ISDIR(st->st_mode))
		return refuse(path,
		    "is a directory; name the .gguf or .rkllm "
		    "file in it",
		    f);
	if (!S_ISREG(st->st_mode))
		return refuse(path, "is not a regular file", f);
	if (st->st_size == 0)
		return refuse(path, "is empty; fetch or copy it again", f);
	return 0;
}

/* Bytes of s before end; 0 if it does not end so, or is no more than that. */
static size_t
stem(const char *s, const char *end)
{
	size_t n = strlen(s);
	size_t m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0 ? n - m : 0;
}

size_t
modelfile_stem(const char *name)
{
	size_t n = stem(name, SUFFIX_LLAMA);

	return n > 0 ? n : stem(name, SUFFIX_RKLLM);
}

enum worker_engine
modelfile_engine(const char *path)
{
	return stem(path, SUFFIX_RKLLM) > 0 ? ENGINE_RKLLM : ENGINE_LLAMA;
}

static int
check_magic(const char *path, int fd, struct fail *f)
{
	char magic[4] = "";

	if (pread(fd, magic, sizeof(magic), 0) < 0)
		return refuse(path, strerror(errno), f);
	if (memcmp(magic, "GGUF", sizeof(magic)) == 0)
		return 0;
	return refuse(path,
	    "is not a GGUF file (it does not begin "
	    "with \"GGUF\"); convert it with llama.cpp's "
	    "convert_hf_to_gguf.py",
	    f);
}

/* File systems of disks and of memory, by statfs(2). */
static bool
is_local(int fd)
{
	static const unsigned long known[] = {
		0xef53,	    /* ext2, 3, 4 */
		0x58465342, /* XFS */
		0x9123683e, /* btrfs */
		0xf2f52010, /* F2FS */
		0x01021994, /* tmpfs */
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((unsigned long)fs.f_type == known[i])
			return true;
	return false;
}

int
modelfile_open(const char *path, struct modelfile *ret, struct fail *f)
{
	struct modelfile m = { .fd = -1 };
	int err = 0;

	/* Not blocking: it may be a FIFO. */
	m.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (m.fd < 0)
		return cannot_open(path, errno, f);
	if (fstat(m.fd, &m.st) != 0)
		err = refuse(path, strerror(errno), f);
	if (err == 0)
		err = check_kind(path, &m.st, f);
	m.engine = modelfile_engine(path);
	if (err == 0 && m.engine == ENGINE_LLAMA)
		err = check_magic(path, m.fd, f);
	if (err != 0) {
		modelfile_close(&m);
		return err;
	}
	m.now = m.st;
	m.is_local = is_local(m.fd);
	*ret = m;
	return 0;
}

void
modelfile_close(struct modelfile *m)
{
	if (m->fd >= 0)
		(void)close(m->fd);
	m->fd = -1;
}

bool
modelfile_is_same(const struct modelfile *m, const struct stat *st)
{
	return m->st.st_dev == st->st_dev && m->st.st_ino == st->st_ino;
}

bool
modelfile_guard(const struct modelfile *m)
{
	return fcntl(m->fd, F_SETLEASE, F_RDLCK) == 0;
}

/* Whether the lease is there, and not pending. */
static bool
is_whole(const struct modelfile *m)
{
	return fcntl(m->fd, F_GETLEASE) == F_RDLCK;
}

/* Whether nobody can have written to it since we guard it, nor waits to. A
 * lease that was lost is taken anew, and then proves nothing. */
static bool
is_intact(const struct modelfile *m)
{
	return is_whole(m) || (modelfile_guard(m) && !is_whole(m));
}

void
modelfile_unguard(struct modelfile *m)
{
	if (m->fd < 0)
		return;
	if (m->is_local && is_intact(m))
		(void)fstat(m->fd, &m->now);
	m->is_approached = false;
	(void)fcntl(m->fd, F_SETLEASE, F_UNLCK);
}

static bool
is_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool
modelfile_is_untouched(const struct modelfile *m)
{
	struct stat st;

	return fstat(m->fd, &st) == 0 && st.st_size == m->now.st_size &&
	    is_time(&st.st_mtim, &m->now.st_mtim) &&
	    is_time(&st.st_ctim, &m->now.st_ctim);
}

/* Whether a write would now have a later time than it was last touched. */
static bool
has_settled(const struct modelfile *m)
{
	struct timespec t;

	/* The clock that gives files their times. */
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return !is_time(&t, &m->now.st_ctim);
}

/* Of a lease that was just taken, but did not hold all the time: it may stay only
 * where that makes no difference. */
static enum modelfile_news
keep_new(struct modelfile *m)
{
	if (modelfile_is_untouched(m))
		return MODELFILE_SAME;
	(void)fcntl(m->fd, F_SETLEASE, F_UNLCK);
	return MODELFILE_WANTED;
}

/* Gives the pending lease back and takes another. */
static enum modelfile_news
mend(struct modelfile *m)
{
	(void)fcntl(m->fd, F_SETLEASE, F_UNLCK);
	m->is_approached = false;
	return modelfile_guard(m) ? keep_new(m) : MODELFILE_WANTED;
}

enum modelfile_news
modelfile_look(struct modelfile *m)
{
	bool is_first = !m->is_approached;

	if (is_whole(m))
		return m->is_local ? MODELFILE_SAME : MODELFILE_UNKNOWN;
	if (!m->is_local || !modelfile_guard(m))
		return MODELFILE_WANTED;
	/* It was not pending, but lost: we were stopped for too long. */
	if (is_whole(m))
		return keep_new(m);
	if (fstat(m->fd, &m->now) != 0)
		return MODELFILE_WANTED;
	/* Who came and went may be about to set its times. */
	m->is_approached = true;
	return is_first || !has_settled(m) ? MODELFILE_SOON : mend(m);
}

bool
modelfile_has_heir(const struct modelfile *m, const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 &&
	    (!modelfile_is_same(m, &st) || st.st_size != m->now.st_size ||
		!is_time(&st.st_mtim, &m->now.st_mtim));
}

int
modelfile_check(const struct modelfile *m, const char *path, struct fail *f)
{
	struct stat st;

	if (fstat(m->fd, &st) != 0)
		return refuse(path, strerror(errno), f);
	if (st.st_size != m->now.st_size ||
	    !is_time(&st.st_mtim, &m->now.st_mtim))
		return refuse(path,
		    "was changed while it was served; "
		    "the next request loads it anew",
		    f);
	return 0;
}

void
modelfile_id(const struct modelfile *m, char ret[MODELFILE_ID_MAX])
{
	(void)snprintf(ret, MODELFILE_ID_MAX, "%llx:%llx:%llx:%llx.%lx",
	    (unsigned long long)m->st.st_dev, (unsigned long long)m->st.st_ino,
	    (unsigned long long)m->st.st_size,
	    (unsigned long long)m->st.st_mtim.tv_sec,
	    (unsigned long)m->st.st_mtim.tv_nsec);
}

void
modelfile_name(const char *path, char *ret, size_t n)
{
	const char *slash = strrchr(path, '/');
	size_t len;

	(void)snprintf(ret, n, "%s", slash != NULL ? slash + 1 : path);
	len = modelfile_stem(ret);
	if (len > 0)
		ret[len] = '\0';
}
