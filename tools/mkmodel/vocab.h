/*
 * vocab - a synthetic vocabulary that tokenizes any text.
 *
 * For models that predict: SentencePiece's kind, with a token for each byte,
 * so nothing is unknown. Pieces are printable characters, then syllables, then
 * words glued from two earlier pieces each, so that every piece is reachable
 * by the tokenizer's merges. For bert: WordPiece's kind.
 */
#ifndef MKMODEL_VOCAB_H
#define MKMODEL_VOCAB_H

#include "spec.h"

#include <gguf.h>

/* Control tokens, bytes, characters and syllables take about 460. */
#define VOCAB_MIN 512u

/* Tokens before this one are control and byte tokens; a made model gives them
 * the logit 0, far below its likeliest, so it does not end by itself and what
 * it says is text. */
#define VOCAB_FIRST_TEXT 261u

/* Adds the tokenizer's keys to g. 0, or -1: out of memory. */
int vocab_write(const struct spec *s, struct gguf_context *g);

#endif
