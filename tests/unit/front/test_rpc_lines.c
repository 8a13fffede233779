/*
 * Whatever happens in whatever order on a connection whose runs want text,
 * rows and memfds at once: each line is JSON, each run ends once, and the rows
 * that a reply tells of are in it.
 */
#include "rows_world.h"

#include "json/read.h"

#define RUNS_MOST 512u	 /* of one play */
#define INSIDE_MOST 64u	 /* that the worker has */
#define FIRST_ASKED 1000 /* ids of calls that are no runs */

/* What the worker has. */
struct inside {
	uint64_t gen;
	enum gen_mode mode;
	uint32_t n_rows; /* given */
	bool is_started;
	bool is_parked;
	bool is_cancelled;
};

struct play {
	struct world *w;
	struct inside in[INSIDE_MOST];
	uint32_t n_in;
	uint32_t n_runs;
	uint32_t n_asked;
	uint32_t n_deaths;
	uint64_t dice;
	struct buf text; /* that the client has read */
};

static uint32_t
roll(struct play *p, uint32_t n)
{
	p->dice = p->dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(p->dice >> 33) % n;
}

static void
forget(struct play *p, struct inside *i)
{
	*i = p->in[--p->n_in];
}

static struct inside *
inside_of(struct play *p, uint64_t gen)
{
	for (uint32_t i = 0; i < p->n_in; i++)
		if (p->in[i].gen == gen)
			return &p->in[i];
	return NULL;
}

/* What the front has said to the worker. */
static void
take(struct play *p)
{
	struct frame fr;

	turn(p->w);
	while (p->w->worker != NULL && chan_recv(p->w->worker, &fr) == 0) {
		struct gen_cancel c = { 0 };
		struct gen_submit s;
		struct inside *i;

		if (fr.msg == MSG_GEN_SUBMIT) {
			assert_int_equal(frame_unpack(&fr, &s), 0);
			assert_true(p->n_in < INSIDE_MOST);
			p->in[p->n_in++] = (struct inside){ .gen = s.gen,
				.mode = (enum gen_mode)s.mode,
				.n_rows = s.rows_done };
			continue;
		}
		assert_int_equal(frame_unpack(&fr, &c), 0);
		i = inside_of(p, c.gen);
		if (i != NULL && fr.msg == MSG_GEN_CANCEL)
			i->is_cancelled = true;
		else if (i != NULL)
			i->is_parked = fr.msg == MSG_GEN_PARK;
	}
}

static void
give_rows(struct play *p, struct inside *i, uint32_t n)
{
	uint32_t cols = i->mode == MODE_HIDDEN ? 2 : 3;

	if (i->n_rows + n > 3)
		n = 3 - i->n_rows;
	if (n > 0)
		worker_gives(p->w, i->gen, i->mode, i->n_rows,
		    v + i->n_rows * cols, n * cols);
	i->n_rows += n;
}

static void
finish(struct play *p, struct inside *i)
{
	if (!i->is_started)
		worker_starts(p->w, i->gen);
	if (i->mode != MODE_GENERATE && !i->is_cancelled)
		give_rows(p, i, 3);
	worker_ends(p->w, i->gen,
	    i->is_cancelled		   ? REASON_CANCEL
		: i->mode == MODE_GENERATE ? REASON_EOS
					   : REASON_LENGTH,
	    "");
	forget(p, i);
}

/* One that is parked gives a little all the same: it was on its way. */
static void
work(struct play *p)
{
	struct inside *i = p->n_in > 0 ? &p->in[roll(p, p->n_in)] : NULL;

	if (i == NULL || (i->is_parked && roll(p, 4) > 0))
		return;
	if (!i->is_started) {
		worker_starts(p->w, i->gen);
		i->is_started = true;
	} else if (i->mode == MODE_GENERATE) {
		worker_steps(p->w, i->gen, 5, "text", 0);
	} else {
		give_rows(p, i, 1 + roll(p, 3));
	}
	if (i->is_started && roll(p, 4) == 0)
		finish(p, i);
}

static void
start_run(struct play *p)
{
	char text[256];

	if (p->n_runs == RUNS_MOST)
		return;
	(void)snprintf(text, sizeof(text),
	    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"rkllm.run\","
	    "\"params\":[{\"prompt_input\":\"x\"},{\"mode\":%u,"
	    "\"arrays\":\"%s\"}]}\n",
	    p->n_runs++, roll(p, 3), roll(p, 3) == 0 ? "memfd" : "json");
	say(p->w, text);
}

static void
ask(struct play *p)
{
	static const char *const what[] = { "rkllm.is_running",
		"rkllm.get_constants", "rkllm.abort", "no.such" };
	char text[256];

	(void)snprintf(text, sizeof(text),
	    "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\"}\n",
	    FIRST_ASKED + p->n_asked++, what[roll(p, 4)]);
	say(p->w, text);
}

static void
fail_one(struct play *p)
{
	struct inside *i = p->n_in > 0 ? &p->in[roll(p, p->n_in)] : NULL;

	if (i == NULL)
		return;
	worker_fails(p->w, i->gen, ERR_INTERNAL, "", "no");
	forget(p, i);
}

static void
die(struct play *p)
{
	if (p->n_deaths++ > 1)
		return;
	chan_free(p->w->worker);
	p->w->worker = NULL;
	p->n_in = 0;
	turn(p->w);
	model_is(p->w, MODEL_RESTARTING, 0);
	model_is(p->w, MODEL_UP, 0);
}

static void
read_some(struct play *p)
{
	const char *got = hear(p->w);

	buf_put(&p->text, got, strlen(got));
}

static void
act(struct play *p)
{
	uint32_t what = roll(p, 100);

	if (what < 15)
		start_run(p);
	else if (what < 25)
		ask(p);
	else if (what < 28)
		fail_one(p);
	else if (what < 29)
		die(p);
	else if (what < 40)
		read_some(p);
	else
		work(p);
	take(p);
}

/* Per run: replies of data, and ends. */
struct seen {
	uint32_t n_data;
	uint32_t n_last;
};

static void
check_array(const struct json_value *place, const char *array, const char *size)
{
	const struct json_value *a = json_get(place, array);
	uint64_t rows, cols;

	assert_true(json_u64(json_get(place, "num_tokens"), &rows));
	assert_true(json_u64(json_get(place, size), &cols));
	if (json_type(a) == JSON_ARRAY)
		assert_int_equal(json_count(a), rows * cols);
	else if (json_type(a) == JSON_NULL)
		assert_int_equal(rows, 0);
	else
		assert_int_equal(json_count(json_get(a, "shape")), 2);
}

static void
check_result(const struct json_value *r, struct seen *s)
{
	const struct json_value *h = json_get(r, "last_hidden_layer");
	const struct json_value *l = json_get(r, "logits");
	uint64_t state;

	check_array(h, "hidden_states", "embd_size");
	check_array(l, "logits", "vocab_size");
	assert_true(json_u64(json_get(r, "_callback_state"), &state));
	s->n_last += state == 2;
	if (json_type(json_get(h, "hidden_states")) != JSON_NULL ||
	    json_type(json_get(l, "logits")) != JSON_NULL)
		s->n_data++;
	assert_true(s->n_data <= 1);
}

static void
check_line(struct str line, struct seen *all)
{
	struct json_doc *doc;
	struct fail why;
	const struct json_value *r;
	uint64_t id;

	if (json_parse(line.p, line.n, &json_limits_request, &doc, &why) != 0)
		fail_msg("%s: %.*s", why.text, (int)line.n, line.p);
	r = json_root(doc);
	assert_true(json_u64(json_get(r, "id"), &id));
	if (id < FIRST_ASKED) {
		assert_int_equal(all[id].n_last, 0);
		if (json_get(r, "error") != NULL)
			all[id].n_last++;
		else
			check_result(json_get(r, "result"), &all[id]);
	} else {
		all[id].n_last++;
	}
	json_free(doc);
}

static void
check_all(struct play *p)
{
	struct str left = buf_str(&p->text);
	static struct seen seen[2 * FIRST_ASKED];

	memset(seen, 0, sizeof(seen));
	while (left.n > 0) {
		const char *end = memchr(left.p, '\n', left.n);

		assert_non_null(end);
		check_line(
		    (struct str){ left.p, (size_t)(end - left.p) }, seen);
		left.n -= (size_t)(end + 1 - left.p);
		left.p = end + 1;
	}
	for (uint32_t i = 0; i < p->n_runs; i++)
		assert_int_equal(seen[i].n_last, 1);
	for (uint32_t i = 0; i < p->n_asked; i++)
		assert_int_equal(seen[FIRST_ASKED + i].n_last, 1);
}

/* A suspect waits for the one before it, which is done at once here. */
static void
wind_up(struct play *p)
{
	for (int i = 0; i < 1000 && p->w->f.n_gens > 0; i++) {
		take(p);
		if (p->n_in > 0)
			finish(p, &p->in[roll(p, p->n_in)]);
	}
	assert_int_equal(p->w->f.n_gens, 0);
	read_some(p);
	assert_string_equal(hear(p->w), "");
}

static void
any_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct play p = { .w = world_new(&world_config),
			.dice = seed * 0x9e3779b97f4a7c15u };

		buf_init(&p.text, 64 * MIB);
		load(p.w, "[]");
		for (int i = 0; i < 150; i++)
			act(&p);
		wind_up(&p);
		check_all(&p);
		buf_done(&p.text);
		world_free(p.w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(any_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
