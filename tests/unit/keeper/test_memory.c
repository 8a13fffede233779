/* Control groups and deaths of memory, in a folder that looks like the kernel's
 * own; where this machine delegates a group to us, in a real one is for
 * systemd's users to see. */
#include "keeper/memory.h"

#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define WORKER 77

static void
mkdirs(const char *name)
{
	char command[512];

	(void)snprintf(
	    command, sizeof(command), "mkdir -p '%s'", in_folder(name));
	assert_int_equal(system(command), 0);
}

static void
read_back(const char *name, char *ret, size_t n)
{
	FILE *f = fopen(in_folder(name), "r");
	size_t got = f != NULL ? fread(ret, 1, n - 1, f) : 0;

	assert_non_null(f);
	ret[got] = '\0';
	(void)fclose(f);
}

static void
assert_holds(const char *name, const char *text)
{
	char got[256];

	read_back(name, got, sizeof(got));
	assert_string_equal(got, text);
}

/* The files that the kernel would make in each folder. */
static void
make_tree(const char *controllers)
{
	static const char *const files[] = { "mount/cgroup.subtree_control",
		"mount/cgroup.type", "mount/main/cgroup.procs",
		"mount/worker-77/memory.max",
		"mount/worker-77/memory.oom.group", "mount/worker-77/pids.max",
		"mount/worker-77/cgroup.procs",
		"mount/worker-77/memory.events" };

	(void)folder_unmake(NULL);
	mkdirs("mount/main");
	mkdirs("mount/worker-77");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)write_file(files[i], "", 0600);
	(void)write_file("mount/cgroup.controllers", controllers, 0600);
	(void)write_file("self", "4:memory:/x\n0::/\n", 0600);
	(void)write_file("vmstat", "nr_x 7\noom_kill 3\nlast 1\n", 0600);
}

static struct memory *
open_tree(uint32_t mib)
{
	static char mount[128], self[128], vmstat[128];
	struct memory_paths paths = { { mount, self }, vmstat };

	(void)snprintf(mount, sizeof(mount), "%s", in_folder("mount"));
	(void)snprintf(self, sizeof(self), "%s", in_folder("self"));
	(void)snprintf(vmstat, sizeof(vmstat), "%s", in_folder("vmstat"));
	return memory_new(&paths, mib);
}

static void
test_each_worker_has_its_group(void **state)
{
	struct memory_of w = { 0 };
	char pid[16], why[MEMORY_WHY];
	struct memory *m;

	(void)state;
	make_tree("cpu memory pids\n");
	m = open_tree(300);
	assert_string_equal(memory_about(m), "one a worker, of 300 MiB");
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_holds("mount/main/cgroup.procs", pid);
	assert_holds("mount/cgroup.subtree_control", "+memory +pids");
	memory_begin(m, &w, WORKER);
	assert_holds("mount/worker-77/memory.max", "314572800");
	assert_holds("mount/worker-77/memory.oom.group", "1");
	assert_holds("mount/worker-77/pids.max", "1024");
	assert_holds("mount/worker-77/cgroup.procs", "77");
	assert_false(memory_end(m, &w, WORKER, true, 1, why));
	assert_string_equal(why, "");
	memory_free(m);
	memory_free(NULL);
}

static void
test_without_a_limit_or_pids(void **state)
{
	struct memory_of w = { 0 };
	struct memory *m;

	(void)state;
	make_tree("memory\n");
	m = open_tree(0);
	assert_string_equal(memory_about(m), "one a worker");
	memory_begin(m, &w, WORKER);
	assert_holds("mount/worker-77/memory.max", "max");
	assert_holds("mount/worker-77/pids.max", "");
	memory_free(m);
}

static void
test_the_limit_kills_twice(void **state)
{
	struct memory_of w = { 0 };
	char why[MEMORY_WHY];
	struct memory *m;

	(void)state;
	make_tree("memory pids");
	m = open_tree(300);
	memory_begin(m, &w, WORKER);
	(void)write_file("mount/worker-77/memory.events",
	    "low 0\noom 1\noom_kill 2\noom_group_kill 1\n", 0600);
	/* Who was asked to leave, or killed by us, did not die of it. */
	assert_false(memory_end(m, &w, WORKER, false, 5, why));
	assert_string_equal(why, "");
	assert_false(memory_end(m, &w, WORKER, true, 10, why));
	assert_string_equal(
	    why, "out of memory: its cgroup's limit of 300 MiB");
	/* Long ago does not count, lately does. */
	assert_false(memory_end(m, &w, WORKER, true, 600010, why));
	assert_true(memory_end(m, &w, WORKER, true, 1200009, why));
	memory_free(m);
}

static void
test_the_machine_has_killed(void **state)
{
	struct memory_of w = { 0 };
	char why[MEMORY_WHY];
	struct memory *m;

	(void)state;
	make_tree("memory");
	(void)unlink(in_folder("mount/cgroup.type"));
	m = open_tree(300);
	assert_non_null(strstr(memory_about(m), "none: not delegated"));
	memory_begin(m, &w, WORKER);
	assert_holds("mount/worker-77/cgroup.procs", "");
	assert_false(memory_end(m, &w, WORKER, true, 1, why));
	assert_string_equal(why, "");
	(void)write_file("vmstat", "nr_x 7\noom_kill 4\nlast 1\n", 0600);
	assert_false(memory_end(m, &w, WORKER, true, 2, why));
	assert_non_null(strstr(why, "probably out of memory"));
	(void)unlink(in_folder("vmstat"));
	assert_false(memory_end(m, &w, WORKER, true, 3, why));
	assert_string_equal(why, "");
	memory_free(m);
}

static void
test_why_there_are_none(void **state)
{
	static const struct {
		const char *self;
		const char *controllers;
		const char *why;
	} rows[] = {
		{ "4:memory:/x\n", "memory", "no cgroup v2 here" },
		{ "0::/../..\n", "memory", "not delegated" },
		{ "0::/no/such\n", "memory", "No such file" },
		{ "0::/\n", "cpu mymemory memoryx", "without the memory" },
		{ "", "memory", "no cgroup v2 here" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct memory *m;

		make_tree(rows[i].controllers);
		(void)write_file("self", rows[i].self, 0600);
		m = open_tree(0);
		assert_non_null(strstr(memory_about(m), rows[i].why));
		memory_free(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_worker_has_its_group),
		cmocka_unit_test(test_without_a_limit_or_pids),
		cmocka_unit_test(test_the_limit_kills_twice),
		cmocka_unit_test(test_the_machine_has_killed),
		cmocka_unit_test(test_why_there_are_none),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
