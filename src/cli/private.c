#include "cli/private.h"

#include "cli/interrupt.h"

#include "base/exe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY "Server started successfully"
#define STOP_MS 5000

#define TMP "/tmp"
#define FOLDER "bulkhead-run-" /* and six characters of mkdtemp(3) */
#define STALE_S 60

static int
failed(const char *what, struct fail *f)
{
	return fail_set(f, ERR_IO, "", "cannot start a server: %s: %s", what,
	    strerror(errno));
}

/* The child: out of our terminal's reach, so that Ctrl-C is ours to handle,
 * and gone when we are. */
static _Noreturn void
exec_server(const struct private *p, const char *exe, const char *model,
    int out, pid_t parent, char *const envp[])
{
	const char *argv[] = { exe, "serve", "--no-http", "--rpc-socket",
		p->socket, "--parallel", "1", "--log-level", "warn",
		model != NULL ? "-m" : NULL, model, NULL };
	int null = open("/dev/null", O_RDWR);

	interrupt_undo();
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(out, STDOUT_FILENO) >= 0)
		(void)execve(exe, (char *const *)argv, envp);
	_exit(127);
}

/* Reads what the server prints until the line that says it is ready. */
static int
wait_ready(int fd, struct fail *f)
{
	char text[256] = "";
	size_t n = 0;

	for (;;) {
		ssize_t r;

		if (!interrupt_wait(fd, -1))
			return ERR_AGAIN;
		r = read(fd, text + n, sizeof(text) - 1 - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return fail_set(
			    f, ERR_IO, "", "the server did not start");
		n += (size_t)r;
		text[n] = '\0';
		if (strstr(text, READY) != NULL)
			return 0;
		if (n == sizeof(text) - 1)
			n = 0;
	}
}

/* Folders of runs that were killed before private_hide(), by us or by an older
 * one of ours. Only what is empty goes: a server takes its socket along. One
 * that is young may be about to be used. */
static void
sweep(void)
{
	DIR *d = opendir(TMP);
	struct dirent *e;
	struct stat st;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, FOLDER, sizeof(FOLDER) - 1) == 0 &&
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			0 &&
		    st.st_uid == geteuid() &&
		    st.st_mtime < time(NULL) - STALE_S)
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	(void)closedir(d);
}

static int
make_folder(struct private *p, struct fail *f)
{
	sweep();
	(void)snprintf(p->folder, sizeof(p->folder), TMP "/" FOLDER "XXXXXX");
	if (mkdtemp(p->folder) == NULL) {
		p->folder[0] = '\0';
		return failed(TMP, f);
	}
	(void)snprintf(p->socket, sizeof(p->socket), "%s/rpc.sock", p->folder);
	return 0;
}

int
private_start(struct private *p, const char *argv0, const char *model,
    char *const envp[], struct fail *f)
{
	char exe[PATH_MAX];
	pid_t parent = getpid();
	int ends[2];
	int err;

	*p = (struct private){ .pid = 0 };
	err = exe_find(argv0, envp, exe);
	if (err != 0)
		return fail_set(f, err, "",
		    "cannot start a server: there is no /proc, and this "
		    "program is not in PATH");
	err = make_folder(p, f);
	if (err != 0)
		return err;
	if (pipe2(ends, O_CLOEXEC) != 0) {
		err = failed("pipe", f);
		private_stop(p);
		return err;
	}
	p->pid = fork();
	if (p->pid == 0)
		exec_server(p, exe, model, ends[1], parent, envp);
	(void)close(ends[1]);
	if (p->pid < 0) {
		p->pid = 0;
		err = failed("fork", f);
	} else {
		err = wait_ready(ends[0], f);
	}
	(void)close(ends[0]);
	if (err != 0)
		private_stop(p);
	return err;
}

/* True when it is gone within ms. */
static bool
is_gone(pid_t pid, int ms)
{
	for (; ms > 0; ms -= 10) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return true;
		(void)usleep(10000);
	}
	return false;
}

void
private_hide(struct private *p)
{
	char lock[96];

	if (p->folder[0] == '\0')
		return;
	(void)snprintf(lock, sizeof(lock), "%s.lock", p->socket);
	(void)unlink(lock);
	(void)unlink(p->socket);
	(void)rmdir(p->folder);
	p->folder[0] = '\0';
}

void
private_stop(struct private *p)
{
	if (p->pid > 0) {
		(void)kill(p->pid, SIGTERM);
		if (interrupt_count() > 1 || !is_gone(p->pid, STOP_MS)) {
			(void)kill(p->pid, SIGKILL);
			(void)waitpid(p->pid, NULL, 0);
		}
		p->pid = 0;
	}
	/* What a server that was killed has left. */
	private_hide(p);
}
