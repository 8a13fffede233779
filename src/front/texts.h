/*
 * texts - lists of texts in answers.
 */
#ifndef FRONT_TEXTS_H
#define FRONT_TEXTS_H

#include "json/write.h"
#include "wire/layout.h"

/* "key":["a","b"] */
void texts_put(struct json_out *o, const char *key, struct strs texts);

#endif
