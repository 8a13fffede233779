/* The bound on what clients are sending, and how they share it. */
#include "front/client.h"
#include "front/front.h"
#include "front/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define MAX (16u * MIB)

struct sender {
	struct client *client;
	size_t share;
};

static struct front front;
static struct fail why;

static int
set_up(void **state)
{
	(void)state;
	assert_int_equal(front_init(&front), 0);
	front.config.input_max = MAX;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	assert_int_equal(front.intake, 0);
	front_done(&front);
	return 0;
}

static struct sender
sender(uint32_t uid)
{
	return (struct sender){ client_of_fd(front.clients, -1, uid), 0 };
}

static int
hold(struct sender *s, size_t n)
{
	return intake_hold(&front, s->client, &s->share, n, &why);
}

/* The most that s can hold: the last that went well. */
static size_t
most(struct sender *s)
{
	size_t n = 0;

	while (hold(s, n + KIB) == 0)
		n += KIB;
	return n;
}

static void
drop(struct sender *s)
{
	intake_drop(&front, s->client, &s->share);
	client_drop(s->client);
}

static void
one_alone_gets_half(void **state)
{
	struct sender s = sender(1);

	(void)state;
	assert_int_equal(most(&s), MAX / 2 + INTAKE_FREE);
	assert_int_equal(front.intake, MAX / 2);
	drop(&s);
}

static void
the_next_gets_half_of_the_rest_whatever_its_connections(void **state)
{
	struct sender a = sender(1), b = sender(1), c = sender(2);

	(void)state;
	assert_int_equal(hold(&a, MAX / 4 + INTAKE_FREE), 0);
	assert_int_equal(most(&b), MAX / 4 + INTAKE_FREE);
	assert_int_equal(most(&c), MAX / 4 + INTAKE_FREE);
	drop(&a);
	drop(&b);
	assert_int_equal(most(&c), MAX / 2 + INTAKE_FREE);
	drop(&c);
}

static void
what_is_small_is_never_refused(void **state)
{
	struct sender a = sender(1), b = sender(1);

	(void)state;
	(void)most(&a);
	assert_int_equal(hold(&b, INTAKE_FREE), 0);
	assert_int_equal(b.share, 0);
	drop(&a);
	drop(&b);
}

static void
who_is_refused_keeps_what_was_counted(void **state)
{
	struct sender s = sender(1);

	(void)state;
	assert_int_equal(hold(&s, MAX / 4 + INTAKE_FREE), 0);
	assert_int_equal(hold(&s, MAX), ERR_BUSY);
	assert_int_equal(s.share, MAX / 4);
	assert_int_equal(why.retry_ms, INTAKE_RETRY_MS);
	assert_non_null(strstr(why.text, "4.0 MiB of them this client's"));
	assert_non_null(strstr(why.text, "16.0 MiB (--input-max)"));
	assert_int_equal(hold(&s, INTAKE_FREE), 0);
	assert_int_equal(front.intake, 0);
	drop(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_alone_gets_half),
		TEST(the_next_gets_half_of_the_rest_whatever_its_connections),
		TEST(what_is_small_is_never_refused),
		TEST(who_is_refused_keeps_what_was_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
