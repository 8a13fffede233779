/*
 * One cursor goes through the file, through a window that is filled as it
 * comes along. Each read says how much it needs; more than the file has left
 * is the file's lie, told with what it was for. The first thing that is wrong
 * sticks: after it every read fails.
 *
 * ggml refuses what is refused here, and reads what is read here, but for the
 * ceilings of gguf.h.
 */
#include "gguf/inner.h"

#include "base/fd.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define VERSION_LEAST 2u
#define VERSION_MOST 3u
#define ALIGNMENT 32u
#define ALIGNMENT_MAX (1u << 30)

static const struct {
	const char *name;
	uint8_t size;
	bool is_signed;
} kinds[GGUF_NKINDS] = {
	[GGUF_U8] = { "u8", 1, false },
	[GGUF_I8] = { "i8", 1, true },
	[GGUF_U16] = { "u16", 2, false },
	[GGUF_I16] = { "i16", 2, true },
	[GGUF_U32] = { "u32", 4, false },
	[GGUF_I32] = { "i32", 4, true },
	[GGUF_F32] = { "f32", 4, false },
	[GGUF_BOOL] = { "bool", 1, false },
	[GGUF_TEXT] = { "string", 0, false },
	[GGUF_ARRAY] = { "array", 0, false },
	[GGUF_U64] = { "u64", 8, false },
	[GGUF_I64] = { "i64", 8, true },
	[GGUF_F64] = { "f64", 8, false },
};

/* The key or tensor in hand, fit for a line: what a file calls itself may hold
 * anything. */
static const char *
shown(const struct gguf *g, char ret[64])
{
	size_t n = strlen(g->in);

	if (n > 60)
		n = 60;
	for (size_t i = 0; i < n; i++)
		ret[i] = g->in[i] < ' ' || g->in[i] > '~' || g->in[i] == '"'
		    ? '?'
		    : g->in[i];
	ret[n] = '\0';
	return ret;
}

int
gguf_refuse(struct gguf *g, const char *why, struct fail *f)
{
	char name[64];

	if (g->why.code == 0 && g->in[0] != '\0')
		(void)fail_set(&g->why, ERR_LOAD_FAILED, "model", "\"%s\": %s",
		    shown(g, name), why);
	else if (g->why.code == 0)
		(void)fail_set(&g->why, ERR_LOAD_FAILED, "model", "%s", why);
	if (f != NULL)
		*f = g->why;
	return g->why.code;
}

int
gguf_refuse_number(struct gguf *g, const char *what, uint64_t n,
    const char *why, struct fail *f)
{
	char text[192];

	(void)snprintf(text, sizeof(text), "%s %" PRIu64 "%s", what, n, why);
	return gguf_refuse(g, text, f);
}

static int
no_memory(struct gguf *g, struct fail *f)
{
	if (g->why.code == 0)
		(void)fail_set(&g->why, ERR_NOMEM, "", "out of memory");
	if (f != NULL)
		*f = g->why;
	return g->why.code;
}

static uint64_t
left(const struct gguf *g)
{
	return g->size - g->at;
}

/* Whether n bytes more, of what, are there. */
static int
need(struct gguf *g, uint64_t n, const char *what, struct fail *f)
{
	if (g->why.code != 0)
		return gguf_refuse(g, "", f);
	if (n > left(g))
		return gguf_refuse_number(
		    g, what, n, " bytes: the file ends before", f);
	if (g->at + n > GGUF_HEAD_MAX)
		return gguf_refuse(g, "more than 1 GiB before the tensors", f);
	return 0;
}

/* Up to GGUF_WINDOW bytes, which need() has found; NULL. */
static const uint8_t *
take(struct gguf *g, size_t n, struct fail *f)
{
	const uint8_t *p;

	if (g->at < g->window_at || g->at + n > g->window_at + g->window_n) {
		g->window_at = g->at;
		g->window_n =
		    g->read(g->arg, g->window, GGUF_WINDOW, g->window_at);
	}
	if (n > g->window_n - (size_t)(g->at - g->window_at)) {
		(void)gguf_refuse(g, "cannot be read", f);
		return NULL;
	}
	p = g->window + (g->at - g->window_at);
	g->at += n;
	return p;
}

int
gguf_read_number(
    struct gguf *g, size_t n, const char *what, uint64_t *ret, struct fail *f)
{
	const uint8_t *p;
	int err = need(g, n, what, f);

	if (err != 0)
		return err;
	p = take(g, n, f);
	if (p == NULL)
		return g->why.code;
	*ret = 0;
	for (size_t i = n; i-- > 0;)
		*ret = *ret << 8 | p[i];
	return 0;
}

/* Passes over n bytes, which need() has found, keeping the first of them in
 * ret; *ret_hash is of all. */
static int
read_bytes(struct gguf *g, uint64_t n, char *ret, size_t size,
    uint64_t *ret_hash, struct fail *f)
{
	size_t kept = 0;

	*ret_hash = HASH_START;
	while (n > 0) {
		size_t piece =
		    n < GGUF_WINDOW / 2 ? (size_t)n : GGUF_WINDOW / 2;
		const uint8_t *p = take(g, piece, f);
		size_t keep = size - 1 - kept < piece ? size - 1 - kept : piece;

		if (p == NULL)
			return g->why.code;
		*ret_hash = hash_more(*ret_hash, p, piece);
		memcpy(ret + kept, p, keep);
		kept += keep;
		n -= piece;
	}
	ret[kept] = '\0';
	return 0;
}

static int
read_text(struct gguf *g, const char *what, char *ret, size_t size,
    uint64_t *ret_n, uint64_t *ret_hash, struct fail *f)
{
	int err = gguf_read_number(g, 8, what, ret_n, f);

	if (err == 0)
		err = need(g, *ret_n, what, f);
	return err != 0 ? err : read_bytes(g, *ret_n, ret, size, ret_hash, f);
}

static int
read_head(struct gguf *g, struct fail *f)
{
	uint64_t n = 0;
	int err = gguf_read_number(g, 4, "header of", &n, f);

	if (err == 0 && n != 0x46554747)
		return gguf_refuse(g, "does not begin with \"GGUF\"", f);
	if (err == 0)
		err = gguf_read_number(g, 4, "header of", &n, f);
	g->version = (uint32_t)n;
	if (err == 0 && n != 0 && (uint32_t)(n << 16) == 0)
		return gguf_refuse(
		    g, "is for machines of the other byte order", f);
	if (err == 0 && (n < VERSION_LEAST || n > VERSION_MOST))
		return gguf_refuse_number(
		    g, "GGUF version", n, "; 2 and 3 can be read", f);
	if (err == 0)
		err = gguf_read_number(g, 8, "header of", &g->n_tensors, f);
	if (err == 0)
		err = gguf_read_number(g, 8, "header of", &g->n_keys, f);
	if (err == 0 && g->n_keys > GGUF_KEYS_MAX)
		return gguf_refuse_number(
		    g, "claims", g->n_keys, " keys; at most 65536", f);
	if (err == 0 && g->n_tensors > GGUF_TENSORS_MAX)
		return gguf_refuse_number(
		    g, "claims", g->n_tensors, " tensors; at most 65536", f);
	return err;
}

int
gguf_open(gguf_read_fn read, void *arg, uint64_t size, struct gguf **ret,
    struct fail *f)
{
	struct gguf *g = malloc(sizeof(*g));
	int err;

	if (g == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	memset(g, 0, offsetof(struct gguf, window));
	g->read = read;
	g->arg = arg;
	g->size = size;
	g->alignment = ALIGNMENT;
	err = read_head(g, f);
	if (err != 0) {
		gguf_close(g);
		return err;
	}
	*ret = g;
	return 0;
}

static size_t
read_fd(void *arg, void *p, size_t n, uint64_t from)
{
	return fd_get_at((int)(intptr_t)arg, p, n, from);
}

int
gguf_open_fd(int fd, struct gguf **ret, struct fail *f)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size < 0)
		return fail_set(f, ERR_FILE, "model", "cannot be read");
	return gguf_open(
	    read_fd, (void *)(intptr_t)fd, (uint64_t)st.st_size, ret, f);
}

void
gguf_close(struct gguf *g)
{
	if (g == NULL)
		return;
	seen_done(&g->keys);
	seen_done(&g->tensors);
	free(g);
}

uint32_t
gguf_version(const struct gguf *g)
{
	return g->version;
}

uint64_t
gguf_n_tensors(const struct gguf *g)
{
	return g->n_tensors;
}

static int
read_kind(struct gguf *g, enum gguf_kind *ret, struct fail *f)
{
	uint64_t n = 0;
	int err = gguf_read_number(g, 4, "type of", &n, f);

	if (err == 0 && n >= GGUF_NKINDS)
		return gguf_refuse_number(
		    g, "is of type", n, ", which is none", f);
	*ret = (enum gguf_kind)n;
	return err;
}

static double
real_of(enum gguf_kind kind, uint64_t bits)
{
	uint32_t low = (uint32_t)bits;
	float single;
	double real;

	memcpy(&single, &low, sizeof(single));
	memcpy(&real, &bits, sizeof(real));
	return kind == GGUF_F32 ? (double)single : real;
}

static int
read_plain(struct gguf *g, struct gguf_value *ret, struct fail *f)
{
	size_t size = kinds[ret->kind].size;
	uint64_t bits = 0;
	int err = gguf_read_number(g, size, "a number of", &bits, f);

	if (err != 0)
		return err;
	ret->number = bits;
	if (kinds[ret->kind].is_signed && size > 0 && size < 8 &&
	    (bits >> (size * 8 - 1)) != 0)
		ret->number |= UINT64_MAX << (size * 8);
	if (ret->kind == GGUF_F32 || ret->kind == GGUF_F64)
		ret->real = real_of(ret->kind, bits);
	if (ret->kind == GGUF_BOOL && bits > 1)
		return gguf_refuse_number(g, "is the truth value", bits, "", f);
	return 0;
}

/* The elements stay to be read; that they are all there is known where their
 * size is. */
static int
read_array(struct gguf *g, struct gguf_value *ret, struct fail *f)
{
	uint64_t size;
	int err = read_kind(g, &ret->of, f);

	if (err == 0 && ret->of == GGUF_ARRAY)
		return gguf_refuse(g, "is an array of arrays", f);
	if (err == 0)
		err = gguf_read_number(g, 8, "an array of", &ret->n, f);
	if (err != 0)
		return err;
	size = ret->of == GGUF_TEXT ? 8 : kinds[ret->of].size;
	if (ret->n > left(g) / size)
		return gguf_refuse_number(g, "is an array of", ret->n,
		    " elements: the file ends before", f);
	g->of = ret->of;
	g->n_of = ret->n;
	return 0;
}

static int
read_value(struct gguf *g, struct gguf_value *ret, struct fail *f)
{
	uint64_t hash;

	if (ret->kind == GGUF_TEXT)
		return read_text(g, "a string of", ret->text, sizeof(ret->text),
		    &ret->n, &hash, f);
	if (ret->kind == GGUF_ARRAY)
		return read_array(g, ret, f);
	return read_plain(g, ret, f);
}

int
gguf_element(struct gguf *g, struct gguf_value *ret, struct fail *f)
{
	if (g->why.code != 0)
		return gguf_refuse(g, "", f);
	if (g->n_of == 0)
		return ERR_EOF;
	g->n_of--;
	ret->key[0] = '\0';
	ret->kind = g->of;
	ret->real = 0;
	return read_value(g, ret, f);
}

static int
skip_array(struct gguf *g, struct fail *f)
{
	struct gguf_value v;
	uint64_t n;
	int err;

	if (g->of != GGUF_TEXT) {
		n = g->n_of * kinds[g->of].size;
		err = need(g, n, "an array of", f);
		g->at += err == 0 ? n : 0;
		g->n_of = 0;
		return err;
	}
	while ((err = gguf_element(g, &v, f)) == 0)
		;
	return err == ERR_EOF ? 0 : err;
}

/* What decides how the rest is read. */
static int
heed(struct gguf *g, const struct gguf_value *v, struct fail *f)
{
	if (strcmp(v->key, "general.alignment") != 0)
		return 0;
	if (v->kind != GGUF_U32)
		return gguf_refuse(g, "must be a u32", f);
	if (v->number == 0 || (v->number & (v->number - 1)) != 0 ||
	    v->number > ALIGNMENT_MAX)
		return gguf_refuse_number(
		    g, "is", v->number, ", which is no alignment", f);
	g->alignment = v->number;
	return 0;
}

int
gguf_read_name(
    struct gguf *g, struct seen *seen, const char *what, struct fail *f)
{
	uint64_t hash = 0;
	uint64_t n = 0;
	int err;

	g->in[0] = '\0';
	err = read_text(g, what, g->in, sizeof(g->in), &n, &hash, f);
	if (err != 0)
		return err;
	if (n == 0 || strlen(g->in) < (n < GGUF_KEY_MAX ? n : GGUF_KEY_MAX))
		return gguf_refuse(
		    g, "a name is empty, or holds a NUL byte", f);
	err = seen_add(seen, hash);
	if (err == ERR_NOMEM)
		return no_memory(g, f);
	return err != 0 ? gguf_refuse(g, "is there twice", f) : 0;
}

int
gguf_key(struct gguf *g, struct gguf_value *ret, struct fail *f)
{
	int err = 0;

	if (g->why.code != 0)
		return gguf_refuse(g, "", f);
	err = skip_array(g, f);
	if (err == 0 && g->key == g->n_keys) {
		g->in[0] = '\0';
		return ERR_EOF;
	}
	if (err == 0)
		err = gguf_read_name(g, &g->keys, "a key of", f);
	g->key++;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->key, g->in, sizeof(ret->key));
	if (err == 0)
		err = read_kind(g, &ret->kind, f);
	if (err == 0)
		err = read_value(g, ret, f);
	return err != 0 ? err : heed(g, ret, f);
}

bool
gguf_is_count(const struct gguf_value *v)
{
	return v->kind != GGUF_TEXT && v->kind != GGUF_ARRAY &&
	    v->kind != GGUF_F32 && v->kind != GGUF_F64 &&
	    v->kind != GGUF_BOOL && (int64_t)v->number >= 0;
}
