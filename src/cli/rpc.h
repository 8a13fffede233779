/*
 * rpc - the client's end of the JSON-RPC socket: requests out, one reply a
 * line in.
 */
#ifndef CLI_RPC_H
#define CLI_RPC_H

#include "base/buf.h"
#include "json/read.h"

struct rpc {
	int fd; /* -1: closed */
	struct buf in;
	size_t used; /* of in: the line that was given out last */
};

/* 0; ERR_NOT_FOUND: nobody serves at path; ERR_IO. The reason is in f. */
int rpc_open(struct rpc *r, const char *path, struct fail *f) MUST_CHECK;

void rpc_close(struct rpc *r);

/* Sends {"jsonrpc":"2.0","id":id,"method":method,"params":params}; params is
 * JSON. 0 or ERR_IO. */
int rpc_send(struct rpc *r, unsigned id, const char *method, struct str params,
    struct fail *f) MUST_CHECK;

/* Waits for the next reply; free *ret with json_free(). 0; ERR_AGAIN: a signal
 * came first; ERR_EOF, ERR_IO, ERR_PROTO. */
int rpc_next(struct rpc *r, struct json_doc **ret, struct fail *f) MUST_CHECK;

/* The reply's result; NULL and the error's message in f if it has none. */
const struct json_value *rpc_result(const struct json_doc *d, struct fail *f);

#endif
