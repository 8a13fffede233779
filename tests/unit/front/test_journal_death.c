/*
 * A process that writes the journal dies at any instruction, and what a reader
 * finds is what was there before the change under way or after it: nothing
 * half, nothing mixed, nothing lost.
 *
 * Once by kill -9 at random moments, once by single steps: after each
 * instruction that changed the memory it is read as after a death there.
 */
#include "front/journal.h"
#include "front/saved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SIZE (2u * MIB)
#define PLACES 3u /* generations at once */
#define OPS 100000u
#define KILLS 150
#define STEP_SECONDS 4
#define STEPPED (64u * JOURNAL_SLOT) /* bytes that are compared */

/* What a generation is to look like. Tokens and ids are functions of id. */
struct want {
	uint64_t id; /* 0: none */
	uint32_t n_text;
	bool has_origin;
	bool has_prompt;
	uint32_t n_prompt;
	uint32_t n_tokens;
	uint32_t state;
};

struct model {
	uint32_t n_ops;
	struct want at[PLACES];
};

/* One change, as drawn for the k-th. */
struct op {
	enum { OP_START, OP_ORIGIN, OP_PROMPT, OP_TOKEN, OP_STATE, OP_END } is;
	uint32_t place;
	uint32_t n;
};

/* Shared with the writer: changes begun and ended. */
struct told {
	_Atomic uint32_t begun;
	_Atomic uint32_t ended;
};

struct world {
	struct journal j;
	struct told *told;
	struct view view;
	struct saved saved;
	struct model before; /* after told.ended changes */
	struct model after;  /* after told.begun */
	uint32_t seed;
};

static uint32_t
draw(uint32_t seed, uint32_t k)
{
	uint64_t x = ((uint64_t)seed << 32 | k) * 0x9e3779b97f4a7c15u;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return (uint32_t)(x >> 32);
}

/* The k-th change, which makes sense where the model is after k of them. */
static struct op
op_of(const struct model *m, uint32_t seed, uint32_t k)
{
	uint32_t r = draw(seed, k);
	struct op op = { OP_TOKEN, r % PLACES, (r >> 8) % 5000 };
	const struct want *w = &m->at[op.place];

	if (w->id == 0)
		op.is = OP_START;
	else if (!w->has_origin)
		op.is = OP_ORIGIN;
	else if (!w->has_prompt)
		op.is = OP_PROMPT;
	else if (op.n < 20)
		op.is = OP_END;
	else if (op.n < 1000)
		op.is = OP_STATE;
	return op;
}

static void
model_step(struct model *m, uint32_t seed)
{
	struct op op = op_of(m, seed, m->n_ops);
	struct want *w = &m->at[op.place];

	switch (op.is) {
	case OP_START:
		*w = (struct want){ .id = m->n_ops + 1, .n_text = op.n };
		break;
	case OP_ORIGIN:
		w->has_origin = true;
		break;
	case OP_PROMPT:
		w->has_prompt = true;
		w->n_prompt = op.n / 2;
		break;
	case OP_TOKEN:
		w->n_tokens++;
		break;
	case OP_STATE:
		w->state = op.n;
		break;
	case OP_END:
		*w = (struct want){ 0 };
		break;
	}
	m->n_ops++;
}

static void
model_run(struct model *m, uint32_t seed, uint32_t n)
{
	while (m->n_ops < n)
		model_step(m, seed);
}

/*
 * The writer
 */

struct writer {
	struct entry entries[PLACES];
	struct model model;
};

static int
start(struct world *w, struct entry *e, uint64_t id, uint32_t n)
{
	static char text[5000];
	struct gen_submit g = { .gen = id, .prompt = { text, n } };
	struct journal_about a = { .created = id };
	struct buf about, record;
	int err;

	memset(text, (int)('a' + id % 26), sizeof(text));
	buf_init(&about, KIB);
	buf_init(&record, 64 * KIB);
	layout_pack(&layout_journal_about, &a, &about);
	layout_pack(&layout_gen_submit, &g, &record);
	err = entry_new(&w->j, id, buf_str(&about), buf_str(&record), e);
	if (err == 0) {
		e->gen->class = RESUME_EXACT;
		entry_begin(e);
	}
	buf_done(&about);
	buf_done(&record);
	return err;
}

static int
add_origin(struct world *w, struct entry *e)
{
	struct journal_origin o = { .model = 1, .identity = STR("x") };
	struct buf b;
	uint32_t slot;

	buf_init(&b, KIB);
	layout_pack(&layout_journal_origin, &o, &b);
	slot = journal_text_new(
	    &w->j, JOURNAL_ORIGIN, ++w->j.n_origins, buf_str(&b));
	buf_done(&b);
	e->gen->origin = slot;
	return slot == 0 ? ERR_BUSY : 0;
}

static int
add_prompt(struct entry *e, uint32_t n)
{
	static int32_t ids[2500];

	for (uint32_t i = 0; i < n; i++)
		ids[i] = (int32_t)(e->head->id + i);
	return entry_prompt(e, (struct i32s){ 0 }, (struct i32s){ ids, n });
}

static int
add_token(struct entry *e)
{
	struct journal_token t = { .token = (int32_t)e->n_tokens,
		.hash = e->head->id + e->n_tokens,
		.mu = (float)e->n_tokens,
		.flags = JOURNAL_HAS_HASH | JOURNAL_HAS_MU };
	struct journal_token *at;
	int err = entry_token(e, &t, &at);

	if (err == 0)
		at->out = 7;
	return err;
}

static void
end(struct world *w, struct entry *e)
{
	uint32_t origin = e->gen->origin;

	entry_free(e);
	journal_text_free(&w->j, origin);
}

static int
write_op(struct world *w, struct writer *wr, const struct op *op)
{
	struct entry *e = &wr->entries[op->place];

	switch (op->is) {
	case OP_START:
		return start(w, e, wr->model.n_ops + 1, op->n);
	case OP_ORIGIN:
		return add_origin(w, e);
	case OP_PROMPT:
		return add_prompt(e, op->n / 2);
	case OP_TOKEN:
		return add_token(e);
	case OP_STATE:
		e->gen->state = op->n;
		return 0;
	case OP_END:
		end(w, e);
		return 0;
	}
	return ERR_INTERNAL;
}

/* In the child. Stops itself before the change number stop_at. */
static _Noreturn void
write_all(struct world *w, uint32_t stop_at)
{
	static struct writer wr;

	while (wr.model.n_ops < OPS) {
		struct op op = op_of(&wr.model, w->seed, wr.model.n_ops);

		if (wr.model.n_ops == stop_at)
			(void)raise(SIGSTOP);
		w->told->begun = wr.model.n_ops + 1;
		if (write_op(w, &wr, &op) != 0)
			_exit(3);
		model_step(&wr.model, w->seed);
		w->told->ended = wr.model.n_ops;
	}
	_exit(0);
}

/*
 * The reader
 */

static const struct want *
find(const struct model *m, uint64_t id)
{
	for (uint32_t i = 0; i < PLACES; i++)
		if (m->at[i].id == id)
			return &m->at[i];
	return NULL;
}

static bool
is_as_wanted(const struct saved *s, const struct want *w)
{
	const struct gen_submit *g = &s->submit;

	if (w == NULL || g->prompt.n != w->n_text ||
	    s->about.created != w->id || s->words.state != w->state ||
	    (s->words.origin != 0) != w->has_origin ||
	    g->resume != w->has_prompt || g->tokens.n != w->n_prompt ||
	    g->done.n != w->n_tokens)
		return false;
	for (uint32_t i = 0; i < w->n_text; i++)
		if (g->prompt.p[i] != (char)('a' + w->id % 26))
			return false;
	for (uint32_t i = 0; i < w->n_prompt; i++)
		if (g->tokens.p[i] != (int32_t)(w->id + i))
			return false;
	for (uint32_t i = 0; i < w->n_tokens; i++)
		if (g->done.p[i] != (int32_t)i)
			return false;
	return w->n_tokens == 0 || g->mu == (float)(w->n_tokens - 1);
}

static uint32_t
count(const struct model *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < PLACES; i++)
		n += m->at[i].id != 0;
	return n;
}

/* Whether the journal is exactly what m says. */
static bool
is_model(struct world *w, const struct model *m)
{
	uint32_t n = 0;

	for (uint32_t i = view_next(&w->view, 0); i != 0;
	     i = view_next(&w->view, i)) {
		if (saved_read(&w->saved, &w->view, i) != 0 ||
		    !is_as_wanted(&w->saved, find(m, w->saved.id)))
			return false;
		n++;
	}
	return n == count(m);
}

static void
check(struct world *w)
{
	uint32_t begun = w->told->begun;

	w->view.left = UINT64_MAX;
	model_run(&w->before, w->seed, w->told->ended);
	if (w->after.n_ops < w->before.n_ops)
		w->after = w->before;
	model_run(&w->after, w->seed, begun);
	if (!is_model(w, &w->before) && !is_model(w, &w->after))
		fail_msg("seed %u: a death in change %u leaves neither what "
			 "was before nor what is after it",
		    w->seed, begun);
}

static pid_t
start_writer(struct world *w, uint32_t seed, uint32_t stop_at)
{
	pid_t pid;

	w->seed = seed;
	w->told->begun = w->told->ended = 0;
	w->before = w->after = (struct model){ 0 };
	assert_int_equal(journal_begin(&w->j), 0);
	assert_int_equal(view_open(w->j.slots.map, SIZE, &w->view, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (stop_at != UINT32_MAX &&
		    ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(77);
		write_all(w, stop_at);
	}
	return pid;
}

static void
killed_at_random(void **state)
{
	struct world *w = *state;
	uint32_t base = (uint32_t)time(NULL);
	int status;

	for (uint32_t i = 0; i < KILLS; i++) {
		pid_t pid = start_writer(w, base + i, UINT32_MAX);

		(void)usleep(draw(base, i) % 3000);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		check(w);
	}
}

/* Steps the child as long as there is time. False: it ended. */
static bool
step_some(struct world *w, pid_t pid, time_t until, uint64_t *steps)
{
	static uint8_t last[STEPPED];
	int status;

	while (time(NULL) < until) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0)
			return false;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status)) {
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		(*steps)++;
		if (memcmp(last, w->j.slots.map, sizeof(last)) == 0)
			continue;
		memcpy(last, w->j.slots.map, sizeof(last));
		check(w);
	}
	return true;
}

static void
dead_after_each_instruction(void **state)
{
	struct world *w = *state;
	uint32_t base = (uint32_t)time(NULL);
	uint64_t steps = 0;
	int status;

	for (uint32_t i = 0; i < STEP_SECONDS; i++) {
		/* At the very start, and in the middle of it. */
		pid_t pid = start_writer(w, base + i, draw(base, i) % 3000 * i);

		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status)) {
			print_message("ptrace is not allowed here\n");
			skip();
		}
		if (step_some(w, pid, time(NULL) + 1, &steps)) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
		}
		check(w);
	}
	print_message("%llu instructions\n", (unsigned long long)steps);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd;

	assert_int_equal(journal_make(SIZE, &fd), 0);
	assert_int_equal(slots_map(&w->j.slots, fd), 0);
	w->told = mmap(NULL, sizeof(*w->told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(w->told, MAP_FAILED);
	saved_init(&w->saved);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	slots_unmap(&w->j.slots);
	saved_done(&w->saved);
	(void)munmap(w->told, sizeof(*w->told));
	free(w);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(killed_at_random),
		TEST(dead_after_each_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
