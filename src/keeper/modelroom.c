/*
 * What there is room for is looked at in a turn of its own (a timer of 0 ms),
 * because most that changes it happens in the midst of something.
 */
#include "keeper/modelroom.h"

#include "base/clock.h"
#include "base/log.h"
#include "keeper/model.h"

static struct model *
model_of(struct place *p)
{
	return LIST_ENTRY(p, struct model, place);
}

static void
turn_soon(struct models *in)
{
	timer_set(in->turn, 0);
}

static enum place_hold
hold_of(const struct model *m)
{
	if (m->is_fixed || m->is_pinned)
		return HOLD_STAYS;
	/* What is retired goes by itself, once it is idle. */
	return m->is_listed || m->is_retired ? HOLD_FREE : HOLD_CLIENT;
}

void
modelroom_note(struct model *m)
{
	struct room *r = &m->in->room;

	room_hold(r, &m->place, hold_of(m));
	room_need(r, &m->place, modelneed_of(m));
}

static int
refuse(const struct models *in, const char *path, const struct place *p,
    enum room_verdict v, struct fail *f)
{
	const struct room *r = &in->room;
	uint32_t n = room_taken(r).n;

	if (v == ROOM_NOW || v == ROOM_LATER)
		return 0;
	if (r->max != 0 && n >= r->max)
		return fail_set(f, v == ROOM_BUSY ? ERR_BUSY : ERR_FULL,
		    "model",
		    "model %.240s: %u models are loaded, which is "
		    "--models-max; %s",
		    path, n,
		    v == ROOM_BUSY
			? "one that a client named by its file leaves with its "
			  "last user (rkllm.destroy), or restart with a larger "
			  "one"
			: "they stay loaded: restart with a larger one, or "
			  "with fewer models");
	return modelneed_refuse(in, path, p->need, v == ROOM_BUSY, f);
}

int
modelroom_check(
    const struct models *in, const char *path, uint64_t bytes, struct fail *f)
{
	struct place p;

	place_init(&p, HOLD_CLIENT);
	p.need = modelneed_guess(in, bytes);
	return refuse(in, path, &p, room_verdict(&in->room, &p), f);
}

int
modelroom_want(struct model *m, struct fail *f)
{
	struct models *in = m->in;
	enum room_verdict v;
	int err;

	modelneed_look(in);
	modelroom_note(m);
	v = room_verdict(&in->room, &m->place);
	err = refuse(in, m->path, &m->place, v, f);
	if (err != 0)
		return err;
	if (v == ROOM_LATER && list_empty(&m->place.link))
		log_info("model %s: waits for room: %u models are loaded",
		    m->name, room_taken(&in->room).n);
	(void)room_step(&in->room, &m->place, PLACE_EV_WANT, clock_ms());
	turn_soon(in);
	return 0;
}

void
modelroom_unwant(struct model *m)
{
	(void)room_step(&m->in->room, &m->place, PLACE_EV_UNWANT, clock_ms());
	turn_soon(m->in);
}

void
modelroom_seat(struct model *m)
{
	struct room *r = &m->in->room;

	modelroom_note(m);
	(void)room_step(r, &m->place, PLACE_EV_WANT, clock_ms());
	(void)room_step(r, &m->place, PLACE_EV_ROOM, clock_ms());
	/* What the command line names there has to be room for. */
	if (r->max != 0 && r->max < r->in[HOLD_STAYS].n)
		r->max = r->in[HOLD_STAYS].n;
	modelneed_warn(m);
	model_start(m);
}

bool
modelroom_let_go(struct model *m)
{
	enum place_action a =
	    room_step(&m->in->room, &m->place, PLACE_EV_LET_GO, clock_ms());

	turn_soon(m->in);
	return a == PLACE_DO_STOP;
}

void
modelroom_dead(struct model *m)
{
	enum place_action a =
	    room_step(&m->in->room, &m->place, PLACE_EV_DEAD, clock_ms());

	turn_soon(m->in);
	if (a == PLACE_DO_REST)
		model_rest(m);
}

void
modelroom_forget(struct model *m)
{
	room_forget(&m->in->room, &m->place);
	turn_soon(m->in);
}

/* Those in line for whom there will be no room, as things are now. */
static void
refuse_hopeless(struct models *in)
{
	struct list *it, *next;

	LIST_EACH (it, next, &in->room.line) {
		struct model *m = model_of(LIST_ENTRY(it, struct place, link));
		struct fail why = { .code = 0 };
		enum room_verdict v = room_verdict(&in->room, &m->place);

		if (refuse(in, m->path, &m->place, v, &why) == 0)
			continue;
		(void)room_step(
		    &in->room, &m->place, PLACE_EV_NO_ROOM, clock_ms());
		model_refuse(m, &why);
	}
}

/* When to look again without being told to: for who waits long, and because
 * memory that others free is nobody's event. */
static void
set_timer(struct models *in, uint64_t waited)
{
	uint64_t ms = MODELNEED_LOOK_MS;

	if (list_empty(&in->room.line))
		return;
	if (waited < in->conf->room_ms && in->conf->room_ms - waited < ms)
		ms = in->conf->room_ms - waited;
	timer_set(in->turn, ms);
}

static void
tell(struct models *in, uint64_t waited)
{
	struct room_wanted w = {
		.total = room_total(&in->room),
		.must =
		    !list_empty(&in->room.line) && waited >= in->conf->room_ms,
	};

	if (w.total == in->said.total && w.must == in->said.must)
		return;
	if (in->ops->room(in->arg, &w))
		in->said = w;
}

static void
turn(void *arg)
{
	struct models *in = arg;
	uint64_t now = clock_ms(), since;
	struct place *p;

	if (!list_empty(&in->room.line))
		modelneed_look(in);
	while ((p = room_first(&in->room)) != NULL) {
		(void)room_step(&in->room, p, PLACE_EV_ROOM, now);
		model_start(model_of(p));
	}
	refuse_hopeless(in);
	since = room_since(&in->room);
	tell(in, since < now ? now - since : 0);
	set_timer(in, since < now ? now - since : 0);
}

void
modelroom_new_front(struct models *in)
{
	room_new_front(&in->room);
	in->said = (struct room_wanted){ 0 };
	turn_soon(in);
}

int
modelroom_init(struct models *in)
{
	room_init(&in->room, in->conf->models_max, UINT64_MAX);
	in->turn = timer_new(in->loop, turn, in);
	return in->turn != NULL ? 0 : ERR_NOMEM;
}

void
modelroom_done(struct models *in)
{
	timer_free(in->turn);
}
