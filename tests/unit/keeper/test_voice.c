/* A child's standard error: what comes through to ours, and how much. */
#include "keeper/voice.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEARD_MAX (4u << 20)
#define FLOOD (8u << 20) /* bytes; more than a burst */

static char heard[HEARD_MAX];

/* What the keeper writes while fn runs with a child's end. */
static void
listen_to(void (*fn)(int fd, struct loop *l), int pid)
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO), fd = -1;
	struct loop *l = loop_new();
	struct voice *v = voice_new(l, "bulkhead-worker", false, &fd);
	size_t n;

	assert_non_null(to);
	assert_non_null(v);
	assert_true(fd > STDERR_FILENO);
	voice_of(v, pid);
	(void)fflush(stderr);
	assert_true(dup2(fileno(to), STDERR_FILENO) >= 0);
	fn(fd, l);
	(void)close(fd);
	voice_end(v);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	voice_free(v);
	loop_free(l);
	rewind(to);
	n = fread(heard, 1, sizeof(heard) - 1, to);
	heard[n] = '\0';
	(void)fclose(to);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
say_lines(int fd, struct loop *l)
{
	(void)l;
	say(fd, "bulkhead-worker[42] info: its own\n");
	say(fd, "bulkhead[1] info: somebody else's\n");
	say(fd, "\033[2J\rcleared\n");
	say(fd, "the last, not whole");
}

/* Its own line as it is; a forged one is marked, a terminal is not spoken
 * to, and the end of a dead child's words is not lost. */
static void
test_lines_are_marked_and_escaped(void **state)
{
	(void)state;
	listen_to(say_lines, 42);
	assert_string_equal(
	    strtok(heard, "\n"), "bulkhead-worker[42] info: its own");
	assert_string_equal(strtok(NULL, "\n"),
	    "bulkhead-worker[42]: bulkhead[1] info: somebody else's");
	assert_null(strchr(strtok(NULL, "\n"), '\033'));
	assert_string_equal(
	    strtok(NULL, "\n"), "bulkhead-worker[42]: the last, not whole");
	assert_null(strtok(NULL, "\n"));
}

static size_t
pour(int fd)
{
	char block[4096];
	size_t n = 0;
	ssize_t r;

	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\n';
	while (n < FLOOD && (r = write(fd, block, sizeof(block))) > 0)
		n += (size_t)r;
	return n;
}

struct flood {
	int fd;
	struct loop *loop;
	struct timer *again;
	unsigned turns;
};

/* It pours for as long as it is read, at every turn of the loop. */
static void
on_turn(void *arg)
{
	struct flood *f = arg;

	(void)pour(f->fd);
	if (++f->turns == 200)
		loop_stop(f->loop);
	timer_set(f->again, 0);
}

static void
flood(int fd, struct loop *l)
{
	struct flood f = { .fd = fd, .loop = l };

	f.again = timer_new(l, on_turn, &f);
	timer_set(f.again, 0);
	assert_int_equal(loop_run(l), 0);
	timer_free(f.again);
}

/* The writer never blocks, and the keeper takes a burst, says so and pauses:
 * a flood of megabytes does not come through. */
static void
test_a_flood_is_bounded(void **state)
{
	(void)state;
	listen_to(flood, 7);
	assert_non_null(strstr(heard, "says too much"));
	assert_true(strlen(heard) < HEARD_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_marked_and_escaped),
		cmocka_unit_test(test_a_flood_is_bounded),
	};

	log_init("bulkhead", LOG_INFO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
