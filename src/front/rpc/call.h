/*
 * call - one request's right to a reply, and where that reply goes.
 *
 * A call is answered once: with a result, or with an error. A notification's
 * answer is written nowhere, so no handler has to know the difference. In a
 * batch the answers gather in one array, which is sent when the last is there.
 */
#ifndef FRONT_RPC_CALL_H
#define FRONT_RPC_CALL_H

#include "base/buf.h"

struct rpc;

/* The codes of JSON-RPC 2.0 itself; those of ours are error_row()'s. */
enum {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INTERNAL = -32603,
};

/* An array of replies in the making. Freed when all are in. */
struct batch {
	struct buf out;
	uint32_t open; /* calls without answer, and 1 while it is read */
};

struct call {
	struct rpc *rpc;
	struct batch *batch; /* NULL: the reply is a line of its own */
	struct str id;	     /* as sent; empty: a notification */
};

/* The start of a result; append its JSON, then close. */
struct buf *call_open(struct call *c);
void call_close(struct call *c);

/* A result that is text already. */
void call_result(struct call *c, struct str json);

/* field (NULL or "": none) becomes data.field. */
void call_error(struct call *c, int code, const char *field, const char *text);

/* The code by error_row(); or another. */
void call_fail(struct call *c, const struct fail *why);
void call_fail_as(struct call *c, int code, const struct fail *why);

/* Copies a call that is answered later; its id is then ours, freed by
 * call_drop(). 0 or ERR_NOMEM. */
int call_keep(struct call *dst, const struct call *c) MUST_CHECK;

/* Forgets a kept call. Does not answer it. */
void call_drop(struct call *c);

/* NULL: out of memory. max: bytes of all replies together. */
struct batch *batch_new(size_t max);

/* All of its requests were read: sent now, or with the last answer. */
void batch_close(struct rpc *r, struct batch *b);

/* NULL is allowed. */
void batch_free(struct batch *b);

#endif
