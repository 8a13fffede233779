/*
 * keyfile - a line of --api-key-file.
 *
 * llama-server's files are good: a line is a key, lines that begin with '#' and
 * empty ones are nothing. A line that has a "key=" has words of name=value:
 *
 *   name=alice key=KEY [key=OTHER] [rate=60] [tokens=100000] [models=a,b]
 *
 * so a key that begins with "key=" is written that way. No key has a space.
 */
#ifndef KEEPER_KEYFILE_H
#define KEEPER_KEYFILE_H

#include "base/buf.h"
#include "wire/who.h"

#define KEYFILE_LINE_MAX 8192u
#define KEY_BYTES_MAX 512u
#define KEY_NAME_MAX 64u

struct keyline {
	struct str name; /* "": it has none */
	struct str keys[KEY_DIGESTS_MAX];
	uint32_t n_keys; /* 0: the line says nothing */
	uint32_t rate;
	uint32_t tokens;
	bool has_rate;
	bool has_tokens;
	struct str models; /* "a,b"; empty: all */
};

/* The strings point into line. 0; ERR_INVALID with what is wrong in why, which
 * never shows a key. */
int keyfile_line(struct str line, struct keyline *ret, struct fail *why)
    MUST_CHECK;

/* Whether it can be a name: letters, digits and "._@-". */
bool keyfile_is_name(struct str s);

/* Cuts the first of "a,b" off; false: there is none. */
bool keyfile_next(struct str *list, struct str *ret);

#endif
