/*
 * What each error is in each form: every row has its words, and they are JSON
 * of the shape that the protocol's clients look at.
 */
#include "front/errors.h"
#include "front/http/error.h"

#include "json/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define CODE(name, number, text) name,
static const int all[] = { ERR_TABLE(CODE) };
#undef CODE
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
every_error_has_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		const struct error_row *row = error_row(all[i]);

		assert_in_range(row->http, 400, 599);
		assert_non_null(row->openai);
		assert_non_null(row->llama);
		assert_non_null(row->anthropic);
		assert_true(row->rpc < 0);
	}
	/* What has no row is ours to answer for. */
	assert_ptr_equal(error_row(ERR_PROTO), error_row(ERR_INTERNAL));
	assert_int_equal(error_row(-9999)->http, 500);
}

static struct json_doc *
put(enum error_form form, const struct fail *why)
{
	struct json_doc *doc = NULL;
	struct fail bad;
	struct buf b;

	buf_init(&b, 4096);
	error_put(&b, form, why);
	if (json_parse((const char *)buf_data(&b), buf_len(&b),
		&json_limits_request, &doc, &bad) != 0)
		fail_msg("%.*s: %s", (int)buf_len(&b),
		    (const char *)buf_data(&b), bad.text);
	buf_done(&b);
	return doc;
}

static void
assert_says(const struct json_value *v, const char *want)
{
	struct str got;

	assert_true(json_str(v, &got));
	if (!str_is(got, want))
		fail_msg("%.*s is not %s", (int)got.n, got.p, want);
}

static void
each_form_has_its_shape(void **state)
{
	static const char *const says = "model: no \"x\"\n";
	const struct json_value *e, *root;
	struct json_doc *doc;
	struct fail why;
	int64_t code;

	(void)state;
	(void)fail_set(&why, ERR_CONTEXT, "model", "%s", says);
	doc = put(ERRORS_OPENAI, &why);
	e = json_get(json_root(doc), "error");
	assert_says(json_get(e, "message"), says);
	assert_says(json_get(e, "type"), "exceed_context_size_error");
	assert_says(json_get(e, "code"), "context_length_exceeded");
	assert_says(json_get(e, "param"), "model");
	assert_null(json_get(e, "crash_id"));
	json_free(doc);

	doc = put(ERRORS_LLAMA, &why);
	e = json_get(json_root(doc), "error");
	assert_says(json_get(e, "message"), says);
	assert_says(json_get(e, "type"), "exceed_context_size_error");
	assert_true(json_i64(json_get(e, "code"), &code) && code == 400);
	json_free(doc);

	doc = put(ERRORS_ANTHROPIC, &why);
	root = json_root(doc);
	assert_says(json_get(root, "type"), "error");
	e = json_get(root, "error");
	assert_says(json_get(e, "message"), says);
	assert_says(json_get(e, "type"), "invalid_request_error");
	json_free(doc);

	doc = put(ERRORS_OLLAMA, &why);
	assert_says(json_get(json_root(doc), "error"), says);
	json_free(doc);
}

static void
a_crash_is_named(void **state)
{
	struct json_doc *doc;
	struct fail why;

	(void)state;
	(void)fail_set(&why, ERR_POISON, NULL, "it crashes");
	(void)strcpy(why.crash, "20260101-1");
	for (int form = ERRORS_OPENAI; form <= ERRORS_ANTHROPIC; form++) {
		doc = put((enum error_form)form, &why);
		assert_says(
		    json_get(json_get(json_root(doc), "error"), "crash_id"),
		    "20260101-1");
		json_free(doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_words),
		cmocka_unit_test(each_form_has_its_shape),
		cmocka_unit_test(a_crash_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
