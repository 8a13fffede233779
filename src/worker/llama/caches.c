#include "worker/llama/caches.h"

#include "worker/llama/decode.h"
#include "worker/llama/sched.h"

#include "base/fd.h"
#include "base/log.h"
#include "crash/crash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int
refuse(const struct worker_attach *a, struct fail *why)
{
	char what[sizeof(why->text)];

	(void)snprintf(what, sizeof(what), "%s", why->text);
	return fail_set(why, why->code, "", "prompt cache %.*s: %s",
	    (int)a->path.n, a->path.p, what);
}

static int
damaged(struct fail *why)
{
	return fail_set(why, ERR_FILE, "",
	    "is damaged: its checksum is wrong; save it again");
}

/* n bytes at from, in memory of their own; NULL: there are not so many. */
static void *
read_part(int fd, uint64_t from, size_t n)
{
	void *p = malloc(n);

	if (p != NULL && fd_get_at(fd, p, n, from) == n)
		return p;
	free(p);
	return NULL;
}

static void
cache_done(struct cache *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c->about);
	free(c->tokens);
	*c = (struct cache){ .fd = -1 };
}

void
caches_done(struct caches *c)
{
	while (c->n > 0)
		cache_done(&c->v[--c->n]);
	while (c->n_saves > 0)
		(void)close(c->saves[--c->n_saves].fd);
}

static int
check_digest(struct cache *c, struct progress *p, struct fail *why)
{
	uint8_t *said = read_part(c->fd, c->parts.digest, DIGEST_SIZE);
	int err = said == NULL
	    ? ERR_IO
	    : digest_file(c->fd, c->parts.digest, p, c->digest);
	bool is_same = err == 0 && memcmp(said, c->digest, DIGEST_SIZE) == 0;

	free(said);
	return is_same ? 0 : damaged(why);
}

static int
read_cache(
    struct cache *c, uint32_t n_ctx, struct progress *p, struct fail *why)
{
	uint8_t head[sizeof(struct cachefile_head)];
	struct stat st;
	ssize_t n = pread(c->fd, head, sizeof(head), 0);
	uint32_t n_tokens; /* as far as a prompt can have them here */
	int err;

	if (n < 0 || fstat(c->fd, &st) != 0)
		return fail_set(why, ERR_FILE, "", "cannot be read");
	err = cachefile_check(
	    head, (size_t)n, (uint64_t)st.st_size, &c->head, &c->parts, why);
	if (err == 0)
		err = check_digest(c, p, why);
	if (err != 0)
		return err;
	c->about = read_part(c->fd, c->parts.about, c->head.n_about);
	n_tokens = c->head.n_tokens < n_ctx ? c->head.n_tokens : n_ctx;
	c->tokens =
	    read_part(c->fd, c->parts.tokens, sizeof(int32_t) * n_tokens);
	if (c->about == NULL || c->tokens == NULL)
		return fail_set(why, ERR_NOMEM, "", "out of memory");
	return cachefile_read_about(&c->head, c->about, &c->is, why);
}

static struct str
as_str(const uint8_t *digest)
{
	return (struct str){ (const char *)digest, DIGEST_SIZE };
}

/* Whether it is this model's; and its state this build's. */
static int
check_origin(struct engine *e, struct cache *c, struct fail *why)
{
	char engine[IDENTITY_MAX];

	if (digested_value(&e->m.file) == NULL)
		return fail_set(
		    why, ERR_IO, "", "the model's file cannot be read");
	if (!str_eq(c->is.model, as_str(e->m.file.value)))
		return fail_set(why, ERR_FILE, "",
		    "belongs to another model (%.*s); save it again with this "
		    "one",
		    c->is.name.n < 64 ? (int)c->is.name.n : 64, c->is.name.p);
	identity_of_state(&e->m, engine, sizeof(engine));
	c->is_usable = str_is(c->is.engine, engine) && c->head.n_state > 0 &&
	    c->head.n_state + 2 <= e->m.n_ctx;
	return 0;
}

/* The whole of it again, in memory of our own: what was checked at first may
 * have changed. The caller's to free. */
static uint8_t *
read_again(const struct cache *c, struct progress *p)
{
	uint8_t *all = read_part(c->fd, 0, (size_t)c->head.size);
	uint8_t now[DIGEST_SIZE];

	if (all == NULL)
		return NULL;
	digest_memory(all, (size_t)c->parts.digest, p, now);
	if (memcmp(now, c->digest, DIGEST_SIZE) == 0)
		return all;
	free(all);
	return NULL;
}

/* Puts the state into a sequence that is empty: ERR_IO where the file is no more
 * what it was, or there is no memory for it; ERR_INVALID where it is no state,
 * of which a part may be in the cells. */
static int
put_state(struct engine *e, const struct cache *c, int32_t seq)
{
	llama_memory_t mem = llama_get_memory(e->m.ctx);
	uint8_t *all = read_again(c, e->p);
	size_t n;

	if (all == NULL)
		return ERR_IO;
	n = llama_state_seq_set_data(
	    e->m.ctx, all + c->parts.state, (size_t)c->head.state, seq);
	free(all);
	return n > 0 &&
		llama_memory_seq_pos_max(mem, seq) + 1 ==
		    (llama_pos)c->head.n_state
	    ? 0
	    : ERR_INVALID;
}

/* Whether a token that sees all of the state has logits that are numbers, by
 * each of the routines that others of its sequence may be computed by. */
static bool
has_numbers(struct engine *e, const struct cache *c, int32_t seq)
{
	static const struct adapter_set none;
	const enum kernels kinds[] = { KERNELS_OWN, e->m.kernels };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const float *row;

		model_want_hidden(&e->m, false);
		model_begin(&e->m);
		model_add(&e->m, 0, c->head.n_state + (uint32_t)k, seq, true);
		if (model_run(&e->m, BATCH_STEP, kinds[k], &none) != 0)
			return true; /* no verdict */
		row = model_row(&e->m, 0);
		for (uint32_t i = 0; row != NULL && i < e->m.n_vocab; i++)
			if (isnan(row[i]))
				return false;
	}
	return true;
}

/* Whoever runs has cells that nobody can tell from spoilt ones, so it takes
 * another worker; where nobody does, all are zeroed. */
static int
be_rid_of_it(struct engine *e, struct fail *why)
{
	if (e->n_gens > 0) {
		log_error("a prompt cache's state is none, though its checksum "
			  "is right");
		crash_note_abort("a prompt cache's state is none");
		abort();
	}
	for (uint32_t i = 0; i < e->m.n_seq; i++)
		kept_done(&e->kept[i]);
	llama_memory_clear(llama_get_memory(e->m.ctx), true);
	return fail_set(why, ERR_FILE, "",
	    "is no prompt cache, though its checksum is right; save it again");
}

/* A state is tried once, in a sequence of its own. What is no number in it, or
 * has a place that cannot be removed, would stay in the cells when they are
 * given to others, and spoil what they say. No model computes such a state: the
 * file is an attack. 0; ERR_FILE with why: it is one, or it cannot be had any
 * more. */
static int
try_state(struct engine *e, struct cache *c, int32_t seq, struct fail *why)
{
	int err = put_state(e, c, seq);

	progress_bump(e->p);
	if (err == ERR_INVALID || (err == 0 && !has_numbers(e, c, seq)))
		return be_rid_of_it(e, why);
	if (model_cut(&e->m, seq, 0) != 0 ||
	    llama_memory_seq_pos_max(llama_get_memory(e->m.ctx), seq) != -1)
		return be_rid_of_it(e, why);
	c->is_tried = err == 0;
	return err == 0 ? 0
			: fail_set(why, ERR_FILE, "",
			      "has changed while it was read, or there is no "
			      "memory for it");
}

/* Where no sequence is free, its first run tries it. */
static int
try_somewhere(struct engine *e, struct cache *c, struct fail *why)
{
	int32_t seq = kept_choose(e->kept, e->gens, e->m.n_seq, 0);

	if (seq < 0 || !c->is_usable)
		return 0;
	if (e->kept[seq].key != 0) {
		kept_done(&e->kept[seq]);
		(void)!model_cut(&e->m, seq, 0);
	}
	return try_state(e, c, seq, why);
}

int
caches_add(
    struct engine *e, const struct worker_attach *a, int fd, struct fail *why)
{
	struct caches *all = &e->caches;
	struct cache c = { .id = a->id, .fd = dup(fd) };
	int err = 0;

	if (c.fd < 0 || all->n == CACHES_MAX)
		err = fail_set(why, ERR_BUSY, "", "there are too many");
	if (err == 0)
		err = read_cache(&c, e->m.n_ctx, e->p, why);
	if (err == 0)
		err = check_origin(e, &c, why);
	if (err == 0)
		err = try_somewhere(e, &c, why);
	if (err != 0) {
		cache_done(&c);
		return refuse(a, why);
	}
	if (!c.is_usable && c.head.n_state > 0)
		log_warn(
		    "prompt cache %.*s: was computed by another build, on "
		    "another device or with another --parallel or context; "
		    "its prompt is computed anew",
		    (int)a->path.n, a->path.p);
	all->v[all->n++] = c;
	return 0;
}

int
caches_add_save(
    struct engine *e, const struct worker_attach *a, int fd, struct fail *why)
{
	struct caches *all = &e->caches;
	struct cache_save s = { a->id, dup(fd) };

	if (s.fd >= 0 && all->n_saves < CACHES_MAX) {
		all->saves[all->n_saves++] = s;
		return 0;
	}
	if (s.fd >= 0)
		(void)close(s.fd);
	(void)fail_set(why, ERR_BUSY, "", "there are too many");
	return refuse(a, why);
}

static struct cache *
find(struct caches *c, uint32_t id)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->v[i].id == id)
			return &c->v[i];
	return NULL;
}

static struct cache_save *
find_save(struct caches *c, uint32_t id)
{
	for (uint32_t i = 0; i < c->n_saves; i++)
		if (c->saves[i].id == id)
			return &c->saves[i];
	return NULL;
}

static void
remove_save(struct caches *c, struct cache_save *s)
{
	(void)close(s->fd);
	*s = c->saves[--c->n_saves];
}

void
caches_remove(struct caches *c, uint32_t id)
{
	struct cache *one = find(c, id);
	struct cache_save *s = find_save(c, id);

	if (one != NULL) {
		cache_done(one);
		*one = c->v[--c->n];
	}
	if (s != NULL)
		remove_save(c, s);
}

uint64_t
caches_kib(struct caches *c, uint32_t id)
{
	const struct cache *one = find(c, id);

	return one == NULL ? 0 : one->head.size / KIB;
}

/* Digest and scale of each adapter that g has. */
static void
put_adapters(const struct gen *g, struct buf *to)
{
	for (uint32_t i = 0; i < g->adapters.n; i++) {
		buf_put(to,
		    adapters_digest(&g->m->adapters, g->adapters.ids[i]),
		    DIGEST_SIZE);
		buf_put(to, &g->adapters.scales[i], sizeof(float));
	}
}

#define ADAPTERS_BYTES (WORKER_ADAPTERS_MAX * (DIGEST_SIZE + sizeof(float)))

static bool
has_adapters(const struct gen *g, struct str said)
{
	struct buf b;
	bool is_same;

	buf_init(&b, ADAPTERS_BYTES);
	put_adapters(g, &b);
	is_same = buf_err(&b) == 0 && str_eq(buf_str(&b), said);
	buf_done(&b);
	return is_same;
}

/* What stands for an embedding says nothing of what that is. */
static uint32_t
count_same(const struct cache *c, const struct gen *g)
{
	/* The last token's row is wanted: it is always computed. */
	uint32_t most = g->n_tokens - 1, n = 0;

	if (most > c->head.n_state)
		most = c->head.n_state;
	while (
	    n < most && c->tokens[n] == g->tokens[n] && !embed_is(g->tokens[n]))
		n++;
	return n;
}

/* How many tokens of g it has, as g would have computed them. */
static uint32_t
count_common(const struct cache *c, const struct gen *g)
{
	struct plan had = { .rule = (enum plan_rule)c->is.rule,
		.chunk = c->is.chunk,
		.turns = c->is.turns.p,
		.n_turns = c->is.turns.n,
		.n_prompt = c->is.n_prompt,
		.is_one_way = g->plan.is_one_way };
	uint32_t n = count_same(c, g);

	if (had.rule >= PLAN_RULES || !has_adapters(g, c->is.adapters))
		return 0;
	if (g->plan.rule != PLAN_FREE)
		n = plan_common(
		    &had, c->head.n_state, &g->plan, g->n_tokens, n);
	return g->plan.is_one_way && n != c->head.n_state ? 0 : n;
}

static bool
use_state(struct engine *e, struct cache *c, const struct gen *g)
{
	struct fail why;

	if (g->n_past > 0 && model_cut(&e->m, g->seq, 0) != 0)
		return false;
	if (!c->is_tried && try_state(e, c, g->seq, &why) != 0)
		return false;
	return put_state(e, c, g->seq) == 0;
}

void
caches_take(struct engine *e, struct gen *g)
{
	struct cache *c = find(&e->caches, g->cache);
	uint32_t n;

	if (c == NULL || !c->is_usable)
		return;
	n = count_common(c, g);
	if (n <= g->n_past)
		return;
	if (use_state(e, c, g) &&
	    (n == c->head.n_state || model_cut(&e->m, g->seq, n) == 0)) {
		g->n_past = n;
		return;
	}
	log_warn("a prompt cache cannot be used: it has changed since it was "
		 "loaded, or there is no memory for it; its prompt is "
		 "computed anew");
	c->is_usable = false;
	g->n_past = 0;
	if (model_cut(&e->m, g->seq, 0) != 0)
		log_error("sequence %d cannot be emptied", g->seq);
}

/* A cache that only grows is saved where a run that goes on otherwise can
 * take it: at the last whole chunk. */
static uint32_t
save_at(const struct gen *g)
{
	if (!g->plan.is_one_way)
		return g->plan.n_prompt;
	return (g->plan.n_prompt - 1) / g->plan.chunk * g->plan.chunk;
}

static int
put_about(struct engine *e, const struct gen *g, struct buf *to)
{
	char engine[IDENTITY_MAX];
	struct cachefile_about a = { .name = str_of(e->m.desc),
		.rule = (uint8_t)g->plan.rule,
		.chunk = g->plan.chunk,
		.turns = { g->plan.turns, g->plan.n_turns },
		.n_prompt = g->plan.n_prompt };
	struct buf adapters;
	int err = ERR_IO;

	if (digested_value(&e->m.file) == NULL)
		return err;
	identity_of_state(&e->m, engine, sizeof(engine));
	a.engine = str_of(engine);
	a.model = as_str(e->m.file.value);
	buf_init(&adapters, ADAPTERS_BYTES);
	put_adapters(g, &adapters);
	a.adapters = buf_str(&adapters);
	layout_pack(&layout_cachefile_about, &a, to);
	err = buf_err(&adapters) != 0 ? buf_err(&adapters) : buf_err(to);
	buf_done(&adapters);
	return err;
}

static int
fill(struct engine *e, const struct gen *g, const struct cachefile_head *h,
    const struct cachefile_parts *parts, struct str about, uint8_t *map)
{
	memcpy(map, h, sizeof(*h));
	memcpy(map + parts->about, about.p, about.n);
	memcpy(map + parts->tokens, g->tokens, sizeof(int32_t) * h->n_tokens);
	if (h->state > 0 &&
	    llama_state_seq_get_data(e->m.ctx, map + parts->state,
		(size_t)h->state, g->seq) != h->state)
		return ERR_INTERNAL;
	digest_memory(map, (size_t)parts->digest, e->p, map + parts->digest);
	return 0;
}

static int
save(struct engine *e, const struct gen *g, int fd, uint64_t *ret_size,
    struct fail *why)
{
	uint32_t n_prompt = g->plan.n_prompt;
	struct cachefile_head h = { .n_tokens = g->n_past > n_prompt ? g->n_past
								     : n_prompt,
		.n_state = g->n_past };
	struct cachefile_parts parts;
	struct stat room;
	struct buf about;
	uint8_t *map;
	int err;

	buf_init(&about, CACHEFILE_ABOUT_MAX);
	err = put_about(e, g, &about);
	h.n_about = (uint32_t)buf_len(&about);
	if (g->n_past > 0)
		h.state = llama_state_seq_get_size(e->m.ctx, g->seq);
	if (err == 0)
		err = cachefile_plan(&h, &parts);
	if (err == 0 && fstat(fd, &room) != 0)
		err = ERR_IO;
	if (err == 0 && h.size > (uint64_t)room.st_size)
		err = fail_set(why, ERR_FILE, "",
		    "it would have %llu bytes, and --prompt-cache-max leaves "
		    "%llu, or the limit on files does (ulimit -f)",
		    (unsigned long long)h.size,
		    (unsigned long long)room.st_size);
	map = err != 0 ? MAP_FAILED
		       : mmap(NULL, (size_t)h.size, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, 0);
	if (err == 0 && map == MAP_FAILED)
		err = ERR_NOMEM;
	if (err == 0)
		err = fill(e, g, &h, &parts, buf_str(&about), map);
	if (map != MAP_FAILED)
		(void)munmap(map, (size_t)h.size);
	buf_done(&about);
	*ret_size = h.size;
	return err;
}

/* Not after its oldest tokens were lost. */
static bool
is_due(const struct gen *g)
{
	return g->save != 0 && g->n_past >= save_at(g) && g->n_whole == 0;
}

void
caches_put(struct engine *e, struct gen *g)
{
	struct cache_save *to;
	struct worker_saved r = { .id = g->save };
	struct fail why = { 0 };

	if (!is_due(g))
		return;
	to = find_save(&e->caches, g->save);
	g->save = 0;
	if (to == NULL)
		return; /* done in another life of this run */
	r.err = save(e, g, to->fd, &r.size, &why);
	if (r.err != 0 && why.code == 0)
		(void)fail_set(&why, r.err, "", "%s", err_text(r.err));
	r.text = str_of(why.text);
	remove_save(&e->caches, to);
	if (e->events.on_saved != NULL)
		e->events.on_saved(e->events.arg, &r);
}
