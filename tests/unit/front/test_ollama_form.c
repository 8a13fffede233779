/*
 * How models are written for Ollama's clients.
 */
#include "front/http/ollama.h"

#include "wire/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
counts(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} all[] = { { 0, "0" }, { 999, "999" }, { 1000, "1K" },
		{ 999000, "999K" }, { 1054080, "1.05M" },
		{ 137000000, "137.00M" }, { 999990000, "999.99M" },
		{ 1000000000, "1.0B" }, { 8030261248, "8.0B" },
		{ UINT64_MAX, "18446744073.7B" } };
	char text[OLLAMA_COUNT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		assert_string_equal(ollama_count(all[i].n, text), all[i].text);
}

static void
quantizations(void **state)
{
	static const struct {
		const char *name, *text;
	} all[] = { { "Q8_0", "Q8_0" }, { "Q4_K - Medium", "Q4_K_M" },
		{ "Q3_K - Small", "Q3_K_S" }, { "Q3_K - Large", "Q3_K_L" },
		{ "all F32", "F32" }, { "(guessed) F16", "F16" },
		{ "(guessed) all F32", "F32" },
		{ "IQ2_XXS - 2.0625 bpw", "IQ2_XXS" },
		{ "unknown, may not work", "unknown" }, { "", "unknown" },
		{ "0123456789012345678901234567890123456789",
		    "0123456789012345678901234567890" } };
	char text[OLLAMA_QUANT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++)
		assert_string_equal(
		    ollama_quant(str_of(all[i].name), text), all[i].text);
}

static void
details(void **state)
{
	struct model_state s = { .path = STR("/m/a.gguf"),
		.arch = STR("llama"),
		.desc = STR("llama 8B Q4_K - Medium"),
		.n_params = 8030261248 };
	struct json_out o;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (int i = 0; i < 2; i++) {
		o = json_out(&b);
		json_open(&o, '{');
		ollama_put_details(&o, &s);
		json_close(&o, '}');
		buf_put_u8(&b, '\0');
		assert_non_null(strstr((const char *)buf_data(&b),
		    i == 0 ? "\"parameter_size\":\"8.0B\","
			     "\"quantization_level\":\"Q4_K_M\"}"
			   : "\"quantization_level\":\"Q6_K\"}"));
		buf_reset(&b);
		/* What the file says goes first. */
		s.quant = STR("Q6_K");
	}
	buf_done(&b);
}

static void
assert_bytes(struct buf *b, const char *want)
{
	buf_put_u8(b, '\0');
	assert_int_equal(buf_err(b), 0);
	assert_string_equal((const char *)buf_data(b), want);
	buf_reset(b);
}

static void
times(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	ollama_put_time(&b, 1234567890, 6);
	assert_bytes(&b, "\"2009-02-13T23:31:30.000000006Z\"");
	ollama_put_time(&b, 9223372036, 854775807);
	assert_bytes(&b, "\"2262-04-11T23:47:16.854775807Z\"");
	ollama_put_time(&b, INT64_MAX, 1);
	assert_bytes(&b, "\"1970-01-01T00:00:00.000000001Z\"");
	ollama_put_time(&b, INT64_MIN, 0);
	assert_bytes(&b, "\"1970-01-01T00:00:00.000000000Z\"");
	buf_done(&b);
}

static void
names(void **state)
{
	struct json_out o;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	o = json_out(&b);
	json_open(&o, '{');
	ollama_put_name(&o, "a", STR("de\"mo"));
	ollama_put_name(&o, "b", STR("demo:1b"));
	json_close(&o, '}');
	assert_bytes(&b, "{\"a\":\"de\\\"mo:latest\",\"b\":\"demo:1b\"}");
	buf_done(&b);
}

static void
files(void **state)
{
	struct model_state s = { .file = STR("801:2a:400:499602d2.5"),
		.path = STR("/m/a.gguf") };
	struct json_out o;
	struct buf b;
	char first[512], second[512];

	(void)state;
	buf_init(&b, 4096);
	for (int i = 0; i < 2; i++) {
		buf_reset(&b);
		o = json_out(&b);
		json_open(&o, '{');
		ollama_put_file(&o, &s);
		json_close(&o, '}');
		buf_put_u8(&b, '\0');
		(void)strncpy(i == 0 ? first : second,
		    (const char *)buf_data(&b), sizeof(first));
		s.file = STR("801:2b:400:499602d2.5");
	}
	assert_non_null(strstr(first,
	    "{\"modified_at\":\"2009-02-13T23:31:30.000000005Z\",\"size\":1024,"
	    "\"digest\":\""));
	/* Another file has another digest. */
	assert_int_not_equal(strcmp(first, second), 0);
	buf_reset(&b);
	o = json_out(&b);
	json_open(&o, '{');
	s.file = STR("no such form");
	ollama_put_file(&o, &s);
	buf_put_u8(&b, '\0');
	assert_non_null(strstr((const char *)buf_data(&b), "\"size\":0,"));
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(quantizations),
		cmocka_unit_test(details),
		cmocka_unit_test(times),
		cmocka_unit_test(names),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
