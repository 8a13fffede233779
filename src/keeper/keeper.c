/*
 * The keeper has no state of its own but a phase. What happens elsewhere (a
 * model is up, the front is down, a signal has come) sets a timer of 0 ms, and
 * check() then looks at everything and moves on to the next phase: so no
 * module is taken apart in the middle of its own callback.
 *
 *   STARTING --front ready, models up--> SERVING
 *       |                                   |
 *       +-------- SIGTERM, failure ---------+--> DRAINING (the front ends what
 *       runs) --front down--> STOPPING (the workers leave) --none left--> end
 */
#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/status.h"
#include "jail/jail.h"
#include "keeper/cachedir.h"
#include "keeper/entry.h"
#include "keeper/front.h"
#include "keeper/jaillog.h"
#include "keeper/logjson.h"
#include "keeper/mask.h"
#include "keeper/memory.h"
#include "keeper/models.h"
#include "keeper/modelsync.h"
#include "keeper/notify.h"
#include "keeper/orphans.h"
#include "keeper/paths.h"
#include "keeper/reload.h"
#include "keeper/spawn.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Descriptors of a process that are no client's. */
#define OWN_DESCRIPTORS 64u

enum phase { STARTING, SERVING, DRAINING, STOPPING };

struct keeper {
	struct conf *conf;
	int argc;
	char *const *argv; /* NULL: none */
	const char *argv0; /* likewise */
	char *const *envp;
	char **child_env;
	struct paths paths;
	struct loop *loop;
	struct timer *check;
	struct listeners listeners;
	struct memory *memory;
	struct cachedir *cachedir;
	struct models *models;
	struct front *front;
	struct entry *entry;
	struct obituaries *obituaries;
	struct reload *reload;
	struct orphans *orphans; /* NULL: we are not process 1 */
	enum phase phase;
	unsigned stops;	    /* asked so many times */
	enum status status; /* to exit with */
};

static void
check_soon(void *arg)
{
	struct keeper *k = arg;

	timer_set(k->check, 0);
}

/* Clients are turned away from here on: the front takes no more, so what
 * listens must be closed, not left to fill. */
static void
stop(struct keeper *k, enum status status, bool hurry)
{
	if (k->phase < DRAINING) {
		k->phase = DRAINING;
		k->status = status;
		notify(k->envp, "STOPPING=1");
		front_turn_away(k->front);
		listen_close(&k->listeners);
	}
	if (k->phase == DRAINING)
		front_drain(k->front, hurry);
	else if (hurry)
		models_stop(k->models, true);
	check_soon(k);
}

static void
announce(struct keeper *k)
{
	static const char line[] = "Server started successfully\n";

	k->phase = SERVING;
	models_look_in(k->models);
	for (size_t i = 0; i < k->listeners.n; i++)
		log_info("listening: %s%s", k->listeners.v[i].label,
		    k->listeners.v[i].kind == LISTEN_RPC ? " (JSON-RPC)"
			: k->listeners.v[i].is_unix	 ? " (HTTP)"
							 : "");
	/* Old launch scripts wait for it; others may have closed it. */
	if (!fd_put(STDOUT_FILENO, line, sizeof(line) - 1))
		log_debug("standard output is closed");
	notify(k->envp, "READY=1");
}

static void
check_start(struct keeper *k)
{
	enum front_state front = front_state(k->front);
	struct fail why;

	if (models_failed(k->models, &why))
		stop(k, STATUS_MODEL, true);
	else if (front == FRONT_HOPELESS)
		stop(k, STATUS_FAILED, true);
	else if (front == FRONT_SERVING && models_ready(k->models))
		announce(k);
}

static void
check(void *arg)
{
	struct keeper *k = arg;

	if (k->phase == STARTING)
		check_start(k);
	if (k->phase == DRAINING && front_state(k->front) == FRONT_DOWN) {
		k->phase = STOPPING;
		models_stop(k->models, k->stops > 1);
	}
	if (k->phase == STOPPING && models_gone(k->models))
		loop_stop(k->loop);
}

static void
on_term(void *arg)
{
	struct keeper *k = arg;

	k->stops++;
	if (k->stops == 1)
		log_info("stopping; running streams have %u s to end "
			 "(again: at once)",
		    k->conf->drain_ms / 1000);
	else if (k->stops == 2)
		log_info("stopping now");
	stop(k, STATUS_DONE, k->stops > 1);
}

/* Who leaves takes nothing new. */
static void
reload(struct keeper *k, const struct reload_want *w)
{
	if (k->phase < DRAINING)
		reload_ask(k->reload, w);
}

static void
on_hup(void *arg)
{
	reload(arg, NULL);
}

static void
on_reload(void *arg, const struct reload_want *w)
{
	reload(arg, w);
}

/* What the front says about models. */
#define FORWARD(name, type, fn)                     \
	static void on_##name(void *arg, type said) \
	{                                           \
		struct keeper *k = arg;             \
                                                    \
		fn(k->models, said);                \
	}
FORWARD(empty, uint32_t, models_empty)
FORWARD(greet, pid_t, models_greet)
FORWARD(want, const struct model_want *, models_want)
FORWARD(unwant, uint32_t, models_unwant)
FORWARD(let_go, const struct model_let_go *, models_let_go)
FORWARD(drop, uint32_t, models_drop)
FORWARD(broken, uint32_t, models_broken)
FORWARD(waiting, uint32_t, models_waiting)
FORWARD(attach, const struct model_attach *, models_attach)
FORWARD(detach, const struct model_detach *, models_detach)
FORWARD(pardon, const struct model_pardon *, models_pardon)
FORWARD(scales, const struct model_scales *, models_scales)
#undef FORWARD

static void
on_file_wanted(void *arg)
{
	struct keeper *k = arg;

	if (k->models != NULL)
		models_look_at_files(k->models);
}

static void
on_lost(void *arg)
{
	struct keeper *k = arg;

	models_forget_front(k->models);
	reload_forget_front(k->reload);
}

static void
on_suspects(void *arg, const struct model_suspects *s)
{
	struct keeper *k = arg;

	obituaries_suspects(k->obituaries, s);
}

static void
bury_front(void *arg, struct obituary *o, int words)
{
	struct keeper *k = arg;

	obituaries_add(k->obituaries, o, words, false);
}

/* Of a worker that never was up the front says nothing: then a little is waited
 * in vain. */
static void
bury_worker(void *arg, struct obituary *o, int words)
{
	struct keeper *k = arg;
	bool is_known = k->front != NULL && front_is_up(k->front);

	obituaries_add(k->obituaries, o, words, is_known);
}

static bool
to_front(void *arg, const struct model_state *st, int fd)
{
	struct keeper *k = arg;

	return k->front != NULL && front_tell_model(k->front, st, fd);
}

static void
attached(void *arg, const struct model_attached *a)
{
	struct keeper *k = arg;

	if (k->front != NULL)
		front_tell_attached(k->front, a);
}

static void
saved(void *arg, const struct model_saved *s)
{
	struct keeper *k = arg;

	if (k->front != NULL)
		front_tell_saved(k->front, s);
}

static void
loading(void *arg, const struct model_loading *l)
{
	struct keeper *k = arg;

	if (k->front != NULL)
		front_tell_loading(k->front, l);
}

static bool
room(void *arg, const struct room_wanted *w)
{
	struct keeper *k = arg;

	return k->front != NULL && front_tell_room(k->front, w);
}

/* At start it is a fault of the configuration; later the old ones hold. */
static void
on_tls_seen(void *arg, const struct front_tls_seen *s)
{
	struct keeper *k = arg;

	if (!entry_heard(k->entry, s) && k->phase == STARTING)
		stop(k, STATUS_FILE, true);
	else if (s->err != 0)
		front_tell_entry(k->front);
}

static const struct front_ops front_ops = {
	.greet = on_greet,
	.lost = on_lost,
	.want = on_want,
	.unwant = on_unwant,
	.let_go = on_let_go,
	.drop = on_drop,
	.empty = on_empty,
	.reload = on_reload,
	.broken = on_broken,
	.waiting = on_waiting,
	.attach = on_attach,
	.detach = on_detach,
	.suspects = on_suspects,
	.bury = bury_front,
	.pardon = on_pardon,
	.scales = on_scales,
	.tls_seen = on_tls_seen,
	.on_change = check_soon,
};

static const struct models_ops models_ops = {
	.to_front = to_front,
	.attached = attached,
	.saved = saved,
	.loading = loading,
	.room = room,
	.bury = bury_worker,
	.on_change = check_soon,
};

static int
set_up_loop(struct keeper *k, struct fail *f)
{
	k->loop = loop_new();
	if (k->loop == NULL)
		return fail_set(f, ERR_NOMEM, "", "no event loop");
	k->check = timer_new(k->loop, check, k);
	if (k->check == NULL ||
	    loop_on_signal(k->loop, SIGTERM, on_term, k) != 0 ||
	    loop_on_signal(k->loop, SIGINT, on_term, k) != 0 ||
	    loop_on_signal(k->loop, SIGHUP, on_hup, k) != 0 ||
	    loop_on_signal(k->loop, SIGIO, on_file_wanted, k) != 0)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	/* A parent that blocked them could not stop us. Not before there are
	 * handlers: one may have come already. */
	mask_lift();
	return 0;
}

static int
set_up_jail(struct keeper *k, struct fail *f)
{
	if (k->conf->jail == JAIL_OFF)
		log_warn("--jail off: what takes a front or a worker over has "
			 "this user's powers");
	if (k->conf->jail != JAIL_REQUIRE)
		return 0;
	return jail_check(k->conf->core, f);
}

static int
set_up_paths(struct keeper *k, struct fail *f)
{
	int err = paths_find(k->conf->libexec, k->argv0, k->envp, &k->paths, f);

	if (err != 0)
		return err;
	k->child_env = spawn_env(k->envp, k->paths.origin);
	return k->child_env != NULL
	    ? 0
	    : fail_set(f, ERR_NOMEM, "", "out of memory");
}

static int
set_up_obituaries(struct keeper *k, struct fail *f)
{
	k->obituaries = obituaries_new(
	    k->loop, k->conf, k->paths.autopsy, k->child_env, k->envp);
	return k->obituaries != NULL
	    ? 0
	    : fail_set(f, ERR_NOMEM, "", "out of memory");
}

static int
set_up_memory(struct keeper *k, struct fail *f)
{
	k->memory = memory_new(NULL, k->conf->worker_memory_max);
	if (k->memory == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	log_debug("control groups: %s", memory_about(k->memory));
	k->cachedir = cachedir_new(k->loop, k->conf->prompt_cache_dir, k->envp,
	    (uint64_t)k->conf->prompt_cache_max * MIB);
	if (k->cachedir == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	return 0;
}

/* Before anything is listened to: a wrong path is the commonest mistake. */
static int
set_up_models(struct keeper *k, struct fail *f)
{
	struct catalog catalog;
	int err = models_new(k->loop, k->conf, k->paths.worker, k->paths.probe,
	    k->child_env, k->memory, k->cachedir, &models_ops, k, &k->models,
	    f);

	if (err != 0)
		return err;
	err = catalog_read(k->conf, k->paths.demo, &catalog, f);
	if (err == 0)
		err = models_take(k->models, &catalog, f);
	catalog_done(&catalog);
	return err;
}

static int
set_up_entry(struct keeper *k, struct fail *f)
{
	if (k->conf->log_format == LOG_FORMAT_JSON)
		log_shape(logjson_shape);
	return entry_new(k->conf, &k->entry, f);
}

static int
set_up_listeners(struct keeper *k, struct fail *f)
{
	return listen_all(k->conf, &k->listeners, f);
}

static bool
is_ours(void *arg, pid_t pid)
{
	const struct keeper *k = arg;

	return front_owns(k->front, pid) || models_own(k->models, pid) ||
	    obituaries_own(k->obituaries, pid);
}

static int
set_up_reload(struct keeper *k, struct fail *f)
{
	const struct reload_spec spec = {
		.argc = k->argc,
		.argv = k->argv,
		.envp = k->envp,
		.demo = k->paths.demo,
		.conf = k->conf,
		.models = k->models,
		.front = k->front,
		.entry = k->entry,
	};

	k->reload = reload_new(k->loop, &spec);
	return k->reload != NULL ? 0
				 : fail_set(f, ERR_NOMEM, "", "out of memory");
}

static int
set_up_orphans(struct keeper *k, struct fail *f)
{
	return orphans_new(k->loop, is_ours, k, &k->orphans) == 0
	    ? 0
	    : fail_set(f, ERR_NOMEM, "", "out of memory");
}

static uint32_t
clients_allowed(const struct conf *c)
{
	size_t limit = jail_raise_descriptors();
	size_t room = limit > 2 * OWN_DESCRIPTORS ? limit - OWN_DESCRIPTORS
						  : OWN_DESCRIPTORS;

	if (room >= c->max_clients)
		return c->max_clients;
	log_warn("--max-clients %u: only %zu, because a process may have %zu "
		 "descriptors (ulimit -n)",
	    c->max_clients, room, limit);
	return (uint32_t)room;
}

static int
set_up_front(struct keeper *k, struct fail *f)
{
	struct front_spec spec = {
		.conf = k->conf,
		.exe = k->paths.front,
		.env = k->child_env,
		.listeners = &k->listeners,
		.entry = k->entry,
		.max_clients = clients_allowed(k->conf),
		.cgroups = memory_about(k->memory),
		.started_unix = (uint64_t)time(NULL),
		.started_ms = clock_ms(),
	};

	k->front = front_new(k->loop, &spec, &front_ops, k);
	if (k->front == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	return 0;
}

/* An option that makes no sense is no fault of what it is about. */
static enum status
status_of(int err, enum status of_step)
{
	if (err == 0)
		return STATUS_DONE;
	if (err == ERR_INVALID)
		return STATUS_USAGE;
	return err == ERR_NOMEM ? STATUS_FAILED : of_step;
}

/* Each step, and the status to end with when it fails. */
static int
set_up(struct keeper *k, struct fail *f)
{
	static const struct {
		int (*fn)(struct keeper *k, struct fail *f);
		enum status status;
	} steps[] = {
		{ set_up_loop, STATUS_FAILED },
		{ set_up_jail, STATUS_JAIL },
		{ set_up_paths, STATUS_FILE },
		{ set_up_obituaries, STATUS_FAILED },
		{ set_up_memory, STATUS_FAILED },
		{ set_up_models, STATUS_FILE },
		{ set_up_entry, STATUS_FILE },
		{ set_up_listeners, STATUS_LISTEN },
		{ set_up_front, STATUS_FAILED },
		{ set_up_reload, STATUS_FAILED },
		{ set_up_orphans, STATUS_FAILED },
	};
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(steps) / sizeof(steps[0]);
	     i++) {
		err = steps[i].fn(k, f);
		k->status = status_of(err, steps[i].status);
	}
	return err;
}

static void
tear_down(struct keeper *k)
{
	struct front *front = k->front;

	front_turn_away(front);
	listen_close(&k->listeners);
	orphans_free(k->orphans);
	reload_free(k->reload);
	k->front = NULL;
	front_free(front);
	models_free(k->models);
	obituaries_free(k->obituaries);
	cachedir_free(k->cachedir);
	memory_free(k->memory);
	entry_free(k->entry);
	timer_free(k->check);
	if (k->loop != NULL)
		loop_free(k->loop);
	free(k->child_env);
}

int
keeper_run(struct conf *conf, int argc, char *const argv[], char *const envp[])
{
	struct keeper k = { .conf = conf,
		.argc = argc,
		.argv = argv,
		.argv0 = argv != NULL && argc > 0 ? argv[0] : NULL,
		.envp = envp };
	struct fail f;
	int err = set_up(&k, &f);

	if (err == 0) {
		models_start(k.models);
		front_start(k.front, models_default(k.models));
		err = loop_run(k.loop);
		if (err != 0) {
			(void)fail_set(&f, err, "", "the event loop failed");
			k.status = STATUS_FAILED;
		}
	}
	if (err != 0)
		log_error("%s", f.text);
	/* Once the loop's handlers are gone, the next of these would kill us on
	 * our way out, and the exit status with us. */
	mask_sent();
	tear_down(&k);
	return k.status;
}
