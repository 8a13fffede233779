/* Rings: order, removal while walking, removal twice. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
	int value;
	struct list link;
};

/* The values in order as a decimal number. */
static int
digits(struct list *head)
{
	struct list *it, *tmp;
	int all = 0;

	LIST_EACH (it, tmp, head) {
		all = all * 10 + LIST_ENTRY(it, struct item, link)->value;
	}
	return all;
}

static void
test_order(void **state)
{
	struct item items[] = { { .value = 1 }, { .value = 2 },
		{ .value = 3 } };
	struct list head;

	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_int_equal(digits(&head), 0);
	for (size_t i = 0; i < 3; i++)
		list_append(&head, &items[i].link);
	assert_false(list_empty(&head));
	assert_int_equal(digits(&head), 123);
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_int_equal(digits(&head), 13);
	list_append(&head, &items[1].link);
	assert_int_equal(digits(&head), 132);
}

static void
test_remove_while_walking(void **state)
{
	struct item items[5];
	struct list head, *it, *tmp;

	(void)state;
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i].value = i + 1;
		list_append(&head, &items[i].link);
	}
	LIST_EACH (it, tmp, &head) {
		if (LIST_ENTRY(it, struct item, link)->value % 2)
			list_remove(it);
	}
	assert_int_equal(digits(&head), 24);
	LIST_EACH (it, tmp, &head) {
		list_remove(it);
	}
	assert_true(list_empty(&head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_remove_while_walking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
