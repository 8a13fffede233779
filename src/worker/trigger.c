#include "worker/trigger.h"

#include "wire/i32s.h"

#include <string.h>

#define ALL_MAX (1u << 20)

int
trigger_init(struct trigger *t, struct strs starts, struct strs opens,
    struct strs closes, trigger_fn find, void *arg)
{
	struct buf all;
	int err;

	*t = (struct trigger){ .find = find, .arg = arg };
	buf_init(&t->text, ALL_MAX);
	buf_init(&t->tokens, ALL_MAX);
	buf_init(&t->sizes, ALL_MAX);
	buf_init(&all, ALL_MAX);
	t->n_starts = (int)strs_count(starts);
	t->n_opens = (int)strs_count(opens);
	buf_put_str(&all, starts.packed);
	buf_put_str(&all, opens.packed);
	buf_put_str(&all, closes.packed);
	err = buf_err(&all);
	if (err == 0)
		err = words_init(&t->words, (struct strs){ buf_str(&all) });
	buf_done(&all);
	return err;
}

void
trigger_done(struct trigger *t)
{
	words_done(&t->words);
	buf_done(&t->text);
	buf_done(&t->tokens);
	buf_done(&t->sizes);
}

/* The text ends with a word. True: it begins the grammar, if it may. */
static bool
take_word(struct trigger *t, int which, bool may_begin)
{
	if (which < t->n_starts)
		return !t->is_reasoning && may_begin;
	t->is_reasoning = which < t->n_starts + t->n_opens;
	if (!t->is_reasoning)
		t->n_thought = buf_len(&t->text);
	return false;
}

/* Byte by byte: a token may end reasoning and begin a call. Bytes of the word
 * and what comes behind it in the token; 0: none has come. */
static size_t
add_text(struct trigger *t, struct str text, bool may_begin)
{
	size_t n;
	int which = 0;

	for (size_t i = 0; i < text.n; i++) {
		buf_put(&t->text, text.p + i, 1);
		n = words_end(&t->words, buf_str(&t->text), &which);
		if (n > 0 && take_word(t, which, may_begin)) {
			buf_put(&t->text, text.p + i + 1, text.n - i - 1);
			return n + text.n - i - 1;
		}
	}
	return 0;
}

/* Forgets tokens that end before the last `reach` bytes. */
static void
forget(struct trigger *t, size_t reach)
{
	uint32_t first;

	while (buf_len(&t->sizes) > 0) {
		memcpy(&first, buf_data(&t->sizes), sizeof(first));
		if (buf_len(&t->text) < reach + first)
			return;
		buf_consume(&t->text, first);
		buf_consume(&t->sizes, sizeof(first));
		buf_consume(&t->tokens, sizeof(int32_t));
		t->n_thought -= first < t->n_thought ? first : t->n_thought;
		t->has_forgotten = true;
	}
}

/* Bytes from where a pattern matches; 0: none does. */
static size_t
find_pattern(const struct trigger *t)
{
	struct str window = buf_str(&t->text);
	bool is_all = !t->has_forgotten && t->n_thought == 0;
	size_t from;

	window.p += t->n_thought;
	window.n -= t->n_thought;
	if (t->find == NULL || t->is_reasoning ||
	    !t->find(t->arg, window, is_all, &from))
		return 0;
	return window.n - from;
}

/* How far back what is not there yet may begin. */
static size_t
reach_of(const struct trigger *t)
{
	return t->find != NULL && t->words.longest < TRIGGER_WINDOW
	    ? TRIGGER_WINDOW
	    : t->words.longest;
}

void
trigger_seed(struct trigger *t, struct str text)
{
	(void)add_text(t, text, false);
	buf_reset(&t->text);
	t->n_thought = 0;
}

int
trigger_add(struct trigger *t, int32_t token, struct str text, bool *ret_found)
{
	size_t reach;

	buf_put_i32(&t->tokens, token);
	buf_put_u32(&t->sizes, (uint32_t)text.n);
	reach = add_text(t, text, true);
	if (reach == 0)
		reach = find_pattern(t);
	*ret_found = reach > 0;
	forget(t, reach > 0 ? reach : reach_of(t));
	if (buf_err(&t->text) != 0)
		return buf_err(&t->text);
	return buf_err(&t->tokens) != 0 ? buf_err(&t->tokens)
					: buf_err(&t->sizes);
}

struct i32s
trigger_tokens(const struct trigger *t)
{
	return i32s_in(&t->tokens);
}
