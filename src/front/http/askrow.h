/*
 * askrow - what the files share that know how a dialect's body is read: rows
 * of tables into struct ask, tables and steps that several dialects have.
 */
#ifndef HTTP_ASKROW_H
#define HTTP_ASKROW_H

#include "front/http/ask.h"

#define ASK_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ASK_TOKENS_MAX 2147483647.0

#define ASK_ROW(name, kind, member, min, max)                       \
	{                                                           \
		name, JSON_TO_##kind, offsetof(struct ask, member), \
		    JSON_NULLABLE, min, max, NULL                   \
	}
/* For a step to look at. */
#define ASK_RAW(name, member) ASK_ROW(name, ANY, raw.member, 0, 0)
/* By the name that it has in the record too. */
#define ASK_SAME(member, kind, min, max) \
	ASK_ROW(#member, kind, gen.member, min, max)

/* model and stream; and what rules the sampling, llama-server's names and ours:
 * every dialect takes them beside its own. */
extern const struct ask_table ask_common, ask_sampling;

/* Each looks at the raw members of its name. */
int ask_read_resume(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_shape(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_kwargs(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_lists(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_lora(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_tools(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_messages(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_anthropic_messages(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_items(struct ask *q, struct fail *why) MUST_CHECK;
int ask_read_parallel(struct ask *q, struct fail *why) MUST_CHECK;

/* The two halves of ask_read_lists(): what the body calls name; logit_bias and
 * dry_sequence_breakers. */
int ask_read_stops(struct ask *q, const char *name, struct fail *why)
    MUST_CHECK;
int ask_read_sampling(struct ask *q, struct fail *why) MUST_CHECK;

/* raw.format, {"type":...,"schema":...}, which the body calls name. */
int ask_read_flat_format(struct ask *q, const char *name, struct fail *why)
    MUST_CHECK;

/* The last step of whoever has prompts. */
int ask_read_prompts(struct ask *q, const struct ask_limits *limits,
    struct fail *why) MUST_CHECK;

/*
 * Tools
 */

#define ASK_TOOL_NAME_MAX 256

struct ask_tool {
	struct str type;
	struct str name;
	struct str description;		     /* p NULL: none */
	const struct json_value *parameters; /* an object, or NULL */
	const struct json_value
	    *function; /* whole, in OpenAI's form; or NULL */
	bool is_skipped;
};

/* Reads tools[i] of a dialect; *ret is empty before. */
typedef int (*ask_tool_fn)(const struct json_value *v, size_t i,
    struct ask_tool *ret, struct fail *why);

/* raw.tool_choice, if it is a word. */
int ask_read_choice_word(struct ask *q, struct fail *why) MUST_CHECK;

/* Of raw.tools, the one that is called only, or all where that is empty, for
 * the template; after tool_choice. */
int ask_put_tools(struct ask *q, ask_tool_fn read, struct str only,
    struct fail *why) MUST_CHECK;

#endif
