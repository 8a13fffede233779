/* The llama engine as engine.h wants it: loading, and who has a slot. */
#include "worker/llama/sched.h"
#include "worker/say.h"

#include "worker/llama/aside.h"
#include "worker/llama/attach.h"
#include "worker/llama/backends.h"
#include "worker/llama/logs.h"
#include "worker/llama/prompt.h"
#include "worker/llama/selftest.h"
#include "worker/llama/threads.h"

#include "crash/crash.h"
#include "worker/guard.h"

#include <stdlib.h>

static void
beat(void *arg)
{
	progress_bump(arg);
}

static void
llama_engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	guard_beats(NULL, NULL);
	caches_done(&e->caches);
	for (uint32_t i = 0; e->gens != NULL && i < e->m.n_seq; i++)
		gen_free(e->gens[i]);
	for (uint32_t i = 0; e->kept != NULL && i < e->m.n_seq; i++)
		kept_done(&e->kept[i]);
	free(e->kept);
	free(e->gens);
	free(e->stepping);
	logprob_done(&e->logprob);
	sampler_room_done(&e->room);
	model_done(&e->m);
	free(e);
}

static int
make_room(struct engine *e)
{
	e->gens = calloc(e->m.n_seq, sizeof(struct gen *));
	e->stepping = calloc(e->m.n_seq, sizeof(struct gen *));
	e->kept = calloc(e->m.n_seq, sizeof(struct kept));
	if (e->gens == NULL || e->stepping == NULL || e->kept == NULL)
		return ERR_NOMEM;
	return sampler_room_init(&e->room, e->m.n_vocab);
}

static int
llama_engine_prepare(
    const struct worker_load *cfg, enum jail_kind *ret_jail, struct fail *why)
{
	bool has_device;
	int err;

	logs_init();
	err = backends_load(why);
	has_device = err == 0 && cfg->n_gpu_layers > 0 && backends_open();
	*ret_jail = has_device ? JAIL_DEVICE : JAIL_WORKER;
	return err;
}

/* An interrupt may come while it loads, so *ret is set at once. */
static int
llama_engine_load(struct engine **ret, const struct worker_load *cfg,
    const struct files *files, const struct engine_events *events,
    struct progress *p, struct fail *why)
{
	struct engine *e = calloc(1, sizeof(*e));
	int err;

	if (e == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	*ret = e;
	e->events = *events;
	e->p = p;
	guard_beats(beat, p);
	logprob_init(&e->logprob);
	err = model_load(&e->m, cfg, files, p, why);
	if (err == 0)
		err = make_room(e);
	if (err == 0)
		err = threads_choose(
		    &e->m, cfg->n_threads, cfg->n_threads_batch, p);
	if (err == 0)
		err = selftest_run(&e->m, cfg->tested, p);
	if (err == 0)
		identity_make(&e->m, e->identity, sizeof(e->identity));
	if (err == 0) {
		pace_init(&e->pace, p, llama_model_size(e->m.weights));
		return 0;
	}
	if (why->code == 0)
		(void)fail_set(why, err, NULL, "%.*s: %s", (int)cfg->path.n,
		    cfg->path.p, err_text(err));
	*ret = NULL;
	llama_engine_free(e);
	return err;
}

static struct str
token_text(const struct model *m, int32_t token)
{
	return token == LLAMA_TOKEN_NULL
	    ? STR("")
	    : str_of(llama_vocab_get_text(m->vocab, token));
}

/* What it can be used for, beside to generate. */
static void
describe_uses(const struct model *m, struct worker_ready *ret)
{
	const struct llama_vocab *v = m->vocab;
	struct str text = chat_text(m->chat);

	ret->pooling = (uint8_t)m->pooling;
	ret->only_embeds = m->only_embeds;
	ret->embeds = !m->no_embeds && !m->is_ranker && m->n_cols > 0;
	ret->ranks = m->is_ranker;
	ret->has_infill = llama_vocab_fim_pre(v) != LLAMA_TOKEN_NULL &&
	    llama_vocab_fim_suf(v) != LLAMA_TOKEN_NULL &&
	    llama_vocab_fim_mid(v) != LLAMA_TOKEN_NULL;
	ret->chat_template = text.n <= TEMPLATE_SHOWN ? text : STR("");
	ret->template_caps = chat_caps(m->chat);
	ret->bos = token_text(m, llama_vocab_bos(v));
	ret->eos = token_text(m, llama_vocab_eos(v));
}

static void
llama_engine_describe(const struct engine *e, struct worker_ready *ret)
{
	const struct model *m = &e->m;
	int32_t trained = llama_model_n_ctx_train(m->weights);

	*ret = (struct worker_ready){ .arch = str_of(m->arch),
		.desc = str_of(m->desc) };
	ret->n_ctx = m->n_ctx;
	ret->n_ctx_train = trained > 0 ? (uint32_t)trained : 0;
	ret->n_ctx_most = m->n_ctx_most > m->n_ctx ? m->n_ctx_most : m->n_ctx;
	ret->n_seq = m->n_seq;
	ret->n_vocab = m->n_vocab;
	ret->n_embd = (uint32_t)llama_model_n_embd(m->weights);
	ret->n_embd_in = m->n_embd;
	ret->n_embd_out = m->n_cols;
	ret->n_threads = (uint32_t)m->threads[BATCH_STEP];
	ret->n_threads_batch = (uint32_t)m->threads[BATCH_CHUNK];
	ret->chunk = m->chunk;
	ret->exact = m->rule != PLAN_FREE;
	ret->identity = str_of(e->identity);
	ret->has_template = chat_is_explicit(m->chat);
	describe_uses(m, ret);
	ret->n_params = llama_model_n_params(m->weights);
	ret->size = llama_model_size(m->weights);
}

static struct gen *
find(const struct engine *e, uint64_t id)
{
	for (uint32_t i = 0; i < e->m.n_seq; i++)
		if (e->gens[i] != NULL && e->gens[i]->id == id)
			return e->gens[i];
	return NULL;
}

static void
say_started(struct engine *e, const struct gen *g, bool is_known)
{
	struct gen_started s = { .gen = g->id, .n_cached = g->n_past };

	if (!is_known) {
		s.prompt = (struct i32s){ g->tokens, g->n_tokens };
		s.turns = (struct i32s){ g->turns, g->plan.n_turns };
		s.n_system = g->n_system;
	}
	e->events.on_started(e->events.arg, &s);
}

/* KiB of what has to be read before it runs; a token replayed is as much as
 * a few bytes of text. */
static uint64_t
size_of(const struct gen_submit *s)
{
	uint64_t bytes = s->prompt.n + s->messages.n + s->template_kwargs.n +
	    s->grammar.n + s->json_schema.n + s->tools.n + s->system.n +
	    s->embeds.n + s->cross_keys.n + s->cross_values.n +
	    s->parts.packed.n;

	return (bytes + 4ull * (s->tokens.n + s->done.n + s->history.n)) / KIB +
	    1;
}

static void
submit(struct engine *e, const struct gen_submit *s)
{
	struct fail why = { 0 };
	int32_t seq = kept_choose(e->kept, e->gens, e->m.n_seq, s->cache_key);
	int reason = GEN_GOES_ON;
	struct gen *g;

	if (seq < 0)
		(void)fail_set(&why, ERR_BUSY, NULL,
		    "all %u sequences of the model are in use", e->m.n_seq);
	else if (find(e, s->gen) != NULL)
		(void)fail_set(&why, ERR_INVALID, NULL,
		    "a generation of this id is running");
	crash_note_step(STEP_SUBMIT, s->gen);
	if (why.code != 0 || gen_new(&e->m, s, seq, &g, &reason, &why) != 0) {
		engine_say_failed(&e->events, s->gen, &why);
		return;
	}
	kept_take(&e->kept[seq], g);
	caches_take(e, g);
	g->n_cached = g->n_past;
	e->gens[seq] = g;
	e->n_gens++;
	crash_note_seat(g->seq, g->id);
	crash_note_step(STEP_NONE, 0);
	say_started(e, g, prompt_is_given(s));
	caches_put(e, g);
	if (reason != GEN_GOES_ON)
		sched_finish(e, g, reason);
}

static void
submit_aside(struct engine *e, const struct gen_submit *s)
{
	crash_note_step(STEP_SUBMIT, s->gen);
	aside_run(&e->m, &e->events, s);
	crash_note_step(STEP_NONE, 0);
}

static void
llama_engine_submit(struct engine *e, const struct gen_submit *s)
{
	pace_begin(&e->pace, PHASE_SUBMIT,
	    size_of(s) + caches_kib(&e->caches, s->cache));
	if (mode_takes_slot(s->mode))
		submit(e, s);
	else
		submit_aside(e, s);
	(void)pace_end(&e->pace);
}

static void
llama_engine_cancel(struct engine *e, uint64_t id)
{
	struct gen *g = find(e, id);

	if (g != NULL)
		sched_finish(e, g, REASON_CANCEL);
}

static void
llama_engine_cancel_all(struct engine *e)
{
	for (uint32_t i = 0; i < e->m.n_seq; i++)
		if (e->gens[i] != NULL)
			sched_drop(e, e->gens[i], false);
}

static void
llama_engine_park(struct engine *e, uint64_t id, bool is_parked)
{
	struct gen *g = find(e, id);

	if (g != NULL)
		g->is_parked = is_parked;
}

static void
llama_engine_interrupt(struct engine *e)
{
	e->m.is_interrupted = 1;
}

const struct engine_ops engine_llama = {
	.name = "llama",
	.prepare = llama_engine_prepare,
	.load = llama_engine_load,
	.free = llama_engine_free,
	.describe = llama_engine_describe,
	.submit = llama_engine_submit,
	.cancel = llama_engine_cancel,
	.cancel_all = llama_engine_cancel_all,
	.park = llama_engine_park,
	.has_work = sched_has_work,
	.step = sched_step,
	.attach = attach_add,
	.detach = attach_remove,
	.interrupt = llama_engine_interrupt,
};
