#include "front/keeper.h"

#include "base/log.h"
#include "front/attach.h"
#include "front/conn.h"
#include "front/feed.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/letgo.h"
#include "front/listener.h"
#include "front/model.h"
#include "front/recover.h"
#include "front/reload.h"
#include "front/tls.h"
#include "jail/jail.h"

#include <stdlib.h>
#include <unistd.h>

#define CHANNEL_OUT_MAX (4u * MIB)
#define FLUSH_MS 2000u /* for the last words, once everything was cut */

static void
watch_keeper(struct front *f)
{
	unsigned events = WATCH_READ;

	if (chan_waiting(f->chan) > 0)
		events |= WATCH_WRITE;
	if (watch_want(f->watch, events) != 0)
		loop_stop(f->loop);
}

void
front_tell(struct front *f, enum msg m, const void *st)
{
	int err = chan_send(f->chan, m, st, -1);

	if (err != 0) {
		log_error("cannot reach the keeper: %s", err_text(err));
		loop_stop(f->loop);
		return;
	}
	watch_keeper(f);
}

/* Before a listener comes, and with it a client. */
static int
lock_in(struct front *f)
{
	enum jail_mode mode = (enum jail_mode)f->config.jail;
	struct jail_report r = { .landlock_abi = 0 };
	struct jailed j = { { (const char *)&r, sizeof(r) } };

	if (mode == JAIL_OFF)
		return 0;
	jail_lock(JAIL_FRONT, mode, NULL, &r);
	front_tell(f, MSG_FRONT_JAILED, &j);
	return mode == JAIL_REQUIRE && report_has_gap(&r) ? ERR_UNSUPPORTED : 0;
}

static int
on_config(struct front *f, struct frame *fr)
{
	bool is_first = f->config_mem == NULL;
	int err = front_keep(fr, &f->config, &f->config_mem);

	if (err != 0)
		return err;
	log_init("bulkhead-front", (enum log_level)f->config.log_level);
	if (is_first && f->config.has_tls)
		err = tls_prepare(f);
	return err == 0 && is_first ? lock_in(f) : err;
}

static int
on_journal(struct front *f, struct frame *fr)
{
	struct front_journal j;
	int fd = fr->fds[0];

	if (frame_unpack(fr, &j) != 0 || fd < 0 || f->journal.slots.map != NULL)
		return ERR_PROTO;
	fr->fds[0] = -1;
	return recover(f, fd);
}

static int
on_listen(struct front *f, struct frame *fr)
{
	struct front_listen l;
	int fd = fr->fds[0];

	if (frame_unpack(fr, &l) != 0 || fd < 0 ||
	    (l.kind != LISTEN_HTTP && l.kind != LISTEN_RPC))
		return ERR_PROTO;
	fr->fds[0] = -1;
	return listener_add(f, &l, fd);
}

static int
on_keys(struct front *f, struct frame *fr)
{
	struct front_keys k;

	return frame_unpack(fr, &k) != 0 ? ERR_PROTO : keys_on_set(f, &k);
}

static int
on_key(struct front *f, struct frame *fr)
{
	struct front_key k;

	return frame_unpack(fr, &k) != 0 ? ERR_PROTO : keys_on_key(f, &k);
}

static int
on_tls(struct front *f, struct frame *fr)
{
	struct front_tls m;
	int fd = fr->fds[0];

	if (frame_unpack(fr, &m) != 0 || fd < 0)
		return ERR_PROTO;
	fr->fds[0] = -1;
	return tls_on_file(f, &m, fd);
}

static int
on_client(struct front *f, struct frame *fr)
{
	struct front_client c;
	int fd = fr->fds[0];

	if (frame_unpack(fr, &c) != 0 || fd < 0)
		return ERR_PROTO;
	fr->fds[0] = -1;
	listener_take(f, &c, fd);
	front_tell(f, MSG_FRONT_TOOK, &(struct front_took){ c.listener });
	return 0;
}

/* The keeper's status is the last of what a new front is told: from here on it
 * knows every model, and no client hears that there is none. */
static int
on_status(struct front *f, struct frame *fr)
{
	struct front_ready ready = { .pid = (uint32_t)getpid() };
	bool is_first = f->keeper_mem == NULL;
	int err = front_keep(fr, &f->keeper, &f->keeper_mem);

	if (err != 0 || !is_first)
		return err;
	listener_open_all(f);
	front_tell(f, MSG_FRONT_READY, &ready);
	return 0;
}

static void
finish(struct front *f)
{
	struct front_drained d = { .ended = f->n_cut };

	f->is_drained = true;
	front_tell(f, MSG_FRONT_DRAINED, &d);
	loop_stop(f->loop);
}

/* First the streams are cut, with a clear last word; then, a little later, no
 * reader is waited for any more. */
static void
on_drain_timer(void *arg)
{
	struct front *f = arg;

	if (f->is_cut) {
		finish(f);
		return;
	}
	f->is_cut = true;
	timer_set(f->drain_timer, FLUSH_MS);
	gen_cut_all(f);
	conn_turn(f);
}

void
front_check_drained(struct front *f)
{
	if (!f->is_draining || f->is_drained || f->n_gens > 0 ||
	    conn_any_output(f))
		return;
	finish(f);
}

static int
on_drain(struct front *f, struct frame *fr)
{
	struct front_drain d;

	if (frame_unpack(fr, &d) != 0)
		return ERR_PROTO;
	if (f->drain_timer == NULL)
		f->drain_timer = timer_new(f->loop, on_drain_timer, f);
	if (f->drain_timer == NULL)
		return ERR_NOMEM;
	if (!f->is_draining) {
		f->is_draining = true;
		listener_free_all(f);
		feed_end(f);
		conn_drain_all(f);
	}
	if (!f->is_cut)
		timer_set(f->drain_timer, d.timeout_ms);
	return 0;
}

static int
on_nudge(struct front *f, struct frame *fr)
{
	struct front_nudge n;

	(void)f;
	return frame_unpack(fr, &n) == 0 ? 0 : ERR_PROTO;
}

static int
take_frames(struct front *f)
{
	static int (*const handlers[MSG_COUNT])(
	    struct front *, struct frame *) = {
		[MSG_FRONT_CONFIG] = on_config,
		[MSG_FRONT_JOURNAL] = on_journal,
		[MSG_FRONT_LISTEN] = on_listen,
		[MSG_FRONT_CLIENT] = on_client,
		[MSG_FRONT_KEYS] = on_keys,
		[MSG_FRONT_KEY] = on_key,
		[MSG_FRONT_TLS] = on_tls,
		[MSG_FRONT_DRAIN] = on_drain,
		[MSG_FRONT_NUDGE] = on_nudge,
		[MSG_KEEPER_STATUS] = on_status,
		[MSG_MODEL_STATE] = model_on_state,
		[MSG_ROOM_WANTED] = letgo_on_frame,
		[MSG_RELOADED] = reload_on_frame,
		[MSG_MODEL_LOADING] = feed_on_loading,
		[MSG_MODEL_ATTACHED] = attach_on_frame,
		[MSG_MODEL_SAVED] = attach_on_saved,
	};
	struct frame fr;
	int err;

	while ((err = chan_recv(f->chan, &fr)) == 0) {
		bool is_early =
		    f->config_mem == NULL && fr.msg != MSG_FRONT_CONFIG;

		err = handlers[fr.msg] == NULL || is_early
		    ? ERR_PROTO
		    : handlers[fr.msg](f, &fr);
		frame_close(&fr);
		if (err != 0)
			return err;
	}
	return err == ERR_AGAIN ? 0 : err;
}

static void
on_keeper(void *arg, unsigned events)
{
	struct front *f = arg;
	int err;

	if (events & WATCH_WRITE)
		chan_flush(f->chan);
	err = take_frames(f);
	if (err != 0) {
		/* The keeper's death is ours; anything else is a bug. */
		if (err != ERR_EOF)
			log_error("channel to the keeper: %s", err_text(err));
		loop_stop(f->loop);
		return;
	}
	watch_keeper(f);
	conn_turn(f);
}

int
keeper_open(struct front *f, int fd)
{
	f->chan = chan_new(fd, PROC_FRONT, PROC_KEEPER, CHANNEL_OUT_MAX);
	if (f->chan == NULL)
		return ERR_NOMEM;
	f->watch = watch_new(f->loop, fd, on_keeper, f);
	if (f->watch == NULL)
		return ERR_NOMEM;
	return watch_want(f->watch, WATCH_READ);
}

void
keeper_close(struct front *f)
{
	watch_free(f->watch);
	if (f->chan != NULL)
		chan_flush(f->chan);
	chan_free(f->chan);
	free(f->config_mem);
	free(f->keeper_mem);
}
