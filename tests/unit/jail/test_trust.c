/* docs/TRUST.md has the tables that the filter is made of; `unit.jail.trust
 * print` writes them anew. */
#include "jail/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *heading;
	enum jail_kind kind;
} tables[] = {
	{ "### Every process", JAIL_NKINDS },
	{ "### The front", JAIL_FRONT },
	{ "### A worker", JAIL_WORKER },
	{ "### A worker with a GPU or NPU", JAIL_DEVICE },
	{ "### A worker with Rockchip's NPU", JAIL_NPU },
	{ "### The autopsy", JAIL_AUTOPSY },
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

static char doc[256 * 1024];

static void
row(const struct call *c, char *ret, size_t n)
{
	(void)snprintf(ret, n, "| `%s` | %s | %s |\n", c->name,
	    filter_rule_text(c->rule), c->why);
}

static void
print(void)
{
	char line[256];

	for (size_t t = 0; t < N_TABLES; t++) {
		size_t n;
		const struct call *calls = filter_calls(tables[t].kind, &n);

		printf("%s\n\n| call | may be made | for |\n|---|---|---|\n",
		    tables[t].heading);
		for (size_t i = 0; i < n; i++) {
			row(&calls[i], line, sizeof(line));
			(void)fputs(line, stdout);
		}
		printf("\n");
	}
}

static int
read_doc(void **state)
{
	const char *source = getenv("BULKHEAD_SOURCE");
	char path[4096];
	FILE *f;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/docs/TRUST.md",
	    source != NULL ? source : ".");
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	doc[fread(doc, 1, sizeof(doc) - 1, f)] = '\0';
	(void)fclose(f);
	return 0;
}

static void
test_tables_are_documented(void **state)
{
	char line[256];

	(void)state;
	for (size_t t = 0; t < N_TABLES; t++) {
		size_t n;
		const struct call *calls = filter_calls(tables[t].kind, &n);
		const char *at = strstr(doc, tables[t].heading);

		assert_non_null(at);
		at = strstr(at, "|---|---|---|\n");
		assert_non_null(at);
		at = strchr(at, '\n') + 1;
		for (size_t i = 0; i < n; i++) {
			row(&calls[i], line, sizeof(line));
			if (strncmp(at, line, strlen(line)) != 0)
				fail_msg("docs/TRUST.md lacks: %s", line);
			at += strlen(line);
		}
		assert_int_not_equal(*at, '|');
	}
}

static void
test_layers_are_documented(void **state)
{
	char line[256];

	(void)state;
	for (int l = 0; l < LAYER_COUNT; l++) {
		(void)snprintf(line, sizeof(line), "\n| `%s` |",
		    layer_name((enum jail_layer)l));
		if (strstr(doc, line) == NULL)
			fail_msg("docs/TRUST.md lacks %s", line);
	}
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_tables_are_documented),
		cmocka_unit_test(test_layers_are_documented),
	};

	if (argc > 1 && strcmp(argv[1], "print") == 0) {
		print();
		return 0;
	}
	return cmocka_run_group_tests(all, read_doc, NULL);
}
