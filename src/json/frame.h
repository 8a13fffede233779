/*
 * frame - where one JSON value ends in a stream of them (JSON-RPC messages).
 *
 * Fed the bytes as they come, each exactly once, it counts brackets outside
 * strings. Values may follow one another with or without whitespace; a number
 * or literal ends where it can go on no longer. It finds ends, no more: what
 * is inside is json_parse()'s business. However the stream is cut into
 * pieces, the same values come out.
 *
 * After an error the rest of the line is skipped, so that a client that sends
 * a message a line can go on.
 *
 *	err = json_frame_scan(&s, p, n, &used);
 *	(append the used bytes to what is kept)
 *	0: the last json_frame_size(&s) bytes kept are a value; drop all kept
 *	else: drop all kept if json_frame_idle(&s); say what was wrong
 */
#ifndef JSON_FRAME_H
#define JSON_FRAME_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct json_frame {
	uint32_t depth;
	uint32_t max_depth;
	uint64_t size; /* bytes of the value so far */
	uint8_t state;
};

/* max_depth: containers in one another, at least 1. */
void json_frame_init(struct json_frame *s, uint32_t max_depth);

/*
 * Looks at the next n bytes. *ret_used of them are done with and must not be
 * fed again; the caller keeps those of an unfinished value.
 *
 * 0            a value is whole and ends at *ret_used
 * ERR_AGAIN    all n used, no value is whole yet
 * ERR_INVALID  byte *ret_used - 1 can not stand there: a stray bracket, comma
 *              or letter, or a newline in a string
 * ERR_TOO_BIG  byte *ret_used - 1 opens one container too many
 */
int json_frame_scan(
    struct json_frame *s, const char *p, size_t n, size_t *ret_used) MUST_CHECK;

/* Bytes of the value that was whole just now, or that is unfinished: from its
 * first byte, which no whitespace is. */
static inline uint64_t
json_frame_size(const struct json_frame *s)
{
	return s->size;
}

/* True when no byte of a value has come: what was kept (whitespace, a refused
 * line) can be dropped, and the stream may end here. */
bool json_frame_idle(const struct json_frame *s);

/* At the end of the stream: true when a number or literal waits that only
 * the end completes; it is the last json_frame_size() bytes kept. Anything
 * else unfinished is lost. */
bool json_frame_finish(struct json_frame *s);

/* Gives up on a value that grows too large: skips the rest of its line. */
void json_frame_skip(struct json_frame *s);

#endif
