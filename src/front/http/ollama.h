/*
 * ollama - what Ollama's clients ask for beside an answer: what is served,
 * what is loaded, and what they cannot have here. For their chats see
 * ollama_ask.h.
 */
#ifndef HTTP_OLLAMA_H
#define HTTP_OLLAMA_H

#include "front/http/parse.h"
#include "json/write.h"

struct dialect;
struct front;
struct http;
struct json_doc;
struct model;
struct model_state;

extern const struct dialect dialect_ollama_chat, dialect_ollama_generate;

/* Handlers: see route.h. */
void ollama_version(struct http *h, const struct request *r, struct str rest);
void ollama_tags(struct http *h, const struct request *r, struct str rest);
void ollama_ps(struct http *h, const struct request *r, struct str rest);
void ollama_show(struct http *h, const struct request *r, struct str rest);
void ollama_pull(struct http *h, const struct request *r, struct str rest);
void ollama_refuse(struct http *h, const struct request *r, struct str rest);

void ollama_unknown(struct http *h, const struct request *r, struct str rest);

/* Ollama's words for a model that is not there, or for none. Returns the
 * code. */
int ollama_no_model(struct str name, struct fail *why);

/* A model by its name, with ":latest" behind it or not. NULL, and *why in
 * Ollama's words, if there is none. */
struct model *ollama_model(
    const struct front *f, struct str name, struct fail *why);

/*
 * How Ollama writes things
 */

/* "demo:latest": a name without a tag gets one. */
void ollama_put_name(struct json_out *o, const char *key, struct str name);

/* "2026-01-02T03:04:05.000000006Z", with quotes. */
void ollama_put_time(struct buf *b, int64_t unix_s, uint32_t ns);

/* The present, likewise. */
void ollama_put_now(struct buf *b);

/* "modified_at", "size" and "digest" of the file. */
void ollama_put_file(struct json_out *o, const struct model_state *s);

/* "details": { ... } */
void ollama_put_details(struct json_out *o, const struct model_state *s);

/* 1048576 as "1.05M". */
#define OLLAMA_COUNT_SIZE 32
const char *ollama_count(uint64_t n, char ret[OLLAMA_COUNT_SIZE]);

/* llama.cpp's name of a quantization, "Q4_K - Medium", as Ollama has it:
 * "Q4_K_M". Returns ret; "unknown" if there is none. */
#define OLLAMA_QUANT_SIZE 32
const char *ollama_quant(struct str name, char ret[OLLAMA_QUANT_SIZE]);

#endif
