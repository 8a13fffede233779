/* Bad files: how they are known again, and for how long they are left alone. */
#include "keeper/quarantine.h"

#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SIZE 100000u

/* A file of SIZE bytes, of which the one at `at` is another. */
static struct modelfile
file_of(const char *name, size_t at)
{
	static char bytes[SIZE + 1];
	struct modelfile m;
	struct fail f;

	memset(bytes, 'x', SIZE);
	memcpy(bytes, "GGUF", 4);
	if (at < SIZE)
		bytes[at] = 'y';
	assert_int_equal(
	    modelfile_open(write_file(name, bytes, 0600), &m, &f), 0);
	return m;
}

static int
check(struct quarantine *q, struct modelfile *m, uint64_t now, struct fail *f)
{
	return quarantine_check(q, m, "/x/y.gguf", now, f);
}

static void
test_is_left_alone_for_longer_each_time(void **state)
{
	static const uint64_t pauses[] = { 30000, 60000, 120000, 240000, 480000,
		600000, 600000 };
	struct quarantine *q = quarantine_new(30000, 600000);
	struct modelfile m = file_of("a.gguf", SIZE);
	struct fail f;
	uint64_t now = 1000;

	(void)state;
	assert_int_equal(check(q, &m, now, &f), 0);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		quarantine_add(q, &m, "killed by SIGSEGV", now);
		assert_int_equal(
		    check(q, &m, now + pauses[i] - 1, &f), ERR_LOAD_FAILED);
		assert_non_null(strstr(f.text, "SIGSEGV"));
		assert_non_null(strstr(f.text, "/x/y.gguf"));
		assert_int_equal(f.retry_ms, 1);
		assert_int_equal(quarantine_left(q, &m, now), pauses[i]);
		now += pauses[i];
		assert_int_equal(quarantine_left(q, &m, now), 0);
		assert_int_equal(check(q, &m, now, &f), 0);
	}
	/* It was served: all is forgotten. */
	quarantine_forgive(q, &m);
	quarantine_add(q, &m, "killed by SIGSEGV", now);
	assert_int_equal(check(q, &m, now + 30000, &f), 0);
	modelfile_close(&m);
	quarantine_free(q);
	quarantine_free(NULL);
}

static void
test_is_known_by_its_content(void **state)
{
	struct quarantine *q = quarantine_new(30000, 600000);
	struct modelfile bad = file_of("bad.gguf", SIZE);
	struct modelfile copy = file_of("copy.gguf", SIZE);
	struct modelfile head = file_of("head.gguf", 4);
	struct modelfile tail = file_of("tail.gguf", SIZE - 1);
	struct modelfile longer = file_of("longer.gguf", SIZE);
	struct fail f;

	(void)state;
	assert_int_equal(ftruncate(longer.fd, 0), -1); /* read only */
	longer.st.st_size++;
	quarantine_add(q, &bad, "hang", 0);
	assert_int_equal(check(q, &copy, 1, &f), ERR_LOAD_FAILED);
	assert_int_equal(check(q, &head, 1, &f), 0);
	assert_int_equal(check(q, &tail, 1, &f), 0);
	assert_int_equal(check(q, &longer, 1, &f), 0);
	modelfile_close(&bad);
	modelfile_close(&copy);
	modelfile_close(&head);
	modelfile_close(&tail);
	modelfile_close(&longer);
	quarantine_free(q);
}

static void
test_only_so_many_are_kept(void **state)
{
	struct quarantine *q = quarantine_new(30000, 600000);
	struct modelfile first = file_of("0.gguf", 10);
	struct modelfile last = first;
	struct fail f;

	(void)state;
	quarantine_add(q, &first, "hang", 0);
	for (size_t i = 1; i <= 64; i++) {
		last = file_of("n.gguf", 10 + i);
		quarantine_add(q, &last, "hang", 0);
		if (i < 64)
			modelfile_close(&last);
	}
	assert_int_equal(check(q, &first, 1, &f), 0);
	assert_int_equal(check(q, &last, 1, &f), ERR_LOAD_FAILED);
	modelfile_close(&first);
	modelfile_close(&last);
	quarantine_free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_left_alone_for_longer_each_time),
		cmocka_unit_test(test_is_known_by_its_content),
		cmocka_unit_test(test_only_so_many_are_kept),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
