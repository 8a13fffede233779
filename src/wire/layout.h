/*
 * layout - a struct described by a list of its fields, so that one list makes
 * the declaration, the packing and the unpacking. A field that is added to the
 * list is carried everywhere; none can be forgotten.
 *
 * A list is a macro of rows F(S, kind, name, "what it is"), S being the
 * struct's tag; see wire/msg.h. The
 * packed form is the fields in order, numbers in the machine's byte order:
 * both ends are the same build on one machine.
 */
#ifndef WIRE_LAYOUT_H
#define WIRE_LAYOUT_H

#include "base/buf.h"

struct i32s {
	const int32_t *p;
	uint32_t n;
};

struct bias {
	int32_t token;
	float bias; /* added to the logit; -INFINITY bans the token */
};

struct biases {
	const struct bias *p;
	uint32_t n;
};

/* Strings one after the other, each with its length; see strs_put(). */
struct strs {
	struct str packed;
};

enum field_kind {
	FIELD_u8,
	FIELD_u32,
	FIELD_u64,
	FIELD_i32,
	FIELD_f32,
	FIELD_str,
	FIELD_i32s,
	FIELD_biases,
	FIELD_strs,
};

/* The C type of each kind. */
typedef uint8_t field_u8;
typedef uint32_t field_u32;
typedef uint64_t field_u64;
typedef int32_t field_i32;
typedef float field_f32;
typedef struct str field_str;
typedef struct i32s field_i32s;
typedef struct biases field_biases;
typedef struct strs field_strs;

struct field {
	const char *name;
	enum field_kind kind;
	uint16_t off; /* in the struct */
};

struct layout {
	const char *name;
	const struct field *fields;
	size_t n_fields;
	size_t size; /* of the struct */
};

/* What a row becomes: a member of the struct, a row of its layout. */
#define LAYOUT_MEMBER(s, kind, member, what) field_##kind member;
#define LAYOUT_FIELD(s, kind, member, what) \
	{ #member, FIELD_##kind, offsetof(struct s, member) },

/* Of a list: struct name and the declaration of layout_name; and, in one file,
 * what that is. */
#define LAYOUT_STRUCT(name, list)     \
	struct name {                 \
		list(LAYOUT_MEMBER, ) \
	};                            \
	extern const struct layout layout_##name;
#define LAYOUT_DEFINE(name, list)                                 \
	static const struct field fields_##name[] = { list(       \
	    LAYOUT_FIELD, name) };                                \
	const struct layout layout_##name = {                     \
		#name,                                            \
		fields_##name,                                    \
		sizeof(fields_##name) / sizeof(fields_##name[0]), \
		sizeof(struct name),                              \
	};

/* Appends the struct at st to out; check buf_err(out). */
void layout_pack(const struct layout *l, const void *st, struct buf *out);

/* Fills the struct at ret from n bytes. Strings and arrays point into p, which
 * must stay and must be aligned to 4 bytes. Returns 0 or ERR_PROTO; nothing in
 * p is trusted, and bytes left over are an error. */
int layout_unpack(const struct layout *l, void *ret, const void *p, size_t n)
    MUST_CHECK;

/* Builds and walks a struct strs: pack strings into a buf, give its bytes as
 * .packed. strs_next() returns false at the end. */
void strs_put(struct buf *b, struct str s);
bool strs_next(struct cursor *c, struct str *ret);
struct cursor strs_walk(struct strs s);
size_t strs_count(struct strs s);

#endif
