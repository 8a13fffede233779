/*
 * kinds - what an option can be: a number, a time, a text ...
 */
#ifndef CONF_KINDS_H
#define CONF_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* kind, type of its value, what it must be (for messages) */
#define SETTING_KINDS(K)                                              \
	K(FLAG, bool, "on or off")                                    \
	K(STR, char *, "a text")                                      \
	K(STRS, struct strings, "a text")                             \
	K(COUNT, uint32_t, "a whole number")                          \
	K(THREADS, uint32_t, "a whole number (-1 is 0)")              \
	K(LAYERS, uint32_t, "a whole number, or all")                 \
	K(BYTES, uint32_t, "bytes like 4096, 64K or 16M")             \
	K(TIME, uint32_t, "a time like 500ms, 30s (or 30), 5m or 1h") \
	K(MODE, uint32_t, "octal permissions like 0660")              \
	K(LEVEL, uint32_t, "debug, info, warn or error (or 0 to 3)")  \
	K(JAIL, uint32_t, "off, auto or require")                     \
	K(RESUME, uint32_t, "exact or fast")                          \
	K(POOLING, uint32_t, "none, mean, cls, last, rank or auto")   \
	K(FORMAT, uint32_t, "text or json")                           \
	K(REAL, double, "a number")

/* Of an option that may be given again. */
struct strings {
	char **v;
	size_t n;
};

#define SETTING_ENUM(kind, type, what) SETTING_##kind,
enum setting_kind { SETTING_KINDS(SETTING_ENUM) SETTING_NKINDS };
#undef SETTING_ENUM

/* setting_COUNT and its fellows: the type of each kind's value. */
#define SETTING_TYPE(kind, type, what) typedef type setting_##kind;
SETTING_KINDS(SETTING_TYPE)
#undef SETTING_TYPE

/* LAYERS: the value of "all". */
#define SETTING_ALL UINT32_MAX

#endif
