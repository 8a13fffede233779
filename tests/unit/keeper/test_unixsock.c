/* Unix sockets: live and stale ones, the lock, and whose file is removed. */
#include "folder.h"

#include "keeper/unixsock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

static int
make(const char *path, struct unixsock *u, struct fail *f)
{
	return unixsock_open(
	    path, "rpc-socket", 0660, UNIXSOCK_ANY_GROUP, u, f);
}

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(sa.sun_path));
	(void)strcpy(sa.sun_path, path);
	return sa;
}

/* A socket of somebody else's, who listens or is long dead. */
static int
foreign(const char *path, bool is_alive)
{
	struct sockaddr_un sa = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (is_alive) {
		assert_int_equal(listen(fd, 1), 0);
		return fd;
	}
	(void)close(fd);
	return -1;
}

static bool
answers(const char *path)
{
	struct sockaddr_un sa = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	(void)close(fd);
	return ok;
}

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static unsigned
files(void)
{
	char command[128];
	char count[16] = "";
	FILE *p;

	(void)snprintf(command, sizeof(command), "ls -A '%s' | wc -l", folder);
	p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(count, sizeof(count), p));
	(void)pclose(p);
	return (unsigned)strtoul(count, NULL, 10);
}

static void
test_opens_and_leaves_nothing(void **state)
{
	const char *path = in_folder("a.sock");
	struct unixsock u;
	struct fail f = { .text = "" };
	struct stat st;

	(void)state;
	assert_int_equal(make(path, &u, &f), 0);
	assert_true(answers(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(files(), 2); /* it and its lock */
	unixsock_close(&u);
	unixsock_close(&u);
	assert_int_equal(files(), 0);
}

static void
test_a_live_one_is_refused_with_its_pid(void **state)
{
	const char *path = in_folder("a.sock");
	int fd = foreign(path, true);
	struct unixsock u = { .fd = -7 };
	struct fail f = { .text = "" };
	char pid[32];

	(void)state;
	(void)snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	assert_int_equal(make(path, &u, &f), ERR_BUSY);
	assert_int_equal(u.fd, -7);
	assert_non_null(strstr(f.text, pid));
	assert_non_null(strstr(f.text, path));
	assert_true(answers(path));
	assert_int_equal(files(), 1);
	(void)close(fd);
	(void)unlink(path);
}

static void
test_a_stale_one_is_replaced(void **state)
{
	const char *path = in_folder("a.sock");
	struct unixsock u;
	struct fail f = { .text = "" };

	(void)state;
	(void)foreign(path, false);
	assert_false(answers(path));
	assert_int_equal(make(path, &u, &f), 0);
	assert_true(answers(path));
	unixsock_close(&u);
	assert_int_equal(files(), 0);
}

static void
test_what_is_no_socket_is_left_alone(void **state)
{
	const char *path = write_file("precious", "data", 0600);
	struct unixsock u;
	struct fail f = { .text = "" };

	(void)state;
	assert_int_equal(make(path, &u, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "not a socket"));
	assert_int_equal(symlink("precious", in_folder("link")), 0);
	assert_int_equal(make(in_folder("link"), &u, &f), ERR_FILE);
	assert_int_equal(files(), 2);
	(void)unlink(path);
	(void)unlink(in_folder("link"));
}

static void
test_only_its_own_is_removed(void **state)
{
	const char *path = in_folder("a.sock");
	struct unixsock u;
	struct fail f = { .text = "" };

	(void)state;
	assert_int_equal(make(path, &u, &f), 0);
	assert_int_equal(unlink(path), 0);
	(void)foreign(path, false);
	unixsock_close(&u);
	assert_true(is_there(path));
	assert_int_equal(files(), 1);
	(void)unlink(path);
}

/* The lock says who it is before there is a socket to ask. */
static void
test_a_held_lock_is_respected(void **state)
{
	const char *path = in_folder("a.sock");
	struct unixsock first;
	struct unixsock second;
	struct fail f = { .text = "" };
	char pid[32];

	(void)state;
	(void)snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	assert_int_equal(make(path, &first, &f), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(make(path, &second, &f), ERR_BUSY);
	assert_non_null(strstr(f.text, pid));
	unixsock_close(&first);
	assert_int_equal(make(path, &second, &f), 0);
	unixsock_close(&second);
	assert_int_equal(files(), 0);
}

static void
test_bad_places(void **state)
{
	char path[300];
	struct unixsock u;
	struct fail f = { .text = "" };

	(void)state;
	assert_int_equal(make(in_folder("no/such"), &u, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "No such file"));
	(void)snprintf(path, sizeof(path), "%s/%0*d", folder, 200, 0);
	assert_int_equal(make(path, &u, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "long"));
	assert_int_equal(files(), 0);
}

/* Many at once, again and again: one has it at a time, and it is never left
 * to nobody who wants it. */
static void
test_a_crowd(void **state)
{
	const char *path = in_folder("a.sock");
	int go[2];
	int served = 0;

	(void)state;
	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < 40; i++) {
		struct unixsock u;
		struct fail f;
		char byte;

		if (fork() != 0)
			continue;
		(void)close(go[1]);
		(void)!read(go[0], &byte, 1);
		if (make(path, &u, &f) != 0)
			_exit(f.code == ERR_BUSY ? 1 : 2);
		(void)usleep(300000);
		if (!answers(path))
			_exit(3);
		unixsock_close(&u);
		_exit(0);
	}
	(void)close(go[0]);
	(void)close(go[1]);
	for (int i = 0; i < 40; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		served += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(served, 1);
	assert_int_equal(files(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_and_leaves_nothing),
		cmocka_unit_test(test_a_live_one_is_refused_with_its_pid),
		cmocka_unit_test(test_a_stale_one_is_replaced),
		cmocka_unit_test(test_what_is_no_socket_is_left_alone),
		cmocka_unit_test(test_only_its_own_is_removed),
		cmocka_unit_test(test_a_held_lock_is_respected),
		cmocka_unit_test(test_bad_places),
		cmocka_unit_test(test_a_crowd),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
