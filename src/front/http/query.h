/*
 * query - what stands behind the '?' of a request's target, and escapes.
 */
#ifndef HTTP_QUERY_H
#define HTTP_QUERY_H

#include "base/buf.h"

/* Appends "a%20b" as "a b". A percent sign that starts no escape stays one. */
void query_unescape(struct str s, struct buf *out);

/* Appends the value of the first name=value in query, unescaped, '+' as a
 * space; a name alone has an empty one. False, and nothing, if there is none. */
bool query_get(struct str query, const char *name, struct buf *out);

/* The same for "true", "1", "on" or nothing, and "false", "0", "off": what it
 * says, or otherwise if it is not there or says something else. */
bool query_flag(struct str query, const char *name, bool otherwise);

#endif
