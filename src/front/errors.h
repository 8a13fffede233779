/*
 * errors - what an ERR_* is called by those who read it: one table for every
 * protocol that a client may speak.
 */
#ifndef FRONT_ERRORS_H
#define FRONT_ERRORS_H

#include "base/err.h"

struct error_row {
	int err;	       /* ERR_* */
	int http;	       /* status */
	const char *openai;    /* error.type */
	const char *code;      /* OpenAI's error.code, or NULL */
	const char *llama;     /* llama-server's error.type */
	const char *anthropic; /* error.type */
	int rpc;	       /* JSON-RPC code */
};

/* Never NULL: unknown codes are internal errors. */
const struct error_row *error_row(int err);

#endif
