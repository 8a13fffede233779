#include "front/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void
finds_what_was_added_until_removed(void **state)
{
	struct table *t = table_new();
	int things[200];
	uint64_t ids[200];

	(void)state;
	for (int i = 0; i < 200; i++)
		assert_int_equal(table_add(t, &things[i], &ids[i]), 0);
	for (int i = 0; i < 200; i++)
		assert_ptr_equal(table_get(t, ids[i]), &things[i]);
	table_remove(t, ids[7]);
	assert_null(table_get(t, ids[7]));
	assert_ptr_equal(table_get(t, ids[8]), &things[8]);
	table_free(t);
}

static void
id_of_the_past_finds_nothing_in_a_reused_place(void **state)
{
	struct table *t = table_new();
	uint64_t old, new;
	int a, b;

	(void)state;
	assert_int_equal(table_add(t, &a, &old), 0);
	table_remove(t, old);
	assert_int_equal(table_add(t, &b, &new), 0);
	assert_int_equal(old % TABLE_MAX, new % TABLE_MAX);
	assert_true(old != new);
	assert_null(table_get(t, old));
	assert_ptr_equal(table_get(t, new), &b);
	table_free(t);
}

static void
ids_that_never_were_find_nothing(void **state)
{
	struct table *t = table_new();
	uint64_t id;
	int a;

	(void)state;
	assert_null(table_get(t, 0));
	assert_null(table_get(t, UINT64_MAX));
	assert_int_equal(table_add(t, &a, &id), 0);
	assert_true(id != 0);
	assert_null(table_get(t, 0));
	assert_null(table_get(t, id + TABLE_MAX));
	assert_null(table_get(t, UINT64_MAX));
	table_free(t);
	table_free(NULL);
}

static void
refuses_more_than_its_places(void **state)
{
	struct table *t = table_new();
	uint64_t id;
	int a;

	(void)state;
	for (uint32_t i = 0; i < TABLE_MAX; i++)
		assert_int_equal(table_add(t, &a, &id), 0);
	assert_int_equal(table_add(t, &a, &id), ERR_BUSY);
	table_remove(t, id);
	assert_int_equal(table_add(t, &a, &id), 0);
	table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added_until_removed),
		cmocka_unit_test(
		    id_of_the_past_finds_nothing_in_a_reused_place),
		cmocka_unit_test(ids_that_never_were_find_nothing),
		cmocka_unit_test(refuses_more_than_its_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
