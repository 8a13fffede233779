/* The table of messages holds together, and each goes through a channel. */
#include "wire/msg.h"
#include "wire/window.h"

#include "sample.h"
#include "wire/chan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_rows(void **state)
{
	(void)state;
	assert_null(msg_row(MSG_NONE));
	assert_null(msg_row(MSG_COUNT));
	assert_null(msg_row(UINT32_MAX));
	for (unsigned m = 1; m < MSG_COUNT; m++) {
		const struct msg_row *r = msg_row(m);

		assert_non_null(r);
		assert_non_null(r->name);
		assert_non_null(r->layout);
		assert_int_not_equal(r->from, r->to);
		assert_string_not_equal(proc_name(r->from), "?");
		assert_string_not_equal(proc_name(r->to), "?");
		assert_true(r->max_fds <= MSG_MAX_FDS);
		assert_true(r->max > 0 && r->max <= 64 * MIB);
	}
	assert_string_equal(proc_name((enum proc)0), "?");
	assert_string_equal(proc_name((enum proc)4), "?");
}

/* With its strings empty each fits, by far. */
static void
test_ceilings_hold_the_numbers(void **state)
{
	static const union any_struct zero;

	(void)state;
	for (unsigned m = 1; m < MSG_COUNT; m++) {
		const struct msg_row *r = msg_row(m);
		struct buf b;

		buf_init(&b, r->max);
		layout_pack(r->layout, &zero, &b);
		assert_int_equal(buf_err(&b), 0);
		buf_done(&b);
	}
}

/* Fields are in the struct, each in its place. */
static void
test_layouts(void **state)
{
	static const size_t sizes[] = {
		[FIELD_u8] = sizeof(field_u8),
		[FIELD_u32] = sizeof(field_u32),
		[FIELD_u64] = sizeof(field_u64),
		[FIELD_i32] = sizeof(field_i32),
		[FIELD_f32] = sizeof(field_f32),
		[FIELD_str] = sizeof(field_str),
		[FIELD_i32s] = sizeof(field_i32s),
		[FIELD_biases] = sizeof(field_biases),
		[FIELD_strs] = sizeof(field_strs),
	};

	(void)state;
	for (unsigned m = 1; m < MSG_COUNT; m++) {
		const struct layout *l = msg_row(m)->layout;
		size_t end = 0;

		for (size_t i = 0; i < l->n_fields; i++) {
			assert_true(l->fields[i].off >= end);
			end = l->fields[i].off + sizes[l->fields[i].kind];
			assert_true(end <= l->size);
		}
	}
}

/* An end of a channel in each process. */
static void
join(const struct msg_row *r, struct chan **ret_from, struct chan **ret_to)
{
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	*ret_from = chan_new(fds[0], r->from, r->to, 1u << 20);
	*ret_to = chan_new(fds[1], r->to, r->from, 1u << 20);
	assert_non_null(*ret_from);
	assert_non_null(*ret_to);
}

/* A pipe's end: something that can be known again. */
static void
check_fd(const struct frame *f, bool with_fd, int other_end)
{
	char c = 0;

	assert_int_equal(f->n_fds, with_fd);
	assert_int_equal(f->fds[0] >= 0, with_fd);
	if (!with_fd)
		return;
	assert_int_equal(write(f->fds[0], "x", 1), 1);
	assert_int_equal(read(other_end, &c, 1), 1);
}

static void
check_one(struct sample *s, enum msg m, int round)
{
	const struct msg_row *r = msg_row(m);
	bool with_fd = r->max_fds > 0 && round % 2;
	struct chan *from, *to;
	union any_struct back;
	struct frame f;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	join(r, &from, &to);
	sample_make(s, r->layout);
	assert_int_equal(chan_send(from, m, &s->st, with_fd ? ends[1] : -1), 0);
	assert_int_equal(chan_recv(to, &f), 0);
	assert_int_equal(f.msg, m);
	assert_int_equal((uintptr_t)f.payload % 8, 0);
	assert_int_equal(frame_unpack(&f, &back), 0);
	if (sample_differs(r->layout, &s->st, &back) != NULL)
		fail_msg(
		    "%s.%s", r->name, sample_differs(r->layout, &s->st, &back));
	check_fd(&f, with_fd, ends[0]);
	frame_close(&f);
	assert_int_equal(chan_recv(to, &f), ERR_AGAIN);
	chan_free(from);
	assert_int_equal(chan_recv(to, &f), ERR_EOF);
	chan_free(to);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
test_every_message_travels(void **state)
{
	struct sample s;

	(void)state;
	sample_init(&s, 11, 20);
	for (unsigned m = 1; m < MSG_COUNT; m++)
		for (int round = 0; round < 20; round++)
			check_one(&s, (enum msg)m, round);
	sample_done(&s);
}

/* Only who the table names may send it, and only to whom. */
static void
test_wrong_sender(void **state)
{
	static const union any_struct zero;
	struct frame f;

	(void)state;
	for (unsigned m = 1; m < MSG_COUNT; m++) {
		const struct msg_row *r = msg_row(m);
		struct chan *from, *to;

		/* At the sending end ... */
		join(r, &from, &to);
		assert_int_equal(
		    chan_send(to, (enum msg)m, &zero, -1), ERR_PROTO);
		assert_int_equal(chan_recv(from, &f), ERR_AGAIN);
		/* ... and at the receiving one, which is its own peer's
		 * kind here: it takes what it should have sent. */
		chan_free(to);
		int fds[2];
		assert_int_equal(chan_pair(fds), 0);
		to = chan_new(fds[1], r->from, r->to, 1u << 20);
		chan_free(from);
		from = chan_new(fds[0], r->from, r->to, 1u << 20);
		assert_int_equal(chan_send(from, (enum msg)m, &zero, -1), 0);
		assert_int_equal(chan_recv(to, &f), ERR_PROTO);
		assert_int_equal(chan_recv(to, &f), ERR_PROTO);
		chan_free(from);
		chan_free(to);
	}
}

/* A message that carries none takes no descriptor. */
static void
test_no_descriptor_where_none_rides(void **state)
{
	static const union any_struct zero;

	(void)state;
	for (unsigned m = 1; m < MSG_COUNT; m++) {
		const struct msg_row *r = msg_row(m);
		struct chan *from, *to;

		join(r, &from, &to);
		assert_int_equal(chan_send(from, (enum msg)m, &zero, 0),
		    r->max_fds == 0 ? ERR_PROTO : 0);
		chan_free(from);
		chan_free(to);
	}
}

static bool
fit(const int32_t *ends, uint32_t n_ends, uint32_t n)
{
	return msg_turns_fit((struct i32s){ ends, n_ends }, n);
}

static void
test_turns(void **state)
{
	static const int32_t good[] = { 2, 5, 5, 9 }, down[] = { 5, 2 };
	static const int32_t below[] = { -1, 3 };

	(void)state;
	assert_true(fit(NULL, 0, 0));
	assert_true(fit(good, 4, 9));
	assert_false(fit(good, 4, 8));
	assert_false(fit(good, 3, 9));
	assert_false(fit(down, 2, 9));
	assert_false(fit(below, 2, 9));
}

static void
check_window(
    uint32_t n, int32_t n_keep, uint32_t n_prompt, uint32_t from, uint32_t gone)
{
	struct window_cut cut = window_cut(n, n_keep, n_prompt);
	int32_t tokens[64];

	for (uint32_t i = 0; i < n; i++)
		tokens[i] = (int32_t)i;
	assert_int_equal(cut.from, from);
	assert_int_equal(cut.n, gone);
	assert_int_equal(window_apply(cut, tokens, n), n - gone);
	for (uint32_t i = 0; i < n - gone; i++)
		assert_int_equal(tokens[i], (int32_t)(i < from ? i : i + gone));
}

static void
test_window(void **state)
{
	(void)state;
	check_window(16, 0, 5, 0, 8);
	check_window(16, 4, 5, 4, 6);
	check_window(16, -1, 5, 5, 6);
	/* What is to stay leaves room. */
	check_window(16, 99, 5, 11, 3);
	check_window(2, -1, 2, 1, 1);
	check_window(3, 0, 1, 0, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_ceilings_hold_the_numbers),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_every_message_travels),
		cmocka_unit_test(test_wrong_sender),
		cmocka_unit_test(test_no_descriptor_where_none_rides),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
