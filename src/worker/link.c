#include "worker/link.h"

#include "base/log.h"
#include "base/utf8.h"

/* Frames that wait for the front: past the mark nothing is computed, so the
 * most that comes on top is what one unit makes for each sequence. */
#define OUT_HIGH (1u << 20)
#define OUT_MAX (96u << 20)
#define STEPS_MAX (8u << 20)

void
link_init(struct link *l, const struct engine_ops *ops)
{
	*l = (struct link){ .ops = ops };
	buf_init(&l->steps, STEPS_MAX);
}

static void
hang_up(struct link *l)
{
	chan_free(l->chan);
	l->chan = NULL;
	buf_reset(&l->steps);
	if (l->engine != NULL)
		l->ops->cancel_all(l->engine);
}

void
link_done(struct link *l)
{
	chan_free(l->chan);
	buf_done(&l->steps);
}

int
link_open(struct link *l, int fd)
{
	hang_up(l);
	l->chan = chan_new(fd, PROC_WORKER, PROC_FRONT, OUT_MAX);
	return l->chan != NULL ? 0 : ERR_NOMEM;
}

/* A channel that has ended shows at the next link_take() as well; here it is
 * too early to forget what runs. */
static void
send(struct link *l, enum msg m, const void *st)
{
	int err = l->chan == NULL ? ERR_EOF : chan_send(l->chan, m, st, -1);

	if (err == 0 || err == ERR_EOF)
		return;
	log_error("%s to the front: %s", msg_row(m)->name, err_text(err));
	l->is_broken = true;
}

static void
send_steps(struct link *l)
{
	struct str s = buf_str(&l->steps);
	int err = buf_err(&l->steps);

	if (err == 0 && s.n > 0 && l->chan != NULL)
		err = chan_send_packed(l->chan, MSG_GEN_STEP, s.p, s.n, -1);
	if (err != 0 && err != ERR_EOF) {
		log_error("tokens to the front: %s", err_text(err));
		l->is_broken = true;
	}
	buf_reset(&l->steps);
}

static void
on_started(void *arg, const struct gen_started *s)
{
	send(arg, MSG_GEN_STARTED, s);
}

static void
on_step(void *arg, const struct step *s)
{
	struct link *l = arg;

	step_put(&l->steps, s);
	if (buf_len(&l->steps) > OUT_HIGH)
		send_steps(l);
}

/* The last word comes after the last token. */
static void
on_done(void *arg, const struct gen_done *d)
{
	send_steps(arg);
	send(arg, MSG_GEN_DONE, d);
}

/* The text may quote a client's bytes, and may have been cut in the middle
 * of a character. */
static void
on_failed(void *arg, const struct gen_failed *f)
{
	struct gen_failed whole = *f;

	(void)utf8_valid(f->text.p, f->text.n, &whole.text.n);
	send_steps(arg);
	send(arg, MSG_GEN_FAILED, &whole);
}

static void
on_checked(void *arg, const struct gen_checked *c)
{
	send(arg, MSG_GEN_CHECKED, c);
}

static void
on_rows(void *arg, const struct gen_rows *r)
{
	send(arg, MSG_GEN_ROWS, r);
}

static void
on_progress(void *arg, const struct gen_progress *p)
{
	send(arg, MSG_GEN_PROGRESS, p);
}

/* Not to the front: it is the keeper who writes files. */
static void
on_saved(void *arg, const struct worker_saved *s)
{
	struct link *l = arg;

	if (l->keeper != NULL &&
	    chan_send(l->keeper, MSG_WORKER_SAVED, s, -1) != 0)
		l->is_broken = true;
}

struct engine_events
link_events(struct link *l)
{
	struct engine_events e = { l, on_started, on_step, on_done, on_failed,
		on_checked, on_rows, on_progress, on_saved };

	return e;
}

static void
do_submit(struct link *l, const void *st)
{
	l->ops->submit(l->engine, st);
}

static void
do_cancel(struct link *l, const void *st)
{
	l->ops->cancel(l->engine, ((const struct gen_cancel *)st)->gen);
}

static void
do_park(struct link *l, const void *st)
{
	l->ops->park(l->engine, ((const struct gen_park *)st)->gen, true);
}

static void
do_unpark(struct link *l, const void *st)
{
	l->ops->park(l->engine, ((const struct gen_unpark *)st)->gen, false);
}

static void (*const handlers[MSG_COUNT])(struct link *, const void *) = {
	[MSG_GEN_SUBMIT] = do_submit,
	[MSG_GEN_CANCEL] = do_cancel,
	[MSG_GEN_PARK] = do_park,
	[MSG_GEN_UNPARK] = do_unpark,
};

/* Every struct that a handler takes. */
union any {
	struct gen_submit submit;
	struct gen_cancel cancel;
	struct gen_park park;
	struct gen_unpark unpark;
};

/* When the front is gone, a new one brings a new channel. */
static void
ended(struct link *l, int err)
{
	if (err == 0 || err == ERR_AGAIN)
		return;
	if (err != ERR_EOF) {
		log_error("the front's channel: %s", err_text(err));
		l->is_broken = true;
	}
	hang_up(l);
}

static int
take_one(struct link *l)
{
	struct frame f;
	union any st;
	int err = chan_recv(l->chan, &f);

	if (err != 0)
		return err;
	frame_close(&f);
	if (handlers[f.msg] == NULL)
		return ERR_PROTO;
	err = frame_unpack(&f, &st);
	if (err == 0)
		handlers[f.msg](l, &st);
	return err;
}

void
link_take(struct link *l)
{
	int err = 0;

	if (l->engine == NULL)
		return;
	while (l->chan != NULL && err == 0 && !link_is_full(l))
		err = take_one(l);
	ended(l, err);
}

void
link_flush(struct link *l)
{
	send_steps(l);
	if (l->chan != NULL && chan_waiting(l->chan) > 0)
		ended(l, chan_flush(l->chan));
}

bool
link_is_full(const struct link *l)
{
	return l->chan != NULL && chan_waiting(l->chan) > OUT_HIGH;
}
