/*
 * stream - one request whose answer arrives as server-sent events, a token or
 * so each: what came, and when.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include "answer.h"

/* What all streams of a run share. */
struct tally {
	const char *key; /* what stands before a text: "\"text\":\"" */
	uint64_t now_us; /* set before each stream_feed() */
	uint32_t *gaps;	 /* microseconds between events, of all streams */
	size_t n_gaps;
	size_t max_gaps;
	uint64_t last_us; /* the last event of all */
};

struct stream {
	struct tally *tally;
	struct answer answer;
	struct buf text; /* concatenated; escaped as it came */
	uint64_t sent_us;
	uint64_t first_us; /* when the first text came; 0: none yet */
	uint64_t last_us;
	uint32_t events; /* with text */
	uint32_t tokens; /* as the server counts them; 0: it did not say */
	bool has_done;	 /* [DONE] came */
	char why[200];	 /* what is wrong, or "" */
};

/* The stream must stay where it is until stream_done(). */
void stream_init(struct stream *s, struct tally *t);
void stream_done(struct stream *s);

void stream_feed(struct stream *s, const char *p, size_t n);

/* Nothing more comes; fills why if that is too early. */
void stream_end(struct stream *s);

#endif
