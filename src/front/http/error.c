#include "front/http/error.h"

#include "front/http/http.h"
#include "front/http/reply.h"
#include "front/params.h"
#include "json/write.h"

#include <stdarg.h>
#include <stdio.h>

#define BODY_MAX 8192u

/* error.code, where OpenAI has a word for it. */
static const struct {
	int err;
	const char *code;
} codes[] = {
	{ ERR_NOT_FOUND, "model_not_found" },
	{ ERR_CONTEXT, "context_length_exceeded" },
	{ ERR_BUSY, "rate_limit_exceeded" },
	{ ERR_GAVE_UP, "worker_crashed" },
	{ ERR_POISON, "worker_crashed" },
	{ ERR_TIMEOUT, "timeout" },
	{ ERR_STOPPING, "server_stopping" },
};

static const char *
code_of(int err)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].err == err)
			return codes[i].code;
	return NULL;
}

static void
put(struct buf *out, const char *message, const char *type, const char *param,
    const char *code, const char *crash)
{
	struct json_out o = json_out(out);

	json_open(&o, '{');
	json_key(&o, "error");
	json_open(&o, '{');
	json_key_cstr(&o, "message", message);
	json_key_cstr(&o, "type", type);
	json_key_cstr(&o, "param", param);
	json_key_cstr(&o, "code", code);
	if (crash != NULL && crash[0] != '\0')
		json_key_cstr(&o, "crash_id", crash);
	json_close(&o, '}');
	json_close(&o, '}');
}

void
error_put(struct buf *out, const struct fail *why)
{
	put(out, why->text, error_row(why->code)->http_type,
	    why->field[0] != '\0' ? why->field : NULL, code_of(why->code),
	    why->crash);
}

/* Whether the same again has no better prospects. Clients repeat by themselves
 * what failed with a status of 5xx, unless they are told. */
static bool
is_final(const struct fail *why)
{
	return why->code == ERR_POISON || why->code == ERR_FULL ||
	    why->code == ERR_UNSUPPORTED ||
	    (why->code == ERR_TIMEOUT && why->retry_ms == 0);
}

/* Where there was no memory for the right words. */
static struct str
words_of(const struct buf *body)
{
	if (buf_err(body) == 0)
		return buf_str(body);
	return STR("{\"error\":{\"message\":\"out of memory\",\"type\":"
		   "\"server_error\",\"param\":null,\"code\":null}}");
}

void
error_headers(const struct fail *why, int status, char *out, size_t size)
{
	uint32_t s = why->retry_ms / 1000 + (why->retry_ms % 1000 != 0);

	out[0] = '\0';
	if (is_final(why))
		(void)snprintf(out, size, "x-should-retry: false\r\n");
	else if (s > 0 || status == 429 || status == 503)
		(void)snprintf(out, size, "Retry-After: %u\r\n", s > 0 ? s : 1);
}

void
error_reply(struct http *h, const struct fail *why)
{
	int status = error_row(why->code)->http;
	struct buf body;
	char extra[64];

	if (why->code == ERR_STOPPING)
		http_set_last(h);
	buf_init(&body, BODY_MAX);
	error_put(&body, why);
	error_headers(why, status, extra, sizeof(extra));
	reply_send(h, status, "application/json", extra, words_of(&body));
	buf_done(&body);
}

void
error_status(
    struct http *h, int status, const char *extra, const char *fmt, ...)
{
	const char *type = status == 404 ? "not_found_error"
	    : status >= 500		 ? "server_error"
					 : "invalid_request_error";
	char message[512];
	struct buf body;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	buf_init(&body, BODY_MAX);
	put(&body, message, type, NULL, NULL, NULL);
	if (extra == NULL)
		extra = status == 503 ? "Retry-After: 1\r\n" : "";
	reply_send(h, status, "application/json", extra, words_of(&body));
	buf_done(&body);
}
