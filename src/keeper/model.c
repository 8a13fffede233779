/*
 * A model's state is its worker's (child.h), but for two things that are of
 * the file: fail, set when the worker said that the file cannot be served, and
 * is_leaving, set when nobody uses it any more. model_status() makes one word of
 * the three for the front; on_state() is where everything moves on.
 */
#include "keeper/model.h"

#include "base/clock.h"
#include "base/log.h"
#include "keeper/modelabout.h"
#include "keeper/modelattach.h"
#include "keeper/modelguard.h"
#include "keeper/modelpace.h"
#include "keeper/modelroom.h"
#include "keeper/modelsync.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_LIBRARY 127 /* the dynamic loader's exit status */

static const struct super_ops super_ops;

void
model_connect(struct model *m)
{
	struct process *p = super_process(m->super);
	struct worker_channel wc = { .front_pid = (uint32_t)m->in->front };
	int ends[2];

	/* One that waits for its file gets the channel after that. */
	if (p == NULL || m->is_lent)
		return;
	if (chan_pair(ends) != 0) {
		log_error("model %s: no descriptors left for its channel; "
			  "restarting its worker",
		    m->name);
		process_blame(p, "no descriptors for its channel");
		process_kill(p);
		return;
	}
	(void)process_send(p, MSG_WORKER_CHANNEL, &wc, ends[1]);
	(void)close(ends[1]);
	if (m->front_end >= 0)
		(void)close(m->front_end);
	m->front_end = ends[0];
}

/* A file that is not what it was is not served again: the worker goes, and
 * on_state() sees fail. */
void
model_give_file(struct model *m)
{
	struct process *p = super_process(m->super);
	const struct conf *server = m->in->conf;
	const struct modelconf *conf = &m->spec->conf;
	struct worker_load load = {
		.engine = (uint8_t)m->file.engine,
		.name = str_of(m->name),
		.path = str_of(m->path),
		.log_level = (uint8_t)log_level(),
		.n_ctx = conf->ctx_size,
		.ctx_wanted = m->n_ctx,
		.n_seq = m->about.n_seq != 0 ? m->about.n_seq : conf->parallel,
		.n_threads = m->n_threads != 0 ? m->n_threads : conf->threads,
		.n_threads_batch = m->n_threads_batch != 0
		    ? m->n_threads_batch
		    : conf->threads_batch,
		.chunk = conf->chunk,
		.n_gpu_layers = conf->gpu_layers,
		.use_mmap = conf->mmap,
		.jail = (uint8_t)server->jail,
		.resume_mode = (uint8_t)server->resume,
		.pooling =
		    (uint8_t)(conf->reranking ? POOL_RANK : conf->pooling),
		.no_embeds = !conf->embeddings,
		.spm_infill = conf->spm_infill,
		.tested = str_of(m->identity),
		.template_override = buf_str(&m->spec->chat_template),
		.rkllm_library = str_of(conf->rkllm_library),
		.rkllm_version = str_of(conf->rkllm_version),
	};

	int err = modelguard_claim(m);

	if (err == ERR_AGAIN)
		return;
	if (err != 0) {
		process_kill(p);
		return;
	}
	adapters_send(&m->adapters, p);
	modelparts_send(&m->parts, p);
	/* The position is shared with the worker before, which is dead. */
	(void)lseek(m->file.fd, 0, SEEK_SET);
	(void)process_send(p, MSG_WORKER_LOAD, &load, m->file.fd);
	modelattach_give(m);
	model_connect(m);
	log_info("model %s: loading %s (worker pid %d)", m->name, m->path,
	    (int)process_pid(p));
}

/* Nothing that was found out about the old file holds for the new one. */
static void
forget_old(struct model *m)
{
	m->about = (struct worker_ready){ 0 };
	m->identity[0] = '\0';
	m->n_threads = 0;
	m->measured = 0;
	m->up_ms = 0;
}

static int
open_again(struct model *m, struct fail *why)
{
	char was[MODELFILE_ID_MAX], is[MODELFILE_ID_MAX];
	struct modelfile file;
	int err = modelfile_open(m->path, &file, why);

	if (err != 0)
		return err;
	err =
	    quarantine_check(m->in->bad_files, &file, m->path, clock_ms(), why);
	if (err == 0)
		err = modelsync_adapters(m, why);
	if (err != 0) {
		modelfile_close(&file);
		return err;
	}
	modelfile_id(&m->file, was);
	modelfile_id(&file, is);
	modelfile_close(&m->file);
	modelparts_close(&m->parts);
	m->file = file;
	m->fail.code = 0;
	m->is_lent = false;
	/* Unloaded for a while, and the same as before: so is its worker. */
	if (strcmp(was, is) != 0)
		forget_old(m);
	return 0;
}

static void
on_spawn(void *arg, struct process *p)
{
	struct model *m = arg;
	struct fail why;

	/* There is no stream left of the old one. Without a new one that can be
	 * had it is tried itself. */
	if (m->is_given_up && modelfile_has_heir(&m->file, m->path))
		(void)open_again(m, &why);
	m->is_given_up = false;
	m->percent = 0;
	modelpace_begin(m->in);
	memory_begin(m->in->memory, &m->memory, process_pid(p));
	m->lent_ms = clock_ms();
	model_give_file(m);
}

static int
on_ready(struct model *m, struct frame *f)
{
	struct worker_ready r;

	/* Without slots every request would wait for ever. */
	if (frame_unpack(f, &r) != 0 || r.n_seq == 0 || r.n_ctx == 0)
		return ERR_PROTO;
	modelabout_keep(m, &r);
	/* They are part of what makes a resume exact. */
	if (m->n_threads == 0) {
		m->n_threads = r.n_threads;
		m->n_threads_batch = r.n_threads_batch;
	}
	m->up_ms = clock_ms();
	m->n_failed = 0;
	modelneed_measure(m, process_pid(super_process(m->super)));
	quarantine_forgive(m->in->bad_files, &m->file);
	log_info("model %s: ready in %u ms: %s; %u streams of %u tokens, "
		 "%u thread%s",
	    m->name, r.load_ms, m->desc, r.n_seq, r.n_ctx, r.n_threads,
	    r.n_threads == 1 ? "" : "s");
	super_event(m->super, CHILD_EV_READY);
	return 0;
}

static bool
begins_with(struct str s, const char *head)
{
	size_t n = strlen(head);

	return s.n >= n && memcmp(s.p, head, n) == 0;
}

static int
on_failed(struct model *m, struct frame *f)
{
	struct worker_failed w;
	bool names_it;

	if (frame_unpack(f, &w) != 0)
		return ERR_PROTO;
	/* The file has been served, and is the same: it is the machine that
	 * lacks something now. Its worker dies of it, and another is tried. */
	if (m->up_ms != 0) {
		process_blame(super_process(m->super), "%.*s", (int)w.text.n,
		    w.text.n > 0 ? w.text.p : "");
		return 0;
	}
	names_it = begins_with(w.text, m->path);
	(void)fail_set(&m->fail, w.err < 0 ? w.err : ERR_LOAD_FAILED, "model",
	    "model %.240s%s%.*s", names_it ? "" : m->path, names_it ? "" : ": ",
	    (int)w.text.n, w.text.n > 0 ? w.text.p : "");
	return 0;
}

static int
on_frame(void *arg, struct frame *f)
{
	if (f->msg == MSG_WORKER_JAILED)
		return 0;
	if (f->msg == MSG_WORKER_ATTACHED)
		return modelattach_on_frame(arg, f);
	if (f->msg == MSG_WORKER_SAVED)
		return modelattach_on_saved(arg, f);
	return f->msg == MSG_WORKER_READY ? on_ready(arg, f)
					  : on_failed(arg, f);
}

static void
ask(void *arg, struct process *p, bool hurry)
{
	(void)arg;
	(void)hurry;
	process_dismiss(p);
}

/* It may leave when it was asked to, and when it has said why; who has to be
 * killed for being slow to leave, is. */
static bool
was_due(void *arg, const struct death *d)
{
	const struct model *m = arg;

	bool is_ours = d->number == SIGKILL && super_is_condemned(m->super);

	if (m->fail.code != 0 || m->is_lent)
		return !d->by_signal || is_ours;
	if (!super_is_leaving(m->super))
		return false;
	return d->by_signal ? is_ours || d->number == SIGTERM : d->number == 0;
}

static uint32_t
phase_of(const struct process *p)
{
	return atomic_load(&process_progress(p)->phase);
}

static bool
examine(void *arg, struct process *p, const struct death *d)
{
	struct model *m = arg;
	bool was_killed = d->by_signal && d->number == SIGKILL &&
	    process_blamed(p)[0] == '\0' && m->fail.code == 0 &&
	    !super_is_leaving(m->super);
	char why[MEMORY_WHY];
	bool is_final = memory_end(m->in->memory, &m->memory, process_pid(p),
	    was_killed, clock_ms(), why);

	if (m->measured != 0 && d->peak_kib * KIB > m->measured)
		m->measured = d->peak_kib * KIB;
	m->has_begun = phase_of(p) != PHASE_START;
	if (why[0] != '\0')
		process_blame(p, "%s", why);
	if (!m->has_begun && !d->by_signal && d->number == NO_LIBRARY)
		process_blame(p,
		    "a library is missing or not readable (its "
		    "line in the log says which)");
	was_killed = was_killed && why[0] == '\0';
	m->outside =
	    modelattach_examine(m, p, was_killed) || was_killed || m->is_lent
	    ? (uint32_t)process_pid(p)
	    : 0;
	return is_final;
}

static void
bury(void *arg, struct obituary *o, int words)
{
	struct model *m = arg;

	o->process = STR("worker");
	o->model = str_of(m->name);
	o->path = str_of(m->path);
	o->arch = m->about.arch;
	m->in->ops->bury(m->in->arg, o, words);
}

static void
on_death(void *arg, struct process *p, const char *what)
{
	struct model *m = arg;

	if (m->front_end >= 0)
		(void)close(m->front_end);
	m->front_end = -1;
	if (m->is_guarded)
		modelfile_unguard(&m->file);
	m->is_guarded = false;
	modelattach_on_death(m, what);
	/* Asked to leave, or told why: no surprise. */
	if (super_is_leaving(m->super) || m->fail.code != 0 || m->is_lent)
		return;
	log_warn("model %s: its worker (pid %d) died: %s, in phase %s%s "
		 "(crash %s)",
	    m->name, (int)process_pid(p), what,
	    progress_phase_name(phase_of(p)),
	    super_was_up(m->super) ? "; its streams go on in another" : "",
	    super_crash_id(m->super));
}

static void
on_trouble(void *arg, struct process *p, const char *what)
{
	const struct model *m = arg;

	log_error("model %s: its worker (pid %d): %s", m->name,
	    (int)process_pid(p), what);
}

static void
on_no_start(void *arg, const struct fail *f)
{
	struct model *m = arg;

	log_error("model %s: %s", m->name, f->text);
}

static bool
has_worked(const struct progress *p)
{
	return atomic_load(&p->tokens) > 0;
}

/* A model that was served has a file that does not kill at once; adapters may be
 * what kills; and a worker that read nothing died of something else. */
static bool
is_bad_file(const struct model *m)
{
	return m->up_ms == 0 && m->has_begun && super_deaths(m->super) > 0 &&
	    m->adapters.n == 0;
}

static void
leave_alone(const struct model *m)
{
	char how[QUARANTINE_HOW];

	(void)snprintf(how, sizeof(how), "%.100s, crash %s",
	    super_last_death(m->super), super_crash_id(m->super));
	quarantine_add(m->in->bad_files, &m->file, how, clock_ms());
}

/* What was served and has changed is tried when somebody asks for it; what
 * could not be served then, only after a pause. */
static void
note_failure(struct model *m)
{
	uint32_t pause;

	/* What is listed is KNOWN again in a moment. */
	m->n_failed += m->up_ms == 0 && !m->is_listed;
	pause = child_backoff(&m->in->limits, m->n_failed);
	if (m->fail.retry_ms > pause)
		pause = m->fail.retry_ms;
	m->may_at_ms = clock_ms() + pause;
}

static void
on_state(void *arg, enum child_state now)
{
	struct model *m = arg;
	struct models *in = m->in;
	char when[FAIL_WHEN];
	struct fail why;

	/* Told when the worker is dead: who then asks again has it started
	 * with the file as it is by then. */
	if (m->fail.code != 0 && now != CHILD_DOWN) {
		if (now == CHILD_BACKOFF || now == CHILD_FAILED)
			super_event(m->super, CHILD_EV_STOP);
		return;
	}
	if (now == CHILD_DOWN && m->is_leaving) {
		model_free(m);
		in->ops->on_change(in->arg);
		return;
	}
	/* It was let go, and whatever was found out on the way: who wants it
	 * now has it opened anew. */
	if (now == CHILD_DOWN && m->place.state != PLACE_IN) {
		modelroom_dead(m);
		in->ops->on_change(in->arg);
		return;
	}
	if (now == CHILD_FAILED && is_bad_file(m))
		leave_alone(m);
	if (m->fail.code != 0)
		note_failure(m);
	m->is_given_up |= now == CHILD_FAILED;
	if (now == CHILD_BACKOFF && m->is_pardoned)
		super_pardon(m->super);
	if (now == CHILD_FAILED || now == CHILD_FENCED || m->fail.code != 0) {
		model_explain(m, &why);
		log_error("%s%s", why.text, fail_when(why.retry_ms, when));
		modelattach_fail(m);
	}
	if (!m->is_leaving)
		model_tell(m);
	/* Nobody is left who wanted it: nor is it tried again. */
	if (m->is_listed && now == CHILD_DOWN && !m->is_leaving)
		modelroom_dead(m);
	else if (m->is_listed && now == CHILD_FAILED && m->users == 0)
		super_event(m->super, CHILD_EV_STOP);
	else if ((now == CHILD_DOWN || now == CHILD_FAILED) && !m->is_fixed &&
	    m->users == 0)
		model_leave(m, false);
	in->ops->on_change(in->arg);
}

static const struct super_ops super_ops = {
	.on_spawn = on_spawn,
	.on_frame = on_frame,
	.ask = ask,
	.was_due = was_due,
	.bury = bury,
	.examine = examine,
	.on_death = on_death,
	.on_trouble = on_trouble,
	.on_no_start = on_no_start,
	.on_state = on_state,
	.has_worked = has_worked,
};

struct model *
model_new(struct models *in, struct modelspec *spec, struct modelfile *file,
    uint32_t n_ctx)
{
	struct child_limits limits = in->limits;
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		modelfile_close(file);
		modelspec_free(spec);
		return NULL;
	}
	list_remove(&spec->link);
	limits.stop_ms = spec->conf.stop_ms;
	*m = (struct model){
		.in = in,
		.spec = spec,
		.name = spec->name,
		.path = spec->path,
		.is_fixed = spec->source == SOURCE_OPTION,
		.is_listed = spec->source == SOURCE_FOLDER ||
		    spec->source == SOURCE_SECTION,
		.file = *file,
		.n_ctx = n_ctx,
		.front_end = -1,
	};
	list_init(&m->link);
	place_init(&m->place, HOLD_CLIENT);
	m->id = ++in->last_id;
	modelattach_init(m);
	modelprobe_init(&m->probe);
	modelabout_init(m);
	m->super = super_new(
	    in->loop, &limits, &in->pulse, &in->worker, &super_ops, m);
	if (m->super == NULL) {
		model_free(m);
		return NULL;
	}
	list_append(&in->all, &m->link);
	return m;
}

void
model_free(struct model *m)
{
	if (m == NULL)
		return;
	modelroom_forget(m);
	list_remove(&m->link);
	modelprobe_done(m->in->probes, &m->probe);
	super_free(m->super);
	modelfile_close(&m->file);
	modelparts_close(&m->parts);
	adapters_close(&m->adapters);
	attach_done(&m->attachments);
	if (m->front_end >= 0)
		(void)close(m->front_end);
	buf_done(&m->texts);
	free(m->refs);
	modelspec_free(m->spec);
	free(m);
}

bool
model_may_rest(const struct model *m)
{
	return m->is_fixed || m->is_listed;
}

void
model_rest(struct model *m)
{
	m->users = m->n_refs; /* they wait for the next */
	m->fail.code = 0;
	modelfile_close(&m->file);
	modelparts_close(&m->parts);
	model_tell(m);
}

/* There is no worker to begin with. */
static void
fail_start(struct model *m)
{
	char when[FAIL_WHEN];

	note_failure(m);
	log_warn("%s%s", m->fail.text, fail_when(model_pause(m), when));
	modelattach_fail(m);
	model_tell(m);
	if (m->is_listed)
		modelroom_dead(m);
}

/* After a failure of the file it is opened anew: somebody may have mended
 * it. */
void
model_start(struct model *m)
{
	bool must_open = m->fail.code != 0 || m->file.fd < 0;
	struct fail why = { .code = 0 };
	int err = 0;

	m->is_asleep = false;
	if (must_open)
		err = open_again(m, &why);
	if (err != 0) {
		m->fail = why;
		m->up_ms = 0;
		fail_start(m);
		return;
	}
	super_event(m->super, CHILD_EV_START);
	/* This very file has been served: deaths now are none of its. */
	if (m->up_ms != 0)
		super_trust(m->super);
}
