/*
 * openai - the body of a completion or chat request, checked by tables, as
 * what a worker needs.
 *
 * The fields are OpenAI's and, beside them, llama-server's sampling
 * parameters. Unknown ones are ignored; a known one that is wrong is
 * ERR_INVALID with the field, the limit and what was sent.
 */
#ifndef HTTP_OPENAI_H
#define HTTP_OPENAI_H

#include "front/deadline.h"
#include "json/fields.h"
#include "wire/msg.h"

#define OPENAI_N_MAX 128u /* choices of one prompt */
#define OPENAI_STOPS_MAX 16u
#define OPENAI_STOP_BYTES 256u
#define OPENAI_BIASES_MAX 4096u
#define OPENAI_TOPS_MAX 20 /* alternatives with each token */
#define OPENAI_MESSAGES_MAX 8192u

/* Packed lists and JSON that the record points to, each in its own buf. */
enum openai_buf {
	OPENAI_STOPS,
	OPENAI_BREAKERS,
	OPENAI_BIASES,
	OPENAI_SCHEMA,
	OPENAI_MESSAGES,
	OPENAI_KWARGS,
	OPENAI_TOOLS,
	OPENAI_ADAPTERS,
	OPENAI_NBUFS
};

/* One prompt of a completion: text, or tokens if text.p is NULL. */
struct openai_prompt {
	struct str text;
	struct i32s tokens; /* ours */
};

struct openai {
	struct gen_submit gen; /* of every choice but for prompt and seed */
	struct gen_times times;
	struct json_doc *doc;
	struct str model;	       /* "": the default */
	struct openai_prompt *prompts; /* NULL for chat */
	uint32_t n_prompts;	       /* 1 for chat */
	uint32_t n;		       /* choices of each prompt */
	struct str resume;	       /* "": the server's */
	bool is_chat;
	bool is_stream;
	bool wants_usage; /* in the stream */
	bool is_echo;	  /* the prompt comes before the answer */
	/* As they were sent, until they are looked at. */
	int64_t max_tokens;
	int64_t max_completion_tokens;
	int64_t n_predict;
	uint32_t best_of;
	int8_t tops; /* -1: not sent */
	struct {
		const struct json_value *prompt, *suffix, *stream_options,
		    *stop, *logit_bias, *breakers, *json_schema,
		    *response_format, *messages, *kwargs, *tools, *functions,
		    *tool_choice, *parallel, *lora;
	} raw;
	struct buf bufs[OPENAI_NBUFS];
};

struct openai_limits {
	uint32_t gens_max; /* n times prompts may not pass it */
	uint32_t n_ctx;	   /* nor a prompt of ids this; 0: not known */
};

/* body: JSON. Makes of it what needs no limits, o->model among that. On an
 * error too, openai_done() it. 0; ERR_INVALID, ERR_NOMEM with *why. */
int openai_parse(struct openai *o, bool is_chat, struct str body,
    struct fail *why) MUST_CHECK;

/* The rest, after openai_parse(). 0; ERR_INVALID, ERR_CONTEXT, ERR_NOMEM with
 * *why. */
int openai_read(struct openai *o, const struct openai_limits *limits,
    struct fail *why) MUST_CHECK;
void openai_done(struct openai *o);

/* The record of choice i of all (n times prompts, those of a prompt next to
 * each other). It points into o. */
struct gen_submit openai_choice(const struct openai *o, uint32_t i);

/* The steps of openai_read() that have files of their own. */
int openai_read_prompts(struct openai *o, const struct openai_limits *limits,
    struct fail *why) MUST_CHECK;
int openai_read_messages(struct openai *o, struct fail *why) MUST_CHECK;
int openai_read_shape(struct openai *o, struct fail *why) MUST_CHECK;
int openai_read_lists(struct openai *o, struct fail *why) MUST_CHECK;
int openai_read_tools(struct openai *o, struct fail *why) MUST_CHECK;
int openai_read_lora(struct openai *o, struct fail *why) MUST_CHECK;

#endif
