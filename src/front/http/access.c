#include "front/http/access.h"

#include "base/clock.h"
#include "base/log.h"
#include "front/client.h"
#include "front/front.h"
#include "front/http/visit.h"
#include "front/tally.h"

#include <inttypes.h>
#include <time.h>

#define LINE_BYTES 1400u

/* "path=/v1/models ": what would end the word, or the line, is escaped as in a
 * URL. An empty value is a dash. */
static void
put_word(struct buf *out, const char *name, struct str value)
{
	static const char hex[] = "0123456789ABCDEF";

	buf_printf(out, "%s=", name);
	if (value.n == 0)
		buf_put_u8(out, '-');
	for (size_t i = 0; i < value.n; i++) {
		uint8_t c = (uint8_t)value.p[i];

		if (c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=') {
			buf_put_u8(out, c);
			continue;
		}
		buf_put_u8(out, '%');
		buf_put_u8(out, (uint8_t)hex[c >> 4]);
		buf_put_u8(out, (uint8_t)hex[c & 15]);
	}
	buf_put_u8(out, ' ');
}

static void
put_number(struct buf *out, const char *name, uint64_t n)
{
	buf_printf(out, "%s=%" PRIu64 " ", name, n);
}

static void
put_time(struct buf *out)
{
	struct timespec now = { 0 };
	struct tm tm;
	char text[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	buf_printf(out, "time=%s.%03ldZ ", text, now.tv_nsec / 1000000);
}

/* Since it was read; a dash if it never came to that. */
static void
put_since(struct buf *out, const char *name, const struct visit *v, uint64_t at)
{
	if (at == 0)
		buf_printf(out, "%s=- ", name);
	else
		put_number(out, name, at > v->begun_ms ? at - v->begun_ms : 0);
}

static const char *
method_name(enum method m)
{
	switch (m) {
	case METHOD_GET:
		return "GET";
	case METHOD_HEAD:
		return "HEAD";
	case METHOD_POST:
		return "POST";
	case METHOD_OPTIONS:
		return "OPTIONS";
	case METHOD_DELETE:
		return "DELETE";
	default:
		return "-";
	}
}

static const char *
end_of(const struct visit *v, bool is_whole)
{
	if (!is_whole)
		return "gone";
	return v->is_failed ? "failed" : "whole";
}

/* What is sent, where the rest never will be. */
static uint64_t
bytes_out(const struct visit *v, bool is_whole)
{
	uint64_t n = is_whole ? conn_made(v->conn) : conn_sent(v->conn);

	return n > v->made_before ? n - v->made_before : 0;
}

void
access_note(const struct visit *v, bool is_whole)
{
	const struct tally *t = v->tally;
	char room[PEER_SIZE];
	struct buf line;

	if (!conn_front(v->conn)->config.access_log)
		return;
	conn_peer(v->conn, room);
	buf_init(&line, LINE_BYTES);
	put_time(&line);
	put_word(&line, "id", str_of(v->id));
	put_word(
	    &line, "key", str_of(v->client != NULL ? v->client->name : NULL));
	put_word(&line, "peer", str_of(room));
	put_word(&line, "method", str_of(method_name(v->method)));
	put_word(&line, "path", str_of(v->path));
	put_word(&line, "model", str_of(t->model));
	put_number(&line, "status", (uint64_t)v->status);
	put_number(&line, "in", v->bytes_in);
	put_number(&line, "out", bytes_out(v, is_whole));
	put_number(&line, "prompt", t->n_prompt);
	put_number(&line, "tokens", t->n_out);
	put_since(&line, "queued_ms", v, t->slot_ms);
	put_since(&line, "first_ms", v, t->token_ms);
	put_since(&line, "total_ms", v, clock_ms());
	put_word(&line, "end", str_of(end_of(v, is_whole)));
	if (buf_err(&line) == 0)
		log_access(buf_str(&line).p, buf_len(&line) - 1);
	buf_done(&line);
}
