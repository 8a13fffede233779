/*
 * visit - one request, from its headers to the end of its answer: who asks, by
 * which name it is known, and what is told of it afterwards.
 */
#ifndef HTTP_VISIT_H
#define HTTP_VISIT_H

#include "front/asker.h"
#include "front/conn.h"
#include "front/http/parse.h"

#define VISIT_ID_MAX 128u   /* bytes of an X-Request-Id that is taken */
#define VISIT_PATH_MAX 200u /* bytes of a path that are remembered */

struct visit {
	struct conn *conn;
	struct client *client; /* who has the key; a reference, or NULL */
	struct tally *tally;
	uint64_t begun_ms;
	uint64_t made_before; /* conn_made() then */
	uint64_t bytes_in;
	struct buf cors; /* header lines */
	int status;	 /* 0: no answer yet */
	bool is_failed;	 /* its stream ended with an error */
	enum method method;
	char id[VISIT_ID_MAX + 1];
	char path[VISIT_PATH_MAX + 1]; /* without what is behind the '?' */
	char label[256];	       /* for people: its key and its id */
};

/* r: as far as its headers; NULL: not even they could be read. It asks on c
 * from now on. NULL: out of memory. */
struct visit *visit_new(struct conn *c, const struct request *r);

/* Whether r may be answered to who asks: 0; ERR_KEY, ERR_DENIED and *why. */
int visit_check(struct visit *v, const struct request *r, struct fail *why)
    MUST_CHECK;

/* Appends the header lines that every answer has. */
void visit_put_headers(const struct visit *v, struct buf *out);

/* It is answered, or its client has gone: written down, and freed. NULL is
 * allowed. */
void visit_end(struct visit *v, bool is_whole);

#endif
