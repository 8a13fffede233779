/* A model's path: what is refused, and in which words. */
#include "folder.h"

#include "keeper/modelfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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
	refused(write_file("m.rkllm", "RKLM", 0600), "RKLLM are not served");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refused(fifo, "not a regular file");
	refused("/dev/null", "not a regular file");
	if (geteuid() != 0)
		refused(write_file("secret", "GGUF", 0), "not readable");
	refused("", "no such file");
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
	/* Another in its place is not our affair; an overwrite is. */
	assert_int_equal(rename(path, in_folder("old")), 0);
	(void)write_file("m.gguf", "GGUF, but another", 0600);
	assert_int_equal(modelfile_check(&m, path, &f), 0);
	(void)write_file("old", "GGUF, cut", 0600);
	assert_int_equal(modelfile_check(&m, path, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "was changed"));
	modelfile_close(&m);
	modelfile_close(&m);
}

static void
test_names(void **state)
{
	static const char *const rows[][2] = {
		{ "/x/demo.gguf", "demo" },
		{ "demo.gguf", "demo" },
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
		cmocka_unit_test(test_a_file_that_stays_what_it_was),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
