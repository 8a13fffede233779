/*
 * chat - what llama.cpp offers only in C++, or throws C++ exceptions from:
 * chat templates, and the forms in which models call tools.
 *
 * chat.cc and grammar.cc are C++; guard.hh lets no exception out of them: each
 * becomes an error with its text. Templates, schemas and grammars are read by
 * recursion, so what nests too deeply is refused first (nest.h).
 */
#ifndef WORKER_CHAT_H
#define WORKER_CHAT_H

#include "worker/reader.h"

#include <stdbool.h>
#include <stdint.h>

struct llama_model;
struct chat;
struct chat_form;

/* The template of the model, or the override if that is not empty, or
 * ChatML. The model must outlive it. 0, ERR_NOMEM, ERR_UNSUPPORTED (its
 * template is broken: f says how). */
int chat_open(const struct llama_model *model, struct str override,
    struct chat **ret, struct fail *f) MUST_CHECK;

/* NULL is allowed. */
void chat_free(struct chat *c);

/* Which llama.cpp this is. */
const char *chat_engine(void);

/* Whether the file, or the override, has a template. */
bool chat_is_explicit(const struct chat *c);

/* The template's text, and as a JSON object of flags what it can show; they
 * live as long as c. */
struct str chat_text(const struct chat *c);
struct str chat_caps(const struct chat *c);

/* All JSON. */
struct chat_ask {
	struct str messages; /* an array in OpenAI's form */
	struct str system;   /* a system message before them, or empty */
	bool has_history;    /* they go on a conversation: what they add to
			      * it is rendered, and nothing else */
	bool is_unanswered;  /* without the start of an answer */
	struct str kwargs;   /* an object for the template, or empty */
	struct str tools;    /* an array in OpenAI's form, or empty */
	struct str schema;   /* of the answer, beside tools; or empty */
	enum tool_choice choice;
	enum parallel_calls parallel;
	bool enable_thinking;
	bool may_go_on; /* where the last message is of the assistant, its
			 * answer goes on with that */
	bool is_apart;	/* what it thinks is wanted apart from its answer */
};

/* Appends the prompt to out. *ret_form: how the answer is to be formed and
 * read; NULL where no tools are offered and, is_apart or not, the template
 * knows of no thinking. 0; ERR_INVALID with field "messages",
 * "tools" or "chat_template_kwargs"; ERR_UNSUPPORTED: the template shows no
 * tools; ERR_NOMEM, ERR_TOO_BIG. */
int chat_render(struct chat *c, const struct chat_ask *ask, struct buf *out,
    struct chat_form **ret_form, struct fail *f) MUST_CHECK;

/* What the form asks for; it all lives as long as the form. */
struct chat_form_about {
	struct str gbnf;      /* empty: none */
	bool is_lazy;	      /* it begins with one of triggers, ... */
	struct str begun;     /* ... else with this, the prompt's end */
	struct strs triggers; /* words */
	struct strs patterns; /* the same and others, as grammar_new() has it */
	bool has_others;      /* then chat_form_find() */
	bool goes_on;	      /* the prompt ends within the answer */
	struct strs opens;    /* begins reasoning */
	struct strs closes;
	struct strs marks; /* where content may end: see reader.h */
	struct strs stops;
	struct strs specials; /* tokens that count as text */
};

void chat_form_describe(
    const struct chat_form *form, struct chat_form_about *ret);

/* A read_fn; arg is the form. */
int chat_form_read(void *arg, struct str text, bool is_partial,
    struct reading *ret) MUST_CHECK;

/* A trigger_fn, for what is no word. */
bool chat_form_find(
    void *arg, struct str window, bool is_all, size_t *ret_from);

/* NULL is allowed. */
void chat_form_free(struct chat_form *form);

#endif
