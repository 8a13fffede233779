/*
 * fields - parameters that are structs, wherever a client put their fields.
 *
 * In C a struct is one parameter. In JSON its fields stand in an object of
 * their own, among the method's named parameters, or in both.
 */
#ifndef FRONT_RPC_FIELDS_H
#define FRONT_RPC_FIELDS_H

#include "json/fields.h"

/* A struct's fields. */
struct shape {
	const struct json_field *fields;
	size_t n;
};

#define SHAPE(array)                                        \
	{                                                   \
		(array), sizeof(array) / sizeof((array)[0]) \
	}

/* clang-format would tear this apart. */
/* clang-format off */

/* A row: the member at offsetof(struct type, in name), which may be null. */
#define FIELD(kind, type, in, name, flags, min, max)             \
	{ #name, JSON_TO_##kind, offsetof(struct type, in name), \
	    (flags) | JSON_NULLABLE, min, max, NULL }

/* clang-format on */

/* What more than one struct has: bytes of a path, of a name; tokens. */
#define PATH_BYTES 4096
#define NAME_BYTES 256
#define TOKENS_MAX (1 << 24)

struct source {
	const char *name;		/* of the parameter */
	const struct json_value *outer; /* the named ones; NULL: not by name */
	const struct json_value *own;	/* NULL or null: absent */
	struct json_how outer_how;
	struct json_how own_how;
};

/* Fills the struct at st, which holds defaults, from outer and then from own.
 * 0 or ERR_INVALID. */
int fields_read(const struct source *s, const struct shape *shape, void *st,
    struct fail *f) MUST_CHECK;

/* The same for an object v inside such a struct (NULL: nothing to do). prefix:
 * its name and a dot, for messages. */
int fields_read_inner(const struct source *s, const struct json_value *v,
    const char *prefix, const struct shape *shape, void *st, struct fail *f)
    MUST_CHECK;

/* Puts an array's numbers as float, and refuses those that are none: -inf, say,
 * JSON cannot tell. name: of the array, for messages. 0, ERR_INVALID, or
 * buf_err(). */
int fields_put_floats(struct buf *to, const struct json_value *array,
    const char *name, struct fail *why) MUST_CHECK;

#endif
