/*
 * ollama_ask - what the files share that read the body of an Ollama chat or
 * generate request. Private to ollama_ask.c, ollama_options.c,
 * ollama_messages.c and ollama_load.c.
 */
#ifndef HTTP_OLLAMA_ASK_H
#define HTTP_OLLAMA_ASK_H

#include "front/http/askrow.h"

/* Ollama's members that no other dialect has, as they were sent. */
struct ollama_own {
	const struct json_value *options, *format, *think, *keep_alive, *images,
	    *context, *messages, *tools, *logprobs;
	struct str prompt, system, template, suffix;
	bool is_raw;
	bool want_logprobs;
	uint8_t n_tops;
};

/* The members of any such request's body: from its document. 0 or
 * ERR_INVALID. */
int ollama_read_own(
    const struct ask *q, struct ollama_own *ret, struct fail *why) MUST_CHECK;

/* "options": sampling by Ollama's names and, where it says nothing, Ollama's
 * defaults. 0 or ERR_INVALID. */
int ollama_read_options(struct ask *q, const struct json_value *options,
    struct fail *why) MUST_CHECK;

/* "format": nothing, "json" or a schema. */
int ollama_read_format(struct ask *q, const struct json_value *format,
    struct fail *why) MUST_CHECK;

/* "think": true, false or how much. */
int ollama_read_think(
    struct ask *q, const struct json_value *think, struct fail *why) MUST_CHECK;

/* "keep_alive": seconds, or a text like "5m" or "1h30m"; negative: for ever.
 * Absent is not 0. 0 or ERR_INVALID. */
int ollama_read_keep(const struct json_value *keep, bool *ret_is_zero,
    struct fail *why) MUST_CHECK;

/* "messages", as the templates want them. */
int ollama_read_messages(struct ask *q, const struct json_value *messages,
    struct fail *why) MUST_CHECK;

/* A prompt without messages, as if it were a chat of one. */
int ollama_make_messages(struct ask *q, struct str system, struct str prompt)
    MUST_CHECK;

struct front;
struct http;

/* A request that says nothing: loads or unloads its model, and answers. True if
 * it is one. */
bool ollama_load(struct http *h, const struct ask *q);

/* The model that is to be unloaded behind the answer to q; 0: none. */
uint32_t ollama_leaves(struct http *h, const struct ask *q);

/* Unloads it, unless somebody else has it in use. 0 is allowed. */
void ollama_leave(struct front *f, uint32_t model);

extern const struct ask_form ask_ollama_chat, ask_ollama_generate,
    ask_ollama_raw, ask_ollama_infill;

#endif
