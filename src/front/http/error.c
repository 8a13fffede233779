#include "front/http/error.h"

#include "front/http/http.h"
#include "front/http/reply.h"
#include "front/errors.h"
#include "json/write.h"

#include <stdarg.h>
#include <stdio.h>

#define BODY_MAX 8192u

/* What an error says, whatever the form. */
struct said {
	const struct error_row *row;
	const char *message;
	const char *param;   /* or NULL */
	const char *crash;   /* the id, or "" */
	const char *request; /* its id; NULL or "": within a stream */
	int status;
};

static void
put_openai(struct json_out *o, const struct said *s)
{
	json_key(o, "error");
	json_open(o, '{');
	json_key_cstr(o, "message", s->message);
	json_key_cstr(o, "type", s->row->openai);
	json_key_cstr(o, "param", s->param);
	json_key_cstr(o, "code", s->row->code);
	if (s->crash[0] != '\0')
		json_key_cstr(o, "crash_id", s->crash);
	json_close(o, '}');
}

static void
put_llama(struct json_out *o, const struct said *s)
{
	json_key(o, "error");
	json_open(o, '{');
	json_key_i64(o, "code", s->status);
	json_key_cstr(o, "message", s->message);
	json_key_cstr(o, "type", s->row->llama);
	if (s->crash[0] != '\0')
		json_key_cstr(o, "crash_id", s->crash);
	json_close(o, '}');
}

static void
put_anthropic(struct json_out *o, const struct said *s)
{
	json_key_cstr(o, "type", "error");
	json_key(o, "error");
	json_open(o, '{');
	json_key_cstr(o, "type", s->row->anthropic);
	json_key_cstr(o, "message", s->message);
	if (s->crash[0] != '\0')
		json_key_cstr(o, "crash_id", s->crash);
	json_close(o, '}');
	if (s->request != NULL && s->request[0] != '\0')
		json_key_cstr(o, "request_id", s->request);
}

static void
put_ollama(struct json_out *o, const struct said *s)
{
	json_key_cstr(o, "error", s->message);
}

static void
put(struct buf *out, enum error_form form, const struct said *s)
{
	static void (*const puts[ERRORS_NFORMS])(
	    struct json_out *, const struct said *) = {
		[ERRORS_OPENAI] = put_openai,
		[ERRORS_LLAMA] = put_llama,
		[ERRORS_ANTHROPIC] = put_anthropic,
		[ERRORS_OLLAMA] = put_ollama,
	};
	struct json_out o = json_out(out);

	json_open(&o, '{');
	puts[form](&o, s);
	json_close(&o, '}');
}

static void
put_fail(struct buf *out, enum error_form form, const struct fail *why,
    const char *request)
{
	const struct error_row *row = error_row(why->code);
	const struct said s = { .request = request,
		.row = row,
		.message = why->text,
		.param = why->field[0] != '\0' ? why->field : NULL,
		.crash = why->crash,
		.status = row->http };

	put(out, form, &s);
}

void
error_put(struct buf *out, enum error_form form, const struct fail *why)
{
	put_fail(out, form, why, NULL);
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
words_of(const struct buf *body, enum error_form form)
{
	static const char *const words[ERRORS_NFORMS] = {
		[ERRORS_OPENAI] = "{\"error\":{\"message\":\"out of memory\","
				  "\"type\":\"server_error\",\"param\":null,"
				  "\"code\":null}}",
		[ERRORS_LLAMA] = "{\"error\":{\"code\":500,\"message\":\"out "
				 "of memory\",\"type\":\"server_error\"}}",
		[ERRORS_ANTHROPIC] = "{\"type\":\"error\",\"error\":{\"type\":"
				     "\"api_error\",\"message\":\"out of "
				     "memory\"}}",
		[ERRORS_OLLAMA] = "{\"error\":\"out of memory\"}",
	};

	return buf_err(body) == 0 ? buf_str(body) : str_of(words[form]);
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
	put_fail(&body, http_errors(h), why, http_request_id(h));
	error_headers(why, status, extra, sizeof(extra));
	reply_send(h, status, "application/json", extra,
	    words_of(&body, http_errors(h)));
	buf_done(&body);
}

/* HTTP's own errors have no ERR_*, and no code in any form. */
static const struct error_row *
row_of_status(int status)
{
	static const struct error_row missing = { .openai = "not_found_error",
		.llama = "not_found_error",
		.anthropic = "not_found_error" };
	static const struct error_row ours = { .openai = "server_error",
		.llama = "server_error",
		.anthropic = "api_error" };
	static const struct error_row theirs = { .openai =
						     "invalid_request_error",
		.llama = "invalid_request_error",
		.anthropic = "invalid_request_error" };

	return status == 404 ? &missing : status >= 500 ? &ours : &theirs;
}

void
error_status(
    struct http *h, int status, const char *extra, const char *fmt, ...)
{
	char message[512];
	const struct said s = { .row = row_of_status(status),
		.message = message,
		.request = http_request_id(h),
		.crash = "",
		.status = status };
	struct buf body;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	buf_init(&body, BODY_MAX);
	put(&body, http_errors(h), &s);
	if (extra == NULL)
		extra = status == 503 ? "Retry-After: 1\r\n" : "";
	reply_send(h, status, "application/json", extra,
	    words_of(&body, http_errors(h)));
	buf_done(&body);
}
