/*
 * parse - bytes to one HTTP/1 request, or to the one error that it is.
 *
 * Knows nothing of connections: feed it bytes in pieces of any size and the
 * result is the same. It stops at the last byte of the request, so that what
 * follows is the next one's.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include "base/buf.h"

/* Bits, so that a route can say which it has. */
enum method {
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_POST = 4,
	METHOD_OPTIONS = 8,
	METHOD_OTHER = 16, /* known to HTTP, of no use here */
	METHOD_DELETE = 32,
};

struct parse_limits {
	uint32_t head_max; /* bytes up to the end of the headers */
	uint32_t body_max; /* bytes of the body, chunks put together */
};

#define PARSE_TARGET_MAX 8192u /* bytes of the request target */
#define PARSE_HEADERS_MAX 100u

/* Headers whose values are kept. Anything longer than PARSE_VALUE_MAX, or that
 * comes twice, is there and empty: so it means nothing, and is not taken for
 * one that is absent. */
#define PARSE_KEPT(K)                                      \
	K(AUTHORIZATION, "authorization")                  \
	K(API_KEY, "x-api-key")                            \
	K(ORIGIN, "origin")                                \
	K(ASKED_METHOD, "access-control-request-method")   \
	K(ASKED_HEADERS, "access-control-request-headers") \
	K(REQUEST_ID, "x-request-id")                      \
	K(ANTHROPIC_VERSION, "anthropic-version")          \
	K(ANTHROPIC_BETA, "anthropic-beta")

#define PARSE_KEPT_ENUM(name, text) HEADER_##name,
enum kept_header { PARSE_KEPT(PARSE_KEPT_ENUM) HEADER_COUNT };
#undef PARSE_KEPT_ENUM

#define PARSE_VALUE_MAX 1024u

/* Strings point into the parser. */
struct request {
	enum method method;
	struct str path;  /* starts with '/', or is "*"; still escaped */
	struct str query; /* behind the '?', or empty */
	struct str body;
	const struct str *kept; /* by enum kept_header; NULL: none is known */
	uint64_t bytes;		/* of all of it, as it came */
	bool is_http10;
	bool keep_alive; /* what the client wants */
};

enum parse_result {
	PARSE_MORE = 1, /* not whole yet */
	PARSE_DONE,	/* parse_request() has it */
	PARSE_FAILED,	/* parse_status() and parse_why() say why */
};

/* The value of a header: p is NULL if it has not come. */
static inline struct str
request_header(const struct request *r, enum kept_header which)
{
	static const struct str none = { NULL, 0 };

	return r->kept == NULL ? none : r->kept[which];
}

struct parse;

/* NULL if out of memory. */
struct parse *parse_new(const struct parse_limits *limits);

/* NULL is allowed. */
void parse_free(struct parse *p);

/* Takes bytes until the request is whole or wrong; *ret_used of them belong
 * to it. Once it is, more bytes are not looked at. */
enum parse_result parse_feed(
    struct parse *p, const void *bytes, size_t n, size_t *ret_used);

/* Bytes of the body that it holds. */
size_t parse_held(const struct parse *p);

/* True, once, when the client waits for "100 Continue": its headers are
 * acceptable and nothing of its body has come. */
bool parse_wants_continue(struct parse *p);

/* As soon as its headers are whole: all but the body, good until
 * parse_free(). NULL before. */
const struct request *parse_head(const struct parse *p);

/* After PARSE_DONE; good until parse_free(). */
const struct request *parse_request(const struct parse *p);

/* After PARSE_FAILED: the HTTP status, and a sentence without a full stop. */
int parse_status(const struct parse *p);
const char *parse_why(const struct parse *p);

#endif
