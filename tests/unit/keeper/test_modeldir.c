/* Which files of a folder are models, and what they are called. */
#include "keeper/modeldir.h"
#include "keeper/partname.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static void
file(const char *name)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fclose(f);
}

static void
folder(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int
set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/bulkhead-test-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	char line[128];

	(void)state;
	(void)snprintf(line, sizeof(line), "rm -r %s", dir);
	return system(line);
}

/* "name path mmproj parts missing", without the folder. */
static void
expect(const struct dirmodel *m, const char *want)
{
	char got[512];
	size_t n = strlen(dir) + 1;

	(void)snprintf(got, sizeof(got), "%s %s %s %u %u", m->name, m->path + n,
	    m->mmproj != NULL ? m->mmproj + n : "-", m->n_parts, m->missing);
	assert_string_equal(got, want);
}

static void
test_files(void **state)
{
	struct dirmodels all;
	struct fail f;

	(void)state;
	file("b.gguf");
	file("a.rkllm");
	file(".gguf");
	file(".hidden.gguf");
	file("notes.txt");
	file("mmproj-F16.gguf");
	file("my-mmproj.gguf");
	file("mtp-b.gguf");
	folder("empty.gguf");
	assert_int_equal(modeldir_read(dir, &all, &f), 0);
	assert_int_equal(all.n, 2);
	expect(&all.v[0], "a a.rkllm - 1 0");
	expect(&all.v[1], "b b.gguf - 1 0");
	modeldir_free(&all);
}

static void
test_parts(void **state)
{
	struct dirmodels all;
	struct fail f;

	(void)state;
	file("x-00001-of-00003.gguf");
	file("x-00002-of-00003.gguf");
	file("x-00003-of-00003.gguf");
	file("y-00001-of-00002.gguf");
	file("z-00002-of-00003.gguf");
	file("z-00003-of-00003.gguf");
	file("z-00001-of-00002.gguf");
	file("z-00002-of-00002.gguf");
	file("z-00001-of-00003.gguf");
	file("w-00001-of-00003.gguf");
	file("w-00003-of-00003.gguf");
	file("v-00000-of-00003.gguf");
	file("u-00004-of-00003.gguf");
	file("t-00001-of-00001.gguf");
	file("-00001-of-00002.gguf");
	assert_int_equal(modeldir_read(dir, &all, &f), 0);
	expect(&all.v[0], "-00001-of-00002 -00001-of-00002.gguf - 1 0");
	expect(&all.v[1], "t-00001-of-00001 t-00001-of-00001.gguf - 1 0");
	expect(&all.v[2], "u-00004-of-00003 u-00004-of-00003.gguf - 1 0");
	expect(&all.v[3], "v-00000-of-00003 v-00000-of-00003.gguf - 1 0");
	expect(&all.v[4], "w w-00001-of-00003.gguf - 3 2");
	expect(&all.v[5], "x x-00001-of-00003.gguf - 3 0");
	expect(&all.v[6], "y y-00001-of-00002.gguf - 2 2");
	assert_int_equal(all.n, 9);
	assert_string_equal(all.v[7].name, "z");
	assert_string_equal(all.v[8].name, "z");
	assert_int_equal(all.v[7].n_parts + all.v[8].n_parts, 5);
	assert_int_equal(all.v[7].missing + all.v[8].missing, 0);
	modeldir_free(&all);
}

static void
test_folders(void **state)
{
	struct dirmodels all;
	struct fail f;

	(void)state;
	folder("one");
	file("one/whatever-Q8_0.gguf");
	file("one/mmproj-F16.gguf");
	folder("many");
	file("many/a.gguf");
	file("many/b.gguf");
	folder("split");
	file("split/s-00001-of-00002.gguf");
	file("split/s-00002-of-00002.gguf");
	folder("split/deeper");
	file("split/deeper/x.gguf");
	folder(".hidden");
	file(".hidden/x.gguf");
	folder("nothing");
	assert_int_equal(modeldir_read(dir, &all, &f), 0);
	assert_int_equal(all.n, 4);
	expect(&all.v[0], "many/a many/a.gguf - 1 0");
	expect(&all.v[1], "many/b many/b.gguf - 1 0");
	expect(&all.v[2], "one one/whatever-Q8_0.gguf one/mmproj-F16.gguf 1 0");
	expect(&all.v[3], "split split/s-00001-of-00002.gguf - 2 0");
	modeldir_free(&all);
}

static void
test_refusals(void **state)
{
	struct dirmodels all;
	struct fail f;
	char path[128];

	(void)state;
	assert_int_equal(modeldir_read("/none", &all, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "/none: no such folder"));
	modeldir_free(&all);
	file("a.gguf");
	(void)snprintf(path, sizeof(path), "%s/a.gguf", dir);
	assert_int_equal(modeldir_read(path, &all, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "is not a folder"));
	modeldir_free(&all);
}

static void
test_names_of_parts(void **state)
{
	struct partname p;
	char path[64];

	(void)state;
	assert_true(partname_read("/a/x-00002-of-00010.gguf", &p));
	assert_int_equal(p.no, 2);
	assert_int_equal(p.of, 10);
	assert_int_equal(p.n_stem, 4);
	assert_true(partname_other(
	    "/a/x-00002-of-00010.gguf", &p, 10, path, sizeof(path)));
	assert_string_equal(path, "/a/x-00010-of-00010.gguf");
	assert_false(
	    partname_other("/a/x-00002-of-00010.gguf", &p, 3, path, 24));
	assert_false(partname_read("/a/-00001-of-00002.gguf", &p));
	assert_false(partname_read("x-00001-of-00002.rkllm", &p));
	assert_false(partname_read("x-0001-of-00002.gguf", &p));
	assert_false(partname_read("x-00003-of-00002.gguf", &p));
	assert_false(partname_read("", &p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_folders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_refusals, set_up, tear_down),
		cmocka_unit_test(test_names_of_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
