/*
 * The journal by itself: what is written is read back, a version that is not
 * ours is refused, it says when it is full and gives its memory back.
 */
#include "front/journal.h"
#include "front/saved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SIZE (8u * MIB)

struct world {
	struct journal j;
	struct saved s;
	struct view v;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd;

	assert_int_equal(journal_make(SIZE, &fd), 0);
	assert_int_equal(slots_map(&w->j.slots, fd), 0);
	assert_int_equal(
	    view_open(w->j.slots.map, SIZE, &w->v, NULL), ERR_NOT_FOUND);
	assert_int_equal(journal_begin(&w->j), 0);
	assert_int_equal(view_open(w->j.slots.map, SIZE, &w->v, NULL), 0);
	saved_init(&w->s);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	slots_unmap(&w->j.slots);
	saved_done(&w->s);
	free(w);
	return 0;
}

/* Once all is given back that can be. */
static uint64_t
resident(struct world *w)
{
	struct stat st;

	while (!slots_are_tidy(&w->j.slots))
		slots_tidy(&w->j.slots);
	assert_int_equal(fstat(w->j.slots.fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* A generation whose prompt has n bytes of text. */
static int
write_one(struct world *w, uint64_t id, size_t n, struct entry *ret)
{
	char *prompt = malloc(n + 1);
	struct gen_submit g = { .gen = id,
		.seed = id * 3,
		.prompt = { prompt, n },
		.grammar = STR("root ::= \"a\"") };
	struct journal_about a = { .model = 7,
		.name = STR("demo"),
		.request = STR("cmpl-1"),
		.created = 1234,
		.out_start = 99 };
	struct buf about, record;
	int err;

	for (size_t i = 0; i < n; i++)
		prompt[i] = (char)('a' + i % 23);
	buf_init(&about, MIB);
	buf_init(&record, 64 * MIB);
	layout_pack(&layout_journal_about, &a, &about);
	layout_pack(&layout_gen_submit, &g, &record);
	err = entry_new(&w->j, id, buf_str(&about), buf_str(&record), ret);
	if (err == 0) {
		ret->gen->state = 1;
		ret->gen->class = RESUME_EXACT;
		entry_begin(ret);
	}
	buf_done(&about);
	buf_done(&record);
	free(prompt);
	return err;
}

static void
with_origin(struct world *w, struct entry *e)
{
	struct journal_origin o = { .model = 7, .identity = STR("this build") };
	struct buf b;

	buf_init(&b, KIB);
	layout_pack(&layout_journal_origin, &o, &b);
	e->gen->origin =
	    journal_text_new(&w->j, JOURNAL_ORIGIN, 5, buf_str(&b));
	assert_int_not_equal(e->gen->origin, 0);
	buf_done(&b);
}

static void
with_prompt(struct world *w, struct entry *e, uint32_t n)
{
	int32_t *ids = calloc(n + 1, sizeof(*ids));

	with_origin(w, e);
	for (uint32_t i = 0; i < n; i++)
		ids[i] = (int32_t)(i * 7);
	assert_int_equal(
	    entry_prompt(e, (struct i32s){ 0 }, (struct i32s){ ids, n }), 0);
	free(ids);
}

static int
with_token(struct entry *e, int32_t token)
{
	struct journal_token t = { .hash = (uint64_t)token << 33 | 1,
		.token = token,
		.mu = (float)token / 2,
		.flags = JOURNAL_HAS_HASH | JOURNAL_HAS_MU };
	struct journal_token *at;
	int err = entry_token(e, &t, &at);

	if (err == 0)
		at->out = (uint32_t)token * 10;
	return err;
}

static void
read_first(struct world *w)
{
	uint32_t slot = view_next(&w->v, 0);

	assert_int_not_equal(slot, 0);
	assert_int_equal(saved_read(&w->s, &w->v, slot), 0);
}

static void
what_is_written_is_read(void **state)
{
	static const size_t texts[] = { 0, 1, JOURNAL_HEAD - 600, JOURNAL_HEAD,
		JOURNAL_DATA * 3, 2 * MIB };
	struct world *w = *state;
	struct entry e;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint32_t n = (uint32_t)texts[i] / 100 + 1;

		assert_int_equal(write_one(w, 10 + i, texts[i], &e), 0);
		read_first(w);
		assert_int_equal(w->s.id, 10 + i);
		assert_int_equal(w->s.submit.seed, (10 + i) * 3);
		assert_int_equal(w->s.submit.prompt.n, texts[i]);
		assert_int_equal(w->s.submit.resume, 0);
		assert_true(str_is(w->s.about.request, "cmpl-1"));
		assert_int_equal(w->s.about.created, 1234);
		with_prompt(w, &e, n);
		for (int32_t t = 1; t <= (int32_t)n; t++)
			assert_int_equal(with_token(&e, t), 0);
		e.gen->deaths = 2;
		read_first(w);
		assert_true(str_is(w->s.origin.identity, "this build"));
		assert_int_equal(w->s.words.deaths, 2);
		assert_int_equal(w->s.submit.resume, 1);
		assert_int_equal(w->s.submit.tokens.n, n);
		assert_int_equal(w->s.submit.tokens.p[n - 1], (n - 1) * 7);
		assert_int_equal(w->s.submit.done.n, n);
		assert_int_equal(w->s.submit.done.p[n - 1], n);
		assert_true(w->s.submit.mu == (float)n / 2);
		assert_int_equal(w->s.submit.hashes.n, 8 * (n < 8 ? n : 8));
		journal_text_free(&w->j, e.gen->origin);
		entry_free(&e);
		assert_int_equal(view_next(&w->v, 0), 0);
		assert_int_equal(w->j.slots.n_used, 0);
	}
	assert_int_equal(resident(w), JOURNAL_EXTENT);
}

/* As far back as each token has one. */
static void
hashes_have_no_gap(void **state)
{
	struct journal_token bare = { .token = 1 };
	struct journal_token *at;
	struct world *w = *state;
	struct entry e;
	uint64_t hash;

	assert_int_equal(write_one(w, 1, 0, &e), 0);
	with_prompt(w, &e, 0);
	assert_int_equal(with_token(&e, 5), 0);
	assert_int_equal(entry_token(&e, &bare, &at), 0);
	read_first(w);
	assert_int_equal(w->s.submit.hashes.n, 0);
	assert_int_equal(with_token(&e, 6), 0);
	assert_int_equal(with_token(&e, 7), 0);
	read_first(w);
	assert_int_equal(w->s.submit.hashes.n, 16);
	memcpy(&hash, w->s.submit.hashes.p + 8, sizeof(hash));
	assert_true(hash == (7ull << 33 | 1));
	assert_int_equal(w->s.submit.done.n, 4);
}

static void
counts_of_a_connection_are_found(void **state)
{
	struct world *w = *state;
	struct journal_conn *c = journal_conn_new(&w->j);
	struct journal_about a = { .conn = journal_conn_id(c),
		.conn_slot = journal_conn_slot(&w->j, c) };
	struct gen_submit g = { .gen = 1 };
	struct buf about, record;
	struct entry e;

	buf_init(&about, KIB);
	buf_init(&record, KIB);
	layout_pack(&layout_journal_about, &a, &about);
	layout_pack(&layout_gen_submit, &g, &record);
	assert_int_equal(
	    entry_new(&w->j, 1, buf_str(&about), buf_str(&record), &e), 0);
	e.gen->class = RESUME_FAST;
	entry_begin(&e);
	journal_count(&c->made, 30);
	journal_count(&c->intent, 20);
	journal_count(&c->sent, 10);
	read_first(w);
	assert_true(w->s.has_conn);
	assert_int_equal(w->s.made, 30);
	assert_int_equal(w->s.intent, 20);
	assert_int_equal(w->s.sent, 10);
	journal_conn_free(&w->j, c);
	read_first(w);
	assert_false(w->s.has_conn);
	buf_done(&about);
	buf_done(&record);
}

/* Refused where it cannot hold more; nothing that is there suffers. */
static void
full_is_said(void **state)
{
	static struct entry all[SIZE / JOURNAL_SLOT];
	struct world *w = *state;
	uint32_t n = 0, used;
	struct entry e;

	while (journal_has_room(&w->j)) {
		assert_int_equal(write_one(w, n + 1, 100, &all[n]), 0);
		n++;
	}
	/* What runs still has room for its prompt and tokens. */
	with_prompt(w, &all[0], 1);
	for (int32_t t = 0; with_token(&all[0], t) == 0; t++)
		;
	assert_int_equal(w->j.slots.n_used, slots_count(&w->j.slots));
	assert_int_equal(write_one(w, 9999, 0, &e), ERR_BUSY);
	assert_null(journal_conn_new(&w->j));
	read_first(w);
	assert_true(w->s.n_tokens > SIZE / JOURNAL_SLOT / 9 * 100);
	entry_free(&all[1]);
	used = w->j.slots.n_used;
	assert_int_equal(write_one(w, 9999, 3 * JOURNAL_SLOT, &e), ERR_BUSY);
	assert_int_equal(w->j.slots.n_used, used);
	for (uint32_t i = 0; i < n; i++)
		entry_free(&all[i]);
}

/* However often it was full. */
static void
memory_is_given_back(void **state)
{
	struct world *w = *state;
	struct entry e[2];

	for (int i = 0; i < 20; i++) {
		assert_int_equal(write_one(w, 1, 2 * MIB, &e[0]), 0);
		assert_int_equal(write_one(w, 2, 3 * MIB, &e[1]), 0);
		assert_true(resident(w) > 5 * MIB);
		entry_free(&e[0]);
		entry_free(&e[1]);
		assert_int_equal(resident(w), JOURNAL_EXTENT);
	}
}

static void
another_version_is_refused(void **state)
{
	struct world *w = *state;
	struct journal_top *top = (void *)w->j.slots.map;
	struct fail why;

	top->fields++;
	assert_int_equal(view_open(top, SIZE, &w->v, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "fields are others"));
	top->fields--;
	top->version++;
	assert_int_equal(view_open(top, SIZE, &w->v, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "version 3"));
	top->version--;
	top->size++;
	assert_int_equal(view_open(top, SIZE, &w->v, &why), ERR_PROTO);
	top->magic = 5;
	assert_int_equal(view_open(top, SIZE, &w->v, &why), ERR_PROTO);
	assert_int_equal(view_open(top, 100, &w->v, &why), ERR_PROTO);
}

/* What a damaged chain is, is seen: the rest of a journal is not. */
static void
damage_is_seen(void **state)
{
	struct world *w = *state;
	struct journal_slot *first;
	struct entry e;
	uint32_t slot;

	assert_int_equal(write_one(w, 1, 3 * JOURNAL_SLOT, &e), 0);
	with_prompt(w, &e, 10);
	slot = view_next(&w->v, 0);
	first = e.head;
#define DAMAGE(lvalue, value)                                                \
	do {                                                                 \
		uint32_t was = lvalue;                                       \
		assert_int_equal(saved_read(&w->s, &w->v, slot), 0);         \
		lvalue = (value);                                            \
		assert_int_equal(saved_read(&w->s, &w->v, slot), ERR_PROTO); \
		lvalue = was;                                                \
	} while (0)
	DAMAGE(first->next, slot);
	DAMAGE(first->next, UINT32_MAX);
	DAMAGE(first->next, 0);
	DAMAGE(first->used, JOURNAL_SLOT);
	DAMAGE(first->gen.n_about, UINT32_MAX);
	DAMAGE(first->gen.n_record, 3);
	DAMAGE(first->gen.class, 9);
	DAMAGE(first->gen.origin, 0);
	DAMAGE(first->gen.origin, slot);
	DAMAGE(first->gen.tokens, first->gen.prompt);
	DAMAGE(first->gen.rows, 11);
	DAMAGE(w->j.slots.map[first->next].next, first->next);
	DAMAGE(w->j.slots.map[first->gen.prompt].used, 3);
#undef DAMAGE
	assert_int_equal(saved_read(&w->s, &w->v, 0), ERR_PROTO);
	assert_int_equal(saved_read(&w->s, &w->v, UINT32_MAX), ERR_PROTO);
}

/* However many claim the same chain, reading them ends soon. */
static void
shared_chain_is_not_read_for_ever(void **state)
{
	struct world *w = *state;
	uint32_t n_whole = 0, n_all = 0;
	struct entry e;

	assert_int_equal(write_one(w, 1, 4 * MIB, &e), 0);
	for (int i = 0; i < 500; i++)
		memcpy(slots_at(&w->j.slots, slots_take(&w->j.slots)), e.head,
		    JOURNAL_SLOT);
	for (uint32_t i = view_next(&w->v, 0); i != 0;
	     i = view_next(&w->v, i)) {
		n_whole += saved_read(&w->s, &w->v, i) == 0;
		n_all++;
	}
	assert_int_equal(n_all, 501);
	assert_in_range(n_whole, 1, 16);
}

/* Nobody can cut it under a reader, or make it grow. */
static void
file_is_sealed(void **state)
{
	struct world *w = *state;
	struct slots other;
	int fd;

	assert_int_equal(ftruncate(w->j.slots.fd, 0), -1);
	assert_int_equal(ftruncate(w->j.slots.fd, 2 * SIZE), -1);
	fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(slots_map(&other, fd), ERR_PROTO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(hashes_have_no_gap),
		TEST(counts_of_a_connection_are_found),
		TEST(full_is_said),
		TEST(memory_is_given_back),
		TEST(another_version_is_refused),
		TEST(damage_is_seen),
		TEST(shared_chain_is_not_read_for_ever),
		TEST(file_is_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
