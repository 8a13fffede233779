/*
 * value - how this folder's files see what readers see as opaque.
 */
#ifndef JSON_VALUE_H
#define JSON_VALUE_H

#include "json/read.h"

#include <yyjson.h>

struct json_doc {
	yyjson_doc *y;
	char *text; /* y's strings point into it */
};

static inline yyjson_val *
json_yy(const struct json_value *v)
{
	return (yyjson_val *)(uintptr_t)v;
}

static inline const struct json_value *
json_of_yy(const yyjson_val *v)
{
	return (const struct json_value *)v;
}

#endif
