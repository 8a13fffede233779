/*
 * tokens - a text as token ids, by llama.cpp, within a ceiling.
 *
 * Its tokenizer makes room for each byte that no token has anew, so that some
 * 400 KB of them take half a minute; nothing else is computed meanwhile.
 */
#ifndef WORKER_TOKENS_H
#define WORKER_TOKENS_H

#include "base/buf.h"

#include <llama.h>

/* As llama_tokenize(), whose result *ret_n is: below 0, so many do not fit into
 * the room for n; INT32_MIN: more than can be counted. 0; ERR_INVALID where it
 * takes too long, or ERR_NOMEM, with *why. */
int tokens_make(const struct llama_vocab *vocab, struct str text,
    llama_token *room, uint32_t n, bool add_special, bool parse_special,
    const char *field, int32_t *ret_n, struct fail *why) MUST_CHECK;

#endif
