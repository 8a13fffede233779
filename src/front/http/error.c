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
    const char *code)
{
	struct json_out o = json_out(out);

	json_open(&o, '{');
	json_key(&o, "error");
	json_open(&o, '{');
	json_key_cstr(&o, "message", message);
	json_key_cstr(&o, "type", type);
	json_key_cstr(&o, "param", param);
	json_key_cstr(&o, "code", code);
	json_close(&o, '}');
	json_close(&o, '}');
}

void
error_put(struct buf *out, const struct fail *why)
{
	put(out, why->text, error_row(why->code)->http_type,
	    why->field[0] != '\0' ? why->field : NULL, code_of(why->code));
}

static const char *
extra_of(int status)
{
	return status == 429 || status == 503 ? "Retry-After: 1\r\n" : "";
}

void
error_reply(struct http *h, const struct fail *why)
{
	int status = error_row(why->code)->http;
	struct buf body;

	if (why->code == ERR_STOPPING)
		http_set_last(h);
	buf_init(&body, BODY_MAX);
	error_put(&body, why);
	reply_send(
	    h, status, "application/json", extra_of(status), buf_str(&body));
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
	put(&body, message, type, NULL, NULL);
	reply_send(h, status, "application/json",
	    extra != NULL ? extra : extra_of(status), buf_str(&body));
	buf_done(&body);
}
