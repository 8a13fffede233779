/*
 * body - a request's body as JSON, for who looks at its members one by one.
 */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "json/fields.h"

/* 0 and an object or array in *ret, which is yours to json_free(); ERR_INVALID
 * or ERR_NOMEM with *why. */
int body_parse(struct str body, enum json_type want, struct json_doc **ret,
    struct fail *why) MUST_CHECK;

#endif
