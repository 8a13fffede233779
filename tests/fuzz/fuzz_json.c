/*
 * JSON from a stranger: parsed within limits, read by a table, written back,
 * and cut into pieces as a stream.
 *
 * What must hold: what was written back reads back as the same text, every
 * cut of the stream gives the same values, and each value that the parser
 * takes is one value to the scanner.
 */
#include "json/fields.h"
#include "json/frame.h"
#include "json/write.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct json_limits limits = {
	.bytes = 1u << 20,
	.values = 10000,
	.depth = 20,
};

static const struct json_limits nul_limits = {
	.bytes = 1u << 20,
	.values = 10000,
	.depth = 20,
	.nul = true,
};

static const char *const words[] = { "user", "assistant", NULL };

struct all {
	uint8_t flag, small, word;
	int32_t i32;
	uint32_t u32;
	int64_t i64;
	uint64_t u64;
	float f32;
	double f64;
	struct str str;
	const struct json_value *array, *object, *any;
};

#define AT(member) offsetof(struct all, member)

static const struct json_field fields[] = {
	{ "flag", JSON_TO_BOOL, AT(flag), JSON_01, 0, 0, NULL },
	{ "u8", JSON_TO_U8, AT(small), JSON_01, 0, 0, NULL },
	{ "i32", JSON_TO_I32, AT(i32), JSON_NULLABLE, 0, 0, NULL },
	{ "u32", JSON_TO_U32, AT(u32), 0, 1, 4096, NULL },
	{ "i64", JSON_TO_I64, AT(i64), 0, 0, 0, NULL },
	{ "u64", JSON_TO_U64, AT(u64), 0, 0, 0, NULL },
	{ "f32", JSON_TO_F32, AT(f32), 0, 0, 2, NULL },
	{ "f64", JSON_TO_F64, AT(f64), 0, 0, 0, NULL },
	{ "str", JSON_TO_STR, AT(str), 0, 0, 8, NULL },
	{ "word", JSON_TO_WORD, AT(word), 0, 0, 0, words },
	{ "array", JSON_TO_ARRAY, AT(array), 0, 0, 4, NULL },
	{ "object", JSON_TO_OBJECT, AT(object), JSON_REQUIRED, 0, 0, NULL },
	{ "any", JSON_TO_ANY, AT(any), 0, 0, 0, NULL },
};

static void
on_unknown(void *arg, const char *name)
{
	*(size_t *)arg += strlen(name);
}

static void
read_table(const struct json_value *v)
{
	size_t unknown = 0;
	struct json_how how = { "params.", on_unknown, &unknown };
	struct all all = { 0 };
	struct fail f = { 0 };
	int err = json_read_fields(
	    v, fields, sizeof(fields) / sizeof(fields[0]), &how, &all, &f);

	assert(err == 0 || err == ERR_INVALID);
	assert(err == 0 || f.text[0] != '\0');
	if (err == 0)
		read_table(all.object);
}

/* A value goes out and comes back, and goes out the same. */
static void
write_back(const struct json_value *v, const struct json_limits *l)
{
	struct json_doc *d;
	struct buf a, b;
	int err;

	buf_init(&a, SIZE_MAX);
	buf_init(&b, SIZE_MAX);
	json_put_value(&a, v);
	err = json_parse((const char *)buf_data(&a), buf_len(&a), l, &d, NULL);
	assert(err == 0);
	json_put_value(&b, json_root(d));
	assert(str_eq(buf_str(&a), buf_str(&b)));
	json_free(d);
	buf_done(&a);
	buf_done(&b);
}

static bool
parse(const char *p, size_t n, const struct json_limits *l)
{
	struct json_doc *d = NULL;
	struct fail f = { 0 };
	char shown[JSON_SHOW_SIZE];
	int err = json_parse(p, n, l, &d, &f);

	assert(err <= 0 && (err == 0) == (d != NULL));
	if (err != 0) {
		assert(f.text[0] != '\0');
		return false;
	}
	(void)json_show(json_root(d), shown);
	assert(strlen(shown) < JSON_SHOW_SIZE);
	read_table(json_root(d));
	write_back(json_root(d), l);
	json_free(d);
	return true;
}

/* The value that is whole now, in <>. */
static void
give(const struct json_frame *s, struct buf *kept, struct buf *out)
{
	size_t size = json_frame_size(s);

	assert(size > 0 && size <= buf_len(kept));
	buf_consume(kept, buf_len(kept) - size);
	buf_put_u8(out, '<');
	buf_put_str(out, buf_str(kept));
	buf_put_u8(out, '>');
	buf_reset(kept);
}

/* The values of the stream, errors as ! or ^; in pieces whose sizes come from
 * seed, or whole when it is 0. */
static void
scan(const uint8_t *data, size_t n, uint32_t seed, struct buf *out)
{
	struct json_frame s;
	struct buf kept;

	json_frame_init(&s, limits.depth);
	buf_init(&kept, SIZE_MAX);
	while (n > 0) {
		size_t piece = seed == 0 ? n : seed % 7 + 1, used;
		int err;

		seed = seed == 0 ? 0 : (seed * 1664525u + 1013904223u) | 1;
		if (piece > n)
			piece = n;
		err = json_frame_scan(&s, (const char *)data, piece, &used);
		assert(used <= piece && (err != ERR_AGAIN || used == piece));
		buf_put(&kept, data, used);
		data += used;
		n -= used;
		if (err == 0)
			give(&s, &kept, out);
		else if (err != ERR_AGAIN)
			buf_put_u8(out, err == ERR_TOO_BIG ? '^' : '!');
		if (json_frame_idle(&s))
			buf_reset(&kept);
	}
	if (json_frame_finish(&s))
		give(&s, &kept, out);
	buf_done(&kept);
}

static void
check_stream(const uint8_t *data, size_t n, bool is_value)
{
	uint32_t seed = (uint32_t)n * 2654435761u | 1;
	struct buf whole, cut;

	buf_init(&whole, SIZE_MAX);
	buf_init(&cut, SIZE_MAX);
	scan(data, n, 0, &whole);
	for (int i = 0; i < 3; i++) {
		buf_reset(&cut);
		scan(data, n, seed, &cut);
		assert(str_eq(buf_str(&whole), buf_str(&cut)));
		seed = seed * 22695477u + 1;
		seed |= 1;
	}
	if (is_value)
		assert(buf_len(&whole) > 2 && *buf_data(&whole) == '<' &&
		    buf_data(&whole)[buf_len(&whole) - 1] == '>');
	buf_done(&whole);
	buf_done(&cut);
}

/* Any bytes as a string. */
static void
check_escape(const uint8_t *data, size_t n)
{
	struct json_doc *d;
	struct str s;
	struct buf b;
	int err;

	buf_init(&b, SIZE_MAX);
	json_put_str(&b, (struct str){ (const char *)data, n });
	err = json_parse(
	    (const char *)buf_data(&b), buf_len(&b), &nul_limits, &d, NULL);
	if (buf_len(&b) > nul_limits.bytes) {
		assert(err == ERR_TOO_BIG);
	} else {
		assert(err == 0 && json_str(json_root(d), &s));
		json_free(d);
	}
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	bool is_value = parse((const char *)data, n, &limits);
	bool with_nul = parse((const char *)data, n, &nul_limits);

	assert(with_nul || !is_value);
	check_stream(data, n, is_value);
	check_escape(data, n);
	return 0;
}
