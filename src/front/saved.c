#include "front/saved.h"

#include "wire/i32s.h"

#include <string.h>

#define ALIGN 4u
/* Slots are read once, but for those that generations share. */
#define READS_EACH 8u
#define ABOUT_MAX (64u * KIB)
#define TOKENS_MAX (1u << 24) /* of a prompt, or after it */
#define KEEP (1u << 20)	      /* bytes of memory that an empty buf may keep */

static const struct journal_top *
top_of(const struct view *v)
{
	return (const struct journal_top *)v->p;
}

int
view_open(const void *p, size_t n, struct view *ret, struct fail *why)
{
	const struct journal_top *top = p;
	uint64_t magic;

	if (n < JOURNAL_EXTENT || n % JOURNAL_EXTENT != 0 ||
	    n / JOURNAL_EXTENT > JOURNAL_EXTENTS_MAX)
		return fail_set(why, ERR_PROTO, NULL,
		    "it has %zu bytes, which no journal has", n);
	magic = atomic_load_explicit(&top->magic, memory_order_acquire);
	if (magic == 0)
		return fail_set(why, ERR_NOT_FOUND, NULL, "it is empty");
	if (magic != JOURNAL_MAGIC)
		return fail_set(why, ERR_PROTO, NULL, "it is none");
	if (top->version != JOURNAL_VERSION || top->slot != JOURNAL_SLOT ||
	    top->fields != journal_fields())
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "it is of version %u of bulkhead %.*s, this front reads "
		    "version %u of %s%s",
		    top->version, (int)strnlen(top->build, sizeof(top->build)),
		    top->build, JOURNAL_VERSION, BULKHEAD_VERSION,
		    top->version == JOURNAL_VERSION
			? ", and its fields are others"
			: "");
	if (top->size != n)
		return fail_set(
		    why, ERR_PROTO, NULL, "its size is not what it says");
	*ret = (struct view){ p, (uint32_t)(n / JOURNAL_SLOT),
		n / JOURNAL_SLOT * READS_EACH };
	return 0;
}

/* A slot that may be looked at: where there is no memory a look takes some. */
static bool
is_here(const struct view *v, uint32_t slot)
{
	uint32_t i = slot / JOURNAL_EXTENT_SLOTS;

	return slot > 0 && slot < v->n_slots &&
	    (atomic_load_explicit(
		 &top_of(v)->extents[i / 64], memory_order_relaxed) >>
		i % 64) &
	    1;
}

static const struct journal_slot *
slot_at(const struct view *v, uint32_t slot)
{
	return (
	    const struct journal_slot *)(v->p + (size_t)slot * JOURNAL_SLOT);
}

uint32_t
view_next(const struct view *v, uint32_t from)
{
	for (uint32_t i = from + 1; i < v->n_slots; i++) {
		if (i % JOURNAL_EXTENT_SLOTS == 0 && !is_here(v, i)) {
			i += JOURNAL_EXTENT_SLOTS - 1;
			continue;
		}
		if (is_here(v, i) &&
		    atomic_load_explicit(&slot_at(v, i)->kind,
			memory_order_acquire) == JOURNAL_GEN)
			return i;
	}
	return 0;
}

/* The whole slot, so that what is checked is what is used. */
static bool
copy_slot(struct view *v, uint32_t slot, struct journal_slot *ret)
{
	if (v->left == 0 || !is_here(v, slot))
		return false;
	v->left--;
	memcpy(ret, slot_at(v, slot), sizeof(*ret));
	return true;
}

/* A chain's first slot may be anywhere, the others count up from it: no chain
 * can be a ring. */
struct chain {
	struct view *view;
	enum journal_kind kind;
	uint64_t id;
	uint32_t each; /* bytes of one thing */
};

static int
take_chain(const struct chain *c, uint32_t slot, uint32_t seq, struct buf *out)
{
	struct journal_slot s;

	for (; slot != 0; slot = s.next, seq++) {
		if (!copy_slot(c->view, slot, &s) || s.kind != c->kind ||
		    s.id != c->id || s.seq != seq || s.used > JOURNAL_DATA ||
		    s.used % c->each != 0)
			return ERR_PROTO;
		buf_put(out, s.bytes, s.used);
		if (buf_err(out) != 0)
			return buf_err(out) == ERR_NOMEM ? ERR_NOMEM
							 : ERR_PROTO;
	}
	return 0;
}

static size_t
aligned(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static int
take_text(struct saved *s, struct view *v, const struct journal_slot *head)
{
	struct chain c = { v, JOURNAL_TEXT, s->id, 1 };
	size_t about = aligned(s->words.n_about);
	int err;

	if (head->used > JOURNAL_HEAD || head->seq != 0 ||
	    s->words.n_about > ABOUT_MAX)
		return ERR_PROTO;
	buf_put(&s->text, head->head, head->used);
	err = take_chain(&c, head->next, 1, &s->text);
	if (err != 0)
		return err;
	if (buf_err(&s->text) != 0)
		return ERR_NOMEM;
	if (buf_len(&s->text) != about + s->words.n_record)
		return ERR_PROTO;
	/* Its arrays are aligned to where it begins, so it begins aligned. */
	err = layout_unpack(&layout_journal_about, &s->about,
	    buf_data(&s->text), s->words.n_about);
	return err != 0 ? err
			: layout_unpack(&layout_gen_submit, &s->submit,
			      buf_data(&s->text) + about, s->words.n_record);
}

static int
check_words(const struct saved *s)
{
	const struct saved_words *w = &s->words;

	if (s->submit.gen != s->id || w->is_parked > 1 || w->is_cancelled > 1 ||
	    w->was_started > 1 || w->class < RESUME_EXACT ||
	    w->class > RESUME_FAST)
		return ERR_PROTO;
	return 0;
}

/* The hashes of the last tokens, as far back as there is one for each. */
static void
collect_hashes(struct saved *s, const struct journal_token *t, uint32_t n)
{
	uint32_t from = n;

	while (from > 0 && n - from < SAVED_HASHES &&
	    (t[from - 1].flags & JOURNAL_HAS_HASH))
		from--;
	for (; from < n; from++)
		buf_put_u64(&s->hashes, t[from].hash);
}

static int
take_tokens(struct saved *s, struct view *v)
{
	struct chain c = { v, JOURNAL_TOKENS, s->id,
		sizeof(struct journal_token) };
	int err = take_chain(&c, s->words.tokens, 0, &s->tokens);
	const struct journal_token *t = (const void *)buf_data(&s->tokens);

	if (err != 0)
		return err;
	s->n_tokens = (uint32_t)(buf_len(&s->tokens) / sizeof(*t));
	for (uint32_t i = 0; i < s->n_tokens; i++) {
		buf_put_i32(&s->done, t[i].token);
		if (t[i].flags & JOURNAL_HAS_MU)
			s->submit.mu = t[i].mu;
	}
	collect_hashes(s, t, s->n_tokens);
	return buf_err(&s->done) != 0 || buf_err(&s->hashes) != 0 ? ERR_NOMEM
								  : 0;
}

/* How many turns, their ends, the ids. */
static int
split_prompt(struct saved *s)
{
	struct i32s all = i32s_in(&s->prompt), turns, ids;

	if (all.n == 0 || all.p[0] < 0 || (uint32_t)all.p[0] >= all.n)
		return ERR_PROTO;
	turns = (struct i32s){ all.p + 1, (uint32_t)all.p[0] };
	ids = (struct i32s){ turns.p + turns.n, all.n - 1 - turns.n };
	if (!msg_turns_fit(turns, ids.n))
		return ERR_PROTO;
	s->n_prompt = ids.n;
	s->submit.tokens = ids;
	s->submit.turns = turns;
	return 0;
}

static int
take_prompt(struct saved *s, struct view *v)
{
	struct chain c = { v, JOURNAL_PROMPT, s->id, sizeof(int32_t) };
	int err;

	if (s->words.prompt == 0)
		return s->words.tokens == 0 && s->words.rows == 0 ? 0
								  : ERR_PROTO;
	err = take_chain(&c, s->words.prompt, 0, &s->prompt);
	if (err == 0)
		err = split_prompt(s);
	if (err == 0)
		err = take_tokens(s, v);
	if (err != 0)
		return err;
	/* Of a prompt that the engine alone can count, any number. */
	if (s->n_prompt > 0 && s->words.rows > s->n_prompt)
		return ERR_PROTO;
	s->submit.resume = 1;
	s->submit.history = (struct i32s){ 0 };
	s->submit.done = i32s_in(&s->done);
	s->submit.hashes = buf_str(&s->hashes);
	s->submit.rows_done = s->words.rows;
	return 0;
}

/* It is shared, so its slots have an id of their own. */
static int
take_origin(struct saved *s, struct view *v)
{
	struct chain c = { v, JOURNAL_ORIGIN, 0, 1 };
	struct journal_slot first;
	int err;

	s->origin = (struct journal_origin){ 0 };
	if (s->words.origin == 0)
		return s->words.prompt == 0 ? 0 : ERR_PROTO;
	if (!copy_slot(v, s->words.origin, &first))
		return ERR_PROTO;
	c.id = first.id;
	err = take_chain(&c, s->words.origin, 0, &s->where);
	return err != 0 ? err
			: layout_unpack(&layout_journal_origin, &s->origin,
			      buf_data(&s->where), buf_len(&s->where));
}

/* They may be gone while the generation still is there. */
static void
take_conn(struct saved *s, struct view *v)
{
	struct journal_slot c;

	s->has_conn = copy_slot(v, s->about.conn_slot, &c) &&
	    c.kind == JOURNAL_CONN && c.id == s->about.conn;
	s->made = s->has_conn ? c.conn.made : 0;
	s->intent = s->has_conn ? c.conn.intent : 0;
	s->sent = s->has_conn ? c.conn.sent : 0;
}

static void
reset(struct saved *s)
{
	buf_reset(&s->text);
	buf_reset(&s->where);
	buf_reset(&s->prompt);
	buf_reset(&s->tokens);
	buf_reset(&s->done);
	buf_reset(&s->hashes);
	s->n_prompt = s->n_tokens = 0;
}

int
saved_read(struct saved *s, struct view *v, uint32_t slot)
{
	struct journal_slot head;
	int err;

	if (!copy_slot(v, slot, &head) || head.kind != JOURNAL_GEN)
		return ERR_PROTO;
	reset(s);
	s->id = head.id;
#define SAVED_COPY(off, name, what) s->words.name = head.gen.name;
	JOURNAL_GEN_FIELDS(SAVED_COPY)
#undef SAVED_COPY
	err = take_text(s, v, &head);
	if (err == 0)
		err = check_words(s);
	s->first = s->submit;
	if (err == 0)
		err = take_origin(s, v);
	if (err == 0)
		err = take_prompt(s, v);
	if (err == 0)
		take_conn(s, v);
	return err;
}

int
saved_read_own(struct saved *s, const struct journal *j, const struct entry *e)
{
	struct view v = { (const uint8_t *)j->slots.map,
		j->slots.n_extents * JOURNAL_EXTENT_SLOTS, UINT64_MAX };

	return saved_read(s, &v, slots_number(&j->slots, e->head));
}

void
saved_init(struct saved *s)
{
	*s = (struct saved){ 0 };
	buf_init(&s->text, (size_t)msg_row(MSG_GEN_SUBMIT)->max + ABOUT_MAX);
	buf_init(&s->where, ABOUT_MAX);
	buf_init(&s->prompt, (size_t)TOKENS_MAX * sizeof(int32_t));
	buf_init(&s->tokens, (size_t)TOKENS_MAX * sizeof(struct journal_token));
	buf_init(&s->done, (size_t)TOKENS_MAX * sizeof(int32_t));
	buf_init(&s->hashes, SAVED_HASHES * sizeof(uint64_t));
}

void
saved_done(struct saved *s)
{
	buf_done(&s->text);
	buf_done(&s->where);
	buf_done(&s->prompt);
	buf_done(&s->tokens);
	buf_done(&s->done);
	buf_done(&s->hashes);
}

static void
trim(struct buf *b)
{
	if (b->cap > KEEP)
		buf_trim(b);
}

void
saved_trim(struct saved *s)
{
	trim(&s->text);
	trim(&s->where);
	trim(&s->prompt);
	trim(&s->tokens);
	trim(&s->done);
	trim(&s->hashes);
}
