/*
 * fields - an object into a struct, by a table of its members.
 *
 * One table serves HTTP and RPC alike. A member that is absent leaves the
 * struct as it was, so fill in the defaults first. The first bad member ends
 * the reading with ERR_INVALID, fail.field its name and fail.text for a
 * person: `max_tokens: must be a whole number from 1 to 1000000, not -5`.
 */
#ifndef JSON_FIELDS_H
#define JSON_FIELDS_H

#include "json/read.h"

/* The C type at json_field.off, and what JSON goes there. */
enum json_kind {
	JSON_TO_BOOL,	/* bool or uint8_t, 0 or 1: true or false */
	JSON_TO_U8,	/* uint8_t: a whole number */
	JSON_TO_I32,	/* int32_t */
	JSON_TO_U32,	/* uint32_t */
	JSON_TO_I64,	/* int64_t */
	JSON_TO_U64,	/* uint64_t */
	JSON_TO_F32,	/* float: a number that float32 can hold */
	JSON_TO_F64,	/* double */
	JSON_TO_STR,	/* struct str, into the document */
	JSON_TO_WORD,	/* uint8_t: a string, its place in json_field.words */
	JSON_TO_ARRAY,	/* const struct json_value *: an array */
	JSON_TO_OBJECT, /* const struct json_value *: an object */
	JSON_TO_ANY,	/* const struct json_value *: any value, also null */
};

/* JSON_01: a BOOL also takes 0 and 1, a whole number also false and true. */
#define JSON_REQUIRED 1u /* absent is an error */
#define JSON_NULLABLE 2u /* null is as good as absent */
#define JSON_01 4u

/* min and max, both included: of the number; of a string's bytes; of an
 * array's elements or an object's members. Both 0: as the C type allows. */
struct json_field {
	const char *name;
	enum json_kind kind;
	uint16_t off; /* in the struct */
	unsigned flags;
	double min, max;
	const char *const *words; /* TO_WORD: NULL after the last */
};

/* Told of each member that is not in the table. name: with the prefix. */
typedef void (*json_unknown_fn)(void *arg, const char *name);

struct json_how {
	const char *prefix;	    /* "extend_param."; NULL: none */
	json_unknown_fn on_unknown; /* NULL: they are ignored */
	void *arg;
};

/* Fills the struct at st. obj that is no object is an error too. how and f
 * may be NULL. Returns 0 or ERR_INVALID; st may then be half filled. */
int json_read_fields(const struct json_value *obj,
    const struct json_field *fields, size_t n, const struct json_how *how,
    void *st, struct fail *f) MUST_CHECK;

/* The same for one value, as in an array of parameters; NULL is absent. */
int json_read_field(const struct json_value *v, const struct json_field *field,
    const struct json_how *how, void *st, struct fail *f) MUST_CHECK;

#endif
