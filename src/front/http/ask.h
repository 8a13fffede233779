/*
 * ask - the body of a request, checked by tables, as what a worker needs.
 *
 * Each dialect of HTTP has its fields and steps (struct ask_form), and all
 * fill this. Unknown fields are ignored; a known one that is wrong is
 * ERR_INVALID with the field, the limit and what was sent.
 */
#ifndef HTTP_ASK_H
#define HTTP_ASK_H

#include "front/deadline.h"
#include "json/fields.h"
#include "wire/msg.h"

#define ASK_N_MAX 128u /* choices of one prompt */
#define ASK_STOPS_MAX 16u
#define ASK_STOP_BYTES 256u
#define ASK_BIASES_MAX 4096u
#define ASK_TOPS_MAX 20 /* alternatives with each token */
#define ASK_MESSAGES_MAX 8192u
#define ASK_TABLES_MAX 6u

/* Packed lists and JSON that the record points to, each in its own buf. */
enum ask_buf {
	ASK_STOPS,
	ASK_BREAKERS,
	ASK_BIASES,
	ASK_SCHEMA,
	ASK_MESSAGES,
	ASK_KWARGS,
	ASK_TOOLS,
	ASK_ADAPTERS,
	ASK_NBUFS
};

struct ask_form;
struct ask_prompt;

struct ask {
	const struct ask_form *form;
	struct gen_submit gen; /* of every choice but for prompt and seed */
	struct gen_times times;
	struct json_doc *doc;
	struct str model;	    /* "": the default */
	struct ask_prompt *prompts; /* NULL for chat */
	uint32_t n_prompts;	    /* 1 for chat */
	uint32_t n;		    /* choices of each prompt */
	struct str resume;	    /* "": the server's */
	bool is_stream;
	bool wants_usage; /* in the stream */
	bool is_echo;	  /* the prompt comes before the answer */
	/* As they were sent, until they are looked at. */
	int64_t max_tokens, max_completion_tokens, n_predict, thoughts;
	uint32_t best_of;
	struct str instructions;
	struct str effort, reasoning_format; /* "": the template's; apart */
	struct str only_tool;		     /* that may be called; "": any */
	bool is_background;
	int8_t tops; /* -1: not sent */
	struct {
		const struct json_value *prompt, *suffix, *stream_options,
		    *stop, *logit_bias, *breakers, *json_schema,
		    *response_format, *messages, *kwargs, *tools, *functions,
		    *tool_choice, *parallel, *lora, *format, *modalities,
		    *audio, *web_search;
		/* Anthropic's; those of OpenAI's responses */
		const struct json_value *system, *thinking, *output_config,
		    *mcp_servers, *container, *input, *text, *reasoning,
		    *include, *previous, *conversation;
	} raw;
	struct buf bufs[ASK_NBUFS];
};

struct ask_limits {
	uint32_t gens_max; /* n times prompts may not pass it */
	uint32_t n_ctx;	   /* nor a prompt of ids this; 0: not known */
};

typedef int (*ask_step_fn)(struct ask *q, struct fail *why);

struct ask_table {
	const struct json_field *rows; /* into struct ask: askrow.h */
	size_t n;
};

/* How a dialect's body is read: its tables, then its steps, each one after the
 * other; a step looks at what a table cannot say. */
struct ask_form {
	bool is_chat;	/* messages; else prompts, which are read last */
	bool is_stream; /* unless the body says otherwise */
	const struct ask_table *tables[ASK_TABLES_MAX]; /* up to a NULL */
	const ask_step_fn *steps;
	size_t n_steps;
	/* Reads the prompts; NULL: as OpenAI's. */
	int (*prompts)(
	    struct ask *q, const struct ask_limits *limits, struct fail *why);
};

extern const struct ask_form ask_llama, ask_infill, ask_openai_completion,
    ask_openai_chat, ask_anthropic, ask_anthropic_count, ask_responses;

/* body: JSON. Makes of it what needs no limits, q->model among that. On an
 * error too, ask_done() it. 0; ERR_INVALID, ERR_NOMEM with *why. */
int ask_parse(struct ask *q, const struct ask_form *form, struct str body,
    struct fail *why) MUST_CHECK;

/* The rest, after ask_parse(). 0; ERR_INVALID, ERR_CONTEXT, ERR_NOMEM with
 * *why. */
int ask_read(struct ask *q, const struct ask_limits *limits, struct fail *why)
    MUST_CHECK;
void ask_done(struct ask *q);

/* The record of choice i of all (n times prompts, those of a prompt next to
 * each other). It points into q. */
struct gen_submit ask_choice(const struct ask *q, uint32_t i);

#endif
