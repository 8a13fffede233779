/* The part of model.h that tells the front what a model is. */
#include "keeper/model.h"

#include "base/clock.h"

#include <stdlib.h>
#include <unistd.h>

#define WORDS_MAX (32u * KIB)

enum model_status
model_status(const struct model *m)
{
	static const enum model_status of_child[CHILD_NSTATES] = {
		[CHILD_DOWN] = MODEL_GONE,
		[CHILD_STARTING] = MODEL_STARTING,
		[CHILD_UP] = MODEL_UP,
		[CHILD_HUNG] = MODEL_RESTARTING,
		[CHILD_DYING] = MODEL_RESTARTING,
		[CHILD_FENCED] = MODEL_FAILED,
		[CHILD_STOPPING] = MODEL_GONE,
		[CHILD_LEAVING] = MODEL_GONE,
		[CHILD_STRAY] = MODEL_GONE,
		[CHILD_BACKOFF] = MODEL_RESTARTING,
		[CHILD_FAILED] = MODEL_FAILED,
	};
	enum child_state s = super_state(m->super);

	if (m->is_leaving)
		return MODEL_GONE;
	/* Not before its worker is dead: then it is told and logged. */
	if (m->is_refused || (m->fail.code != 0 && s == CHILD_DOWN))
		return MODEL_FAILED;
	if (m->place.state != PLACE_IN)
		return MODEL_KNOWN;
	if (s == CHILD_STARTING && super_deaths(m->super) > 0)
		return MODEL_RESTARTING;
	return of_child[s];
}

uint32_t
model_pause(const struct model *m)
{
	uint64_t now = clock_ms();

	return m->may_at_ms > now ? (uint32_t)(m->may_at_ms - now) : 0;
}

/* Until another worker may come. One that nobody uses who is there still is
 * tried when somebody asks again. */
static uint32_t
next_try_ms(const struct model *m)
{
	if (!m->is_fixed && m->users == m->n_refs)
		return quarantine_left(m->in->bad_files, &m->file, clock_ms());
	return (uint32_t)super_next_try(m->super);
}

void
model_explain(const struct model *m, struct fail *ret)
{
	if (m->fail.code != 0) {
		*ret = m->fail;
		ret->retry_ms = model_pause(m);
		return;
	}
	if (super_state(m->super) == CHILD_FENCED) {
		(void)fail_set(ret, ERR_GAVE_UP, "model",
		    "model %s: its worker (pid %d) hangs in the kernel and "
		    "cannot be killed; no other is started before it is gone; "
		    "see dmesg for its device's driver: %.240s",
		    m->name, (int)process_pid(super_process(m->super)),
		    m->path);
		return;
	}
	if (super_deaths(m->super) == 0) {
		(void)fail_set(ret, ERR_LOAD_FAILED, "model",
		    "model %s: no process could be started for it", m->name);
	} else {
		(void)fail_set(ret,
		    m->up_ms == 0 ? ERR_LOAD_FAILED : ERR_GAVE_UP, "model",
		    "model %s: its worker died %u times%s, last %s: %.240s",
		    m->name, super_deaths(m->super),
		    m->up_ms != 0      ? ""
			: m->has_begun ? " while it loaded the file"
				       : " before it could read a file",
		    super_last_death(m->super),
		    m->has_begun ? m->path : m->in->worker.exe);
	}
	ret->retry_ms = next_try_ms(m);
}

/* What a MODEL_STATE points to that is made for it. */
struct words {
	struct buf file;
	struct buf adapters;
	struct buf scales;
	char held[JAIL_TEXT_MAX];
	char missing[JAIL_TEXT_MAX];
	struct fail why;
};

static void
find_words(struct model *m, struct process *p, struct words *w)
{
	char file[MODELFILE_ID_MAX];

	*w = (struct words){ .why.code = 0 };
	buf_init(&w->file, WORDS_MAX);
	buf_init(&w->adapters, WORDS_MAX);
	buf_init(&w->scales, WORDS_MAX);
	modelfile_id(&m->file, file);
	buf_puts(&w->file, file);
	modelparts_put_ids(&m->parts, &w->file);
	adapters_put_ids(&m->adapters, &w->file);
	adapters_put_paths(&m->adapters, &w->adapters);
	adapters_put_scales(&m->adapters, &w->scales);
	if (p != NULL) {
		report_held(process_jail(p), w->held);
		report_missing(process_jail(p), w->missing);
	}
}

static void
forget_words(struct words *w)
{
	buf_done(&w->file);
	buf_done(&w->adapters);
	buf_done(&w->scales);
}

/* What the file's head says, as long as no worker has said more. */
static void
describe(const struct model *m, struct model_state *st)
{
	const struct probe *p = &m->probe.about;

	st->flaw = str_of(m->spec->flaw);
	if (!m->probe.is_known || st->flaw.n > 0)
		return;
	st->quant = p->quant;
	if (m->about.n_vocab != 0)
		return;
	st->flaw = p->why;
	if (p->err != 0)
		return;
	st->arch = p->arch;
	st->n_ctx_train = p->n_ctx_train;
	st->n_vocab = p->n_vocab;
	st->n_embd = p->n_embd;
	st->has_template = p->has_template;
	st->n_params = p->n_params;
	st->size = p->n_bytes;
}

/* llama-server's stop-timeout, where a section has one. */
static uint32_t
unload_ms(const struct model *m)
{
	const struct modelconf *c = &m->spec->conf;
	enum setting_from from =
	    settings_from(&c->settings, offsetof(struct modelconf, stop_ms));

	return from > FROM_DEFAULT ? c->stop_ms : m->in->conf->unload_ms;
}

static bool
publish(struct model *m, uint32_t ref, int fd)
{
	struct process *p = super_process(m->super);
	bool was_sent;
	struct words w;
	struct model_state st = {
		.model = m->id,
		.ref = ref,
		.status = (uint8_t)model_status(m),
		.name = str_of(m->name),
		.aliases.packed = buf_str(&m->spec->aliases),
		.tags.packed = buf_str(&m->spec->tags),
		.hidden = m->spec->conf.hidden,
		.source = (uint8_t)m->spec->source,
		.mmproj = str_of(m->spec->mmproj),
		.path = str_of(m->path),
		.pid = p != NULL ? (uint32_t)process_pid(p) : 0,
		.restarts = super_deaths(m->super),
		.last_death = str_of(super_last_death(m->super)),
		.died_unix = super_died_unix(m->super),
		.outside = m->outside,
		.crash_id = str_of(super_crash_id(m->super)),
	};

	find_words(m, p, &w);
	st.file = buf_str(&w.file);
	st.adapters.packed = buf_str(&w.adapters);
	st.scales = (struct biases){ (const void *)buf_data(&w.scales),
		(uint32_t)(buf_len(&w.scales) / sizeof(struct bias)) };
	st.jail = str_of(w.held);
	st.jail_missing = str_of(w.missing);
#define COPY(s, kind, member, what) st.member = m->about.member;
	MODEL_DESCRIPTION_FIELDS(COPY, )
#undef COPY
	describe(m, &st);
	if (st.status == MODEL_FAILED)
		model_explain(m, &w.why);
	else if (st.status == MODEL_GONE)
		w.why = m->fail;
	st.err = w.why.code;
	st.text = str_of(w.why.text);
	st.retry_ms = w.why.retry_ms;
	st.may_want = st.status == MODEL_FAILED && m->fail.code != 0;
	st.may_go = m->place.hold == HOLD_FREE && !m->is_retired;
	st.may_rest = model_may_rest(m);
	st.is_asleep = m->is_asleep;
	st.unload_ms = unload_ms(m);
	st.is_retired = m->is_retired;
	st.need = m->place.need;
	was_sent = m->in->ops->to_front(m->in->arg, &st, fd);
	forget_words(&w);
	return was_sent;
}

/* The front's end goes with the first UP that reaches it. */
static void
publish_up(struct model *m, uint32_t ref)
{
	if (!publish(m, ref, m->front_end) || m->front_end < 0)
		return;
	(void)close(m->front_end);
	m->front_end = -1;
}

void
model_tell(struct model *m)
{
	enum model_status status = model_status(m);
	uint32_t n = m->n_refs;

	/* Who waits goes on waiting. */
	if (status == MODEL_STARTING || status == MODEL_RESTARTING ||
	    status == MODEL_KNOWN) {
		(void)publish(m, 0, -1);
		return;
	}
	if (n == 0 && status == MODEL_UP)
		publish_up(m, 0);
	else if (n == 0)
		(void)publish(m, 0, -1);
	m->n_refs = 0;
	if (status != MODEL_UP)
		m->users -= n;
	for (uint32_t i = 0; i < n; i++) {
		if (status == MODEL_UP)
			publish_up(m, m->refs[i]);
		else
			(void)publish(m, m->refs[i], -1);
	}
}

bool
model_fits(const struct model *m, uint32_t n_ctx)
{
	uint32_t most = m->about.n_ctx_most;
	uint32_t said = m->spec->conf.ctx_size;

	/* Whoever runs the server has said how long contexts are. */
	if (said != 0 && n_ctx > said)
		n_ctx = said;

	/* Not loaded yet, and nobody said how long: nobody knows. */
	if (m->n_ctx == 0 && m->about.n_ctx == 0)
		return true;
	/* Another worker would have no more. */
	if (most != 0 && n_ctx > most)
		n_ctx = most;
	return n_ctx <= m->n_ctx || n_ctx <= m->about.n_ctx;
}
