/* The reader of GGUF heads: what is right is read, every lie is told. */
#include "gguf/about.h"
#include "gguf/seen.h"
#include "gguf/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "make.h"

/* What a file must say to be a model: 4 keys. */
#define BASICS 4u

static void
basics(void)
{
	words("general.architecture", "x");
	count("x.block_count", 5);
	count("x.embedding_length", 64);
	key("tokenizer.ggml.tokens", GGUF_ARRAY);
	buf_put_u32(&made, GGUF_TEXT);
	buf_put_u64(&made, 1);
	text("a");
}

static int
about(struct gguf_about *ret, struct fail *f)
{
	struct gguf *g = NULL;
	int err;

	*f = (struct fail){ .text = "" };
	err = gguf_open(read_made, &made, buf_len(&made), &g, f);
	if (err == 0)
		err = gguf_about(g, ret, f);
	gguf_close(g);
	return err;
}

static void
good(struct gguf_about *ret)
{
	struct fail f;

	if (about(ret, &f) != 0)
		fail_msg("%s", f.text);
	buf_done(&made);
}

static void
bad(const char *says)
{
	struct gguf_about a;
	struct fail f;

	assert_true(about(&a, &f) != 0);
	if (strstr(f.text, says) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", says, f.text);
	buf_done(&made);
}

static void
test_whole(void **state)
{
	struct gguf_about a;

	(void)state;
	begin(2, 12);
	words("general.architecture", "llama");
	words("general.name", "A b");
	count("llama.block_count", 4);
	count("llama.context_length", 4096);
	count("llama.embedding_length", 64);
	count("llama.attention.head_count", 8);
	key("llama.attention.head_count_kv", GGUF_ARRAY);
	buf_put_u32(&made, GGUF_I32);
	buf_put_u64(&made, 4);
	for (uint32_t i = 0; i < 4; i++)
		buf_put_u32(&made, i);
	count("llama.attention.sliding_window", 512);
	key("tokenizer.ggml.tokens", GGUF_ARRAY);
	buf_put_u32(&made, GGUF_TEXT);
	buf_put_u64(&made, 3);
	text("a");
	text("");
	text("c");
	words("tokenizer.chat_template", "{{ x }}");
	count("general.file_type", 7);
	count("llama.vocab_size", 99);
	tensor("t", 64, 2, 8, 0);
	tensor("u", 4, 1, 0, 160);
	data(160 + 16);
	good(&a);
	assert_string_equal(a.arch, "llama");
	assert_string_equal(a.name, "A b");
	assert_string_equal(a.quant, "Q8_0");
	assert_int_equal(a.n_layer, 4);
	assert_int_equal(a.n_ctx_train, 4096);
	assert_int_equal(a.n_head_kv, 3);
	assert_int_equal(a.n_heads_kv, 4);
	assert_int_equal(a.heads_kv[2], 2);
	assert_int_equal(a.head_k, 8);
	assert_int_equal(a.n_window, 512);
	assert_int_equal(a.n_vocab, 3);
	assert_true(a.has_template);
	assert_int_equal(a.n_tensors, 2);
	assert_int_equal(a.n_params, 132);
	assert_int_equal(a.n_bytes, 2 * 2 * 34 + 16);
}

/* Without general.file_type it is what most bytes are. */
static void
test_quant_is_found(void **state)
{
	struct gguf_about a;

	(void)state;
	begin(2, BASICS);
	basics();
	tensor("t", 256, 1, 12, 0);
	tensor("u", 4, 1, 0, 160);
	data(176);
	good(&a);
	assert_string_equal(a.quant, "Q4_K");
}

static void
test_what_is_no_model(void **state)
{
	(void)state;
	begin(0, 2);
	words("general.architecture", "llama");
	words("general.type", "adapter");
	bad("is a LoRA adapter");
	begin(0, 1);
	words("general.architecture", "clip");
	bad("is a projector of images");
	begin(0, 1);
	words("general.architecture", "llama");
	bad("holds no tensors");
	begin(0, 0);
	bad("does not say its general.architecture");
	begin(1, 1);
	words("general.architecture", "llama");
	tensor("t", 4, 1, 0, 0);
	data(16);
	bad("does not say its block_count");
	begin(1, 3);
	words("general.architecture", "llama");
	count("llama.block_count", 2);
	count("llama.embedding_length", 2);
	tensor("t", 4, 1, 0, 0);
	data(16);
	bad("has no vocabulary");
	begin(0, 3);
	words("general.architecture", "llama");
	count("split.no", 1);
	count("split.count", 2);
	bad("is not the first part");
}

static void
test_lies_of_the_header(void **state)
{
	(void)state;
	buf_init(&made, 64);
	bad("header of 4 bytes: the file ends before");
	buf_puts(&made, "GGML1234");
	bad("does not begin with");
	buf_init(&made, 64);
	buf_puts(&made, "GGUF");
	buf_put_u32(&made, 3u << 24);
	bad("other byte order");
	buf_init(&made, 64);
	buf_puts(&made, "GGUF");
	buf_put_u32(&made, 1);
	bad("GGUF version 1; 2 and 3");
	begin(1ull << 63, 0);
	bad("claims 9223372036854775808 tensors");
	begin(0, UINT64_MAX);
	bad("claims 18446744073709551615 keys");
	begin(0, 1);
	bad("a key of 8 bytes: the file ends before");
}

static void
test_lies_of_keys(void **state)
{
	static const uint64_t sizes[] = { 1, 1ull << 31, 1ull << 61, 1ull << 63,
		UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(0, 1);
		key("x", GGUF_TEXT);
		buf_put_u64(&made, sizes[i]);
		bad("\"x\": a string of");
		begin(0, 1);
		key("x", GGUF_ARRAY);
		buf_put_u32(&made, GGUF_U64);
		buf_put_u64(&made, sizes[i]);
		bad("\"x\": is an array of");
		begin(0, 1);
		key("x", GGUF_ARRAY);
		buf_put_u32(&made, GGUF_TEXT);
		buf_put_u64(&made, sizes[i]);
		bad("\"x\": is an array of");
	}
	begin(0, 1);
	key("x", GGUF_NKINDS);
	bad("is of type 13, which is none");
	begin(0, 1);
	key("x", GGUF_ARRAY);
	buf_put_u32(&made, GGUF_ARRAY);
	bad("is an array of arrays");
	begin(0, 2);
	count("x", 1);
	count("x", 1);
	bad("\"x\": is there twice");
	begin(0, 1);
	count("", 1);
	bad("a name is empty");
	begin(0, 1);
	key("\x1b[2J\"", GGUF_NKINDS);
	bad("\"?[2J?\": is of type");
}

static void
test_alignments(void **state)
{
	static const uint32_t wrong[] = { 0, 3, 33, 1u << 31, UINT32_MAX };
	struct gguf_about a;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(0, 1);
		count("general.alignment", wrong[i]);
		bad("which is no alignment");
	}
	begin(0, 1);
	words("general.alignment", "32");
	bad("must be a u32");
	begin(1, BASICS + 1);
	basics();
	count("general.alignment", 64);
	tensor("t", 4, 1, 0, 0);
	data(0);
	while (buf_len(&made) % 64 != 0)
		buf_put_u8(&made, 0);
	data(16);
	good(&a);
}

static void
one_tensor(uint64_t a, uint64_t b, uint32_t type, uint64_t at)
{
	begin(1, 1);
	words("general.architecture", "x");
	tensor("t", a, b, type, at);
	data(64);
}

static void
test_lies_of_tensors(void **state)
{
	(void)state;
	one_tensor(4, 1, 4, 0);
	bad("\"t\": is of type 4, which ggml does not know");
	one_tensor(4, 1, UINT32_MAX, 0);
	bad("\"t\": is of type 4294967295");
	one_tensor(33, 1, 8, 0);
	bad("rows that are no whole blocks");
	one_tensor(4, 1, 0, 32);
	bad("lies at 32, not behind");
	one_tensor(1ull << 63, 1, 0, 0);
	bad("has a dimension below 0");
	one_tensor(1ull << 40, 1ull << 40, 0, 0);
	bad("has too many elements");
	one_tensor(1ull << 61, 2, 28, 0);
	bad("has too many bytes");
	one_tensor(1ull << 40, 1, 0, 0);
	bad("truncated or damaged");
	one_tensor(64, 1, 0, 0);
	bad("truncated or damaged");
	begin(1, 1);
	words("general.architecture", "x");
	text("t");
	buf_put_u32(&made, 5);
	bad("has 5 dimensions");
	begin(2, 1);
	words("general.architecture", "x");
	tensor("t", 4, 1, 0, 0);
	tensor("t", 4, 1, 0, 32);
	bad("\"t\": is there twice");
	begin(1, 1);
	words("general.architecture", "x");
	tensor(
	    "ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt",
	    4, 1, 0, 0);
	bad("the name of a tensor is too long");
}

/* Every cut of a file that is right is told, and none reads beyond it. */
static void
test_every_cut(void **state)
{
	struct gguf_about a;
	struct fail f;
	size_t n;

	(void)state;
	begin(1, BASICS + 1);
	basics();
	key("x.y", GGUF_ARRAY);
	buf_put_u32(&made, GGUF_TEXT);
	buf_put_u64(&made, 2);
	text("a");
	text("b");
	tensor("t", 16, 1, 0, 0);
	data(64);
	n = buf_len(&made);
	assert_int_equal(about(&a, &f), 0);
	while (n-- > 0) {
		buf_truncate(&made, n);
		assert_int_equal(about(&a, &f), ERR_LOAD_FAILED);
		assert_true(f.text[0] != '\0');
	}
	buf_done(&made);
}

/* Larger than the window, and passed over. */
static void
test_large_values(void **state)
{
	struct gguf_about a;
	size_t n = 3 * GGUF_WINDOW + 7;

	(void)state;
	begin(1, BASICS + 2);
	key("a.array", GGUF_ARRAY);
	buf_put_u32(&made, GGUF_U8);
	buf_put_u64(&made, n);
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&made, 1);
	key("a.text", GGUF_TEXT);
	buf_put_u64(&made, n);
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&made, 'x');
	basics();
	tensor("t", 4, 1, 0, 0);
	data(16);
	good(&a);
	assert_int_equal(a.n_layer, 5);
}

static void
test_elements_can_be_read(void **state)
{
	struct gguf *g = NULL;
	struct gguf_value v;
	struct fail f;

	(void)state;
	begin(0, 2);
	key("x", GGUF_ARRAY);
	buf_put_u32(&made, GGUF_I8);
	buf_put_u64(&made, 3);
	buf_put_u8(&made, 0xff);
	buf_put_u8(&made, 2);
	buf_put_u8(&made, 3);
	key("y", GGUF_F32);
	buf_put_f32(&made, 1.5f);
	assert_int_equal(
	    gguf_open(read_made, &made, buf_len(&made), &g, &f), 0);
	assert_int_equal(gguf_key(g, &v, &f), 0);
	assert_int_equal(v.n, 3);
	assert_int_equal(gguf_element(g, &v, &f), 0);
	assert_true((int64_t)v.number == -1 && !gguf_is_count(&v));
	assert_int_equal(gguf_element(g, &v, &f), 0);
	assert_int_equal(v.number, 2);
	/* What is left is passed over. */
	assert_int_equal(gguf_key(g, &v, &f), 0);
	assert_true(v.real == 1.5);
	assert_int_equal(gguf_element(g, &v, &f), ERR_EOF);
	assert_int_equal(gguf_key(g, &v, &f), ERR_EOF);
	gguf_close(g);
	buf_done(&made);
}

static void
test_seen(void **state)
{
	struct seen s = { NULL, 0, 0 };

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(seen_add(&s, i * 0x9e3779b97f4a7c15u + 2), 0);
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(
		    seen_add(&s, i * 0x9e3779b97f4a7c15u + 2), ERR_INVALID);
	seen_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_quant_is_found),
		cmocka_unit_test(test_what_is_no_model),
		cmocka_unit_test(test_lies_of_the_header),
		cmocka_unit_test(test_lies_of_keys),
		cmocka_unit_test(test_alignments),
		cmocka_unit_test(test_lies_of_tensors),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_large_values),
		cmocka_unit_test(test_elements_can_be_read),
		cmocka_unit_test(test_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
