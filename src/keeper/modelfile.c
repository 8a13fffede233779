#include "keeper/modelfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".gguf"

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
		    "is a directory; name the .gguf file in "
		    "it",
		    f);
	if (!S_ISREG(st->st_mode))
		return refuse(path, "is not a regular file", f);
	if (st->st_size == 0)
		return refuse(path, "is empty; fetch or copy it again", f);
	return 0;
}

static int
check_magic(const char *path, int fd, struct fail *f)
{
	char magic[4] = "";

	if (pread(fd, magic, sizeof(magic), 0) < 0)
		return refuse(path, strerror(errno), f);
	if (memcmp(magic, "GGUF", sizeof(magic)) != 0)
		return refuse(path,
		    "is not a GGUF file (it does not begin "
		    "with \"GGUF\"); convert it with llama.cpp's "
		    "convert_hf_to_gguf.py",
		    f);
	return 0;
}

int
modelfile_open(const char *path, struct modelfile *ret, struct fail *f)
{
	struct modelfile m;
	int err = 0;

	/* Not blocking: it may be a FIFO. */
	m.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (m.fd < 0)
		return cannot_open(path, errno, f);
	if (fstat(m.fd, &m.st) != 0)
		err = refuse(path, strerror(errno), f);
	if (err == 0)
		err = check_kind(path, &m.st, f);
	if (err == 0)
		err = check_magic(path, m.fd, f);
	if (err != 0) {
		modelfile_close(&m);
		return err;
	}
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

void
modelfile_unguard(const struct modelfile *m)
{
	if (m->fd >= 0)
		(void)fcntl(m->fd, F_SETLEASE, F_UNLCK);
}

/* The lease is shown as what it is to become. */
bool
modelfile_is_wanted(const struct modelfile *m)
{
	return fcntl(m->fd, F_GETLEASE) == F_UNLCK;
}

int
modelfile_check(const struct modelfile *m, const char *path, struct fail *f)
{
	struct stat st;

	if (fstat(m->fd, &st) != 0)
		return refuse(path, strerror(errno), f);
	if (st.st_size != m->st.st_size ||
	    st.st_mtim.tv_sec != m->st.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != m->st.st_mtim.tv_nsec)
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
	len = strlen(ret);
	if (len > sizeof(SUFFIX) - 1 &&
	    strcmp(ret + len - (sizeof(SUFFIX) - 1), SUFFIX) == 0)
		ret[len - (sizeof(SUFFIX) - 1)] = '\0';
}
