/* A line of --api-key-file: what is a key, and what is refused. */
#include "keeper/keyfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *line;
	const char *want; /* "name|keys|rate|tokens|models", or the error */
} rows[] = {
	/* llama-server's. */
	{ "", "|||" },
	{ "   ", "|||" },
	{ "# a comment key=x", "|||" },
	{ "  # so too", "|||" },
	{ "sk-plain", "|sk-plain||" },
	{ "sk-plain\r", "|sk-plain||" },
	{ "c2stYmFzZTY0Cg==", "|c2stYmFzZTY0Cg==||" },
	{ "name=alice", "|name=alice||" },
	{ "a:b,c", "|a:b,c||" },
	/* Ours. */
	{ "key=k", "|k||" },
	{ "name=alice key=k", "alice|k||" },
	{ "key=k\tname=a.b_c@d-e", "a.b_c@d-e|k||" },
	{ "name=a key=k=1 key=l rate=60 tokens=0 models=x,y-z.gguf",
	    "a|k=1,l|60|0|x,y-z.gguf" },
	{ "key=key=k", "|key=k||" },
	/* Refused. */
	{ "two words", "a key has no spaces" },
	{ "name=alice sk", "a key has no spaces" },
	{ "key=k extra", "another word" },
	{ "key=k Rate=1", "another word" },
	{ "key=", "key: must have 1 to 512 bytes, not 0" },
	{ "key=k name=", "name: must be" },
	{ "key=k name=a/b", "name: must be" },
	{ "key=k name=\"a\"", "name: must be" },
	{ "key=k name=a name=b", "name: given twice" },
	{ "key=k rate=", "rate: must be a whole number" },
	{ "key=k rate=-1", "rate: must be a whole number" },
	{ "key=k rate=1x", "rate: must be a whole number" },
	{ "key=k rate=1000001", "rate: must be a whole number" },
	{ "key=k tokens=99999999999", "tokens: must be a whole number" },
	{ "key=k models=", "models: must name some" },
	{ "key=k models=a,,b", "models: has an empty name" },
	{ "key=k models=a,", "|k|||a," },
	{ "sk-\x01", "no HTTP header may have" },
	{ "sk-\xc3\xa4", "no HTTP header may have" },
};

static void
show(const struct keyline *l, char *out, size_t size)
{
	char keys[256] = "", rate[16] = "", tokens[16] = "";

	for (uint32_t i = 0; i < l->n_keys; i++)
		(void)snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys),
		    "%s%.*s", i > 0 ? "," : "", (int)l->keys[i].n,
		    l->keys[i].p);
	if (l->has_rate)
		(void)snprintf(rate, sizeof(rate), "%u", l->rate);
	if (l->has_tokens)
		(void)snprintf(tokens, sizeof(tokens), "%u", l->tokens);
	if (l->has_rate || l->has_tokens || l->models.n > 0)
		(void)snprintf(out, size, "%.*s|%s|%s|%s|%.*s", (int)l->name.n,
		    l->name.p, keys, rate, tokens, (int)l->models.n,
		    l->models.p);
	else
		(void)snprintf(
		    out, size, "%.*s|%s||", (int)l->name.n, l->name.p, keys);
}

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keyline got;
		struct fail why;
		char text[512];
		int err = keyfile_line(str_of(rows[i].line), &got, &why);

		if (err == 0)
			show(&got, text, sizeof(text));
		else
			(void)snprintf(text, sizeof(text), "%s", why.text);
		if (err == 0 ? strcmp(text, rows[i].want) != 0
			     : strstr(text, rows[i].want) == NULL)
			fail_msg("\"%s\": \"%s\" is not \"%s\"", rows[i].line,
			    text, rows[i].want);
	}
}

static void
test_limits(void **state)
{
	static char line[KEYFILE_LINE_MAX + 2];
	struct keyline got;
	struct fail why;

	(void)state;
	memset(line, 'k', KEY_BYTES_MAX);
	assert_int_equal(keyfile_line(str_of(line), &got, &why), 0);
	assert_int_equal(got.keys[0].n, KEY_BYTES_MAX);
	line[KEY_BYTES_MAX] = 'k';
	assert_int_equal(keyfile_line(str_of(line), &got, &why), ERR_INVALID);
	/* No error shows a key. */
	assert_null(strstr(why.text, "kkk"));
	memset(line, '#', KEYFILE_LINE_MAX + 1);
	assert_int_equal(keyfile_line(str_of(line), &got, &why), ERR_INVALID);
	line[0] = '\0';
	for (unsigned i = 0; i <= KEY_DIGESTS_MAX; i++)
		(void)snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    "key=%u ", i);
	assert_int_equal(keyfile_line(str_of(line), &got, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "more than 16 times"));
}

static void
test_lists(void **state)
{
	struct str list = STR("a,,b"), one;

	(void)state;
	assert_true(keyfile_next(&list, &one) && str_is(one, "a"));
	assert_true(keyfile_next(&list, &one) && one.n == 0);
	assert_true(keyfile_next(&list, &one) && str_is(one, "b"));
	assert_false(keyfile_next(&list, &one));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
