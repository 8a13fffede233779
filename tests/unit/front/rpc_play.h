/*
 * rpc_play - the front with a keeper and workers that a play of chance drives:
 * two models, each with its worker or without, and what the workers have been
 * given. For test_rpc_property.c.
 *
 * What workers say of a generation is noted with the call that it is of, which
 * the prompt's #number# names, to be compared with what its client hears.
 */
#ifndef RPC_PLAY_H
#define RPC_PLAY_H

#include "rpc_world.h"

#define MODELS 2
#define GENS_MAX 64
#define WANTS_MAX 64
#define SAID_MAX 512
#define CALLS_MAX 192

/* What a call's worker has said. */
struct said {
	char text[SAID_MAX];
	size_t n;
	uint32_t n_tokens;
	bool is_over;	/* and no client had ended it */
	bool is_failed; /* it could not be done */
};

struct fake_gen {
	uint64_t id;
	uint32_t mark; /* of the call; 0: not known */
	uint32_t n;    /* tokens */
	uint32_t save; /* where its prompt is to go; 0: nowhere */
	uint8_t mode;  /* enum gen_mode */
	uint32_t max;  /* tokens */
	bool is_started, is_cancelled;
};

struct fake_model {
	const char *name, *path;
	uint32_t id; /* 0: not loaded */
	bool has_failed;
	struct chan *worker; /* NULL: none lives */
	struct fake_gen gens[GENS_MAX];
	unsigned n_gens;
};

struct fake_want {
	uint32_t ref;
	char path[64];
};

/* A file beside a model: of a MODEL_ATTACH its ref, later its id. */
struct fake_attach {
	uint32_t ref, model;
};

struct play {
	struct world *w;
	struct fake_attach attaches[WANTS_MAX];
	unsigned n_attaches;
	struct fake_attach held[WANTS_MAX]; /* model and id of what is there */
	unsigned n_held;
	uint32_t next_attached;
	uint64_t dice;
	struct fake_model models[MODELS];
	struct fake_want wants[WANTS_MAX];
	unsigned n_wants;
	uint32_t next_id;
	uint32_t next_pid;
	bool is_draining;
	bool is_rough; /* a model was lost with what it ran */
	bool is_hasty; /* the play is to end */
	struct said said[CALLS_MAX];
};

static inline uint32_t
roll(struct play *p, uint32_t n)
{
	p->dice = p->dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(p->dice >> 33) % n;
}

static inline bool
one_in(struct play *p, uint32_t n)
{
	return roll(p, n) == 0;
}

/* The keeper. */

/* A file that nobody uses any more: one that was there. */
static inline void
keeper_detaches(struct play *p, const struct frame *fr)
{
	struct model_detach d;
	unsigned i = 0;

	assert_int_equal(frame_unpack(fr, &d), 0);
	/* Those of a model that is unloaded are gone with it. */
	if (d.model != p->models[0].id && d.model != p->models[1].id)
		return;
	while (i < p->n_held &&
	    (p->held[i].ref != d.id || p->held[i].model != d.model))
		i++;
	assert_true(i < p->n_held);
	p->held[i] = p->held[--p->n_held];
}

static inline void
keeper_hears_all(struct play *p)
{
	struct model_attach attach;
	struct model_want want;
	struct fake_want *to;
	struct frame fr;

	while (chan_recv(p->w->keeper, &fr) == 0) {
		if (fr.msg == MSG_MODEL_DETACH)
			keeper_detaches(p, &fr);
		if (fr.msg == MSG_MODEL_ATTACH) {
			assert_int_equal(frame_unpack(&fr, &attach), 0);
			assert_true(p->n_attaches < WANTS_MAX);
			p->attaches[p->n_attaches++] =
			    (struct fake_attach){ attach.ref, attach.model };
			continue;
		}
		if (fr.msg != MSG_MODEL_WANT)
			continue;
		assert_int_equal(frame_unpack(&fr, &want), 0);
		assert_true(p->n_wants < WANTS_MAX);
		assert_true(want.path.n < sizeof(to->path));
		to = &p->wants[p->n_wants++];
		to->ref = want.ref;
		(void)snprintf(to->path, sizeof(to->path), "%.*s",
		    (int)want.path.n, want.path.p);
	}
}

static inline void
keeper_tells(struct play *p, struct fake_model *m, enum model_status status,
    uint32_t ref)
{
	struct model_state s = { .model = m->id,
		.ref = ref,
		.status = (uint8_t)status,
		.name = str_of(m->name),
		.path = str_of(m->path),
		.n_seq = 2,
		.n_ctx = 100,
		.n_vocab = 3,
		.n_embd_out = 2 };
	int pair[2] = { -1, -1 };

	if (status == MODEL_UP && m->worker == NULL) {
		assert_int_equal(chan_pair(pair), 0);
		m->worker = chan_new(pair[1], PROC_WORKER, PROC_FRONT, MIB);
		p->next_pid++;
	}
	s.pid = status == MODEL_UP ? p->next_pid : 0;
	if (status == MODEL_FAILED) {
		s.err = ERR_GAVE_UP;
		s.text = STR("its workers die again and again");
	}
	m->has_failed = status == MODEL_FAILED;
	keeper_says(p->w, MSG_MODEL_STATE, &s, pair[0]);
	if (pair[0] >= 0)
		close(pair[0]);
}

static inline void
keeper_refuses(struct play *p, uint32_t ref, int err)
{
	struct model_state s = { .ref = ref,
		.status = MODEL_FAILED,
		.err = err,
		.text = STR("/m/x.gguf: not today") };

	keeper_says(p->w, MSG_MODEL_STATE, &s, -1);
}

static inline struct fake_model *
model_at(struct play *p, const char *path)
{
	if (path[0] == '\0')
		return &p->models[0];
	for (unsigned i = 0; i < MODELS; i++)
		if (strcmp(path, p->models[i].name) == 0 ||
		    strcmp(path, p->models[i].path) == 0)
			return &p->models[i];
	return NULL;
}

/* One of those that were asked for comes up, or does not. */
static inline void
keeper_answers(struct play *p)
{
	static const int errors[] = { ERR_LOAD_FAILED, ERR_FILE, ERR_BUSY,
		ERR_FULL, ERR_NOMEM, ERR_GAVE_UP, ERR_UNSUPPORTED };
	struct fake_want want;
	struct fake_model *m;
	unsigned i;

	if (p->n_wants == 0)
		return;
	i = roll(p, p->n_wants);
	want = p->wants[i];
	p->wants[i] = p->wants[--p->n_wants];
	m = model_at(p, want.path);
	if (m == NULL || (m->id == 0 && !p->is_hasty && one_in(p, 6))) {
		keeper_refuses(
		    p, want.ref, m == NULL ? ERR_FILE : errors[roll(p, 7)]);
		return;
	}
	if (m->id == 0)
		m->id = p->next_id++;
	keeper_tells(p, m, MODEL_UP, want.ref);
}

/* A file is there for a model, or is not. */
static inline void
keeper_attaches(struct play *p)
{
	struct model_attached m = { .text = STR("/p/x: no such file") };
	struct fake_attach one;
	unsigned i;

	if (p->n_attaches == 0)
		return;
	i = roll(p, p->n_attaches);
	one = p->attaches[i];
	p->attaches[i] = p->attaches[--p->n_attaches];
	m.ref = one.ref;
	m.model = one.model;
	if (one.model != p->models[0].id && one.model != p->models[1].id)
		m.err = ERR_NOT_LOADED;
	else if (one_in(p, 3))
		m.err = one_in(p, 2) ? ERR_FILE : ERR_BUSY;
	else
		m.id = ATTACH_FIRST + p->next_attached++;
	if (m.id != 0)
		p->held[p->n_held++] = (struct fake_attach){ m.id, m.model };
	keeper_says(p->w, MSG_MODEL_ATTACHED, &m, -1);
}

static inline void
keeper_saves(struct play *p, const struct fake_model *m, uint32_t id)
{
	struct model_saved s = { .model = m->id,
		.id = id,
		.err = one_in(p, 3) ? ERR_FILE : 0,
		.text = STR("/p: no room") };

	if (id != 0)
		keeper_says(p->w, MSG_MODEL_SAVED, &s, -1);
}

static inline void
worker_dies(struct play *p, struct fake_model *m)
{
	if (m->worker == NULL)
		return;
	chan_free(m->worker);
	m->worker = NULL;
	m->n_gens = 0;
	turn(p->w);
	keeper_tells(p, m, MODEL_RESTARTING, 0);
}

/* Given up, or unloaded while somebody uses it. */
static inline void
model_is_lost(struct play *p, struct fake_model *m)
{
	if (m->id == 0)
		return;
	p->is_rough = true;
	worker_dies(p, m);
	if (one_in(p, 2)) {
		keeper_tells(p, m, MODEL_FAILED, 0);
		return;
	}
	keeper_hears_all(p);
	keeper_tells(p, m, MODEL_GONE, 0);
	for (unsigned i = p->n_held; i-- > 0;)
		if (p->held[i].model == m->id)
			p->held[i] = p->held[--p->n_held];
	m->id = 0;
}

/* The workers. */

static inline uint32_t
mark_in(struct str messages)
{
	for (size_t i = 0; i + 1 < messages.n; i++)
		if (messages.p[i] == '#')
			return (uint32_t)strtoul(messages.p + i + 1, NULL, 10);
	return 0;
}

static inline struct fake_gen *
gen_of(struct fake_model *m, uint64_t id)
{
	for (unsigned i = 0; i < m->n_gens; i++)
		if (m->gens[i].id == id)
			return &m->gens[i];
	return NULL;
}

static inline void
take_gen(struct play *p, struct fake_model *m, const struct gen_submit *s)
{
	struct fake_gen *g = &m->gens[m->n_gens++];

	assert_true(m->n_gens < GENS_MAX);
	*g = (struct fake_gen){
		.id = s->gen, .n = s->done.n, .save = s->save, .mode = s->mode
	};
	if (s->input == INPUT_CHAT)
		g->mark = mark_in(s->messages);
	/* What was delivered is what the next worker is told of. */
	if (g->mark != 0)
		assert_int_equal(s->done.n, p->said[g->mark].n_tokens);
}

static inline void
worker_hears_all(struct play *p, struct fake_model *m)
{
	struct gen_submit s;
	struct gen_cancel c;
	struct fake_gen *g;
	struct frame fr;

	while (chan_recv(m->worker, &fr) == 0) {
		if (fr.msg == MSG_GEN_SUBMIT) {
			assert_int_equal(frame_unpack(&fr, &s), 0);
			take_gen(p, m, &s);
		} else if (fr.msg == MSG_GEN_CANCEL) {
			assert_int_equal(frame_unpack(&fr, &c), 0);
			g = gen_of(m, c.gen);
			if (g != NULL)
				g->is_cancelled = true;
		}
	}
}

static inline void
gen_says(struct play *p, struct fake_gen *g)
{
	static const char *const pieces[] = { "a", "\u20ac ", "", "\n\"\\",
		"once" };
	const char *text = pieces[roll(p, 5)];
	uint8_t flags = one_in(p, 4) ? STEP_HELD : 0;
	struct said *said = &p->said[g->mark];

	g->n++;
	if (g->mark != 0) {
		said->n_tokens++;
		assert_true(said->n + strlen(text) < SAID_MAX);
		memcpy(said->text + said->n, text, strlen(text));
		said->n += strlen(text);
	}
	worker_steps(p->w, g->id, (int32_t)roll(p, 1000), text, flags);
}

static inline void
gen_is_over(struct fake_model *m, struct fake_gen *g)
{
	*g = m->gens[--m->n_gens];
}

static inline void
gen_ends(struct play *p, struct fake_model *m, struct fake_gen *g)
{
	struct fake_gen was = *g;
	enum gen_reason reason = was.is_cancelled ? REASON_CANCEL
	    : was.mode == MODE_GENERATE		  ? REASON_EOS
						  : REASON_LENGTH;

	gen_is_over(m, g);
	if (!was.is_cancelled)
		p->said[was.mark].is_over = true;
	worker_ends(p->w, was.id, reason, "");
	keeper_saves(p, m, was.save);
}

static inline void
gen_fails(struct play *p, struct fake_model *m, struct fake_gen *g)
{
	static const int errors[] = { ERR_CONTEXT, ERR_INVALID, ERR_BUSY,
		ERR_UNSUPPORTED };
	struct fake_gen was = *g;

	gen_is_over(m, g);
	p->said[was.mark].is_failed = true;
	worker_fails(p->w, was.id, errors[roll(p, 4)], "messages", "no");
}

/* All of its rows, and its end. */
static inline void
gen_gives(struct play *p, struct fake_model *m, struct fake_gen *g)
{
	static const float rows[] = { 0.5F, 1, -2, 0, 3e-9F, 1, 2, 3, 4 };

	worker_gives(p->w, g->id, (enum gen_mode)g->mode, 0, rows,
	    g->mode == MODE_HIDDEN ? 6 : 9);
	gen_ends(p, m, g);
}

static inline void
gen_goes_on(struct play *p, struct fake_model *m, struct fake_gen *g)
{
	if (g->mode != MODE_GENERATE)
		gen_gives(p, m, g);
	else if (p->is_hasty || g->n >= g->max || one_in(p, 6))
		gen_ends(p, m, g);
	else if (one_in(p, 12))
		gen_fails(p, m, g);
	else
		gen_says(p, g);
}

/* Something about one of the generations that it has. */
static inline void
worker_works(struct play *p, struct fake_model *m)
{
	struct fake_gen *g;

	if (m->worker == NULL)
		return;
	p->w->worker = m->worker;
	worker_hears_all(p, m);
	g = m->n_gens > 0 ? &m->gens[roll(p, m->n_gens)] : NULL;
	if (g != NULL && g->is_cancelled) {
		gen_ends(p, m, g);
	} else if (g != NULL && !g->is_started) {
		g->is_started = true;
		worker_starts(p->w, g->id);
	} else if (g != NULL) {
		gen_goes_on(p, m, g);
	}
	p->w->worker = NULL;
}

/* Everybody is there again, and does what is left. */
static inline void
play_settles(struct play *p)
{
	p->is_hasty = true;
	while (p->n_wants > 0)
		keeper_answers(p);
	while (p->n_attaches > 0)
		keeper_attaches(p);
	for (unsigned i = 0; i < MODELS; i++) {
		struct fake_model *m = &p->models[i];

		if (m->id != 0 && m->worker == NULL)
			keeper_tells(p, m, MODEL_UP, 0);
		worker_works(p, m);
	}
	turn(p->w);
	keeper_hears_all(p);
}

static inline struct play *
play_new(uint64_t seed)
{
	struct play *p = calloc(1, sizeof(*p));

	p->w = world_new(&world_config);
	p->dice = seed * 2862933555777941757u + 3037000493u;
	p->models[0] =
	    (struct fake_model){ .name = "demo", .path = "/m/demo.gguf" };
	p->models[1] =
	    (struct fake_model){ .name = "other", .path = "/m/other.gguf" };
	p->next_id = 7;
	return p;
}

static inline void
play_free(struct play *p)
{
	world_free(p->w);
	for (unsigned i = 0; i < MODELS; i++)
		chan_free(p->models[i].worker);
	free(p);
}

#endif
