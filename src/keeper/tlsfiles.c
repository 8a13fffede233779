#include "keeper/tlsfiles.h"

#include "base/fd.h"
#include "base/log.h"
#include "keeper/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define TLS_FILE_BYTES (1u << 20)

static const char *const options[] = { "ssl-cert-file", "ssl-key-file" };

void
tlsfiles_init(struct tlsfiles *t, const struct conf *c)
{
	*t = (struct tlsfiles){
		.paths = { c->ssl_cert_file, c->ssl_key_file },
		.fds = { -1, -1 },
		.good = { -1, -1 },
	};
}

static void
close_both(int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	fds[0] = fds[1] = -1;
}

static void
move_both(int to[2], int from[2])
{
	for (int i = 0; i < 2; i++) {
		to[i] = from[i];
		from[i] = -1;
	}
}

void
tlsfiles_done(struct tlsfiles *t)
{
	close_both(t->fds);
	close_both(t->good);
}

static int
check(const struct tlsfiles *t, int i, int fd, struct fail *f)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > TLS_FILE_BYTES)
		return fail_set(f, ERR_FILE, options[i],
		    "--%s: %.200s: is no file of less than 1 MiB", options[i],
		    t->paths[i]);
	if (i == TLS_KEY - 1 && (st.st_mode & S_IROTH))
		log_warn("--%s: everybody on this machine may read %s: chmod "
			 "o-r it",
		    options[i], t->paths[i]);
	return 0;
}

/* The descriptor of a copy, or -1. */
static int
copy(int fd)
{
	int to = memfd_create("tls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ssize_t n = 1;

	for (size_t all = 0; to >= 0 && n > 0 && all <= TLS_FILE_BYTES;
	     all += (size_t)n)
		n = sendfile(to, fd, NULL, TLS_FILE_BYTES);
	if (to >= 0 && n == 0 &&
	    fcntl(to, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return to;
	if (to >= 0)
		(void)close(to);
	return -1;
}

static int
read_one(const struct tlsfiles *t, int i, int *ret, struct fail *f)
{
	const char *why;
	int fd = fd_open_file(AT_FDCWD, t->paths[i], 0, &why);
	int err;

	if (fd < 0)
		return fail_set(f, ERR_FILE, options[i], "--%s: %.200s: %s",
		    options[i], t->paths[i], why);
	err = check(t, i, fd, f);
	if (err == 0) {
		*ret = copy(fd);
		if (*ret < 0)
			err = fail_set(f, ERR_FILE, options[i],
			    "--%s: %.200s: cannot be read", options[i],
			    t->paths[i]);
	}
	(void)close(fd);
	return err;
}

int
tlsfiles_open(struct tlsfiles *t, struct fail *f)
{
	int fds[2] = { -1, -1 };
	int err = 0;

	if (t->paths[0] == NULL)
		return 0;
	for (int i = 0; i < 2 && err == 0; i++)
		err = read_one(t, i, &fds[i], f);
	if (err != 0) {
		close_both(fds);
		return err;
	}
	if (t->is_good) {
		close_both(t->good);
		move_both(t->good, t->fds);
	}
	close_both(t->fds);
	move_both(t->fds, fds);
	t->is_good = false;
	t->turn++;
	return 0;
}

bool
tlsfiles_heard(struct tlsfiles *t, bool is_good)
{
	if (is_good) {
		t->is_good = true;
		close_both(t->good);
		return true;
	}
	if (t->good[0] < 0)
		return false;
	close_both(t->fds);
	move_both(t->fds, t->good);
	t->is_good = true;
	t->turn++;
	return true;
}

void
tlsfiles_send(const struct tlsfiles *t, struct process *p)
{
	for (int i = 0; i < 2 && t->fds[0] >= 0; i++) {
		struct front_tls m = { .file = (uint8_t)(TLS_CERTIFICATES + i),
			.turn = t->turn,
			.path = str_of(t->paths[i]) };

		(void)process_send(p, MSG_FRONT_TLS, &m, t->fds[i]);
	}
}
