/*
 * An INI file of anybody's. Whatever it holds: settings within their ranges,
 * or one line that says where it is wrong.
 */
#include "conf/ini.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct values {
	uint32_t port;
	uint32_t wait;
	uint32_t size;
	uint32_t level;
	uint32_t layers;
	double ratio;
	char *host;
	bool mmap;
	struct strings model;
};

#define ROW(member, key, of, least, most)                             \
	{                                                             \
		.name = (key), .kind = SETTING_##of, .min = (least),  \
		.max = (most), .off = offsetof(struct values, member) \
	}

static const struct setting rows[] = {
	ROW(port, "port", COUNT, 1, 65535),
	ROW(wait, "wait", TIME, 0, 3600e3),
	ROW(size, "size", BYTES, 0, 1 << 30),
	ROW(level, "log-level", LEVEL, 0, 3),
	ROW(layers, "layers", LAYERS, 0, 1000),
	ROW(ratio, "ratio", REAL, -1, 1),
	ROW(host, "host", STR, 1, 64),
	ROW(mmap, "mmap", FLAG, 0, 1),
	ROW(model, "model", STRS, 1, 64),
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text = { (const char *)data, n };
	struct values v = { .port = 1 };
	struct settings s;
	struct fail f = { .text = "" };
	int err =
	    settings_init(&s, rows, sizeof(rows) / sizeof(rows[0]), &v, &f);

	assert(err == 0);
	err = ini_read(&s, "x.ini", text, &f);
	assert(err == 0 || err == ERR_INVALID);
	assert(err == 0 || strncmp(f.text, "x.ini:", 6) == 0);
	assert(v.port >= 1 && v.port <= 65535);
	assert(v.wait <= 3600000 && v.size <= 1 << 30 && v.level <= 3);
	assert(v.ratio >= -1 && v.ratio <= 1);
	assert(v.host == NULL || strlen(v.host) <= 64);
	settings_done(&s);
	return 0;
}
