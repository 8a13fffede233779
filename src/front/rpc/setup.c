#include "front/rpc/setup.h"

#include "front/conn.h"
#include "front/intake.h"
#include "front/rpc/rpc.h"
#include "json/write.h"

#define TEXT_BYTES (1 << 20)

struct template
{
	struct str system_prompt;
	struct str prompt_prefix;
	struct str prompt_postfix;
};

static const struct json_field template_fields[] = {
	FIELD(STR, template, , system_prompt, 0, 0, TEXT_BYTES),
	FIELD(STR, template, , prompt_prefix, 0, 0, TEXT_BYTES),
	FIELD(STR, template, , prompt_postfix, 0, 0, TEXT_BYTES),
};

struct tools {
	struct str system_prompt;
	struct str tools;
	struct str tool_response_str;
};

static const struct json_field tools_fields[] = {
	FIELD(STR, tools, , system_prompt, 0, 0, TEXT_BYTES),
	{ "tools", JSON_TO_STR, offsetof(struct tools, tools), JSON_REQUIRED, 1,
	    TEXT_BYTES, NULL },
	FIELD(STR, tools, , tool_response_str, 0, 0, NAME_BYTES),
};

const struct shape shape_template = SHAPE(template_fields);
const struct shape shape_tools = SHAPE(tools_fields);

/* A success, whose three strings come back as the server has them. */
static void
answer(struct call *c, const char *message, const char *const names[],
    const struct str values[])
{
	struct json_out o = json_out(call_open(c));

	json_open(&o, '{');
	json_key_bool(&o, "success", true);
	json_key_cstr(&o, "message", message);
	for (size_t i = 0; i < 3; i++)
		json_key_str(&o, names[i], values[i]);
	json_close(&o, '}');
	call_close(c);
}

void
setup_forget(struct rpc *r)
{
	style_reset(&r->style);
	cross_done(&r->cross);
	cross_init(&r->cross);
	intake_drop(r->front, conn_client(r->conn), &r->setup_share);
}

int
setup_count(struct rpc *r, struct fail *why)
{
	int err = intake_hold(r->front, conn_client(r->conn), &r->setup_share,
	    r->style.text.cap + cross_bytes(&r->cross), why);

	if (err != 0)
		setup_forget(r);
	return err;
}

/* Counts what was set, if it was, and answers. */
static void
finish(struct call *c, int err, struct fail *why, const char *message,
    const char *const names[], const struct str values[])
{
	if (err == 0)
		err = setup_count(c->rpc, why);
	if (err == 0) {
		answer(c, message, names, values);
		return;
	}
	if (why->code == 0)
		(void)fail_set(why, err, NULL, "%s", err_text(err));
	call_fail(c, why);
}

void
setup_template(struct call *c, const struct args *a)
{
	static const char *const names[] = { "system_prompt", "prompt_prefix",
		"prompt_postfix" };
	struct template t = { STR(""), STR(""), STR("") };
	struct fail why = { 0 };
	int err = method_values(a, &t, &why);

	if (err == 0)
		err = style_set_own(&c->rpc->style, t.system_prompt,
		    t.prompt_prefix, t.prompt_postfix);
	finish(c, err, &why, "Chat template set successfully", names,
	    &t.system_prompt);
}

void
setup_tools(struct call *c, const struct args *a)
{
	static const char *const names[] = { "system_prompt", "tools",
		"tool_response_str" };
	struct tools t = { STR(""), STR(""), STR("") };
	struct fail why = { 0 };
	int err = method_values(a, &t, &why);

	if (err == 0)
		err = style_set_tools(&c->rpc->style, t.system_prompt, t.tools,
		    t.tool_response_str, &why);
	finish(c, err, &why, "Function tools set successfully", names,
	    &t.system_prompt);
}
