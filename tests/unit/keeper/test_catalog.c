/* Every model that the configuration names: which, under what name, and with
 * whose settings; and what is refused. */
#include "keeper/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

static struct conf conf;
static struct catalog catalog;

/* line: words of the command line, in which % is the folder. */
static int
read_line(const char *line, struct fail *f)
{
	static char text[2048];
	char *argv[32] = { (char *)"bulkhead" };
	size_t n = 0;
	int argc = 1;
	int err;

	for (; *line != '\0'; line++) {
		int r = *line == '%'
		    ? snprintf(text + n, sizeof(text) - n, "%s", folder)
		    : snprintf(text + n, sizeof(text) - n, "%c", *line);

		n += (size_t)r;
	}
	for (char *w = strtok(text, " "); w != NULL; w = strtok(NULL, " "))
		argv[argc++] = w;
	f->text[0] = '\0';
	err = conf_read(&conf, argc, argv, NULL, f);
	assert_int_equal(err, 0);
	return catalog_read(&conf, "/demo.gguf", &catalog, f);
}

static void
done(void)
{
	catalog_done(&catalog);
	conf_done(&conf);
}

/* "name name ..." in order. */
static void
good(const char *line, const char *names)
{
	char got[1024] = "";
	struct list *it, *next;
	struct fail f;

	if (read_line(line, &f) != 0)
		fail_msg("%s: %s", line, f.text);
	LIST_EACH (it, next, &catalog.specs) {
		const struct modelspec *s =
		    LIST_ENTRY(it, struct modelspec, link);
		size_t n = strlen(got);

		(void)snprintf(got + n, sizeof(got) - n, "%s%s",
		    n > 0 ? " " : "", s->name);
		assert_ptr_equal(catalog_find(&catalog, s->name), s);
	}
	assert_string_equal(got, names);
}

static void
bad(const char *line, const char *says)
{
	struct fail f;

	assert_true(read_line(line, &f) != 0);
	if (strstr(f.text, says) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", says, f.text);
	done();
}

static void
test_options(void **state)
{
	(void)state;
	good("", "demo");
	done();
	good("-m /x/a.gguf -m /y/a.gguf -m /x/b.gguf", "a a:2 b");
	done();
	good("-m /x/a.gguf -a one,two --tags t -m /y/b.gguf", "one b");
	assert_true(modelspec_answers(catalog_find(&catalog, "one"), "two"));
	assert_false(modelspec_answers(catalog_find(&catalog, "one"), "t"));
	done();
	bad("-m /x/a.gguf -a one,two -m /y/b.gguf -a two", "\"two\" of model");
	bad("-m /x/a.gguf -a one,b -m /y/b.gguf", "is what model b is called");
}

static void
test_folder(void **state)
{
	(void)state;
	(void)write_file("a.gguf", "x", 0600);
	(void)write_file("b.gguf", "x", 0600);
	good("--models-dir %", "a b");
	assert_int_equal(catalog_find(&catalog, "a")->source, SOURCE_FOLDER);
	done();
	/* What --model names is not listed again, under whatever name. */
	good("--models-dir % -m %/b.gguf -a mine", "mine a");
	done();
	good("--models-dir % -m /else/a.gguf", "a a:2 b");
	done();
}

static void
test_sections(void **state)
{
	const struct modelspec *s;

	(void)state;
	(void)write_file("a.gguf", "x", 0600);
	(void)write_file("p.ini",
	    "[*]\nnp = 2\n[a]\nnp = 3\nalias = A\n[own]\nm = /z.gguf\n"
	    "[nothing]\nnp = 4\n[fixed]\nnp = 5\n",
	    0600);
	good("--models-dir % --models-preset %/p.ini -m /f.gguf -a fixed",
	    "fixed a own");
	s = catalog_find(&catalog, "a");
	assert_int_equal(s->conf.parallel, 3);
	assert_true(modelspec_answers(s, "A"));
	assert_int_equal(catalog_find(&catalog, "own")->conf.parallel, 2);
	assert_string_equal(catalog_find(&catalog, "own")->path, "/z.gguf");
	assert_int_equal(catalog_find(&catalog, "fixed")->conf.parallel, 5);
	assert_null(catalog_find(&catalog, "nothing"));
	done();
	/* Nothing but a preset: the demo model is not served. */
	good("--models-preset %/p.ini", "own");
	done();
	(void)write_file("p.ini", "[a]\nm = /other.gguf\n", 0600);
	bad("--models-dir % --models-preset %/p.ini", "p.ini:1: model: ");
	(void)write_file("p.ini", "[x]\nm = /x\nalias = a\n", 0600);
	bad("--models-dir % --models-preset %/p.ini", "\"a\" of model x");
	(void)write_file("p.ini",
	    "[x]\nm = /x\nload-on-startup = on\n[y]\nm = /x\n"
	    "load-on-startup = on\n",
	    0600);
	bad("--models-preset %/p.ini --models-max 1", "2 models are to be");
	bad("--models-preset %/none.ini", "none.ini");
}

/* The command line's adapters are its own models'. */
static void
test_adapters(void **state)
{
	(void)state;
	(void)write_file("a.gguf", "x", 0600);
	good("--models-dir % -m /f.gguf --lora /l", "f a");
	assert_int_equal(catalog_find(&catalog, "f")->conf.lora.n, 1);
	assert_int_equal(catalog_find(&catalog, "a")->conf.lora.n, 0);
	done();
}

static void
test_sameness(void **state)
{
	struct modelspec *was;
	struct modelspec *like = NULL;
	struct fail f;

	(void)state;
	(void)write_file("t", "{{ 1 }}", 0600);
	good("-m /f.gguf --chat-template-file %/t", "f");
	was = catalog_find(&catalog, "f");
	list_remove(&was->link);
	done();
	good("-m /f.gguf --chat-template-file %/t --tags x", "f");
	assert_true(modelspec_is_same(was, catalog_find(&catalog, "f")));
	assert_false(
	    modelspec_is_listed_same(was, catalog_find(&catalog, "f")));
	done();
	/* The same file of another content. */
	(void)write_file("t", "{{ 2 }}", 0600);
	good("-m /f.gguf --chat-template-file %/t", "f");
	assert_false(modelspec_is_same(was, catalog_find(&catalog, "f")));
	done();
	good("-m /f.gguf -np 3", "f");
	assert_false(modelspec_is_same(was, catalog_find(&catalog, "f")));
	done();
	assert_int_equal(modelspec_like(was, "other", &like, &f), 0);
	assert_string_equal(like->path, "/f.gguf");
	assert_true(str_is(buf_str(&like->chat_template), "{{ 1 }}"));
	modelspec_free(like);
	modelspec_free(was);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_options, folder_make, folder_unmake),
		cmocka_unit_test_setup_teardown(
		    test_folder, folder_make, folder_unmake),
		cmocka_unit_test_setup_teardown(
		    test_sections, folder_make, folder_unmake),
		cmocka_unit_test_setup_teardown(
		    test_adapters, folder_make, folder_unmake),
		cmocka_unit_test_setup_teardown(
		    test_sameness, folder_make, folder_unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
