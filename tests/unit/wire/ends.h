/*
 * ends - a channel's end and, at the other one, a raw socket that can lie or
 * a channel that is choked.
 */
#ifndef TEST_WIRE_ENDS_H
#define TEST_WIRE_ENDS_H

#include "wire/chan.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER 16u
#define MANY 1000000u

static inline unsigned
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

/* Each test ends with the descriptors that it began with. */
static inline int
count_before(void **state)
{
	*state = (void *)(uintptr_t)open_fds();
	return 0;
}

static inline int
count_after(void **state)
{
	return (uintptr_t)*state != open_fds();
}

/* The keeper's end is raw, so that it can lie; the front's is a channel. */
struct world {
	int raw;
	struct chan *front;
};

static inline struct world
world_new(void)
{
	struct world w;
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	w.raw = fds[0];
	w.front = chan_new(fds[1], PROC_FRONT, PROC_KEEPER, MANY);
	assert_non_null(w.front);
	return w;
}

static inline void
world_end(struct world *w)
{
	chan_free(w->front);
	if (w->raw >= 0)
		(void)close(w->raw);
}

/* The keeper's end as a channel too, its socket's room small or large. */
static inline struct chan *
keeper_of(struct world *w, size_t out_max, int room)
{
	struct chan *c;

	if (room > 0)
		assert_int_equal(setsockopt(w->raw, SOL_SOCKET, SO_SNDBUF,
				     &room, sizeof(room)),
		    0);
	c = chan_new(w->raw, PROC_KEEPER, PROC_FRONT, out_max);
	w->raw = -1;
	assert_non_null(c);
	return c;
}

static inline void
raw_write(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static inline void
put_header(struct buf *b, uint32_t n, uint32_t msg, uint32_t fds, uint32_t zero)
{
	buf_put_u32(b, n);
	buf_put_u32(b, msg);
	buf_put_u32(b, fds);
	buf_put_u32(b, zero);
}

/* A FRONT_DRAIN that says ms, as the keeper's channel would send it. */
static inline void
put_drain(struct buf *b, uint32_t ms)
{
	put_header(b, 4, MSG_FRONT_DRAIN, 0, 0);
	buf_put_u32(b, ms);
	buf_put_u32(b, 0);
}

static inline uint32_t
drain_ms(const struct frame *f)
{
	struct front_drain d;

	assert_int_equal(f->msg, MSG_FRONT_DRAIN);
	assert_int_equal(frame_unpack(f, &d), 0);
	return d.timeout_ms;
}

/* Frames of many sizes, the i-th with i in it. */
static inline struct buf
some_frames(uint32_t n)
{
	struct buf b;

	buf_init(&b, MANY);
	for (uint32_t i = 0; i < n; i++) {
		struct model_state st = { .model = i + 1,
			.text = { "0123456789abcdef", i % 17 } };
		struct buf payload;

		buf_init(&payload, MANY);
		layout_pack(&layout_model_state, &st, &payload);
		put_header(
		    &b, (uint32_t)buf_len(&payload), MSG_MODEL_STATE, 0, 0);
		buf_put_str(&b, buf_str(&payload));
		while (buf_len(&b) % 8 != 0)
			buf_put_u8(&b, 0);
		buf_done(&payload);
	}
	assert_int_equal(buf_err(&b), 0);
	return b;
}

/* Takes frames until there are none; each must be the one after the last. */
static inline int
take_frames(struct chan *c, uint32_t *seen)
{
	struct model_state st;
	struct frame f;
	int err;

	while ((err = chan_recv(c, &f)) == 0) {
		assert_int_equal(f.msg, MSG_MODEL_STATE);
		assert_int_equal(frame_unpack(&f, &st), 0);
		assert_int_equal(st.model, *seen + 1);
		assert_int_equal(st.text.n, *seen % 17);
		assert_memory_equal(st.text.p, "0123456789abcdef", st.text.n);
		(*seen)++;
	}
	return err;
}

#define CHAN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, count_before, count_after)

#endif
