/* What means nothing is ignored; what somebody has a use for is left alone. */
#include "base/stray.h"

#include "../emulated.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static volatile sig_atomic_t seen;

static void
on_signal(int signo)
{
	seen = signo;
}

static bool
is_at(int signo, void (*handler)(int))
{
	struct sigaction act;

	assert_int_equal(sigaction(signo, NULL, &act), 0);
	return act.sa_handler == handler;
}

static void
test_what_means_nothing_is_ignored(void **state)
{
	const int meant[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP,
		SIGXCPU, SIGCHLD };
	sigset_t taken;

	(void)state;
	skip_emulated("it keeps some real-time signals to itself");
	stray_ignore(&taken);
	for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++)
		assert_true(is_at(meant[i], SIG_DFL));
	assert_true(is_at(SIGUSR1, SIG_IGN));
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(raise(SIGALRM), 0);
	assert_int_equal(raise(SIGRTMIN), 0);
	assert_int_equal(raise(SIGRTMAX), 0);
	stray_give_back(&taken);
	assert_true(is_at(SIGUSR1, SIG_DFL));
	assert_true(is_at(SIGRTMAX, SIG_DFL));
}

/* A program that embeds us has its own, before and after. */
static void
test_a_handler_stays_whose_it_is(void **state)
{
	sigset_t taken;

	(void)state;
	(void)signal(SIGUSR1, on_signal);
	(void)signal(SIGUSR2, SIG_IGN);
	stray_ignore(&taken);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(seen, SIGUSR1);
	(void)signal(SIGALRM, on_signal);
	stray_give_back(&taken);
	assert_true(is_at(SIGUSR1, on_signal));
	assert_true(is_at(SIGUSR2, SIG_IGN));
	assert_true(is_at(SIGALRM, on_signal));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_means_nothing_is_ignored),
		cmocka_unit_test(test_a_handler_stays_whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
