/* The keys of a file and of options: read whole, or not at all. */
#include "folder.h"

#include "keeper/keys.h"
#include "wire/who.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int
read_with(struct keys *k, const char *file, const char *option, struct fail *f)
{
	char *given[] = { (char *)option };
	struct conf c = { .api_key_file = (char *)file,
		.api_key = { given, option != NULL ? 1 : 0 } };

	return keys_read(k, &c, f);
}

static void
test_good(void **state)
{
	struct keys *k = keys_new();
	struct fail f;

	(void)state;
	assert_non_null(k);
	assert_int_equal(read_with(k, NULL, NULL, &f), 0);
	assert_int_equal(keys_count(k), 0);
	assert_int_equal(read_with(k, NULL, "a,b", &f), 0);
	assert_int_equal(keys_count(k), 2);
	assert_int_equal(
	    read_with(k,
		write_file("keys", "# c\n\nsk-1\r\nname=x key=2\nsk-3", 0600),
		"sk-4", &f),
	    0);
	assert_int_equal(keys_count(k), 4);
	keys_free(k);
}

static const struct {
	const char *what;
	const char *text; /* of the file; NULL: there is none */
	mode_t mode;
	const char *why;
} bad[] = {
	{ "no file", NULL, 0, "No such file" },
	{ "no key", "# nothing\n", 0600, "has no key" },
	{ "empty", "", 0600, "has no key" },
	{ "open to all", "sk-1\n", 0602, "everybody may write" },
	{ "a bad line", "sk-1\n\nkey=k rate=x\n", 0600, "bad:3: rate" },
	{ "the same key", "sk-1\nsk-2\nsk-1\n", 0600,
	    "bad:3: key: it is that of \"line-1\"" },
	{ "the same name", "name=a key=1\nname=a key=2\n", 0600,
	    "bad:2: name" },
};

static void
test_bad_changes_nothing(void **state)
{
	struct keys *k = keys_new();
	struct fail f;

	(void)state;
	assert_non_null(k);
	assert_int_equal(
	    read_with(k, write_file("good", "sk-1\nsk-2\n", 0600), NULL, &f),
	    0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *path = bad[i].text == NULL
		    ? in_folder("none")
		    : write_file("bad", bad[i].text, bad[i].mode);

		if (read_with(k, path, NULL, &f) == 0)
			fail_msg("%s: not refused", bad[i].what);
		if (strstr(f.text, bad[i].why) == NULL)
			fail_msg("%s: \"%s\"", bad[i].what, f.text);
		assert_null(strstr(f.text, "sk-"));
		assert_int_equal(keys_count(k), 2);
		if (bad[i].text != NULL)
			(void)unlink(path);
	}
	keys_free(k);
}

static void
test_too_many(void **state)
{
	static char text[32 * (KEYS_MAX + 1)];
	struct keys *k = keys_new();
	struct fail f;
	size_t n = 0;

	(void)state;
	assert_non_null(k);
	for (unsigned i = 0; i <= KEYS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "sk-%u\n", i);
	assert_int_not_equal(
	    read_with(k, write_file("many", text, 0600), NULL, &f), 0);
	assert_non_null(strstr(f.text, "more than 1024 names"));
	assert_int_equal(keys_count(k), 0);
	keys_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad_changes_nothing),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
