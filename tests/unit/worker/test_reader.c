/* Whatever the cuts: what is given out adds up to what the whole text says, in
 * order, nothing twice; and reading costs no more than a multiple of it. */
#include "worker/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 65536u

/* A format: <think>reasoning</think>content<call>name:arguments</call>... */
struct toy {
	size_t bytes; /* read in all */
	struct reading *ret;
};

static struct str
rest_of(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.n - n };
}

static bool
starts(struct str s, const char *word)
{
	size_t n = strlen(word);

	return s.n >= n && memcmp(s.p, word, n) == 0;
}

/* Bytes before the word; *ret_found: it is there. Else a start of it at the
 * end is left out while there may come more. */
static size_t
until(struct str s, const char *word, bool is_partial, bool *ret_found)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= s.n; i++)
		if (memcmp(s.p + i, word, n) == 0) {
			*ret_found = true;
			return i;
		}
	*ret_found = false;
	for (size_t k = n - 1; is_partial && k > 0; k--)
		if (s.n >= k && memcmp(s.p + s.n - k, word, k) == 0)
			return s.n - k;
	return s.n;
}

static struct str
take_until(struct str *s, const char *word, bool is_partial, bool *ret_found)
{
	size_t n = until(*s, word, is_partial, ret_found);
	struct str ret = { s->p, n };

	*s = *ret_found ? rest_of(*s, n + strlen(word)) : rest_of(*s, s->n);
	return ret;
}

static int
read_toy(void *arg, struct str s, bool is_partial, struct reading *ret)
{
	struct toy *t = arg;
	bool found;

	t->bytes += s.n;
	*ret = (struct reading){ .n_calls = 0 };
	if (is_partial && s.n < 7 && memcmp(s.p, "<think>", s.n) == 0)
		return 0;
	if (starts(s, "<think>")) {
		s = rest_of(s, 7);
		ret->reasoning = take_until(&s, "</think>", is_partial, &found);
		if (!found)
			return 0;
	}
	ret->content = take_until(&s, "<call>", is_partial, &found);
	while (found) {
		struct read_call *c = &ret->calls[ret->n_calls++];

		c->name = take_until(&s, ":", is_partial, &found);
		if (!found) {
			c->name.n = 0; /* not known yet */
			break;
		}
		c->arguments = take_until(&s, "</call>", is_partial, &found);
		if (s.n == 0)
			break;
		if (!starts(s, "<call>"))
			return is_partial && s.n < 6 ? 0 : ERR_INVALID;
		s = rest_of(s, 6);
	}
	return 0;
}

struct got {
	char content[ROOM], reasoning[ROOM], calls[ROOM];
	size_t n_content, n_reasoning, n_calls_text;
	uint32_t n_calls;
	struct buf all; /* as it came */
};

static void
add(char *to, size_t *n, struct str s)
{
	assert_true(*n + s.n < ROOM);
	if (s.n > 0)
		memcpy(to + *n, s.p, s.n);
	*n += s.n;
}

static void
take_parts(struct got *g, struct str parts)
{
	struct cursor c = cursor_of(parts.p, parts.n);
	uint32_t n_calls;
	struct part p;

	assert_true(parts_check(parts, g->n_calls, &n_calls));
	g->n_calls = n_calls;
	buf_put_str(&g->all, parts);
	while (part_next(&c, &p)) {
		if (p.kind == PART_CONTENT)
			add(g->content, &g->n_content, p.text);
		else if (p.kind == PART_REASONING)
			add(g->reasoning, &g->n_reasoning, p.text);
		if (p.kind == PART_CALL) {
			assert_int_equal(p.id.n, 24);
			add(g->calls, &g->n_calls_text, STR("|"));
			add(g->calls, &g->n_calls_text, p.name);
			add(g->calls, &g->n_calls_text, STR(":"));
		}
		if (p.kind == PART_ARGUMENTS)
			add(g->calls, &g->n_calls_text, p.text);
	}
}

static uint32_t dice;

static uint32_t
roll(uint32_t n)
{
	dice = dice * 1664525u + 1013904223u;
	return (dice >> 8) % n;
}

static void
put_marks(struct buf *b)
{
	static const char *const marks[] = { "<think>", "</think>", "<call>",
		"</call>" };

	for (size_t i = 0; i < 4; i++)
		strs_put(b, str_of(marks[i]));
}

/* Feeds the text in pieces of up to `most` bytes. Returns bytes read. */
static size_t
feed(struct str text, uint32_t most, uint32_t seed, struct got *g)
{
	struct toy t = { 0 };
	struct reader r;
	struct buf marks;
	struct str parts;

	*g = (struct got){ .n_calls = 0 };
	buf_init(&g->all, 1u << 24);
	buf_init(&marks, 1000);
	put_marks(&marks);
	dice = seed;
	assert_int_equal(
	    reader_init(&r, (struct strs){ buf_str(&marks) }, 7, read_toy, &t),
	    0);
	while (text.n > 0) {
		size_t n = 1 + roll(most);

		n = n < text.n ? n : text.n;
		assert_int_equal(
		    reader_add(&r, (struct str){ text.p, n }, &parts), 0);
		take_parts(g, parts);
		text = rest_of(text, n);
	}
	assert_int_equal(reader_end(&r, STR(""), &parts), 0);
	take_parts(g, parts);
	reader_done(&r);
	buf_done(&marks);
	return t.bytes;
}

static void
assert_text(const char *p, size_t n, struct str want)
{
	assert_int_equal(n, want.n);
	assert_memory_equal(p, want.p, n);
}

/* Beside one reading of the whole. */
static void
check(struct str text, uint32_t most, uint32_t seed)
{
	static struct got a, b;
	static struct reading whole;
	struct toy t = { 0 };
	struct buf calls;
	size_t bytes = feed(text, most, seed, &a);

	assert_true(bytes <= 17 * text.n + 257 * 256 + 1);
	buf_init(&calls, ROOM);
	assert_int_equal(read_toy(&t, text, false, &whole), 0);
	for (uint32_t i = 0; i < whole.n_calls; i++)
		if (whole.calls[i].name.n > 0)
			buf_printf(&calls, "|%.*s:%.*s",
			    (int)whole.calls[i].name.n, whole.calls[i].name.p,
			    (int)whole.calls[i].arguments.n,
			    whole.calls[i].arguments.n > 0
				? whole.calls[i].arguments.p
				: "");
	assert_text(a.content, a.n_content, whole.content);
	assert_text(a.reasoning, a.n_reasoning, whole.reasoning);
	assert_text(a.calls, a.n_calls_text, buf_str(&calls));
	/* Another process that is given the same says the same. */
	(void)feed(text, most, seed, &b);
	assert_true(str_eq(buf_str(&a.all), buf_str(&b.all)));
	buf_done(&a.all);
	buf_done(&b.all);
	buf_done(&calls);
}

static struct str
make_text(char *room, uint32_t seed)
{
	static const char *const bits[] = { "word ", "<", "<cal", "</th",
		"\n\n", " ", "a longer piece of text, ", ">", "{}" };
	size_t n = 0;
	uint32_t calls;

	dice = seed;
#define ADD(s) n += (size_t)snprintf(room + n, ROOM - n, "%s", s)
	if (roll(2))
		ADD("<think>");
	for (uint32_t i = roll(300); n > 0 && i > 0; i--)
		ADD(bits[roll(9)]);
	if (n > 0)
		ADD("</think>");
	for (uint32_t i = roll(600); i > 0; i--)
		ADD(bits[roll(9)]);
	calls = roll(4);
	for (uint32_t k = 0; k < calls; k++) {
		ADD("<call>tool:");
		for (uint32_t i = roll(200); i > 0; i--)
			ADD(bits[roll(9)]);
		if (k + 1 < calls || roll(3) > 0)
			ADD("</call>");
	}
	return (struct str){ room, n };
}

static void
adds_up_whatever_the_cuts(void **state)
{
	static char room[ROOM];

	(void)state;
	for (uint32_t seed = 1; seed <= 400; seed++) {
		struct str text = make_text(room, seed);

		check(text, 1, seed);
		check(text, 7, seed);
		check(text, 100, seed);
	}
}

/* Long content goes out as it comes, not in lumps. */
static void
content_flows(void **state)
{
	static char room[ROOM];
	struct str text = { room, 20000 };
	struct reader r;
	struct buf marks;
	struct str parts;
	struct toy t = { 0 };
	size_t said = 0;

	(void)state;
	for (size_t i = 0; i < text.n; i++)
		room[i] = "abc <x "[i % 7];
	buf_init(&marks, 1000);
	put_marks(&marks);
	assert_int_equal(
	    reader_init(&r, (struct strs){ buf_str(&marks) }, 7, read_toy, &t),
	    0);
	for (size_t i = 0; i < text.n; i += 4) {
		struct cursor c;
		struct part p;

		assert_int_equal(
		    reader_add(&r, (struct str){ text.p + i, 4 }, &parts), 0);
		c = cursor_of(parts.p, parts.n);
		while (part_next(&c, &p))
			said += p.text.n;
		assert_true(i + 4 - said <= 8);
	}
	assert_true(t.bytes < 2 * text.n);
	reader_done(&r);
	buf_done(&marks);
}

/* What is of no format is content, if nothing else was said of it. */
static void
raw_text_is_not_lost(void **state)
{
	static const struct {
		const char *text, *content, *reasoning, *calls;
	} cases[] = {
		{ "Hello <call>a:bc</call> and more", "Hello ", "", "|a:bc" },
		/* One that is not sure to be a call is none. */
		{ "Hello <call>a:{</call> and more",
		    "Hello <call>a:{</call> and more", "", "" },
		{ "<think>hm</think>Hi<call>a:bc</call>x", "Hi", "hm",
		    "|a:bc" },
		{ "<call>", "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static struct got g;

		(void)feed(str_of(cases[i].text), 3, 5, &g);
		assert_text(g.content, g.n_content, str_of(cases[i].content));
		assert_text(
		    g.reasoning, g.n_reasoning, str_of(cases[i].reasoning));
		assert_text(g.calls, g.n_calls_text, str_of(cases[i].calls));
		buf_done(&g.all);
	}
}

static int
read_nothing(void *arg, struct str s, bool is_partial, struct reading *ret)
{
	(void)arg;
	(void)s;
	(void)is_partial;
	*ret = (struct reading){ .n_calls = 0 };
	return ERR_INVALID;
}

static void
what_cannot_be_read_at_all_is_content(void **state)
{
	struct reader r;
	struct str parts;
	struct cursor c;
	struct part p;

	(void)state;
	assert_int_equal(
	    reader_init(&r, (struct strs){ STR("") }, 7, read_nothing, NULL),
	    0);
	assert_int_equal(reader_add(&r, STR("some "), &parts), 0);
	assert_int_equal(parts.n, 0);
	assert_int_equal(reader_end(&r, STR("text"), &parts), 0);
	c = cursor_of(parts.p, parts.n);
	assert_true(part_next(&c, &p));
	assert_true(str_is(p.text, "some text"));
	assert_false(part_next(&c, &p));
	reader_done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_up_whatever_the_cuts),
		cmocka_unit_test(content_flows),
		cmocka_unit_test(raw_text_is_not_lost),
		cmocka_unit_test(what_cannot_be_read_at_all_is_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
