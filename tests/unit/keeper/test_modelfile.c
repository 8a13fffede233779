/* A model's path: what is refused, and in which words. */
#include "folder.h"

#include "keeper/modelfile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
refused(const char *path, const char *word)
{
	struct modelfile m = { .fd = -7 };
	struct fail f = { .text = "" };

	assert_int_equal(modelfile_open(path, &m, &f), ERR_FILE);
	assert_int_equal(m.fd, -7);
	assert_non_null(strstr(f.text, path));
	assert_non_null(strstr(f.text, word));
	assert_null(strchr(f.text, '\n'));
}

static void
test_refusals(void **state)
{
	const char *fifo = in_folder("fifo");

	(void)state;
	refused(in_folder("none"), "no such file");
	refused(folder, "is a directory");
	refused(write_file("empty", "", 0600), "is empty");
	refused(write_file("text", "hello, world", 0600), "GGUF");
	refused(write_file("short", "GGU", 0600), "GGUF");
	refused(write_file("m.rkllm", "", 0600), "is empty");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refused(fifo, "not a regular file");
	refused("/dev/null", "not a regular file");
	if (geteuid() != 0)
		refused(write_file("secret", "GGUF", 0), "not readable");
	refused("", "no such file");
}

/* The name alone says which engine: what a .rkllm begins with is not public. */
static void
test_engines(void **state)
{
	static const struct {
		const char *name;
		const char *text;
		enum worker_engine engine;
	} rows[] = {
		{ "a.gguf", "GGUF", ENGINE_LLAMA },
		{ "b", "GGUF", ENGINE_LLAMA },
		{ "c.rkllm", "anything", ENGINE_RKLLM },
		{ "d.rkllm", "GGUF", ENGINE_RKLLM },
	};
	struct modelfile m;
	struct fail f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *path = write_file(rows[i].name, rows[i].text, 0600);

		assert_int_equal(modelfile_open(path, &m, &f), 0);
		assert_int_equal(m.engine, rows[i].engine);
		modelfile_close(&m);
	}
}

static void
test_a_file_that_stays_what_it_was(void **state)
{
	const char *path = write_file("m.gguf", "GGUF and so on", 0600);
	struct modelfile m;
	struct stat st;
	struct fail f;

	(void)state;
	assert_int_equal(modelfile_open(path, &m, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(modelfile_is_same(&m, &st));
	assert_int_equal(modelfile_check(&m, path, &f), 0);
	assert_false(modelfile_has_heir(&m, path));
	/* Another in its place is not our affair; an overwrite is. */
	assert_int_equal(rename(path, in_folder("old")), 0);
	assert_false(modelfile_has_heir(&m, path));
	(void)write_file("m.gguf", "GGUF, but another", 0600);
	assert_true(modelfile_has_heir(&m, path));
	assert_int_equal(modelfile_check(&m, path, &f), 0);
	(void)write_file("old", "GGUF, cut", 0600);
	assert_int_equal(modelfile_check(&m, path, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "was changed"));
	modelfile_close(&m);
	modelfile_close(&m);
}

/* Its times, an hour later than they were. */
static void
set_times(const char *path, const struct modelfile *m)
{
	struct timespec t[2] = { m->st.st_atim, m->st.st_mtim };

	t[1].tv_sec += 3600;
	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

/* Looks until it is not to be looked at again soon. */
static enum modelfile_news
look(struct modelfile *m)
{
	enum modelfile_news news = modelfile_look(m);

	for (int i = 0; i < 100 && news == MODELFILE_SOON; i++) {
		usleep(1000 * MODELFILE_SOON_MS);
		news = modelfile_look(m);
	}
	return news;
}

/* False where the file system has no leases, or is not one of ours. */
static bool
guarded(const char *path, struct modelfile *ret)
{
	struct fail f;

	assert_int_equal(modelfile_open(path, ret, &f), 0);
	if (ret->is_local && modelfile_guard(ret))
		return true;
	modelfile_close(ret);
	return false;
}

static void
test_times_alone_are_no_change(void **state)
{
	const char *path = write_file("times.gguf", "GGUF and so on", 0600);
	struct modelfile m;
	struct fail f;

	(void)state;
	if (!guarded(path, &m))
		skip();
	set_times(path, &m);
	assert_int_equal(modelfile_look(&m), MODELFILE_SAME);
	/* Nor is one who does not wait to write, and goes. */
	assert_int_equal(open(path, O_WRONLY | O_NONBLOCK), -1);
	assert_int_equal(modelfile_look(&m), MODELFILE_SOON);
	set_times(path, &m);
	assert_int_equal(look(&m), MODELFILE_SAME);
	assert_int_equal(modelfile_look(&m), MODELFILE_SAME);
	/* It is what it was when it is guarded no more, even in between. */
	assert_int_equal(open(path, O_WRONLY | O_NONBLOCK), -1);
	set_times(path, &m);
	modelfile_unguard(&m);
	assert_int_equal(modelfile_check(&m, path, &f), 0);
	m.st.st_mtim.tv_sec++;
	set_times(path, &m);
	assert_int_equal(modelfile_check(&m, path, &f), ERR_FILE);
	modelfile_close(&m);
}

static void
test_who_waits_to_write(void **state)
{
	const char *path = write_file("wait.gguf", "GGUF and so on", 0600);
	struct modelfile m;
	struct fail f;
	pid_t child;
	int fd;

	(void)state;
	if (!guarded(path, &m))
		skip();
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(m.fd); /* the lease is of this description */
		_exit(open(path, O_WRONLY) < 0);
	}
	for (int i = 0; i < 1000 && modelfile_look(&m) == MODELFILE_SAME; i++)
		usleep(1000);
	assert_int_equal(look(&m), MODELFILE_WANTED);
	modelfile_unguard(&m);
	assert_int_equal(waitpid(child, NULL, 0), child);
	/* A lease that is not there protects nothing. */
	assert_true(modelfile_guard(&m));
	assert_int_equal(fcntl(m.fd, F_SETLEASE, F_UNLCK), 0);
	assert_int_equal(modelfile_look(&m), MODELFILE_SAME);
	assert_int_equal(fcntl(m.fd, F_SETLEASE, F_UNLCK), 0);
	fd = open(path, O_WRONLY);
	usleep(1000 * MODELFILE_SOON_MS); /* a later time than it has */
	assert_int_equal(write(fd, "G", 1), 1);
	assert_int_equal(modelfile_look(&m), MODELFILE_WANTED);
	assert_int_equal(close(fd), 0);
	assert_int_equal(modelfile_look(&m), MODELFILE_WANTED);
	/* Nor does one that was taken after the write hide it. */
	modelfile_unguard(&m);
	assert_false(modelfile_is_untouched(&m));
	assert_int_equal(modelfile_check(&m, path, &f), ERR_FILE);
	modelfile_close(&m);
}

static void
test_names(void **state)
{
	static const char *const rows[][2] = {
		{ "/x/demo.gguf", "demo" },
		{ "demo.gguf", "demo" },
		{ "/x/qwen.rkllm", "qwen" },
		{ "/x.y/a.b", "a.b" },
		{ ".gguf", ".gguf" },
		{ "plain", "plain" },
	};
	char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		modelfile_name(rows[i][0], name, sizeof(name));
		assert_string_equal(name, rows[i][1]);
	}
	modelfile_name("/x/abcdef", name, 4);
	assert_string_equal(name, "abc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_engines),
		cmocka_unit_test(test_a_file_that_stays_what_it_was),
		cmocka_unit_test(test_times_alone_are_no_change),
		cmocka_unit_test(test_who_waits_to_write),
		cmocka_unit_test(test_names),
	};

	/* Who waits to write is told of by it. */
	(void)signal(SIGIO, SIG_IGN);
	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
