#include "keeper/unixsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

/* What is being opened, for messages. */
struct place {
	const char *path;
	const char *option;
	struct fail *f;
};

static int
refuse(const struct place *p, int code, const char *what, int error)
{
	return fail_set(p->f, code, p->option, "--%s: %.240s: %s%s%s",
	    p->option, p->path, what, error != 0 ? ": " : "",
	    error != 0 ? strerror(error) : "");
}

static int
address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return ERR_TOO_BIG;
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
	return 0;
}

/* Who listens at path: *ret_pid is theirs, 0 if they cannot be known. 0, or the
 * errno of connect(2). */
static int
probe(const char *path, pid_t *ret_pid)
{
	struct sockaddr_un sa;
	struct ucred cred = { .pid = 0 };
	socklen_t n = sizeof(cred);
	int error = 0;
	int fd;

	*ret_pid = 0;
	if (address(path, &sa) != 0)
		return ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		error = errno;
	/* Of a listening socket: the process that called listen(2). */
	else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0)
		*ret_pid = cred.pid;
	(void)close(fd);
	/* Its backlog is full: alive. */
	return error == EAGAIN ? 0 : error;
}

static int
refuse_live(const struct place *p, pid_t pid)
{
	char who[32] = "another process";

	if (pid > 0)
		(void)snprintf(who, sizeof(who), "pid %d", (int)pid);
	return fail_set(p->f, ERR_BUSY, p->option,
	    "--%s: %.240s is already "
	    "served by %s; stop it, or give another path",
	    p->option, p->path, who);
}

/* The pid that the holder of the lock wrote into it. */
static pid_t
holder(int lock)
{
	char text[32] = "";

	if (pread(lock, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

/* Whether the open file is still the one at the path. */
static bool
is_at(int fd, const char *path)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && lstat(path, &there) == 0 &&
	    here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static int
lock_once(const struct place *p, const char *lock_path, int *ret)
{
	int fd =
	    open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	pid_t pid;

	if (fd < 0)
		return refuse(p, ERR_FILE,
		    "cannot make its lock file beside "
		    "it (.lock)",
		    errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (probe(p->path, &pid) != 0 || pid == 0)
			pid = holder(fd);
		(void)close(fd);
		return refuse_live(p, pid);
	}
	/* Whoever had it before has removed it meanwhile: it locks nothing. */
	if (!is_at(fd, lock_path)) {
		(void)close(fd);
		return ERR_AGAIN;
	}
	*ret = fd;
	return 0;
}

static int
take_lock(const struct place *p, struct unixsock *u)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	int err;

	if (asprintf(&u->lock_path, "%s.lock", p->path) < 0) {
		u->lock_path = NULL;
		return refuse(p, ERR_NOMEM, "out of memory", 0);
	}
	do
		err = lock_once(p, u->lock_path, &u->lock);
	while (err == ERR_AGAIN);
	if (err != 0)
		return err;
	if (ftruncate(u->lock, 0) != 0 ||
	    pwrite(u->lock, text, (size_t)n, 0) != n)
		return refuse(p, ERR_FILE, "cannot write its lock file", errno);
	return 0;
}

/* 0 when there is nothing at the path, or only what may be replaced. */
static int
check_path(const struct place *p)
{
	struct stat st;
	pid_t pid;
	int error;

	if (lstat(p->path, &st) != 0)
		return errno == ENOENT
		    ? 0
		    : refuse(p, ERR_FILE, "cannot look", errno);
	if (!S_ISSOCK(st.st_mode))
		return refuse(p, ERR_FILE,
		    "is there and is not a socket; "
		    "remove it, or give another path",
		    0);
	error = probe(p->path, &pid);
	if (error == 0)
		return refuse_live(p, pid);
	if (error != ECONNREFUSED && error != ENOENT)
		return refuse(
		    p, ERR_FILE, "cannot tell whether it is alive", error);
	return 0;
}

/* Binds to a name beside the path, makes it what it is to be, and only then
 * gives it the path. */
static int
bind_and_rename(
    const struct place *p, mode_t mode, gid_t group, struct unixsock *u)
{
	char temporary[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct sockaddr_un sa;
	struct stat st;
	const char *what;
	mode_t was;
	int r = snprintf(
	    temporary, sizeof(temporary), "%s.%d", p->path, (int)getpid());

	if (r < 0 || (size_t)r >= sizeof(temporary) ||
	    address(temporary, &sa) != 0)
		return refuse(p, ERR_FILE,
		    "is too long for a socket (99 "
		    "bytes)",
		    0);
	what = "cannot make the socket";
	was = umask(0177);
	(void)unlink(temporary);
	r = bind(u->fd, (struct sockaddr *)&sa, sizeof(sa));
	(void)umask(was);
	if (r != 0)
		return refuse(p, ERR_FILE, what, errno);
	if (group != UNIXSOCK_ANY_GROUP &&
	    chown(temporary, (uid_t)-1, group) != 0) {
		what = "cannot give it to the group";
		goto undo;
	}
	if (chmod(temporary, mode) != 0 || listen(u->fd, BACKLOG) != 0 ||
	    lstat(temporary, &st) != 0 || rename(temporary, p->path) != 0)
		goto undo;
	u->dev = st.st_dev;
	u->ino = st.st_ino;
	return 0;
undo:
	r = errno;
	(void)unlink(temporary);
	return refuse(p, ERR_FILE, what, r);
}

int
unixsock_open(const char *path, const char *option, mode_t mode, gid_t group,
    struct unixsock *ret, struct fail *f)
{
	struct place p = { path, option, f };
	struct unixsock u = { .fd = -1, .lock = -1, .path = strdup(path) };
	int err = 0;

	if (u.path == NULL)
		err = refuse(&p, ERR_NOMEM, "out of memory", 0);
	if (err == 0)
		err = take_lock(&p, &u);
	if (err == 0)
		err = check_path(&p);
	if (err == 0) {
		u.fd = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (u.fd < 0)
			err = refuse(&p, ERR_FILE, "no socket", errno);
	}
	if (err == 0)
		err = bind_and_rename(&p, mode, group, &u);
	if (err != 0) {
		unixsock_close(&u);
		return err;
	}
	*ret = u;
	return 0;
}

void
unixsock_close(struct unixsock *u)
{
	struct stat st;

	if (u->ino != 0 && lstat(u->path, &st) == 0 && st.st_dev == u->dev &&
	    st.st_ino == u->ino)
		(void)unlink(u->path);
	if (u->fd >= 0)
		(void)close(u->fd);
	/* Removed while it is held: see lock_once(). */
	if (u->lock >= 0 && u->lock_path != NULL) {
		(void)unlink(u->lock_path);
		(void)close(u->lock);
	}
	free(u->path);
	free(u->lock_path);
	*u = (struct unixsock){ .fd = -1, .lock = -1 };
}
