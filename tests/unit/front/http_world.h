/*
 * http_world - rpc_world with a client that speaks HTTP.
 */
#ifndef HTTP_WORLD_H
#define HTTP_WORLD_H

#include "rpc_world.h"

static inline void
connect_http(struct world *w)
{
	int pair[2];

	if (w->client >= 0)
		close(w->client);
	turn(w);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	w->client = pair[1];
	assert_int_equal(http_accept(&w->f, pair[0], UID_UNTOLD), 0);
}

/* A front whose client is on HTTP and whose model is up. */
static inline struct world *
http_world_new(const struct front_config *config)
{
	struct world *w = world_new(config);

	connect_http(w);
	model_is(w, MODEL_UP, 0);
	return w;
}

static inline void
post(struct world *w, const char *path, const char *body)
{
	char text[8192];

	(void)snprintf(text, sizeof(text),
	    "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
	    path, strlen(body), body);
	say(w, text);
}

/* Turns the loop for that long. */
static inline void
wait_ms(struct world *w, uint64_t ms)
{
	struct timer *t = timer_new(w->f.loop, (timer_fn)loop_stop, w->f.loop);

	timer_set(t, ms);
	assert_int_equal(loop_run(w->f.loop), 0);
	timer_free(t);
}

#endif
