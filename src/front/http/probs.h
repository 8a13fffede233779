/*
 * probs - logprobs of tokens, gathered until the text that they belong to is
 * shown, then written in the form of the endpoint.
 */
#ifndef HTTP_PROBS_H
#define HTTP_PROBS_H

#include "wire/step.h"

/* Appends those of one token to packed. text_at: where its text starts in
 * the answer, in characters. */
void probs_note(struct buf *packed, const struct step *s, uint32_t text_at);

/* Writes all of packed: {"content":[...],"refusal":null} for a chat, else
 * {"tokens":[...],"token_logprobs":[...],"top_logprobs":[...],
 * "text_offset":[...]}. */
void probs_put_chat(struct buf *out, struct str packed);
/* The array alone of what a chat has. */
void probs_put_list(struct buf *out, struct str packed);
void probs_put_completion(struct buf *out, struct str packed);

/* llama-server's own: [{"id":...,"token":...,"bytes":[...],"logprob":...,
 * "top_logprobs":[...]},...]. */
void probs_put_llama(struct buf *out, struct str packed);

/* How many characters the bytes start. */
uint32_t probs_count_chars(struct str s);

#endif
