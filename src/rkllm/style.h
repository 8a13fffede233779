/*
 * style - how what a client says becomes a prompt: by the model's own template,
 * by three strings of the client's, or with tools that the model may call.
 *
 * The last one set holds. It is a client's own; init and destroy forget it.
 */
#ifndef RKLLM_STYLE_H
#define RKLLM_STYLE_H

#include "wire/msg.h"

enum style_kind {
	STYLE_MODEL, /* its chat template */
	STYLE_OWN,   /* system, then prefix and postfix around each message */
	STYLE_TOOLS, /* its template, with a system prompt and tools */
};

struct style {
	enum style_kind kind;
	struct buf text; /* what the others point into */
	struct str system;
	struct str prefix;
	struct str postfix;
	struct str tools; /* JSON: an array in OpenAI's form */
	struct str mark;  /* of a tool's answer */
};

struct style_said {
	struct str role; /* "": user */
	struct str text;
	bool enable_thinking;
};

void style_init(struct style *s);
void style_done(struct style *s);

/* Back to the model's own. */
void style_reset(struct style *s);

/* Copies all. 0, ERR_NOMEM or ERR_TOO_BIG; then it is the model's own. */
int style_set_own(struct style *s, struct str system, struct str prefix,
    struct str postfix) MUST_CHECK;

/* tools: JSON, an array of functions, each {"name", "description",
 * "parameters"} or as OpenAI has it. 0; ERR_INVALID with why: s is as it was;
 * ERR_NOMEM or ERR_TOO_BIG: it is the model's own. */
int style_set_tools(struct style *s, struct str system, struct str tools,
    struct str mark, struct fail *why) MUST_CHECK;

/* Fills in what a run of one message needs; text goes to mem, which is empty
 * and lives as long as g. 0, ERR_NOMEM or ERR_TOO_BIG. */
int style_message(const struct style *s, const struct style_said *said,
    struct buf *mem, struct gen_submit *g) MUST_CHECK;

#endif
