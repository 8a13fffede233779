/*
 * A client of the JSON-RPC socket that sends anything at all: framing,
 * batches, methods, parameters. The front is real; this file is its keeper,
 * which has one model with no worker: it answers every init with that, and
 * runs wait until the client goes.
 *
 * The first byte cuts the rest into pieces of that size (0: one piece).
 */
#include "base/log.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/keeper.h"
#include "front/listener.h"
#include "front/model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct front front;
static struct chan *keeper;
static struct timer *pause_timer;

static void
turn(void)
{
	timer_set(pause_timer, 0);
	if (loop_run(front.loop) != 0)
		abort();
}

static void
say(enum msg m, const void *st)
{
	if (chan_send(keeper, m, st, -1) != 0)
		abort();
	turn();
}

static void
say_model(uint32_t ref)
{
	struct model_state s = { .model = 1,
		.ref = ref,
		.status = MODEL_UP,
		.name = STR("m"),
		.n_seq = 2,
		.n_ctx = 64 };

	say(MSG_MODEL_STATE, &s);
}

/* Answers what the front asked its keeper. */
static void
keep(void)
{
	struct model_want want;
	struct frame fr;

	while (chan_recv(keeper, &fr) == 0)
		if (fr.msg == MSG_MODEL_WANT && frame_unpack(&fr, &want) == 0)
			say_model(want.ref);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct front_config config = { .version = STR("0"),
		.default_model = STR("m"),
		.log_level = LOG_ERROR,
		.max_clients = 4,
		.queue_max = 8,
		.client_queue_max = 4,
		.body_max = 65536,
		.input_max = MIB,
		.request_ms = 60000,
		.stall_ms = 60000,
		.out_high = 65536 };
	struct keeper_status status = { .keeper_pid = 1 };
	int pair[2];

	(void)argc;
	(void)argv;
	if (front_init(&front) != 0)
		abort();
	pause_timer =
	    timer_new(front.loop, (timer_fn)(void *)loop_stop, front.loop);
	if (chan_pair(pair) != 0 || keeper_open(&front, pair[0]) != 0)
		abort();
	keeper = chan_new(pair[1], PROC_KEEPER, PROC_FRONT, MIB);
	say(MSG_FRONT_CONFIG, &config);
	say(MSG_KEEPER_STATUS, &status);
	say_model(0);
	return 0;
}

/* Takes all replies: a client that is not slow. */
static void
drain(int client)
{
	char room[65536];

	while (read(client, room, sizeof(room)) > 0)
		;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size > 0 && data[0] != 0 ? data[0] : size;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0 ||
	    rpc_accept(&front, pair[0], UID_UNTOLD) != 0)
		abort();
	for (size_t at = 1; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (write(pair[1], data + at, n) < 0)
			break;
		turn();
		turn();
		keep();
		drain(pair[1]);
	}
	shutdown(pair[1], SHUT_WR);
	turn();
	turn();
	keep();
	close(pair[1]);
	/* A run that waits for its worker would keep it. */
	conn_free_all(&front);
	gen_turn(&front);
	if (front.n_gens != 0 || front.n_conns != 0)
		abort();
	return 0;
}
