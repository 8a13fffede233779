/*
 * A preset of anybody's. Whatever it holds: settings within their ranges, or
 * one line that says where it is wrong.
 */
#include "conf/preset.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
look_at(const struct preset *p, const char *name)
{
	static const struct conf none;
	struct modelconf c;
	struct fail f;

	assert(modelconf_init(&c, &none, &f) == 0);
	assert(preset_apply(p, name, &c, &f) == 0);
	assert(c.parallel <= 256 && c.chunk >= 16 && c.chunk <= 512);
	assert(c.alias == NULL || strlen(c.alias) <= 1024);
	modelconf_done(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text = { (const char *)data, n };
	struct preset *p = NULL;
	struct fail f = { .text = "" };
	int err = preset_read("x.ini", text, &p, &f);
	const char *name;

	assert(err == 0 || err == ERR_INVALID);
	assert(err == 0 || strncmp(f.text, "x.ini:", 6) == 0);
	for (size_t i = 0; i < 8 && (name = preset_section(p, i)) != NULL;
	     i++) {
		assert(strlen(name) <= PRESET_NAME_MAX);
		look_at(p, name);
	}
	preset_free(p);
	return 0;
}
