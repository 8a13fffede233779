#include "rkllm/style.h"

#include "json/raw.h"
#include "json/read.h"
#include "json/write.h"

#define TEXT_MAX (4u * MIB)
#define TOOLS_MAX 1024u
#define TOOLS_DEPTH 64u

void
style_init(struct style *s)
{
	*s = (struct style){ .kind = STYLE_MODEL };
	buf_init(&s->text, TEXT_MAX);
}

void
style_done(struct style *s)
{
	buf_done(&s->text);
}

void
style_reset(struct style *s)
{
	buf_done(&s->text);
	style_init(s);
}

/* The text is whole: each of its parts by its length. */
static int
settle(struct style *s, enum style_kind kind, struct str *const parts[],
    const size_t lengths[], size_t n)
{
	struct str all = buf_str(&s->text);
	int err = buf_err(&s->text);

	if (err != 0) {
		style_reset(s);
		return err;
	}
	s->kind = kind;
	for (size_t i = 0; i < n; i++) {
		*parts[i] = (struct str){ all.p, lengths[i] };
		all.p += lengths[i];
	}
	return 0;
}

int
style_set_own(
    struct style *s, struct str system, struct str prefix, struct str postfix)
{
	struct str *const parts[] = { &s->system, &s->prefix, &s->postfix };
	const size_t lengths[] = { system.n, prefix.n, postfix.n };

	style_reset(s);
	buf_put_str(&s->text, system);
	buf_put_str(&s->text, prefix);
	buf_put_str(&s->text, postfix);
	return settle(s, STYLE_OWN, parts, lengths, 3);
}

static int
bad_tool(struct fail *why, size_t at, const char *what)
{
	return fail_set(why, ERR_INVALID, "tools", "tools[%zu]: %s", at, what);
}

/* One as it was sent, or as OpenAI has it. */
static int
put_tool(struct buf *to, const struct json_value *v, struct str text, size_t at,
    struct fail *why)
{
	const struct json_value *fn = json_get(v, "function");
	struct str name;

	if (json_type(v) != JSON_OBJECT)
		return bad_tool(why, at, "must be an object");
	if (!json_str(json_get(fn != NULL ? fn : v, "name"), &name) ||
	    name.n == 0)
		return bad_tool(why, at, "must have a \"name\"");
	if (at > 0)
		buf_put_u8(to, ',');
	if (fn == NULL)
		buf_puts(to, "{\"type\":\"function\",\"function\":");
	buf_put_str(to, text);
	if (fn == NULL)
		buf_put_u8(to, '}');
	return 0;
}

static int
put_tools(struct buf *to, const struct json_value *all, struct str text,
    struct fail *why)
{
	struct json_iter it = json_iter(all);
	struct raw raw = raw_walk(text);
	const struct json_value *v;
	struct str sent;
	size_t n = 0;
	int err = 0;

	if (json_type(all) != JSON_ARRAY || json_count(all) == 0 ||
	    json_count(all) > TOOLS_MAX)
		return fail_set(why, ERR_INVALID, "tools",
		    "tools: must be a JSON array of 1 to %u functions",
		    TOOLS_MAX);
	buf_put_u8(to, '[');
	while (err == 0 && json_next(&it, NULL, &v) && raw_next(&raw, &sent))
		err = put_tool(to, v, sent, n++, why);
	buf_put_u8(to, ']');
	return err;
}

static int
read_tools(struct buf *to, struct str text, struct fail *why)
{
	struct json_limits limits = json_limits_request;
	struct json_doc *doc;
	struct fail inner;
	int err;

	limits.bytes = TEXT_MAX;
	limits.depth = TOOLS_DEPTH;
	err = json_parse(text.p, text.n, &limits, &doc, &inner);
	if (err != 0)
		return fail_set(why, err == ERR_TOO_BIG ? ERR_INVALID : err,
		    "tools", "tools: must be a string of JSON: %s", inner.text);
	err = put_tools(to, json_root(doc), text, why);
	json_free(doc);
	return err;
}

int
style_set_tools(struct style *s, struct str system, struct str tools,
    struct str mark, struct fail *why)
{
	struct str *const parts[] = { &s->system, &s->mark, &s->tools };
	size_t lengths[3] = { system.n, mark.n, 0 };
	struct buf text;
	int err;

	buf_init(&text, TEXT_MAX);
	buf_put_str(&text, system);
	buf_put_str(&text, mark);
	err = read_tools(&text, tools, why);
	if (err == 0) {
		style_reset(s);
		buf_done(&s->text);
		s->text = text;
		lengths[2] = buf_len(&text) - system.n - mark.n;
		return settle(s, STYLE_TOOLS, parts, lengths, 3);
	}
	buf_done(&text);
	return err;
}

static void
put_message(const struct style_said *said, struct buf *mem)
{
	struct json_out o = json_out(mem);

	json_open(&o, '[');
	json_item(&o);
	json_open(&o, '{');
	json_key_str(&o, "role", said->role.n > 0 ? said->role : STR("user"));
	json_key_str(&o, "content", said->text);
	json_close(&o, '}');
	json_close(&o, ']');
}

int
style_message(const struct style *s, const struct style_said *said,
    struct buf *mem, struct gen_submit *g)
{
	g->system = s->system;
	if (s->kind == STYLE_OWN) {
		buf_put_str(mem, s->prefix);
		buf_put_str(mem, said->text);
		buf_put_str(mem, s->postfix);
		g->input = INPUT_PROMPT;
		g->prompt = buf_str(mem);
		return buf_err(mem);
	}
	put_message(said, mem);
	g->input = INPUT_CHAT;
	g->messages = buf_str(mem);
	g->enable_thinking = said->enable_thinking;
	g->tools = s->tools;
	g->plain_calls = s->kind == STYLE_TOOLS;
	g->tool_mark = s->mark;
	return buf_err(mem);
}
