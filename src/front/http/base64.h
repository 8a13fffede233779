/*
 * base64 - bytes as text (RFC 4648, 4: with padding).
 */
#ifndef HTTP_BASE64_H
#define HTTP_BASE64_H

#include "base/buf.h"

void base64_put(struct buf *out, const void *p, size_t n);

#endif
