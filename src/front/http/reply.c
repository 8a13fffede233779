#include "front/http/reply.h"

#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"

#include <string.h>

/* Of an event's chunk: its size in hex digits that are filled in when it is
 * known. Leading zeros are allowed (RFC 9112, 7.1). */
#define SIZE_DIGITS 6u
#define SIZE_BLANK "000000\r\n"

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 499, "Client Closed Request" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *
reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

/* The Connection header, where it says more than the version does. */
static const char *
connection_of(const struct http *h)
{
	if (http_is_last(h))
		return "Connection: close\r\n";
	if (http_request(h)->is_http10)
		return "Connection: keep-alive\r\n";
	return "";
}

static void
put_head(struct http *h, int status, const char *type, const char *extra)
{
	struct buf *out = http_out(h);

	buf_printf(out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
	if (type != NULL)
		buf_printf(out, "Content-Type: %s\r\n", type);
	buf_puts(out, extra);
	http_put_headers(h, status, out);
	buf_puts(out, connection_of(h));
}

void
reply_send(struct http *h, int status, const char *type, const char *extra,
    struct str body)
{
	struct buf *out = http_out(h);

	if (status >= 400)
		http_front(h)->metrics.http_errors_total++;
	put_head(h, status, type, extra);
	/* 204 has no body by its definition, and no length. */
	if (status != 204)
		buf_printf(out, "Content-Length: %zu\r\n", body.n);
	buf_put(out, "\r\n", 2);
	if (http_request(h)->method != METHOD_HEAD && body.n > 0)
		buf_put_str(out, body);
	http_done(h);
}

void
reply_json(struct http *h, struct str body)
{
	reply_send(h, 200, "application/json", "", body);
}

void
reply_buf(struct http *h, const char *type, struct buf *body)
{
	if (buf_err(body) != 0)
		error_status(h, 500, NULL, "the answer is too large");
	else
		reply_send(h, 200, type, "", buf_str(body));
	buf_done(body);
}

void
reply_stream(struct http *h, const char *type)
{
	/* Without chunks the end of the stream is that of the connection. */
	if (http_request(h)->is_http10)
		http_set_last(h);
	put_head(h, 200, type, "Cache-Control: no-cache\r\n");
	buf_puts(http_out(h),
	    http_request(h)->is_http10 ? "\r\n"
				       : "Transfer-Encoding: chunked\r\n\r\n");
}

size_t
reply_event_begin(struct http *h)
{
	struct buf *out = http_out(h);
	size_t mark = buf_len(out);

	if (!http_request(h)->is_http10)
		buf_put(out, SIZE_BLANK, sizeof(SIZE_BLANK) - 1);
	return mark;
}

void
reply_event_end(struct http *h, size_t mark)
{
	static const char hex[] = "0123456789abcdef";
	struct buf *out = http_out(h);
	size_t n = buf_len(out) - mark - (sizeof(SIZE_BLANK) - 1);
	uint8_t *digits;

	if (http_request(h)->is_http10 || buf_err(out) != 0)
		return;
	if (n == 0) { /* an empty chunk would end the stream */
		buf_truncate(out, mark);
		return;
	}
	if (n >> (4 * SIZE_DIGITS) != 0) {
		out->err = ERR_TOO_BIG;
		return;
	}
	digits = out->data + out->off + mark;
	for (size_t i = SIZE_DIGITS; i-- > 0; n >>= 4)
		digits[i] = (uint8_t)hex[n & 15];
	buf_put(out, "\r\n", 2);
}

void
reply_stream_end(struct http *h)
{
	if (!http_request(h)->is_http10)
		buf_puts(http_out(h), "0\r\n\r\n");
	http_done(h);
}
