/*
 * any_struct - room for any message's struct, and a reader of all that one
 * points to, for tests of what was unpacked from bytes that nobody vouches for.
 */
#ifndef TEST_ANY_STRUCT_H
#define TEST_ANY_STRUCT_H

#include "wire/layout.h"
#include "wire/msg.h"

/* As large as the largest of them. */
union any_struct {
#define ANY_MEMBER(name, fields) struct name name;
	LAYOUTS(ANY_MEMBER)
#undef ANY_MEMBER
};

/* Adds up every byte that st, of layout l, points to: a sanitizer sees one that
 * is outside of where it may be. */
static inline unsigned
any_touch(const struct layout *l, const union any_struct *st)
{
	unsigned sum = 0;

	for (size_t i = 0; i < l->n_fields; i++) {
		const void *at = (const char *)st + l->fields[i].off;
		enum field_kind kind = l->fields[i].kind;
		const struct str *s = at;
		const struct i32s *a = at;
		size_t n = 0;

		if (kind == FIELD_str || kind == FIELD_strs)
			n = s->n;
		if (kind == FIELD_strs)
			sum += (unsigned)strs_count(*(const struct strs *)at);
		if (kind == FIELD_i32s)
			n = a->n * sizeof(int32_t);
		if (kind == FIELD_biases)
			n = a->n * sizeof(struct bias);
		for (size_t k = 0; k < n; k++)
			sum += (unsigned char)s->p[k];
	}
	return sum;
}

#endif
