/*
 * rpc_world - a whole front in this process, with the test as keeper, worker
 * and client. Deterministic: the sockets are local, so what was written is
 * there when the loop turns.
 */
#ifndef RPC_WORLD_H
#define RPC_WORLD_H

#include "base/log.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/keeper.h"
#include "front/listener.h"
#include "front/model.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
	struct front f;
	struct chan *keeper; /* the keeper's end */
	struct chan *worker; /* the worker's end; NULL: none lives */
	int client;
	struct buf heard; /* by the client */
};

static const struct front_config world_config = {
	.version = { "0.0.0", 5 },
	.default_model = { "demo", 4 },
	.log_level = LOG_ERROR,
	.max_clients = 8,
	.queue_max = 4,
	.client_queue_max = 3,
	.body_max = 4096,
	.input_max = MIB,
	.header_max = 1024,
	.request_ms = 60000,
	.stall_ms = 60000,
	.out_high = 65536,
	.array_max = 64 * MIB,
};

/* Lets the front act on everything that is there. */
static inline void
turn(struct world *w)
{
	struct timer *t = timer_new(w->f.loop, (timer_fn)loop_stop, w->f.loop);

	for (int i = 0; i < 3; i++) {
		timer_set(t, 0);
		assert_int_equal(loop_run(w->f.loop), 0);
	}
	timer_free(t);
}

static inline void
keeper_says(struct world *w, enum msg m, const void *st, int fd)
{
	assert_int_equal(chan_send(w->keeper, m, st, fd), 0);
	turn(w);
}

/* The model's state changed; UP brings a fresh worker. */
static inline void
model_is(struct world *w, enum model_status status, uint32_t ref)
{
	struct model_state s = { .model = 7,
		.ref = ref,
		.status = (uint8_t)status,
		.name = STR("demo"),
		.path = STR("/m/demo.gguf"),
		.pid = 42,
		.n_seq = 2,
		.n_ctx = 100,
		.n_vocab = 3,
		.n_embd_out = 2 };
	int pair[2] = { -1, -1 };

	if (status == MODEL_UP) {
		chan_free(w->worker);
		assert_int_equal(chan_pair(pair), 0);
		w->worker = chan_new(pair[1], PROC_WORKER, PROC_FRONT, MIB);
	}
	if (status == MODEL_FAILED) {
		s.err = ERR_LOAD_FAILED;
		s.text = STR("/m/x.gguf: no such file");
	}
	keeper_says(w, MSG_MODEL_STATE, &s, pair[0]);
	if (pair[0] >= 0)
		close(pair[0]);
}

static inline void
connect_client(struct world *w)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	w->client = pair[1];
	assert_int_equal(rpc_accept(&w->f, pair[0], UID_UNTOLD), 0);
}

static inline struct world *
world_new(const struct front_config *config)
{
	struct world *w = calloc(1, sizeof(*w));
	struct keeper_status status = { .keeper_pid = 1, .front_pid = 2 };
	struct front_journal journal = { .size = 8 * MIB };
	struct front *f = &w->f;
	int pair[2];

	assert_int_equal(front_init(f), 0);
	buf_init(&w->heard, 64 * MIB);
	assert_int_equal(chan_pair(pair), 0);
	assert_int_equal(keeper_open(f, pair[0]), 0);
	w->keeper = chan_new(pair[1], PROC_KEEPER, PROC_FRONT, MIB);
	keeper_says(w, MSG_FRONT_CONFIG, config, -1);
	assert_int_equal(journal_make(8 * MIB, &pair[0]), 0);
	keeper_says(w, MSG_FRONT_JOURNAL, &journal, pair[0]);
	close(pair[0]);
	keeper_says(w, MSG_KEEPER_STATUS, &status, -1);
	connect_client(w);
	return w;
}

static inline void
world_free(struct world *w)
{
	conn_free_all(&w->f);
	gen_turn(&w->f); /* those cancelled in the queue */
	model_free_all(&w->f);
	assert_int_equal(w->f.n_gens, 0);
	assert_int_equal(w->f.n_conns, 0);
	assert_int_equal(w->f.arrays, 0);
	keeper_close(&w->f);
	timer_free(w->f.drain_timer);
	chan_free(w->keeper);
	chan_free(w->worker);
	front_done(&w->f);
	buf_done(&w->heard);
	if (w->client >= 0)
		close(w->client);
	free(w);
}

/* For cmocka, of a test whose state is a world. */
static inline int
world_tear_down(void **state)
{
	world_free(*state);
	return 0;
}

static inline void
say(struct world *w, const char *text)
{
	assert_int_equal(write(w->client, text, strlen(text)), strlen(text));
	turn(w);
}

/* world_config, with memory for less than a request may have. */
static inline struct front_config
little_memory(void)
{
	struct front_config c = world_config;

	c.body_max = 400000;
	c.input_max = 200000;
	return c;
}

/* The same byte, so many times. */
static inline void
say_much(struct world *w, size_t n)
{
	char text[20001];

	memset(text, 'x', sizeof(text) - 1);
	for (; n > 0; n -= strlen(text)) {
		text[n < sizeof(text) - 1 ? n : sizeof(text) - 1] = '\0';
		say(w, text);
	}
}

/* Every answer of HTTP has an id, which is another each time. */
static inline void
drop_request_ids(char *text)
{
	static const char head[] = "X-Request-Id: req_";
	char *at, *end;

	while ((at = strstr(text, head)) != NULL) {
		end = strstr(at, "\r\n");
		assert_non_null(end);
		assert_int_equal(end - at, sizeof(head) - 1 + 24);
		(void)memmove(at, end + 2, strlen(end + 2) + 1);
	}
}

/* Everything that the client has got since it last looked; "" at the end of
 * the connection too. Good until the next call. */
static inline const char *
hear(struct world *w)
{
	char room[4096];
	ssize_t n;

	buf_reset(&w->heard);
	turn(w);
	while ((n = read(w->client, room, sizeof(room))) > 0)
		buf_put(&w->heard, room, (size_t)n);
	buf_put_u8(&w->heard, '\0');
	drop_request_ids((char *)w->heard.data + w->heard.off);
	return (const char *)buf_data(&w->heard);
}

static inline bool
is_closed(struct world *w)
{
	char c;

	turn(w);
	return read(w->client, &c, 1) == 0;
}

#define assert_heard(w, text) assert_string_equal(hear(w), text)

static inline void
assert_hears(struct world *w, const char *part)
{
	const char *got = hear(w);

	if (strstr(got, part) == NULL)
		fail_msg("\"%s\" is not in: %s", part, got);
}

/* The next message to the keeper, which must be m; but for what it hears in any
 * case. */
static inline void
keeper_hears(struct world *w, enum msg m, void *ret)
{
	static struct frame fr; /* its payload stays for the caller */

	do
		assert_int_equal(chan_recv(w->keeper, &fr), 0);
	while (fr.msg != m &&
	    (fr.msg == MSG_FRONT_READY || fr.msg == MSG_MODEL_SUSPECTS));
	assert_int_equal(fr.msg, m);
	assert_int_equal(frame_unpack(&fr, ret), 0);
}

/* The next message to the worker, which must be m. */
static inline void
worker_hears(struct world *w, enum msg m, void *ret)
{
	static struct frame fr;

	turn(w);
	assert_int_equal(chan_recv(w->worker, &fr), 0);
	assert_int_equal(fr.msg, m);
	assert_int_equal(frame_unpack(&fr, ret), 0);
}

static inline bool
worker_hears_nothing(struct world *w)
{
	struct frame fr;

	turn(w);
	return chan_recv(w->worker, &fr) == ERR_AGAIN;
}

/* Init with these parameters, up to the reply. */
static inline void
load(struct world *w, const char *params)
{
	char text[1024];
	struct model_want want;

	(void)snprintf(text, sizeof(text),
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"rkllm.init\","
	    "\"params\":%s}",
	    params);
	say(w, text);
	keeper_hears(w, MSG_MODEL_WANT, &want);
	model_is(w, MODEL_UP, want.ref);
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"success\":true,"
	    "\"message\":\"Model initialized successfully\"}}\n");
}

static inline void
worker_starts(struct world *w, uint64_t gen)
{
	static const int32_t prompt[] = { 1, 2, 3 };
	struct gen_started s = { .gen = gen, .prompt = { prompt, 3 } };

	assert_int_equal(chan_send(w->worker, MSG_GEN_STARTED, &s, -1), 0);
	turn(w);
}

static inline void
worker_steps(struct world *w, uint64_t gen, int32_t token, const char *text,
    uint8_t flags)
{
	struct step s = { .gen = gen, .token = token, .flags = flags };
	struct buf b;

	s.text = str_of(text);
	buf_init(&b, MIB);
	step_put(&b, &s);
	assert_int_equal(chan_send_packed(w->worker, MSG_GEN_STEP, buf_data(&b),
			     buf_len(&b), -1),
	    0);
	buf_done(&b);
	turn(w);
}

/* The numbers of rows of the prompt of worker_starts(), from the first-th on. */
static inline void
worker_gives(struct world *w, uint64_t gen, enum gen_mode mode, uint32_t first,
    const float *v, uint32_t n)
{
	struct gen_rows r = { .gen = gen,
		.mode = (uint8_t)mode,
		.n_cols = mode == MODE_HIDDEN ? 2 : 3,
		.n_rows = 3,
		.first = first,
		.data = { (const char *)v, n * sizeof(*v) } };

	assert_int_equal(chan_send(w->worker, MSG_GEN_ROWS, &r, -1), 0);
	turn(w);
}

static inline void
worker_ends(
    struct world *w, uint64_t gen, enum gen_reason reason, const char *text)
{
	struct gen_done d = { .gen = gen,
		.reason = (uint8_t)reason,
		.text = str_of(text),
		.n_prompt = 3,
		.n_out = 2,
		.prefill_us = 1500,
		.decode_us = 2250,
		.peak_kib = 51200 };

	assert_int_equal(chan_send(w->worker, MSG_GEN_DONE, &d, -1), 0);
	turn(w);
}

static inline void
worker_fails(
    struct world *w, uint64_t gen, int err, const char *field, const char *text)
{
	struct gen_failed e = { .gen = gen,
		.err = err,
		.field = str_of(field),
		.text = str_of(text) };

	assert_int_equal(chan_send(w->worker, MSG_GEN_FAILED, &e, -1), 0);
	turn(w);
}

#endif
