/*
 * Rockchip's library as the worker calls it, on the ones of fake/rkllm: which
 * version a file is, and that each layout says the same things.
 */
#include "worker/rkllm/lib.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define ONE(text) text, sizeof(text) - 1

/* A file of that content behind so many zero bytes. */
static int
file_of(size_t before, const char *text, size_t n)
{
	int fd = memfd_create("library", 0);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, n, (off_t)before), (ssize_t)n);
	return fd;
}

static int
find(size_t before, const char *text, size_t n, struct str said,
    struct version *ret, struct fail *why)
{
	int fd = file_of(before, text, n);
	int err;

	*why = (struct fail){ .code = 0 };
	err = version_find(fd, "/x/librkllmrt.so", said, ret, why);
	(void)close(fd);
	return err;
}

static void
test_versions(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *version; /* or what the error says */
		enum version_layout layout;
	} rows[] = {
		{ ONE("RKLLM SDK (version: 1.2.1 | target: Linux)"), "1.2.1",
		    LAYOUT_12 },
		{ ONE("\0rkllm-runtime version: 1.2.2, rknpu"), "1.2.2",
		    LAYOUT_12 },
		{ ONE("RKLLM SDK (version: 1.2.3 | build: x)\0"
		      "rkllm-runtime version: %s, rknpu"),
		    "1.2.3", LAYOUT_12 },
		{ ONE("rkllm-runtime version: 1.3.0"), "1.3.0", LAYOUT_13 },
		{ ONE("RKLLM SDK (version: 1.3.0 |\0RKLLM SDK (version: 1.3.0"),
		    "1.3.0", LAYOUT_13 },
		{ ONE("RKLLM SDK (version: 1.3.1 |"), "is version 1.3.1",
		    LAYOUT_NONE },
		{ ONE("RKLLM SDK (version: 1.2.1b1 |"), "is version 1.2.1b1",
		    LAYOUT_NONE },
		{ ONE("RKLLM SDK (version: 1.1.4 |"), "is version 1.1.4",
		    LAYOUT_NONE },
		{ ONE("RKLLM SDK (version: 1.2.11234567890123456789 |"),
		    "is version 1.2.1", LAYOUT_NONE },
		{ ONE("RKLLM SDK (version: 1.2.1 |\0"
		      "rkllm-runtime version: 1.3.0"),
		    "says two versions, 1.2.1 and 1.3.0", LAYOUT_NONE },
		{ ONE("rkllm-runtime version: %s"), "does not say",
		    LAYOUT_NONE },
		{ ONE("1.3.0"), "does not say", LAYOUT_NONE },
		{ ONE("x"), "does not say", LAYOUT_NONE },
	};
	struct version v;
	struct fail why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err = find(100, rows[i].text, rows[i].n, STR(""), &v, &why);

		if (rows[i].layout != LAYOUT_NONE) {
			assert_int_equal(err, 0);
			assert_string_equal(v.text, rows[i].version);
			assert_int_equal(v.layout, rows[i].layout);
			continue;
		}
		assert_int_equal(err, ERR_LOAD_FAILED);
		assert_non_null(strstr(why.text, rows[i].version));
		assert_non_null(strstr(why.text, "--rkllm-version"));
	}
}

/* However the file is read, a mark across two pieces is found, once. */
static void
test_everywhere(void **state)
{
	struct version v;
	struct fail why;

	(void)state;
	for (size_t at = (64u << 10) - 60; at < (64u << 10) + 8; at++) {
		assert_int_equal(find(at, ONE("RKLLM SDK (version: 1.2.2 |"),
				     STR(""), &v, &why),
		    0);
		assert_string_equal(v.text, "1.2.2");
	}
}

static void
test_said(void **state)
{
	struct version v;
	struct fail why;

	(void)state;
	assert_int_equal(
	    find(0, ONE("RKLLM SDK (version: 1.3.1 |"), STR("1.3.0"), &v, &why),
	    0);
	assert_int_equal(v.layout, LAYOUT_13);
	assert_int_equal(find(0, ONE("x"), STR("1.2.1"), &v, &why), 0);
	assert_int_equal(v.layout, LAYOUT_12);
	assert_int_equal(find(0, ONE("x"), STR("1.2"), &v, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "must be one of 1.2.1, 1.2.2"));
}

struct heard {
	char text[256];
	int32_t tokens[16];
	uint32_t n;
	uint32_t n_rows;
	int last; /* state */
	struct rkllm_perf perf;
};

static int
on_result(struct rkllm_result *r, void *userdata, int state)
{
	struct heard *h = userdata;

	h->last = state;
	h->perf = r->perf;
	if (r->last_hidden_layer.hidden_states != NULL) {
		h->n_rows += (uint32_t)r->last_hidden_layer.num_tokens;
		return RKLLM_RELEASE;
	}
	if (state != RKLLM_STATE_NORMAL || r->text == NULL)
		return RKLLM_GO_ON;
	if (h->n < 16)
		h->tokens[h->n++] = r->token_id;
	(void)strncat(h->text, r->text, sizeof(h->text) - strlen(h->text) - 1);
	return RKLLM_GO_ON;
}

static char model[] = "/tmp/bulkhead-unit-XXXXXX";

static void
open_fake(struct lib *l, const char *version)
{
	char path[4096];
	struct fail why = { .code = 0 };

	(void)snprintf(path, sizeof(path), "%s/fake-rkllm-%s/librkllmrt.so",
	    getenv("BULKHEAD_BIN"), version);
	if (lib_open(l, str_of(path), STR(""), &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(l->version.text, version);
}

static void
run(struct lib *l, struct heard *h, const struct lib_input *in,
    const struct lib_infer *infer)
{
	struct fail why = { .code = 0 };

	*h = (struct heard){ .last = -1 };
	assert_int_equal(lib_run(l, in, infer, h, &why), 0);
	assert_int_equal(h->last, RKLLM_STATE_FINISH);
}

static void
try_runs(struct lib *l, bool by_run)
{
	struct rkllm13_sampling_param own = { .top_k = 7,
		.temperature = 0.25f };
	struct lib_input in = { .type = RKLLM_IN_PROMPT,
		.role = "user",
		.prompt = "params tokens 2",
		.enable_thinking = true };
	struct lib_infer infer = { .max_new_tokens = 33, .sampling = &own };
	int32_t ids[] = { 5, 6, 1004 };
	struct lib_input tokens = { .type = RKLLM_IN_TOKEN,
		.tokens = { ids, 3 } };
	struct heard h;

	run(l, &h, &in, &infer);
	assert_string_equal(h.text,
	    by_run ? "k=7 t=0.25 ctx=99 new=33 think=1 role=user kv=15 "
		     "system=- loads=1 lora=- cache=0 1 "
		   : "k=40 t=0.80 ctx=99 new=99 think=1 role=user kv=15 "
		     "system=- loads=1 lora=- cache=0 1 ");
	assert_int_equal(h.tokens[1], 1001);
	assert_int_equal(h.perf.prefill_tokens, 15);
	infer = (struct lib_infer){ .mode = RKLLM_MODE_HIDDEN,
		.keep_history = true };
	in.prompt = "tokens 7";
	run(l, &h, &in, &infer);
	assert_int_equal(h.n_rows, 8);
	assert_int_equal(h.n, 0);
	infer.mode = RKLLM_MODE_GENERATE;
	run(l, &h, &tokens, &infer);
	assert_string_equal(h.text, "5 6 ");
}

static void
try_calls(struct lib *l)
{
	struct fail why = { .code = 0 };
	struct rkllm_cross_attn_param cross = { .num_tokens = 1 };
	int size = -1;

	assert_int_equal(lib_get_kv_cache_size(l, &size, &why), 0);
	assert_int_equal(size, 8 + 3 + 2);
	assert_int_equal(lib_clear_kv_cache(l, true, NULL, NULL, &why), 0);
	assert_int_equal(lib_get_kv_cache_size(l, &size, &why), 0);
	assert_int_equal(size, 0);
	assert_int_equal(lib_set_chat_template(l, "a", "b", "c", &why), 0);
	assert_int_equal(
	    lib_set_chat_template(l, "a", NULL, "c", &why), ERR_INTERNAL);
	assert_string_equal(why.text, "rkllm_set_chat_template failed (-1)");
	assert_int_equal(lib_load_lora(l, model, "x", 1.0f, &why), 0);
	assert_int_equal(lib_is_running(l), 0);
	lib_abort(l);
	assert_int_equal(lib_load_prompt_cache(l, model, &why), ERR_INTERNAL);
	assert_int_equal(lib_release_prompt_cache(l, &why), ERR_INTERNAL);
	assert_int_equal(lib_set_function_tools(l, "", "[]", "", &why), 0);
	/* It was not told so at init. */
	assert_int_equal(
	    lib_set_cross_attn_params(l, &cross, &why), ERR_INTERNAL);
}

static void
test_what_one_lacks(void **state)
{
	struct rkllm_cross_attn_param cross = { .num_tokens = 1 };
	struct fail why = { .code = 0 };
	struct lib l;

	(void)state;
	open_fake(&l, "1.2.1");
	assert_int_equal(
	    lib_set_cross_attn_params(&l, &cross, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "has no rkllm_set_cross_attn_params"));
	lib_close(&l);
}

static void
try_version(const char *version, bool by_run)
{
	struct lib_param param = { .model_path = model, .max_context_len = 99 };
	struct fail why = { .code = 0 };
	struct lib l;

	open_fake(&l, version);
	assert_true(l.abi->samples_by_run == by_run);
	assert_int_equal(lib_init(&l, &param, on_result, NULL, &why), 0);
	assert_int_equal(param.sampling.top_k, 40);
	assert_int_equal(param.max_context_len, 99);
	try_runs(&l, by_run);
	try_calls(&l);
	lib_destroy(&l);
	lib_close(&l);
}

static void
test_12(void **state)
{
	(void)state;
	try_version("1.2.3", false);
}

static void
test_13(void **state)
{
	(void)state;
	try_version("1.3.0", true);
}

static int
set_up(void **state)
{
	int fd = mkstemp(model);

	(void)state;
	assert_int_equal(write(fd, "LORA\n", 5), 5);
	if (getenv("BULKHEAD_BIN") == NULL)
		return -1;
	return fd < 0 ? -1 : close(fd);
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(model);
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_everywhere),
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_12),
		cmocka_unit_test(test_13),
		cmocka_unit_test(test_what_one_lacks),
	};

	return cmocka_run_group_tests(all, set_up, tear_down);
}
