/*
 * Hidden states and logits as a memfd: what comes beside the reply, how often,
 * and what it may cost.
 */
#include "rows_world.h"

#define RUN_MEMFD(id, mode)                                        \
	"{\"jsonrpc\":\"2.0\",\"id\":" id                          \
	",\"method\":\"rkllm.run\",\"params\":[{\"prompt_input\":" \
	"\"x\"},{\"mode\":" mode ",\"arrays\":\"memfd\"}]}\n"
#define MEMFD(n, m, bytes)                                          \
	"{\"memfd\":true,\"dtype\":\"float32\",\"shape\":[" n "," m \
	"],\"bytes\":" bytes "}"
#define MEMFD_LOGITS(id, n, bytes)                         \
	BEGIN(id)                                          \
	NO_HIDDEN ",\"logits\":{\"logits\":" MEMFD(n, "3", \
	    bytes) ",\"vocab_size\":3,\"num_tokens\":" n "}" NO_PERF "}\n"

/* One recvmsg(2): what it gives is added to w->heard. The descriptor that came
 * beside it, or -1; *ret_n: bytes, 0 if there are none now. */
static int
hear_some(struct world *w, size_t *ret_n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char bytes[4096];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(w->client, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int fd = -1;

	*ret_n = n > 0 ? (size_t)n : 0;
	buf_put(&w->heard, bytes, *ret_n);
	assert_false(m.msg_flags & MSG_CTRUNC);
	if (h == NULL)
		return -1;
	assert_int_equal(h->cmsg_type, SCM_RIGHTS);
	assert_int_equal(h->cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

/* All that comes, in w->heard; and the one descriptor that is among it, which
 * is here no later than the reply that tells of it begins. */
static int
hear_memfd(struct world *w)
{
	int fd = -1, more;
	size_t n;

	buf_reset(&w->heard);
	do {
		turn(w);
		more = hear_some(w, &n);
		assert_true(fd < 0 || more < 0);
		fd = more >= 0 ? more : fd;
		if (buf_len(&w->heard) > 0 &&
		    memmem(buf_data(&w->heard), buf_len(&w->heard), "{\"memfd",
			7) != NULL)
			assert_true(fd >= 0);
	} while (n > 0);
	buf_put_u8(&w->heard, '\0');
	return fd;
}

static void
assert_ends_with(const struct world *w, const char *end)
{
	const char *got = (const char *)buf_data(&w->heard);

	assert_true(strlen(got) >= strlen(end));
	assert_string_equal(got + strlen(got) - strlen(end), end);
}

/* The whole of it, which nobody can change. */
static void
check_memfd(int fd, const float *want, size_t n)
{
	float got[16];

	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, sizeof(got)), n * sizeof(float));
	assert_memory_equal(got, want, n * sizeof(float));
	assert_int_equal(fcntl(fd, F_GET_SEALS) & 0xf,
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(write(fd, "x", 1), -1);
	(void)close(fd);
}

static void
memfd_comes_with_its_reply(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN_MEMFD("1", "2"));
	int fd;

	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	worker_gives(w, g, MODE_LOGITS, 1, v + 3, 6);
	assert_heard(w, "");
	say(w, CALL("2", "rkllm.is_running"));
	worker_ends(w, g, REASON_LENGTH, "");
	fd = hear_memfd(w);
	assert_ends_with(w,
	    RESULT("2", IS_RUNNING) MEMFD_LOGITS("1", "3", "36")
		LAST("1", "0"));
	check_memfd(fd, v, 9);
}

static void
memfd_of_an_aborted_run_has_what_there_is(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN_MEMFD("1", "2"));
	int fd;

	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	say(w, CALL("2", "rkllm.abort"));
	assert_heard(w, RESULT("2", ABORTED));
	worker_ends(w, g, REASON_CANCEL, "");
	fd = hear_memfd(w);
	assert_ends_with(w, MEMFD_LOGITS("1", "1", "12") LAST("1", "0"));
	check_memfd(fd, v, 3);
}

static void
memfd_waits_for_a_line(void **state)
{
	struct world *w = *state;
	uint64_t a = run(w, RUN("1", "2"));
	uint64_t b = run(w, RUN_MEMFD("2", "2"));
	int fd;

	worker_gives(w, a, MODE_LOGITS, 0, v, 3);
	expect_gen(w, MSG_GEN_PARK, b);
	worker_gives(w, b, MODE_LOGITS, 0, v, 9);
	worker_ends(w, b, REASON_LENGTH, "");
	assert_heard(w, LOGITS_BEGINS("1") ROW_0);
	worker_gives(w, a, MODE_LOGITS, 1, v, 6);
	worker_ends(w, a, REASON_LENGTH, "");
	fd = hear_memfd(w);
	assert_ends_with(w,
	    "," ROW_0 "," ROW_1 LOGITS_ENDS("3") LAST("1", "0")
		MEMFD_LOGITS("2", "3", "36") LAST("2", "0"));
	check_memfd(fd, v, 9);
}

/* The socket is full, so its line goes out in pieces, later: once. */
static void
memfd_is_passed_once_by_a_full_socket(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN_MEMFD("1", "2"));
	char ask[] = CALL("9", "rkllm.createDefaultParam");
	int small = 4608, fd;

	(void)setsockopt(
	    w->client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int i = 0; i < 500; i++)
		say(w, ask);
	worker_gives(w, g, MODE_LOGITS, 0, v, 9);
	worker_ends(w, g, REASON_LENGTH, "");
	assert_true(w->f.arrays > 0);
	fd = hear_memfd(w);
	assert_non_null(strstr((const char *)buf_data(&w->heard),
	    MEMFD_LOGITS("1", "3", "36") LAST("1", "0")));
	check_memfd(fd, v, 9);
	assert_int_equal(w->f.arrays, 0);
}

/* tear_down sees that nothing is left. */
static void
memfd_goes_with_its_client(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN_MEMFD("1", "2"));

	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	assert_int_equal(w->f.arrays, MIB);
	(void)close(w->client);
	w->client = -1;
	expect_gen(w, MSG_GEN_CANCEL, g);
	assert_int_equal(w->f.arrays, 0);
	worker_ends(w, g, REASON_CANCEL, "");
}

static void
memfds_have_a_limit(void **state)
{
	struct world *w = *state;
	uint64_t g, other;

	w->f.config.array_max = 2 * MIB;
	g = run(w, RUN_MEMFD("1", "2"));
	worker_gives(w, g, MODE_LOGITS, 0, v, 3);
	assert_int_equal(w->f.arrays, MIB);
	other = run(w, RUN_MEMFD("2", "1"));
	worker_gives(w, other, MODE_HIDDEN, 0, v, 2);
	assert_hears(w,
	    "\"id\":2,\"error\":{\"code\":-32002,\"message\":"
	    "\"arrays: 1.0 MiB of them are on their way");
	expect_gen(w, MSG_GEN_CANCEL, other);
	worker_ends(w, other, REASON_CANCEL, "");
	worker_fails(w, g, ERR_INTERNAL, "", "no");
	assert_hears(w, "\"id\":1,\"error\"");
	assert_int_equal(w->f.arrays, 0);
	w->f.config.array_max = MIB;
	g = run(w, RUN_MEMFD("3", "1"));
	worker_gives(w, g, MODE_HIDDEN, 0, v, 2);
	assert_hears(w,
	    "\"id\":3,\"error\":{\"code\":-32002,\"message\":"
	    "\"arrays: one of 0.0 MiB is asked for");
}

static void
other_forms_are_refused(void **state)
{
	struct world *w = *state;

	say(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rkllm.run\","
	    "\"params\":[{\"prompt_input\":\"x\"},{\"mode\":2,"
	    "\"arrays\":\"base64\"}]}");
	assert_hears(w, "\"code\":-32602,\"message\":\"arrays: must be");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(memfd_comes_with_its_reply),
		TEST(memfd_of_an_aborted_run_has_what_there_is),
		TEST(memfd_waits_for_a_line),
		TEST(memfd_is_passed_once_by_a_full_socket),
		TEST(memfd_goes_with_its_client),
		TEST(memfds_have_a_limit),
		TEST(other_forms_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
