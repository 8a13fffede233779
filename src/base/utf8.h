/*
 * utf8 - validity of UTF-8 (RFC 3629: no surrogates, nothing past U+10FFFF,
 * no overlong forms).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length in bytes (1 to 4) of the character at p, which has n bytes left;
 * 0 if what is there can be no character; -1 if it is the proper start of one
 * that is not whole yet. n must be at least 1. */
int utf8_next(const char *p, size_t n);

/* True when all n bytes are whole characters. *ret_at (may be NULL) is the
 * offset of the first bad byte, else n. */
bool utf8_valid(const char *p, size_t n, size_t *ret_at);

#endif
