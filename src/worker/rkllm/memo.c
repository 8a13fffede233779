#include "worker/rkllm/memo.h"

#include "base/hash.h"
#include "wire/embed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK 0x40000000u /* in each word: no vocabulary is that large */
#define BITS 30u
#define WORD (MARK - 1)
#define N_BITS 24u /* of the length; then the kind, then whether it may think */
#define N_MASK ((1u << N_BITS) - 1)
#define KIND_SHIFT N_BITS
#define THINK_SHIFT (N_BITS + 4)
#define HEAD_WORDS 2u

static bool
is_word(int32_t v)
{
	return v >= (int32_t)MARK;
}

static uint32_t
n_words(uint32_t n_bytes)
{
	return (uint32_t)(((uint64_t)n_bytes * 8 + BITS - 1) / BITS);
}

static uint32_t
hash_of(struct str text)
{
	uint64_t hash = hash_more(HASH_START, text.p, text.n);

	return (uint32_t)(hash ^ (hash >> 32)) & WORD;
}

static void
put_word(struct buf *to, uint32_t word)
{
	buf_put_i32(to, (int32_t)(word | MARK));
}

void
memo_put(
    struct buf *to, enum memo_kind kind, bool enable_thinking, struct str text)
{
	uint64_t bits = 0;
	unsigned n_bits = 0;

	put_word(to,
	    (uint32_t)text.n | (uint32_t)kind << KIND_SHIFT |
		(uint32_t)enable_thinking << THINK_SHIFT);
	put_word(to, hash_of(text));
	for (size_t i = 0; i < text.n; i++) {
		bits |= (uint64_t)(uint8_t)text.p[i] << n_bits;
		n_bits += 8;
		if (n_bits >= BITS) {
			put_word(to, (uint32_t)bits & WORD);
			bits >>= BITS;
			n_bits -= BITS;
		}
	}
	if (n_bits > 0)
		put_word(to, (uint32_t)bits);
}

static void
read_text(const int32_t *words, char *ret, uint32_t n)
{
	uint64_t bits = 0;
	unsigned n_bits = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (n_bits < 8) {
			bits |= (uint64_t)((uint32_t)*words++ & WORD) << n_bits;
			n_bits += BITS;
		}
		ret[i] = (char)(bits & 0xff);
		bits >>= 8;
		n_bits -= 8;
	}
	ret[n] = '\0';
}

static int
next_text(struct i32s *rest, struct memo *ret)
{
	uint32_t head = (uint32_t)rest->p[0];
	uint32_t n = head & N_MASK;
	uint32_t all = HEAD_WORDS + n_words(n);

	ret->kind = (enum memo_kind)(head >> KIND_SHIFT & 0xf);
	ret->enable_thinking = head >> THINK_SHIFT & 1;
	if (rest->n < all || ret->kind >= MEMO_KINDS)
		return ERR_INVALID;
	for (uint32_t i = 0; i < all; i++)
		if (!is_word(rest->p[i]))
			return ERR_INVALID;
	ret->text = malloc((size_t)n + 1);
	if (ret->text == NULL)
		return ERR_NOMEM;
	read_text(rest->p + HEAD_WORDS, ret->text, n);
	if (hash_of((struct str){ ret->text, n }) !=
		((uint32_t)rest->p[1] & WORD) ||
	    memchr(ret->text, '\0', n) != NULL) {
		free(ret->text);
		ret->text = NULL;
		return ERR_INVALID;
	}
	*rest = (struct i32s){ rest->p + all, rest->n - all };
	return 0;
}

/* Three texts may be at most so long, each. */
#define MARK_MAX (1u << 16)

void
memo_put_images(struct buf *to, const struct memo_images *im)
{
	struct buf b;

	buf_init(&b, 3 * MARK_MAX + 128);
	buf_printf(&b, "%u %u %u %u %zu %zu %zu|", im->n, im->n_rows, im->width,
	    im->height, im->start.n, im->end.n, im->mark.n);
	buf_put_str(&b, im->start);
	buf_put_str(&b, im->end);
	buf_put_str(&b, im->mark);
	if (buf_err(&b) == 0)
		memo_put(to, MEMO_IMAGES, false, buf_str(&b));
	buf_done(&b);
}

bool
memo_get_images(const char *text, struct memo_images *ret)
{
	unsigned start, end, mark;
	int n = 0;

	if (sscanf(text, "%u %u %u %u %u %u %u|%n", &ret->n, &ret->n_rows,
		&ret->width, &ret->height, &start, &end, &mark, &n) != 7 ||
	    n == 0 || start > MARK_MAX || end > MARK_MAX || mark > MARK_MAX ||
	    strlen(text + n) != (size_t)start + end + mark)
		return false;
	ret->start = (struct str){ text + n, start };
	ret->end = (struct str){ text + n + start, end };
	ret->mark = (struct str){ text + n + start + end, mark };
	return true;
}

/* How many at the beginning are tokens, or rows, as the first. */
static uint32_t
count_alike(struct i32s v)
{
	uint32_t n = 0;

	while (
	    n < v.n && !is_word(v.p[n]) && embed_is(v.p[n]) == embed_is(v.p[0]))
		n++;
	return n;
}

int
memo_next(struct i32s *rest, struct memo *ret)
{
	uint32_t n;

	*ret = (struct memo){ .text = NULL };
	if (rest->n == 0)
		return ERR_EOF;
	if (is_word(rest->p[0]))
		return next_text(rest, ret);
	n = count_alike(*rest);
	ret->tokens = (struct i32s){ rest->p, n };
	*rest = (struct i32s){ rest->p + n, rest->n - n };
	return 0;
}

uint64_t
memo_hash(uint64_t hash, struct i32s v)
{
	if (hash == 0)
		hash = HASH_START;
	for (uint32_t i = 0; i < v.n; i++)
		hash = (hash ^ (uint32_t)v.p[i]) * HASH_PRIME;
	return hash;
}
