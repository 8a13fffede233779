/* The folder of prompt caches: what is looked up and written there, and where
 * nothing is. */
#include "keeper/attach.h"
#include "keeper/cachedir.h"
#include "keeper/quarantine.h"

#include "../emulated.h"

#include "base/log.h"

#include "folder.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#define MAX 100000u

struct world {
	struct loop *loop;
	struct cachedir *dir;
	bool is_over;
	struct fail verdict;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL || folder_make(state) != 0)
		return 1;
	w->loop = loop_new();
	w->dir = cachedir_new(w->loop, in_folder("caches"), NULL, MAX);
	*state = w;
	return w->loop == NULL || w->dir == NULL;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	cachedir_free(w->dir);
	loop_free(w->loop);
	free(w);
	return folder_unmake(state);
}

static void
on_deadline(void *arg)
{
	(void)arg;
	fail_msg("nothing came");
}

static void
on_over(void *arg, const struct fail *why)
{
	struct world *w = arg;

	w->is_over = true;
	w->verdict = *why;
	loop_stop(w->loop);
}

static void
wait_over(struct world *w)
{
	struct timer *deadline = timer_new(w->loop, on_deadline, NULL);

	timer_set(deadline, 20000);
	assert_int_equal(loop_run(w->loop), 0);
	timer_free(deadline);
	assert_true(w->is_over);
	w->is_over = false;
}

/* Writes n bytes; the error's code, or 0. */
static int
save(struct world *w, const char *path, uint64_t n)
{
	struct cachesave *s;
	struct fail f;
	int memory;
	int err = cachesave_new(w->dir, path, &s, &memory, &f);

	if (err != 0)
		return err;
	assert_int_equal(pwrite(memory, "begin", 5, 0), 5);
	cachesave_write(s, memory, n, on_over, w);
	wait_over(w);
	cachesave_free(s);
	(void)close(memory);
	return w->verdict.code;
}

/* Files in the folder, those in the making too. */
static unsigned
count(void)
{
	DIR *d = opendir(in_folder("caches"));
	struct dirent *e;
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		n +=
		    strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(d);
	return n;
}

static int
look(struct world *w, const char *path, off_t *ret_size)
{
	struct modelfile m;
	struct fail f;
	int err = cachedir_open(w->dir, path, &m, &f);

	if (err == 0) {
		*ret_size = m.st.st_size;
		modelfile_close(&m);
	}
	return err;
}

static void
test_it_is_made_when_it_is_needed(void **state)
{
	struct world *w = *state;
	struct stat st;
	off_t size;

	assert_int_equal(stat(in_folder("caches"), &st), -1);
	assert_int_equal(save(w, "a", 50), 0);
	assert_int_equal(stat(in_folder("caches"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(in_folder("caches/a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(look(w, "a", &size), 0);
	assert_int_equal(size, 50);
	assert_int_equal(look(w, in_folder("caches/a"), &size), 0);
	assert_int_equal(count(), 1);
}

static void
test_nothing_leads_out_of_it(void **state)
{
	static const char *const paths[] = { "", "/", ".", "..", "../x",
		"a/../../x", "/etc/passwd", "/tmp", "out/x", "link",
		"nowhere/x", "a/x", ".saving-1-1", "sub/" };
	struct world *w = *state;
	struct cachesave *s;
	struct fail f;
	int memory;
	off_t size;

	assert_int_equal(save(w, "a", 50), 0);
	assert_int_equal(symlink("/tmp", in_folder("caches/out")), 0);
	assert_int_equal(symlink(in_folder("x"), in_folder("caches/link")), 0);
	assert_int_equal(mkdir(in_folder("caches/sub"), 0700), 0);
	(void)write_file("x", "outside", 0600);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(look(w, paths[i], &size), ERR_FILE);
		/* A link is replaced: see below. */
		if (strcmp(paths[i], "link") != 0)
			assert_int_equal(save(w, paths[i], 50), ERR_FILE);
	}
	assert_int_equal(save(w, "link", 50), 0);
	/* Before anything is computed for it. */
	assert_int_equal(
	    cachesave_new(w->dir, "sub", &s, &memory, &f), ERR_FILE);
	assert_string_equal(f.text, "is a directory");
	assert_int_equal(
	    cachesave_new(w->dir, "x\033[2J", &s, &memory, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "control"));
	assert_int_equal(save(w, "sub/b", 50), 0);
	assert_int_equal(look(w, "sub/b", &size), 0);
	assert_int_equal(count(), 4);
}

static void
test_the_old_one_stays_until_the_new_is_whole(void **state)
{
	struct world *w = *state;
	struct cachesave *s;
	struct fail f;
	off_t size;
	int memory;

	assert_int_equal(save(w, "a", 50), 0);
	assert_int_equal(cachesave_new(w->dir, "a", &s, &memory, &f), 0);
	assert_int_equal(count(), 2);
	/* It cannot be cut or made longer by who is to fill it. */
	assert_int_equal(ftruncate(memory, 0), -1);
	assert_int_equal(ftruncate(memory, 2 * MAX), -1);
	cachesave_free(s);
	(void)close(memory);
	assert_int_equal(look(w, "a", &size), 0);
	assert_int_equal(size, 50);
	assert_int_equal(count(), 1);
	/* What is not there cannot be written. */
	assert_int_equal(save(w, "a", 2 * MAX), ERR_FILE);
	assert_int_equal(look(w, "a", &size), 0);
	assert_int_equal(size, 50);
	assert_int_equal(save(w, "a", 60), 0);
	assert_int_equal(look(w, "a", &size), 0);
	assert_int_equal(size, 60);
}

static void
test_all_of_them_have_a_limit(void **state)
{
	struct world *w = *state;
	struct cachesave *s;
	struct stat st;
	struct fail f;
	int memory;

	assert_int_equal(save(w, "a", 60000), 0);
	assert_int_equal(mkdir(in_folder("caches/sub"), 0700), 0);
	assert_int_equal(save(w, "sub/b", 30000), 0);
	assert_int_equal(cachesave_new(w->dir, "c", &s, &memory, &f), 0);
	assert_int_equal(fstat(memory, &st), 0);
	assert_int_equal(st.st_size, 10000);
	cachesave_free(s);
	(void)close(memory);
	assert_int_equal(save(w, "c", 10000), 0);
	assert_int_equal(save(w, "d", 1), ERR_FILE);
	assert_int_equal(unlink(in_folder("caches/sub/b")), 0);
	assert_int_equal(save(w, "d", 30000), 0);
}

/* Each was told that there is room for all that it wants; together there is
 * not. */
static void
test_all_at_once_have_a_limit_too(void **state)
{
	struct world *w = *state;
	struct cachesave *s[3];
	int memory[3];
	struct stat st;
	struct fail f;

	for (int i = 0; i < 2; i++)
		assert_int_equal(cachesave_new(w->dir, i == 0 ? "a" : "b",
				     &s[i], &memory[i], &f),
		    0);
	cachesave_write(s[0], memory[0], 60000, on_over, w);
	/* It is on its way: who comes now is told so. */
	assert_int_equal(cachesave_new(w->dir, "c", &s[2], &memory[2], &f), 0);
	assert_int_equal(fstat(memory[2], &st), 0);
	assert_int_equal(st.st_size, MAX - 60000);
	wait_over(w);
	assert_int_equal(w->verdict.code, 0);
	cachesave_write(s[1], memory[1], 60000, on_over, w);
	wait_over(w);
	assert_int_equal(w->verdict.code, ERR_FILE);
	assert_non_null(strstr(w->verdict.text, "room for 40000"));
	/* One that is given up takes nothing. */
	cachesave_write(s[2], memory[2], 40000, on_over, w);
	for (int i = 0; i < 3; i++) {
		cachesave_free(s[i]);
		(void)close(memory[i]);
	}
	assert_int_equal(count(), 1);
	assert_int_equal(save(w, "d", 40000), 0);
}

/* Where it would end us, or the keeper's memory. */
static void
test_the_limit_on_files_is_kept(void **state)
{
	struct rlimit was, less;
	struct world *w = *state;
	struct cachesave *s;
	struct stat st;
	struct fail f;
	int memory;

	assert_int_equal(save(w, "a", 50), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	less = was;
	less.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
	assert_int_equal(cachesave_new(w->dir, "b", &s, &memory, &f), 0);
	assert_int_equal(fstat(memory, &st), 0);
	assert_int_equal(st.st_size, 1000);
	cachesave_free(s);
	(void)close(memory);
	less.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
	assert_int_equal(cachesave_new(w->dir, "b", &s, &memory, &f), ERR_FILE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_non_null(strstr(f.text, "ulimit -f"));
}

/* What somebody else is writing is not touched; what nobody is, goes. */
static void
test_leftovers_go(void **state)
{
	struct world *w = *state;
	struct cachesave *s;
	struct fail f;
	int memory;

	assert_int_equal(save(w, "a", 50), 0);
	(void)write_file("caches/.saving-1-1", "left", 0600);
	assert_int_equal(cachesave_new(w->dir, "b", &s, &memory, &f), 0);
	assert_int_equal(access(in_folder("caches/.saving-1-1"), F_OK), -1);
	assert_int_equal(save(w, "c", 50), 0);
	cachesave_write(s, memory, 50, on_over, w);
	wait_over(w);
	assert_int_equal(w->verdict.code, 0);
	cachesave_free(s);
	(void)close(memory);
	assert_int_equal(count(), 3);
}

static void
test_none_is_none(void **state)
{
	struct world *w = *state;
	off_t size;

	cachedir_free(w->dir);
	w->dir = cachedir_new(w->loop, "none", NULL, MAX);
	assert_int_equal(save(w, "a", 50), ERR_FILE);
	assert_int_equal(look(w, "a", &size), ERR_FILE);
}

/* Through attach.c: who is told, and when. */
struct told {
	struct world *w;
	int memory;
	uint32_t id;
	int err;
	bool is_saved;
};

static void
to_worker(void *arg, enum msg m, const void *st, int fd)
{
	struct told *t = arg;

	if (m == MSG_WORKER_ATTACH) {
		t->id = ((const struct worker_attach *)st)->id;
		t->memory = fd;
	}
}

static void
to_front(void *arg, const struct model_attached *a)
{
	struct told *t = arg;

	t->err = a->err;
}

static void
saved(void *arg, const struct model_saved *s)
{
	struct told *t = arg;

	assert_int_equal(s->id, t->id);
	t->is_saved = true;
	t->err = s->err;
	t->w->is_over = true;
	loop_stop(t->w->loop);
}

static void
test_a_save_outlives_workers(void **state)
{
	static const struct attach_ops ops = { to_worker, to_front, saved };
	struct world *w = *state;
	struct told t = { .w = w, .memory = -1 };
	struct quarantine *q = quarantine_new(1000, 1000);
	struct attach_death d = { .what = "", .crash = "" };
	struct worker_attached there = { 0 };
	struct worker_saved s = { .size = 50 };
	struct attachments a;
	off_t size;

	attach_init(&a, &ops, &t, 3, q, w->dir);
	attach_give(&a);
	attach_want(&a, 1, ATTACH_SAVE, "a");
	assert_true(t.memory >= 0);
	there.id = s.id = t.id;
	/* Not before it is there. */
	assert_int_equal(attach_on_saved(&a, &s), ERR_PROTO);
	assert_int_equal(attach_on_reply(&a, &there), 0);
	/* The next worker is given it too, as long as it is not written. */
	t.memory = -1;
	assert_false(attach_on_death(&a, &d));
	attach_give(&a);
	assert_true(t.memory >= 0);
	assert_int_equal(attach_on_reply(&a, &there), 0);
	assert_int_equal(attach_on_saved(&a, &s), 0);
	assert_int_equal(attach_on_saved(&a, &s), ERR_PROTO);
	t.memory = -1;
	assert_false(attach_on_death(&a, &d));
	attach_give(&a);
	assert_int_equal(t.memory, -1);
	assert_false(t.is_saved);
	wait_over(w);
	assert_true(t.is_saved && t.err == 0);
	assert_int_equal(look(w, "a", &size), 0);
	attach_drop(&a, t.id);
	/* One that the worker cannot fill. */
	t.is_saved = false;
	attach_want(&a, 2, ATTACH_SAVE, "b");
	there.id = s.id = t.id;
	s.err = ERR_NOMEM;
	assert_int_equal(attach_on_reply(&a, &there), 0);
	assert_int_equal(attach_on_saved(&a, &s), 0);
	assert_true(t.is_saved && t.err == ERR_NOMEM);
	w->is_over = false;
	attach_done(&a);
	quarantine_free(q);
	assert_int_equal(count(), 1);
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_is_made_when_it_is_needed),
		TEST(nothing_leads_out_of_it),
		TEST(the_old_one_stays_until_the_new_is_whole),
		TEST(all_of_them_have_a_limit),
		TEST(all_at_once_have_a_limit_too),
		TEST(the_limit_on_files_is_kept),
		TEST(leftovers_go),
		TEST(none_is_none),
		TEST(a_save_outlives_workers),
	};

	log_init("test", LOG_ERROR);
	if (is_not_for_emulator("it has no openat2()"))
		return EXIT_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
