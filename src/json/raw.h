/*
 * raw - the members of a JSON container as the text they were sent as.
 *
 * For ids: they go back with their type and value unchanged, and only their
 * own text keeps 1.0, 1e3 and 2^53 + 1 apart from what a number can hold.
 */
#ifndef JSON_RAW_H
#define JSON_RAW_H

#include "base/buf.h"

/* A walk over an object or array whose text json_parse() has accepted:
 * nothing is checked again. */
struct raw {
	const char *p;
	const char *end;
	bool has_keys;
};

/* text: the container, with or without whitespace around it. */
struct raw raw_walk(struct str text);

/* The text of the next member's or element's value, without whitespace, in
 * the order of json_next(). False at the end. */
bool raw_next(struct raw *r, struct str *ret);

#endif
