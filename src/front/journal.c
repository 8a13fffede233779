#include "front/journal.h"

#include <string.h>

#define ALIGN 4u

int
journal_begin(struct journal *j)
{
	return slots_clear(&j->slots, BULKHEAD_VERSION);
}

/* An eighth is kept for the tokens of what runs. */
bool
journal_has_room(const struct journal *j)
{
	uint32_t n = slots_count(&j->slots);

	return j->slots.n_used < n - n / 8;
}

static void
store(_Atomic uint32_t *at, uint32_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

/* A slot that nothing leads to yet; NULL if there is none. Its kind is that of
 * a chain's slot, or none: whoever takes it for a first one sets it last. */
static struct journal_slot *
slot_new(struct journal *j, enum journal_kind kind, uint64_t id, uint32_t seq)
{
	uint32_t i = slots_take(&j->slots);
	struct journal_slot *s;

	if (i == 0)
		return NULL;
	s = slots_at(&j->slots, i);
	store(&s->kind, kind);
	s->seq = seq;
	s->id = id;
	store(&s->next, 0);
	store(&s->used, 0);
	memset(s->reserved, 0, sizeof(s->reserved));
	return s;
}

/* Gives back a slot and all that follow it in its chain. */
static void
free_chain(struct journal *j, uint32_t i)
{
	while (i != 0) {
		uint32_t next = slots_at(&j->slots, i)->next;

		slots_give(&j->slots, i);
		i = next;
	}
}

/* Where bytes go that fill a chain; nothing of it counts yet. */
struct writer {
	struct journal *in;
	struct journal_slot *at;
	uint8_t *data;
	uint32_t room;
	enum journal_kind kind; /* of the slots to come */
};

static int
write_bytes(struct writer *w, const void *p, size_t n)
{
	const uint8_t *from = p;

	while (n > 0) {
		uint32_t used = w->at->used;
		size_t part = w->room - used < n ? w->room - used : n;

		if (part == 0) {
			struct journal_slot *s =
			    slot_new(w->in, w->kind, w->at->id, w->at->seq + 1);

			if (s == NULL)
				return ERR_BUSY;
			store(&w->at->next, slots_number(&w->in->slots, s));
			w->at = s;
			w->data = s->bytes;
			w->room = JOURNAL_DATA;
			continue;
		}
		memcpy(w->data + used, from, part);
		store(&w->at->used, used + (uint32_t)part);
		from += part;
		n -= part;
	}
	return 0;
}

static int
write_text(struct entry *e, struct str about, struct str record)
{
	static const uint8_t zero[ALIGN];
	struct writer w = { e->in, e->head, e->head->head, JOURNAL_HEAD,
		JOURNAL_TEXT };
	size_t odd = about.n % ALIGN;
	int err = write_bytes(&w, about.p, about.n);

	if (err == 0 && odd != 0)
		err = write_bytes(&w, zero, ALIGN - odd);
	return err != 0 ? err : write_bytes(&w, record.p, record.n);
}

int
entry_new(struct journal *j, uint64_t id, struct str about, struct str record,
    struct entry *ret)
{
	struct journal_slot *head = slot_new(j, JOURNAL_FREE, id, 0);
	struct entry e = { .in = j, .head = head };

	if (head == NULL)
		return ERR_BUSY;
	memset(&head->gen, 0, sizeof(head->gen));
	e.gen = &head->gen;
	e.gen->n_about = (uint32_t)about.n;
	e.gen->n_record = (uint32_t)record.n;
	if (write_text(&e, about, record) != 0) {
		entry_free(&e);
		return ERR_BUSY;
	}
	*ret = e;
	return 0;
}

void
entry_begin(struct entry *e)
{
	store(&e->head->kind, JOURNAL_GEN);
}

/* Several texts, one after the other. */
static uint32_t
chain_new(struct journal *j, enum journal_kind kind, uint64_t id,
    const struct str *texts, size_t n)
{
	struct journal_slot *first = slot_new(j, kind, id, 0);
	struct writer w = { j, first, NULL, JOURNAL_DATA, kind };
	int err = 0;

	if (first == NULL)
		return 0;
	w.data = first->bytes;
	for (size_t i = 0; i < n && err == 0; i++)
		err = write_bytes(&w, texts[i].p, texts[i].n);
	if (err != 0) {
		journal_text_free(j, slots_number(&j->slots, first));
		return 0;
	}
	return slots_number(&j->slots, first);
}

uint32_t
journal_text_new(
    struct journal *j, enum journal_kind kind, uint64_t id, struct str text)
{
	return chain_new(j, kind, id, &text, 1);
}

void
journal_text_free(struct journal *j, uint32_t slot)
{
	free_chain(j, slot);
}

static struct str
bytes_of(struct i32s v)
{
	return (struct str){ (const char *)v.p, (size_t)v.n * sizeof(v.p[0]) };
}

int
entry_prompt(struct entry *e, struct i32s turns, struct i32s ids)
{
	const int32_t n_turns = (int32_t)turns.n;
	const struct str all[] = { bytes_of((struct i32s){ &n_turns, 1 }),
		bytes_of(turns), bytes_of(ids) };
	uint32_t slot = chain_new(e->in, JOURNAL_PROMPT, e->head->id, all, 3);

	if (slot == 0)
		return ERR_BUSY;
	e->n_prompt = ids.n;
	store(&e->gen->prompt, slot);
	return 0;
}

int
entry_token(
    struct entry *e, const struct journal_token *t, struct journal_token **ret)
{
	struct journal *j = e->in;
	struct journal_slot *s = e->tail;
	uint32_t used = s == NULL
	    ? 0
	    : atomic_load_explicit(&s->used, memory_order_relaxed);
	bool is_new = s == NULL || used / sizeof(*t) == JOURNAL_TOKENS_EACH;
	struct journal_token *at;

	if (is_new) {
		s = slot_new(
		    j, JOURNAL_TOKENS, e->head->id, s == NULL ? 0 : s->seq + 1);
		if (s == NULL)
			return ERR_BUSY;
		used = 0;
	}
	at = &s->tokens[used / sizeof(*t)];
	at->hash = t->hash;
	at->token = t->token;
	at->mu = t->mu;
	at->flags = t->flags;
	atomic_store_explicit(&at->out, 0, memory_order_relaxed);
	store(&s->used, used + (uint32_t)sizeof(*t));
	if (is_new)
		store(e->tail == NULL ? &e->gen->tokens : &e->tail->next,
		    slots_number(&j->slots, s));
	e->tail = s;
	e->n_tokens++;
	*ret = at;
	return 0;
}

void
entry_free(struct entry *e)
{
	struct journal *j = e->in;

	if (e->head == NULL)
		return;
	/* From here on nothing leads to any of its slots. */
	store(&e->head->kind, JOURNAL_FREE);
	free_chain(j, e->gen->prompt);
	free_chain(j, e->gen->tokens);
	free_chain(j, slots_number(&j->slots, e->head));
	*e = (struct entry){ 0 };
}

static struct journal_slot *
slot_of(const struct journal_conn *c)
{
	return (struct journal_slot *)((uintptr_t)c -
	    offsetof(struct journal_slot, conn));
}

struct journal_conn *
journal_conn_new(struct journal *j)
{
	struct journal_slot *s = slot_new(j, JOURNAL_FREE, ++j->n_conns, 0);

	if (s == NULL)
		return NULL;
	memset(&s->conn, 0, sizeof(s->conn));
	store(&s->used, sizeof(s->conn));
	store(&s->kind, JOURNAL_CONN);
	return &s->conn;
}

void
journal_conn_free(struct journal *j, struct journal_conn *c)
{
	if (c == NULL)
		return;
	store(&slot_of(c)->kind, JOURNAL_FREE);
	slots_give(&j->slots, slots_number(&j->slots, slot_of(c)));
}

uint64_t
journal_conn_id(const struct journal_conn *c)
{
	return slot_of(c)->id;
}

uint32_t
journal_conn_slot(const struct journal *j, const struct journal_conn *c)
{
	return slots_number(&j->slots, slot_of(c));
}
