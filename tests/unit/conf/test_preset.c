/* --models-preset: its grammar, who wins, and that nothing wrong gets by. */
#include "conf/preset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
bad(const char *text, const char *says)
{
	struct preset *p = NULL;
	struct fail f = { .text = "" };

	if (preset_read("x.ini", str_of(text), &p, &f) != ERR_INVALID)
		fail_msg("\"%s\" is read", text);
	assert_null(p);
	if (strncmp(f.text, says, strlen(says)) != 0)
		fail_msg("\"%s\": \"%s\" does not begin with \"%s\"", text,
		    f.text, says);
}

static struct preset *
good(const char *text)
{
	struct preset *p = NULL;
	struct fail f = { .text = "" };

	if (preset_read("x.ini", str_of(text), &p, &f) != 0)
		fail_msg("\"%s\": %s", text, f.text);
	return p;
}

/* What a model called name gets of text, where the command line is line. */
static void
settle(const char *text, const char *line, char *const envp[], const char *name,
    struct modelconf *ret)
{
	char copy[256];
	char *argv[16] = { (char *)"bulkhead" };
	struct preset *p = good(text);
	struct conf base;
	struct fail f = { .text = "" };
	int argc = 1;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok(copy, " "); w != NULL; w = strtok(NULL, " "))
		argv[argc++] = w;
	assert_int_equal(conf_read(&base, argc, argv, envp, &f), 0);
	assert_int_equal(modelconf_init(ret, &base, &f), 0);
	assert_int_equal(preset_apply(p, name, ret, &f), 0);
	conf_done(&base);
	preset_free(p);
}

static void
test_grammar(void **state)
{
	struct preset *p = good("\xef\xbb\xbf; first\r\n"
				"version = 1\r\n"
				"  # indented\r\n"
				"[ * ]\n"
				"c=8 ; eight\n"
				"[org/One-GGUF:Q8_0]# close\n"
				"\tmodel =  /a b/c=d.gguf\t# which\n"
				"[two]");
	char where[64];

	(void)state;
	assert_string_equal(preset_section(p, 0), "org/One-GGUF:Q8_0");
	assert_string_equal(preset_section(p, 1), "two");
	assert_null(preset_section(p, 2));
	assert_string_equal(
	    preset_where(p, 1, where, sizeof(where)), "x.ini:8");
	preset_free(p);
	p = good("");
	assert_null(preset_section(p, 0));
	preset_free(p);
	assert_null(preset_section(NULL, 0));
}

static void
test_values(void **state)
{
	struct modelconf c;

	(void)state;
	settle("[a]\nm = /x/y.gguf\nLLAMA_ARG_CTX_SIZE = 4096\nngl = auto\n"
	       "np = 3\nthreads=-1\nno-mmap = true\nalias = b, c\ntags=x\n"
	       "load-on-startup = 1\nstop-timeout = 7\nhidden = on\n"
	       "lora = /l1\nlora = /l2\n",
	    "", NULL, "a", &c);
	assert_string_equal(c.model, "/x/y.gguf");
	assert_int_equal(c.ctx_size, 4096);
	assert_int_equal(c.gpu_layers, SETTING_ALL);
	assert_int_equal(c.parallel, 3);
	assert_int_equal(c.threads, 0);
	assert_false(c.mmap);
	assert_string_equal(c.alias, "b, c");
	assert_true(c.load_on_startup && c.hidden);
	assert_int_equal(c.stop_ms, 7000);
	assert_int_equal(c.lora.n, 2);
	modelconf_done(&c);
}

static void
test_every_spelling(void **state)
{
	size_t n;
	const struct setting *rows = modelconf_rows(&n);
	char text[128];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const char *value = rows[i].kind == SETTING_FLAG ? "on"
		    : rows[i].kind == SETTING_POOLING		 ? "cls"
		    : rows[i].kind == SETTING_COUNT		 ? "17"
								 : "8";
		const char *const keys[] = { rows[i].name, rows[i].brief,
			rows[i].env };

		for (size_t k = 0; k < 3; k++) {
			if (keys[k] == NULL)
				continue;
			(void)snprintf(text, sizeof(text), "[a]\n%s = %s\n",
			    keys[k], value);
			preset_free(good(text));
		}
	}
}

static void
test_who_wins(void **state)
{
	char *const envp[] = { (char *)"LLAMA_ARG_THREADS=5",
		(char *)"LLAMA_ARG_N_PARALLEL=6",
		(char *)"LLAMA_ARG_THREADS_BATCH=9", NULL };
	static const char text[] = "[a]\nc = 3000\nnp = 30\n"
				   "[*]\nc = 2000\nnp = 20\nt = 21\n"
				   "[b]\nchunk = 32\n";
	struct modelconf c;

	(void)state;
	settle(text, "-np 1", envp, "a", &c);
	assert_int_equal(c.ctx_size, 3000); /* its section before [*] */
	assert_int_equal(c.parallel, 1);    /* the command line before all */
	assert_int_equal(c.threads, 21);    /* [*] before a variable */
	assert_int_equal(c.threads_batch, 9);
	assert_int_equal(c.chunk, 64);
	modelconf_done(&c);
	settle(text, "", envp, "b", &c);
	assert_int_equal(c.ctx_size, 2000);
	assert_int_equal(c.parallel, 20);
	assert_int_equal(c.chunk, 32);
	modelconf_done(&c);
	settle(text, "", NULL, "not there", &c);
	assert_int_equal(c.ctx_size, 2000);
	modelconf_done(&c);
}

static void
test_refusals(void **state)
{
	(void)state;
	bad("c = 1\n", "x.ini:1: a key before the first section");
	bad("\nversion = 2\n", "x.ini:2: version: only version 1");
	bad("[a]\n\nnonsense\n", "x.ini:3: is neither key = value nor");
	bad("[a]\n= 3\n", "x.ini:2: is neither key = value nor");
	bad("[a]\n$(id) = 3\n", "x.ini:2: is neither key = value nor");
	bad("[a\n", "x.ini:1: a section's name ends in ]");
	bad("[]\n", "x.ini:1: a section's name has 1 to 128");
	bad("[a,b]\n", "x.ini:1: a model's name may hold no comma");
	bad("[a]\n[b]\n[a]\n", "x.ini:3: this section is in line 1 already");
	bad("[a]\nmodel = /a#b.gguf\n", "x.ini:2: '#' and ';' begin a comm");
	bad("[a]\nctx-size = x\n", "x.ini:2: ctx-size: must be a whole");
	bad("[a]\nc = 99999999\n", "x.ini:2: c: must be a whole number, 0 to");
	bad("[a]\nmmap = perhaps\n", "x.ini:2: mmap: must be on or off");
	bad("[a]\nmodel =\n", "x.ini:2: model: must not be empty");
	bad("[a]\nctxsize = 1\n", "x.ini:2: ctxsize: no such setting");
	bad("[a]\n--ctx-size = 1\n", "x.ini:2: is neither key = value");
	bad("[*]\nmodel = /a\n", "x.ini:2: no two models can have the same");
	bad("[*]\nLLAMA_ARG_ALIAS = a\n", "x.ini:2: no two models can");
}

static void
test_nul(void **state)
{
	struct preset *p;
	struct fail f;

	(void)state;
	assert_int_equal(
	    preset_read("x.ini", STR("[a]\nm = a\0b\n"), &p, &f), ERR_INVALID);
	assert_string_equal(f.text, "x.ini:2: holds a NUL byte");
}

/* An option of serve that is not a model's says so, each of them. */
static void
test_options_of_the_server(void **state)
{
	size_t n;
	size_t n_own;
	const struct setting *rows = conf_rows(&n);
	const struct setting *own = modelconf_rows(&n_own);
	char text[128];
	char says[128];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		/* The file's own version is read before. */
		if (strcmp(rows[i].name, "version") == 0 ||
		    settings_has_key(own, n_own, rows[i].name))
			continue;
		(void)snprintf(
		    text, sizeof(text), "[a]\n%s = 1\n", rows[i].name);
		(void)snprintf(says, sizeof(says),
		    "x.ini:2: %s: is the server's, not a model's",
		    rows[i].name);
		bad(text, says);
	}
	bad("[a]\nLLAMA_ARG_PORT = 1\n", "x.ini:2: LLAMA_ARG_PORT: is the");
}

/* What llama-server has there and we have not. */
static void
test_words_of_llama_server(void **state)
{
	(void)state;
	preset_free(good("[a]\njinja = true\nfa = on\nLLAMA_ARG_CACHE_RAM = 0\n"
			 "no-warmup = 1\ndedup-cache-models = on\n"
			 "gpu-layers = 3\n"));
	bad("[a]\njinja = false\n", "x.ini:2: jinja: templates are always");
	bad("[a]\nno-jinja = true\n", "x.ini:2: no-jinja: templates are al");
	bad("[a]\nhf-repo = a/b\n", "x.ini:2: hf-repo: models of Hugging Face");
	bad("[a]\nhf = a/b\n", "x.ini:2: hf: models of Hugging Face");
	bad("[a]\nLLAMA_ARG_HF_REPO = a/b\n", "x.ini:2: LLAMA_ARG_HF_REPO: mo");
	bad("[a]\ntemp = 1\n", "x.ini:2: temp: requests say it");
	bad("[a]\nmodel-draft = /d\n", "x.ini:2: model-draft: draft models");
}

static void
test_words_of_lists(void **state)
{
	const char *word;
	size_t n;

	(void)state;
	assert_true(modelconf_word(" a , ,b c,", 0, &word, &n));
	assert_int_equal(n, 1);
	assert_true(modelconf_word(" a , ,b c,", 1, &word, &n));
	assert_int_equal(n, 3);
	assert_memory_equal(word, "b c", 3);
	assert_false(modelconf_word(" a , ,b c,", 2, &word, &n));
	assert_false(modelconf_word(NULL, 0, &word, &n));
	assert_false(modelconf_word(" ,", 0, &word, &n));
}

static void
test_sameness(void **state)
{
	struct modelconf a;
	struct modelconf b;
	struct modelconf c;
	struct fail f;

	(void)state;
	settle("[a]\nc = 512\nlora = /x\n", "", NULL, "a", &a);
	settle("[a]\nc = 512\nlora = /x\ntags = y\n", "", NULL, "a", &b);
	assert_true(modelconf_is_same(&a, &b));
	modelconf_done(&b);
	settle("[a]\nc = 512\nlora = /y\n", "", NULL, "a", &b);
	assert_false(modelconf_is_same(&a, &b));
	assert_int_equal(modelconf_copy(&c, &b, &f), 0);
	assert_true(modelconf_is_same(&c, &b));
	modelconf_forget_adapters(&c);
	assert_int_equal(c.lora.n, 0);
	modelconf_done(&a);
	modelconf_done(&b);
	modelconf_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_every_spelling),
		cmocka_unit_test(test_who_wins),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_options_of_the_server),
		cmocka_unit_test(test_words_of_llama_server),
		cmocka_unit_test(test_words_of_lists),
		cmocka_unit_test(test_sameness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
