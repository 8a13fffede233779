/* What is said of a jail, by a peer that may say anything. */
#include "jail/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_texts(void **state)
{
	struct jail_report r = { .landlock_abi = 7 };
	char text[JAIL_TEXT_MAX];

	(void)state;
	for (int i = 0; i < LAYER_COUNT; i++)
		report_set(&r, (enum jail_layer)i, LAYER_ON, 0);
	report_held(&r, text);
	assert_non_null(strstr(text, "no-new-privs, user-ns, "));
	assert_non_null(strstr(text, "landlock (ABI 7), seccomp"));
	report_missing(&r, text);
	assert_string_equal(text, "");
	assert_true(report_is_whole(&r));

	report_set(&r, LAYER_USER_NS, LAYER_MISSING, EPERM);
	report_set(&r, LAYER_UID, LAYER_NEEDLESS, 0);
	report_set(&r, LAYER_SECCOMP, LAYER_LEFT_OUT, REASON_SANITIZER);
	report_set(&r, LAYER_IPC_NS, LAYER_MISSING, 200);
	report_missing(&r, text);
	assert_string_equal(text,
	    "user-ns (EPERM), ipc-ns (unknown error), "
	    "seccomp (a sanitizer's build needs more)");
	assert_false(report_is_whole(&r));
	assert_true(report_has_gap(&r));
}

/* A driver in the way is no gap; a stage that has not come yet is none either,
 * but such a jail is not whole. */
static void
test_gaps(void **state)
{
	struct jail_report r = { .landlock_abi = 0 };

	(void)state;
	assert_false(report_has_gap(&r));
	assert_false(report_is_whole(&r));
	for (int i = 0; i < LAYER_COUNT; i++)
		report_set(&r, (enum jail_layer)i, LAYER_ON, 0);
	report_set(&r, LAYER_MOUNT_NS, LAYER_LEFT_OUT, REASON_DEVICE);
	assert_false(report_has_gap(&r));
	assert_true(report_is_whole(&r));
	report_set(&r, LAYER_MOUNT_NS, LAYER_LEFT_OUT, REASON_CORE);
	assert_true(report_has_gap(&r));
}

static void
test_stages_add_up(void **state)
{
	struct jail_report one = { .landlock_abi = 0 };
	struct jail_report two = { .landlock_abi = 3 };

	(void)state;
	report_outcome(&one, LAYER_NET_NS, 0);
	errno = ENOSYS;
	report_outcome(&two, LAYER_LANDLOCK, -1);
	report_add(&one, &two);
	assert_int_equal(one.layers[LAYER_NET_NS].state, LAYER_ON);
	assert_int_equal(one.layers[LAYER_LANDLOCK].state, LAYER_MISSING);
	assert_int_equal(one.layers[LAYER_LANDLOCK].error, ENOSYS);
	assert_int_equal(one.landlock_abi, 3);
}

static void
test_nonsense_is_refused(void **state)
{
	struct jail_report r = { .landlock_abi = 1 };
	struct jail_report got;

	(void)state;
	assert_true(report_read(&got, &r, sizeof(r)));
	assert_false(report_read(&got, &r, sizeof(r) - 1));
	assert_false(report_read(&got, NULL, 0));
	r.layers[3].state = LAYER_LEFT_OUT + 1;
	assert_false(report_read(&got, &r, sizeof(r)));
	r.layers[3].state = LAYER_LEFT_OUT;
	r.layers[3].error = LAYER_REASON_COUNT;
	assert_false(report_read(&got, &r, sizeof(r)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_stages_add_up),
		cmocka_unit_test(test_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
