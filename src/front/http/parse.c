/*
 * The grammar is llhttp's, strict in everything. On top of it: versions 1.0
 * and 1.1 only; exactly one Host (1.0 may have none); Transfer-Encoding only
 * as "chunked", once, and not in 1.0; no other expectation than 100-continue;
 * limits on the target, the headers, the body and the chunks around it.
 *
 * That the split of the input changes nothing rests on two rules. Checks run
 * where a part is complete, never where a piece of it arrives, because llhttp
 * hands over a piece before or after an error in the same bytes, depending on
 * the split. And sizes are limited by `room`, the bytes that may yet be
 * taken: no piece that is fed to llhttp passes it.
 */
#include "front/http/kept.h"

#include <llhttp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_KNOWN 32u /* longer header names mean nothing to us */
#define VALUE_MAX_KNOWN 256u
/* Bytes on the wire for one of a body in chunks of one: "1\r\nx\r\n". */
#define CHUNK_OVERHEAD 6u

struct header;

struct parse {
	llhttp_t http;
	struct parse_limits limits;
	enum parse_result result;
	struct request request;
	struct buf target;
	struct buf body;
	struct kept kept;
	uint64_t room; /* bytes that the request may yet take */
	size_t target_len;
	size_t name_len;
	size_t value_len;
	const struct header *header; /* the one being read, if known */
	uint32_t n_headers;
	uint16_t n_host;
	uint16_t n_encoding;
	int status;
	bool has_target;
	bool has_version;
	bool has_head;
	bool is_expecting; /* 100-continue, not answered yet */
	char name[NAME_MAX_KNOWN];
	char value[VALUE_MAX_KNOWN];
	char why[160];
};

static int fail(struct parse *p, int status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The first failure is the one that counts. Returns what a callback does. */
static int
fail(struct parse *p, int status, const char *fmt, ...)
{
	va_list ap;

	if (p->status == 0) {
		p->status = status;
		va_start(ap, fmt);
		(void)vsnprintf(p->why, sizeof(p->why), fmt, ap);
		va_end(ap);
	}
	return HPE_USER;
}

/*
 * Headers that mean something here
 */

static bool
is_host_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || (c != '\0' && strchr("-._~%:[]", c));
}

static int
on_host(struct parse *p, struct str value)
{
	if (++p->n_host > 1)
		return fail(p, 400, "more than one Host header");
	for (size_t i = 0; i < value.n; i++)
		if (!is_host_char(value.p[i]))
			return fail(p, 400, "the Host header is no host name");
	return 0;
}

static int
on_transfer_encoding(struct parse *p, struct str value)
{
	if (p->request.is_http10)
		return fail(p, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (++p->n_encoding > 1 || value.n != 7 ||
	    strncasecmp(value.p, "chunked", 7) != 0)
		return fail(p, 400,
		    "no other Transfer-Encoding than chunked is accepted");
	return 0;
}

static int
on_expect(struct parse *p, struct str value)
{
	if (p->request.is_http10)
		return 0;
	if (value.n != 12 || strncasecmp(value.p, "100-continue", 12) != 0)
		return fail(p, 417,
		    "no other expectation than 100-continue can be met");
	p->is_expecting = true;
	return 0;
}

/* A body that we cannot read is not to be read as something else. */
static int
on_content_encoding(struct parse *p, struct str value)
{
	if (value.n == 0 ||
	    (value.n == 8 && strncasecmp(value.p, "identity", 8) == 0))
		return 0;
	return fail(p, 415, "no Content-Encoding is accepted, not \"%.*s\"",
	    value.n < 32 ? (int)value.n : 32, value.p);
}

static const struct header {
	const char *name;
	int (*take)(struct parse *p, struct str value);
} headers[] = {
	{ "host", on_host },
	{ "transfer-encoding", on_transfer_encoding },
	{ "expect", on_expect },
	{ "content-encoding", on_content_encoding },
};

static const struct header *
header_find(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (strlen(headers[i].name) == n &&
		    strncasecmp(headers[i].name, name, n) == 0)
			return &headers[i];
	return NULL;
}

/*
 * The request line
 */

static const struct {
	uint8_t llhttp;
	enum method method;
} methods[] = {
	{ HTTP_GET, METHOD_GET },
	{ HTTP_HEAD, METHOD_HEAD },
	{ HTTP_POST, METHOD_POST },
	{ HTTP_OPTIONS, METHOD_OPTIONS },
	{ HTTP_DELETE, METHOD_DELETE },
};

static enum method
method_of(uint8_t number)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].llhttp == number)
			return methods[i].method;
	return METHOD_OTHER;
}

static int
on_url(llhttp_t *http, const char *at, size_t n)
{
	struct parse *p = http->data;

	p->target_len += n;
	if (p->target_len <= PARSE_TARGET_MAX)
		buf_put(&p->target, at, n);
	return 0;
}

/* "http://host/path" to "/path": the host is that of the Host header. */
static struct str
strip_origin(struct str target)
{
	static const struct str schemes[] = { { "http://", 7 },
		{ "https://", 8 } };

	for (size_t i = 0; i < 2; i++) {
		struct str s = schemes[i];
		const char *slash;

		if (target.n < s.n || strncasecmp(target.p, s.p, s.n) != 0)
			continue;
		slash = memchr(target.p + s.n, '/', target.n - s.n);
		if (slash == NULL)
			return STR("/");
		target.n -= (size_t)(slash - target.p);
		target.p = slash;
	}
	return target;
}

static int
split_target(struct parse *p, struct str target)
{
	struct request *r = &p->request;
	const char *mark;

	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] <= ' ' || target.p[i] >= 0x7f ||
		    target.p[i] == '#')
			return fail(p, 400,
			    "the request target has a byte "
			    "that must be percent-encoded");
	target = strip_origin(target);
	r->path = target;
	r->query = STR("");
	mark = memchr(target.p, '?', target.n);
	if (mark != NULL) {
		r->path.n = (size_t)(mark - target.p);
		r->query.p = mark + 1;
		r->query.n = target.n - r->path.n - 1;
	}
	if (str_is(target, "*") && r->method == METHOD_OPTIONS)
		return 0;
	if (r->path.n == 0 || r->path.p[0] != '/')
		return fail(p, 400, "the request target is no path");
	return 0;
}

static int
on_url_complete(llhttp_t *http)
{
	struct parse *p = http->data;

	p->has_target = true;
	p->request.method = method_of(llhttp_get_method(http));
	if (p->target_len > PARSE_TARGET_MAX)
		return fail(p, 414,
		    "the request target may have %u bytes, not %zu",
		    PARSE_TARGET_MAX, p->target_len);
	if (buf_err(&p->target) != 0)
		return fail(p, 503, "out of memory");
	if (http->method == HTTP_CONNECT)
		return fail(p, 405, "this is no proxy");
	return split_target(p, buf_str(&p->target));
}

static int
on_version_complete(llhttp_t *http)
{
	struct parse *p = http->data;
	uint8_t major = llhttp_get_http_major(http);
	uint8_t minor = llhttp_get_http_minor(http);

	if (major != 1 || minor > 1)
		return fail(p, 505, "HTTP/%u.%u is not served, 1.0 and 1.1 are",
		    major, minor);
	p->has_version = true;
	p->request.is_http10 = minor == 0;
	return 0;
}

/*
 * Headers and trailers. Of trailers nothing is kept.
 */

static int
on_header_field(llhttp_t *http, const char *at, size_t n)
{
	struct parse *p = http->data;
	size_t room = sizeof(p->name) - p->name_len;

	/* A name that is too long stays one byte over any that is known. */
	memcpy(p->name + p->name_len, at, n < room ? n : room);
	p->name_len += n < room ? n : room;
	return 0;
}

static int
on_header_field_complete(llhttp_t *http)
{
	struct parse *p = http->data;

	p->header = p->has_head ? NULL : header_find(p->name, p->name_len);
	if (p->has_head)
		kept_pass(&p->kept);
	else
		kept_begin(&p->kept, p->name, p->name_len);
	p->name_len = 0;
	p->value_len = 0;
	return 0;
}

static int
on_header_value(llhttp_t *http, const char *at, size_t n)
{
	struct parse *p = http->data;
	size_t room;

	kept_add(&p->kept, at, n);
	if (p->header == NULL)
		return 0;
	if (p->value_len < sizeof(p->value)) {
		room = sizeof(p->value) - p->value_len;
		memcpy(p->value + p->value_len, at, n < room ? n : room);
	}
	p->value_len += n;
	return 0;
}

static int
on_header_value_complete(llhttp_t *http)
{
	struct parse *p = http->data;
	struct str value = { p->value, p->value_len };

	if (++p->n_headers > PARSE_HEADERS_MAX)
		return fail(p, 431, "more than %u headers", PARSE_HEADERS_MAX);
	if (p->header == NULL)
		return 0;
	if (value.n > sizeof(p->value))
		return fail(p, 400, "the %s header may have %zu bytes",
		    p->header->name, sizeof(p->value));
	while (value.n > 0 && strchr(" \t", value.p[value.n - 1]) != NULL)
		value.n--;
	return p->header->take(p, value);
}

static int
too_much_body(struct parse *p)
{
	uint64_t n = p->http.content_length;

	/* A chunked one has no length: it is over as soon as it is. */
	if (n > p->limits.body_max)
		return fail(p, 413,
		    "a request body may have %u bytes, not %" PRIu64,
		    p->limits.body_max, n);
	return fail(
	    p, 413, "a request body may have %u bytes", p->limits.body_max);
}

static int
on_headers_complete(llhttp_t *http)
{
	struct parse *p = http->data;

	p->has_head = true;
	p->n_headers = 0;
	/* llhttp takes "GET /" for HTTP/0.9, with headers. */
	if (!p->has_version)
		return fail(p, 505, "only HTTP/1.0 and HTTP/1.1 are served");
	if (p->n_host == 0 && !p->request.is_http10)
		return fail(p, 400, "HTTP/1.1 asks for a Host header");
	if (kept_show(&p->kept) != 0)
		return fail(p, 503, "out of memory");
	p->request.kept = p->kept.values;
	/* We speak no other protocol; what follows is a body like any. */
	http->upgrade = 0;
	if (http->flags & F_CHUNKED)
		p->room += (uint64_t)p->limits.body_max * CHUNK_OVERHEAD +
		    p->limits.head_max;
	else if (http->content_length > p->limits.body_max)
		return too_much_body(p);
	else
		p->room += http->content_length;
	/* Its buffer grows to no more than what will come. */
	if (!(http->flags & F_CHUNKED))
		p->body.max = (size_t)http->content_length;
	return 0;
}

/*
 * The body
 */

static int
on_chunk_header(llhttp_t *http)
{
	struct parse *p = http->data;

	if (http->content_length > p->limits.body_max - buf_len(&p->body))
		return too_much_body(p);
	return 0;
}

static int
on_body(llhttp_t *http, const char *at, size_t n)
{
	struct parse *p = http->data;

	buf_put(&p->body, at, n);
	return buf_err(&p->body) == 0 ? 0 : fail(p, 503, "out of memory");
}

static int
on_message_complete(llhttp_t *http)
{
	struct parse *p = http->data;

	p->request.keep_alive = llhttp_should_keep_alive(http) != 0;
	if (buf_len(&p->body) > 0)
		p->request.body = buf_str(&p->body);
	p->result = PARSE_DONE;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_url_complete = on_url_complete,
	.on_version_complete = on_version_complete,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_chunk_header = on_chunk_header,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

struct parse *
parse_new(const struct parse_limits *limits)
{
	struct parse *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->limits = *limits;
	p->room = limits->head_max;
	p->result = PARSE_MORE;
	p->request.body = STR("");
	buf_init(&p->target, PARSE_TARGET_MAX);
	buf_init(&p->body, limits->body_max);
	kept_init(&p->kept);
	llhttp_init(&p->http, HTTP_REQUEST, &settings);
	p->http.data = p;
	return p;
}

void
parse_free(struct parse *p)
{
	if (p == NULL)
		return;
	buf_done(&p->target);
	buf_done(&p->body);
	kept_done(&p->kept);
	free(p);
}

static void
fail_no_room(struct parse *p)
{
	if (p->has_head)
		(void)too_much_body(p);
	else if (p->has_target)
		(void)fail(p, 431, "the headers may have %u bytes",
		    p->limits.head_max);
	else
		(void)fail(p, 414, "the request line may have %u bytes",
		    p->limits.head_max);
	p->result = PARSE_FAILED;
}

/* What llhttp says where none of our checks did. */
static void
fail_grammar(struct parse *p, llhttp_errno_t err)
{
	const char *reason = llhttp_get_error_reason(&p->http);

	/* What may not follow a version is of the same error. */
	if (!p->has_version &&
	    (err == HPE_INVALID_VERSION || err == HPE_PAUSED_H2_UPGRADE))
		(void)fail(p, 505, "only HTTP/1.0 and HTTP/1.1 are served");
	else
		(void)fail(p, 400, "malformed HTTP request: %s",
		    reason != NULL && *reason ? reason
					      : llhttp_errno_name(err));
	p->result = PARSE_FAILED;
}

/* Returns how many of the n bytes were taken. */
static size_t
feed_piece(struct parse *p, const char *at, size_t n)
{
	llhttp_errno_t err = llhttp_execute(&p->http, at, n);

	if (p->result == PARSE_DONE)
		return (size_t)(llhttp_get_error_pos(&p->http) - at);
	if (err != HPE_OK)
		fail_grammar(p, err);
	return n;
}

enum parse_result
parse_feed(struct parse *p, const void *bytes, size_t n, size_t *ret_used)
{
	const char *at = bytes;
	size_t used = 0;

	while (p->result == PARSE_MORE && used < n) {
		size_t piece = n - used < p->room ? n - used : (size_t)p->room;

		if (piece == 0) {
			fail_no_room(p);
			break;
		}
		p->room -= piece;
		used += feed_piece(p, at + used, piece);
	}
	p->request.bytes += used;
	*ret_used = used;
	return p->result;
}

size_t
parse_held(const struct parse *p)
{
	return buf_len(&p->body);
}

bool
parse_wants_continue(struct parse *p)
{
	bool wants = p->is_expecting && p->has_head &&
	    p->result == PARSE_MORE && buf_len(&p->body) == 0;

	if (wants)
		p->is_expecting = false;
	return wants;
}

const struct request *
parse_head(const struct parse *p)
{
	return p->request.kept != NULL ? &p->request : NULL;
}

const struct request *
parse_request(const struct parse *p)
{
	return &p->request;
}

int
parse_status(const struct parse *p)
{
	return p->status;
}

const char *
parse_why(const struct parse *p)
{
	return p->why;
}
