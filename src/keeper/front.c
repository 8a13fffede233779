#include "keeper/front.h"

#include "base/log.h"
#include "keeper/doors.h"
#include "keeper/frontconf.h"
#include "keeper/super.h"
#include "wire/journal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OUT_MAX (16u * MIB) /* all models of a large folder, at once */
#define HOPELESS_DEATHS 3u
/* Beyond --drain-timeout: for the last words to be read. */
#define DRAIN_MARGIN_MS 4000u
#define HURRY_MS 3000u
#define FRONT_NAME_MAX 160u /* a model's, with the NUL */

struct front {
	struct front_spec spec;
	const struct front_ops *ops;
	void *arg;
	struct program program;
	struct super *super;
	struct doors *doors;
	char default_model[FRONT_NAME_MAX];
	int journal; /* memory that outlives the process; never looked at */
	uint32_t no_starts;
	bool was_ready;
	bool is_ready; /* the one that runs now */
	bool is_stopping;
};

static void
send_journal(struct front *fr, struct process *p)
{
	struct front_journal j = { .size = fr->spec.conf->journal_max };

	(void)process_send(p, MSG_FRONT_JOURNAL, &j, fr->journal);
}

static void
send_listeners(struct front *fr, struct process *p)
{
	for (size_t i = 0; i < fr->spec.listeners->n; i++) {
		const struct listener *l = &fr->spec.listeners->v[i];
		struct front_listen fl = {
			.listener = (uint32_t)i,
			.kind = (uint8_t)l->kind,
			.is_unix = l->is_unix,
			.is_tls = !l->is_unix && entry_has_tls(fr->spec.entry),
			.by_keeper =
			    l->is_unix && doors_are_wanted(fr->doors, p),
			.label = str_of(l->label),
		};

		(void)process_send(p, MSG_FRONT_LISTEN, &fl, l->fd);
	}
}

static void
send_status(struct front *fr, struct process *p)
{
	char held[JAIL_TEXT_MAX];
	char missing[JAIL_TEXT_MAX];
	struct keeper_status ks = {
		.keeper_pid = (uint32_t)getpid(),
		.front_pid = (uint32_t)process_pid(p),
		.cgroups = str_of(fr->spec.cgroups),
		.front_restarts = super_deaths(fr->super),
		.front_last_death = str_of(super_last_death(fr->super)),
		.front_died_unix = super_died_unix(fr->super),
		.front_crash_id = str_of(super_crash_id(fr->super)),
	};

	report_held(process_jail(p), held);
	report_missing(process_jail(p), missing);
	ks.front_jail = str_of(held);
	ks.front_jail_missing = str_of(missing);

	(void)process_send(p, MSG_KEEPER_STATUS, &ks, -1);
}

/* The status comes last: with it the front knows all and says that it is
 * ready. Nothing in it changes while that front lives but its jail. */
static void
on_spawn(void *arg, struct process *p)
{
	struct front *fr = arg;

	frontconf_send(&fr->spec, fr->default_model, p);
	entry_send(fr->spec.entry, p);
	send_journal(fr, p);
	send_listeners(fr, p);
	fr->ops->greet(fr->arg, process_pid(p));
	send_status(fr, p);
}

static int
on_jailed(struct front *fr, struct frame *f)
{
	(void)f;
	send_status(fr, super_process(fr->super));
	return 0;
}

static int
on_ready(struct front *fr, struct frame *f)
{
	struct front_ready r;

	if (frame_unpack(f, &r) != 0)
		return ERR_PROTO;
	fr->was_ready = fr->is_ready = true;
	if (doors_are_wanted(fr->doors, super_process(fr->super)))
		doors_open(fr->doors, super_process(fr->super));
	super_event(fr->super, CHILD_EV_READY);
	return 0;
}

static int
on_drained(struct front *fr, struct frame *f)
{
	struct front_drained d;

	(void)fr;
	if (frame_unpack(f, &d) != 0)
		return ERR_PROTO;
	if (d.ended > 0)
		log_warn("%u streams were cut short", d.ended);
	return 0;
}

static int
on_took(struct front *fr, struct frame *f)
{
	struct front_took t;

	return frame_unpack(f, &t) != 0 ? ERR_PROTO : doors_took(fr->doors);
}

/* What is said about models, and is for others to do. */
#define FORWARD(name, layout, ...)                              \
	static int on_##name(struct front *fr, struct frame *f) \
	{                                                       \
		struct layout m;                                \
                                                                \
		if (frame_unpack(f, &m) != 0)                   \
			return ERR_PROTO;                       \
		fr->ops->name(fr->arg, __VA_ARGS__);            \
		return 0;                                       \
	}
FORWARD(want, model_want, &m)
FORWARD(unwant, model_unwant, m.ref)
FORWARD(drop, model_drop, m.model)
FORWARD(empty, model_empty, m.model)
FORWARD(broken, model_broken, m.model)
FORWARD(waiting, model_waiting, m.model)
FORWARD(attach, model_attach, &m)
FORWARD(detach, model_detach, &m)
FORWARD(suspects, model_suspects, &m)
FORWARD(pardon, model_pardon, &m)
FORWARD(scales, model_scales, &m)
FORWARD(reload, reload_want, &m)
FORWARD(tls_seen, front_tls_seen, &m)
#undef FORWARD

static int
on_let_go(struct front *fr, struct frame *f)
{
	struct model_let_go g;

	if (frame_unpack(f, &g) != 0 || g.why == 0 || g.why >= LET_GO_WHYS)
		return ERR_PROTO;
	fr->ops->let_go(fr->arg, &g);
	return 0;
}

static int
on_frame(void *arg, struct frame *f)
{
	static int (*const handlers[MSG_COUNT])(
	    struct front *, struct frame *) = {
		[MSG_FRONT_JAILED] = on_jailed,
		[MSG_FRONT_READY] = on_ready,
		[MSG_FRONT_DRAINED] = on_drained,
		[MSG_FRONT_TOOK] = on_took,
		[MSG_MODEL_WANT] = on_want,
		[MSG_MODEL_UNWANT] = on_unwant,
		[MSG_MODEL_LET_GO] = on_let_go,
		[MSG_MODEL_DROP] = on_drop,
		[MSG_MODEL_EMPTY] = on_empty,
		[MSG_RELOAD_WANT] = on_reload,
		[MSG_MODEL_BROKEN] = on_broken,
		[MSG_MODEL_WAITING] = on_waiting,
		[MSG_MODEL_ATTACH] = on_attach,
		[MSG_MODEL_DETACH] = on_detach,
		[MSG_MODEL_SUSPECTS] = on_suspects,
		[MSG_MODEL_PARDON] = on_pardon,
		[MSG_MODEL_SCALES] = on_scales,
		[MSG_FRONT_TLS_SEEN] = on_tls_seen,
	};

	/* A row of the table that nobody here knows yet is no reason to fall
	 * through NULL. */
	if (handlers[f->msg] == NULL)
		return ERR_PROTO;
	return handlers[f->msg](arg, f);
}

static void
ask(void *arg, struct process *p, bool hurry)
{
	struct front *fr = arg;
	struct front_drain d = {
		.timeout_ms = hurry ? 0 : fr->spec.conf->drain_ms,
	};

	(void)process_send(p, MSG_FRONT_DRAIN, &d, -1);
}

/* Sent on its way, it may exit, or be killed by us for being slow. */
static bool
was_due(void *arg, const struct death *d)
{
	const struct front *fr = arg;

	if (!fr->is_stopping)
		return false;
	return d->by_signal
	    ? d->number == SIGKILL && super_is_condemned(fr->super)
	    : d->number == 0;
}

/* One that dies before it is ready may die of what it reads there. */
static void
renew_journal(struct front *fr)
{
	int fd;

	if (fr->is_ready || journal_make(fr->spec.conf->journal_max, &fd) != 0)
		return;
	(void)close(fr->journal);
	fr->journal = fd;
}

static void
bury(void *arg, struct obituary *o, int words)
{
	struct front *fr = arg;

	o->process = STR("front");
	fr->ops->bury(fr->arg, o, words);
}

static void
on_death(void *arg, struct process *p, const char *what)
{
	struct front *fr = arg;

	doors_close(fr->doors);
	renew_journal(fr);
	fr->is_ready = false;
	fr->ops->lost(fr->arg);
	if (!fr->is_stopping)
		log_warn("the front (pid %d) died: %s; starting another "
			 "(crash %s)",
		    (int)process_pid(p), what, super_crash_id(fr->super));
	else if (!super_was_due(fr->super))
		log_error("the front (pid %d) died before it had ended its "
			  "streams: %s (crash %s)",
		    (int)process_pid(p), what, super_crash_id(fr->super));
}

static void
on_trouble(void *arg, struct process *p, const char *what)
{
	(void)arg;
	log_error("the front (pid %d): %s", (int)process_pid(p), what);
}

/* Whoever waits for a front waits in a listening socket's queue, of which it
 * knows nothing while it is stopped. */
static void
nudge(void *arg, struct process *p)
{
	struct front_nudge n = { .keeper_pid = (uint32_t)getpid() };

	(void)arg;
	(void)process_send(p, MSG_FRONT_NUDGE, &n, -1);
}

static void
on_no_start(void *arg, const struct fail *f)
{
	struct front *fr = arg;

	fr->no_starts++;
	log_error("%s", f->text);
	fr->ops->on_change(fr->arg);
}

static void
on_state(void *arg, enum child_state now)
{
	struct front *fr = arg;

	(void)now;
	fr->ops->on_change(fr->arg);
}

static bool
has_worked(const struct progress *p)
{
	return atomic_load(&p->count) > 0;
}

static const struct super_ops super_ops = {
	.on_spawn = on_spawn,
	.on_frame = on_frame,
	.ask = ask,
	.was_due = was_due,
	.bury = bury,
	.on_death = on_death,
	.on_trouble = on_trouble,
	.nudge = nudge,
	.on_no_start = on_no_start,
	.on_state = on_state,
	.has_worked = has_worked,
};

/* The front never stays away: nothing goes without it. */
static struct child_limits
limits_of(const struct conf *conf)
{
	return (struct child_limits){
		.start_ms = 10000,
		.stop_ms = conf->drain_ms + DRAIN_MARGIN_MS,
		.hurry_ms = HURRY_MS,
		.abort_ms = 2000,
		.kill_ms = 10000,
		.backoff_ms = 20,
		.backoff_max_ms = 1000,
		.steady_ms = 1000,
		.window_ms = 10000,
		.max_deaths = UINT32_MAX,
		.max_unready = UINT32_MAX,
	};
}

struct front *
front_new(struct loop *l, const struct front_spec *spec,
    const struct front_ops *ops, void *arg)
{
	struct front *fr = calloc(1, sizeof(*fr));
	struct child_limits limits = limits_of(spec->conf);
	struct pulse_limits pulse = { spec->conf->hang_ms, 0 };

	if (fr == NULL)
		return NULL;
	*fr = (struct front) {
		.spec = *spec,
		.ops = ops,
		.arg = arg,
		.program = {
			.exe = spec->exe,
			.name = "bulkhead-front",
			.env = spec->env,
			.role = PROC_FRONT,
			.out_max = OUT_MAX,
			.core = spec->conf->core,
			.jail = (enum jail_mode)spec->conf->jail,
			.talks = spec->conf->access_log,
		},
		.journal = -1,
	};
	fr->super = super_new(l, &limits, &pulse, &fr->program, &super_ops, fr);
	fr->doors = doors_new(l, spec->listeners, spec->entry);
	if (fr->super == NULL || fr->doors == NULL ||
	    journal_make(spec->conf->journal_max, &fr->journal) != 0) {
		front_free(fr);
		return NULL;
	}
	return fr;
}

void
front_free(struct front *fr)
{
	if (fr == NULL)
		return;
	super_free(fr->super);
	doors_free(fr->doors);
	if (fr->journal >= 0)
		(void)close(fr->journal);
	free(fr);
}

static void
name_default(struct front *fr, const char *name)
{
	(void)snprintf(
	    fr->default_model, sizeof(fr->default_model), "%s", name);
}

void
front_configure(struct front *fr, const char *default_model)
{
	struct process *p = super_process(fr->super);

	name_default(fr, default_model);
	if (p != NULL)
		frontconf_send(&fr->spec, fr->default_model, p);
}

void
front_start(struct front *fr, const char *default_model)
{
	name_default(fr, default_model);
	super_event(fr->super, CHILD_EV_START);
}

void
front_turn_away(struct front *fr)
{
	if (fr != NULL)
		doors_close(fr->doors);
}

void
front_drain(struct front *fr, bool hurry)
{
	fr->is_stopping = true;
	super_event(fr->super, hurry ? CHILD_EV_HURRY : CHILD_EV_STOP);
}

enum front_state
front_state(const struct front *fr)
{
	enum child_state s = super_state(fr->super);

	/* One that SIGKILL does not end is left behind. */
	if (s == CHILD_DOWN || s == CHILD_STRAY)
		return FRONT_DOWN;
	if (fr->was_ready)
		return FRONT_SERVING;
	return super_deaths(fr->super) + fr->no_starts < HOPELESS_DEATHS
	    ? FRONT_STARTING
	    : FRONT_HOPELESS;
}

void
front_tell_entry(struct front *fr)
{
	struct process *p = super_process(fr->super);

	if (p != NULL)
		entry_send(fr->spec.entry, p);
}

bool
front_is_up(const struct front *fr)
{
	return super_state(fr->super) == CHILD_UP;
}

bool
front_owns(const struct front *fr, pid_t pid)
{
	return super_owns(fr->super, pid);
}

bool
front_tell_model(struct front *fr, const struct model_state *st, int fd)
{
	struct process *p = super_process(fr->super);

	return p != NULL && process_send(p, MSG_MODEL_STATE, st, fd) == 0;
}

void
front_tell_attached(struct front *fr, const struct model_attached *a)
{
	struct process *p = super_process(fr->super);

	if (p != NULL)
		(void)process_send(p, MSG_MODEL_ATTACHED, a, -1);
}

void
front_tell_loading(struct front *fr, const struct model_loading *l)
{
	struct process *p = super_process(fr->super);

	if (p != NULL)
		(void)process_send(p, MSG_MODEL_LOADING, l, -1);
}

bool
front_tell_room(struct front *fr, const struct room_wanted *w)
{
	struct process *p = super_process(fr->super);

	return p != NULL && process_send(p, MSG_ROOM_WANTED, w, -1) == 0;
}

void
front_tell_saved(struct front *fr, const struct model_saved *s)
{
	struct process *p = super_process(fr->super);

	if (p != NULL)
		(void)process_send(p, MSG_MODEL_SAVED, s, -1);
}

void
front_tell_reloaded(struct front *fr, const struct reloaded *r)
{
	struct process *p = super_process(fr->super);

	if (p != NULL)
		(void)process_send(p, MSG_RELOADED, r, -1);
}
