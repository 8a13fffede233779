/* Files that cannot be a model are told apart, in words for a person. */
#include "worker/llama/check.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct str path = { "models/x.gguf", 13 };

static void
expect(const void *bytes, size_t n, int err, const char *text)
{
	int fd = memfd_create("model", MFD_CLOEXEC);
	struct fail why = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(check_gguf(fd, path, &why), err);
	assert_string_equal(why.text, text);
	(void)close(fd);
}

static void
test_bytes(void **state)
{
	(void)state;
	expect("", 0, ERR_LOAD_FAILED, "models/x.gguf: the file is empty");
	expect("PK\x03\x04", 4, ERR_LOAD_FAILED,
	    "models/x.gguf: not a GGUF file: starts with \"PK\\x03\\x04\", "
	    "expected \"GGUF\"");
	expect("a\"", 2, ERR_LOAD_FAILED,
	    "models/x.gguf: not a GGUF file: starts with "
	    "\"a\\x22\\x00\\x00\", expected \"GGUF\"");
	expect("GGUF\3\0\0\0", 8, ERR_LOAD_FAILED,
	    "models/x.gguf: truncated: 8 bytes, less than a GGUF header");
}

static void
test_versions(void **state)
{
	char head[24] = "GGUF\3";

	(void)state;
	expect(head, sizeof(head), 0, "");
	head[4] = 2;
	expect(head, sizeof(head), 0, "");
	head[4] = 1;
	expect(head, sizeof(head), ERR_LOAD_FAILED,
	    "models/x.gguf: GGUF version 1; versions 2 and 3 can be read");
	head[4] = 0;
	expect(head, sizeof(head), ERR_LOAD_FAILED,
	    "models/x.gguf: GGUF version 0; versions 2 and 3 can be read");
	head[7] = 3;
	expect(head, sizeof(head), ERR_LOAD_FAILED,
	    "models/x.gguf: a GGUF file for machines of the other byte order");
}

static void
test_no_file(void **state)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	struct fail why = { 0 };

	(void)state;
	assert_int_equal(check_gguf(fd, path, &why), ERR_FILE);
	assert_string_equal(why.text, "models/x.gguf: not a regular file");
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
