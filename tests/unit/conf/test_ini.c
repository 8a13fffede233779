/* The INI reader: nothing is cut in silence. */
#include "conf/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct values {
	uint32_t port;
	char *host;
	bool mmap;
	struct strings model;
};

static const struct setting rows[] = {
	{ .name = "port",
	    .kind = SETTING_COUNT,
	    .init = "80",
	    .max = 65535,
	    .off = offsetof(struct values, port) },
	{ .name = "host",
	    .kind = SETTING_STR,
	    .max = 4095,
	    .off = offsetof(struct values, host) },
	{ .name = "mmap",
	    .kind = SETTING_FLAG,
	    .init = "on",
	    .off = offsetof(struct values, mmap) },
	{ .name = "model",
	    .kind = SETTING_STRS,
	    .max = 4095,
	    .off = offsetof(struct values, model) },
};

static struct values values;
static struct settings settings;

static int
make(void **state)
{
	struct fail f;

	(void)state;
	memset(&values, 0, sizeof(values));
	return settings_init(&settings, rows, 4, &values, &f);
}

static int
unmake(void **state)
{
	(void)state;
	settings_done(&settings);
	return 0;
}

static void
good(struct str text)
{
	struct fail f;

	if (ini_read(&settings, "x.ini", text, &f) != 0)
		fail_msg("%s", f.text);
}

static void
bad(struct str text, const char *says)
{
	struct fail f = { .text = "" };

	assert_int_equal(ini_read(&settings, "x.ini", text, &f), ERR_INVALID);
	assert_int_equal(strncmp(f.text, says, strlen(says)), 0);
}

static void
test_keys(void **state)
{
	(void)state;
	good(STR("; a comment\n# another\n\nport=1\n[*]\nhost = a b \n"
		 "  no-mmap = true\n[bulkhead]\nmodel: one\nmodel = t;wo"));
	assert_int_equal(values.port, 1);
	assert_string_equal(values.host, "a b");
	assert_false(values.mmap);
	assert_int_equal(values.model.n, 2);
	assert_string_equal(values.model.v[1], "t;wo");
}

/* What inih takes for the continuation of the line above is a key here. */
static void
test_indented_keys(void **state)
{
	(void)state;
	good(STR("host = a\n\tport = 5\n"));
	assert_string_equal(values.host, "a");
	assert_int_equal(values.port, 5);
}

static void
test_line_ends(void **state)
{
	(void)state;
	good(STR("\xef\xbb\xbfport = 1\r\nhost = x\r\n"));
	assert_int_equal(values.port, 1);
	assert_string_equal(values.host, "x");
}

static void
test_refusals(void **state)
{
	(void)state;
	bad(STR("\nprot = 1\n"), "x.ini:2: prot: no such setting");
	bad(STR("port = x\n"), "x.ini:1: port: must be a whole number");
	bad(STR("[models]\nport = 1\n"), "x.ini:2: a key in an unknown sec");
	bad(STR("\n\nport\n"), "x.ini:3: is neither key = value nor");
	bad(STR("[oops\n"), "x.ini:1: is neither key = value nor");
	bad(STR("config = y.ini\n"), "x.ini:1: config: no such setting");
	bad(STR("host = a ; b\n"), "x.ini:1: \" ;\" would cut the value");
	bad(STR("host = a\t; b\n"), "x.ini:1: \" ;\" would cut the value");
	bad(STR("[*] ; all\n"), "x.ini:1: \" ;\" would cut the value");
	bad(STR("host = a\0b\n"), "x.ini:1: holds a NUL byte");
	bad(STR("port = x\nnonsense\n"), "x.ini:1: port: must be");
}

/* 198 bytes go through whole, 199 are refused. */
static void
test_long_lines(void **state)
{
	static const char head[] = "host = ";
	char line[202];

	(void)state;
	for (size_t n = 190; n < 200; n++) {
		memset(line, 'x', sizeof(line));
		memcpy(line, head, sizeof(head) - 1);
		line[n] = '\n';
		if (n <= 198) {
			good((struct str){ line, n + 1 });
			assert_int_equal(
			    strlen(values.host), n - (sizeof(head) - 1));
		} else {
			bad((struct str){ line, n + 1 },
			    "x.ini:1: is too long (198 bytes are read)");
		}
	}
	/* A comment is not read at all. */
	line[0] = ';';
	good((struct str){ line, 200 });
}

static void
test_no_file(void **state)
{
	struct fail f;

	(void)state;
	assert_int_equal(
	    ini_read_file(&settings, "/no/such.ini", &f), ERR_FILE);
	assert_string_equal(
	    f.text, "--config: /no/such.ini: No such file or directory");
	assert_int_equal(ini_read_file(&settings, "/dev/null", &f), 0);
	assert_int_equal(ini_read_file(&settings, "/dev/zero", &f), ERR_FILE);
	assert_non_null(strstr(f.text, "over 256K"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keys),
		TEST(test_indented_keys),
		TEST(test_line_ends),
		TEST(test_refusals),
		TEST(test_long_lines),
		TEST(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
