/*
 * llama_own - what llama-server's completions are asked for that no other
 * dialect has.
 */
#ifndef HTTP_LLAMA_OWN_H
#define HTTP_LLAMA_OWN_H

#include "front/http/ask.h"

struct llama_own {
	const struct json_value *samplers, *fields;
	const struct json_value *prefix, *suffix, *extra; /* of /infill */
	uint32_t n_indent, min_keep;
	bool post_sampling_probs;
	bool return_tokens;
	bool timings_per_token;
	bool return_progress;
};

/* Of a body that was parsed. 0 or ERR_INVALID. */
int llama_read_own(const struct ask *q, struct llama_own *ret, struct fail *why)
    MUST_CHECK;

/* It asks for no tokens: n_predict 0. */
bool llama_wants_none(const struct ask *q);

/* q->gen samples by the samplers that are named, an array or a string of
 * letters. 0; ERR_INVALID; ERR_UNSUPPORTED: in another order than here. */
int llama_read_samplers(
    struct ask *q, const struct json_value *v, struct fail *why) MUST_CHECK;

/* Appends of the object the members that paths, an array of strings, name:
 * "a" or "a/b". What is not there is left out. */
void llama_pick(struct buf *out, struct str object, struct str paths);

#endif
