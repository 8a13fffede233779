/*
 * cors - which web pages may read this server's answers.
 *
 * A browser lets a page of another site read an answer only if headers of the
 * answer say so (CORS, the Fetch standard). Without --cors-origins none do.
 */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include "front/http/parse.h"

struct front_config;

/* Appends the header lines for an answer to r, each with its CRLF; nothing if r
 * is not from a page, or from one that may not. */
void cors_put(
    const struct front_config *c, const struct request *r, struct buf *out);

/* Whether a page of that origin may. */
bool cors_allows(const struct front_config *c, struct str origin);

#endif
