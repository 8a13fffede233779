#include "front/rpc/setup.h"

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

struct cross_attn {
	const struct json_value *encoder_k_cache;
	const struct json_value *encoder_v_cache;
	const struct json_value *encoder_mask;
	const struct json_value *encoder_pos;
	int32_t num_tokens;
};

#define ARRAY_FIELD(name)                                                \
	{                                                                \
#name, JSON_TO_ARRAY, offsetof(struct cross_attn, name), \
		    JSON_REQUIRED, 1, TOKENS_MAX, NULL                   \
	}

static const struct json_field cross_attn_fields[] = {
	ARRAY_FIELD(encoder_k_cache),
	ARRAY_FIELD(encoder_v_cache),
	ARRAY_FIELD(encoder_mask),
	ARRAY_FIELD(encoder_pos),
	{ "num_tokens", JSON_TO_I32, offsetof(struct cross_attn, num_tokens),
	    JSON_REQUIRED, 1, TOKENS_MAX, NULL },
};

const struct shape shape_template = SHAPE(template_fields);
const struct shape shape_tools = SHAPE(tools_fields);
const struct shape shape_cross_attn = SHAPE(cross_attn_fields);

/* A success, whose strings come back as the server has them. */
static void
answer(struct call *c, const char *message, const char *const names[],
    const struct str values[], size_t n)
{
	struct json_out o = json_out(call_open(c));

	json_open(&o, '{');
	json_key_bool(&o, "success", true);
	json_key_cstr(&o, "message", message);
	for (size_t i = 0; i < n; i++)
		json_key_str(&o, names[i], values[i]);
	json_close(&o, '}');
	call_close(c);
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
	if (err != 0) {
		if (why.code == 0)
			(void)fail_set(&why, err, NULL, "%s", err_text(err));
		call_fail(c, &why);
		return;
	}
	answer(c, "Chat template set successfully", names, &t.system_prompt, 3);
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
	if (err != 0) {
		if (why.code == 0)
			(void)fail_set(&why, err, NULL, "%s", err_text(err));
		call_fail(c, &why);
		return;
	}
	answer(
	    c, "Function tools set successfully", names, &t.system_prompt, 3);
}

static int
check_count(const struct json_value *v, const char *name, uint32_t each,
    struct fail *why)
{
	size_t n = json_count(v);

	if (each == 0 ? n != 0 : n % each == 0)
		return 0;
	return fail_set(why, ERR_INVALID, name,
	    "%s: has %zu numbers, which num_tokens (%u) does not divide", name,
	    n, each);
}

static int
check_sizes(const struct cross_attn *x, struct fail *why)
{
	uint32_t n = (uint32_t)x->num_tokens;
	int err = check_count(x->encoder_k_cache, "encoder_k_cache", n, why);

	if (err == 0)
		err =
		    check_count(x->encoder_v_cache, "encoder_v_cache", n, why);
	if (err != 0)
		return err;
	if (json_count(x->encoder_k_cache) != json_count(x->encoder_v_cache))
		return fail_set(why, ERR_INVALID, "encoder_v_cache",
		    "encoder_v_cache: has %zu numbers, encoder_k_cache %zu",
		    json_count(x->encoder_v_cache),
		    json_count(x->encoder_k_cache));
	if (json_count(x->encoder_mask) != n)
		return fail_set(why, ERR_INVALID, "encoder_mask",
		    "encoder_mask: has %zu numbers, num_tokens is %u",
		    json_count(x->encoder_mask), n);
	if (json_count(x->encoder_pos) != n)
		return fail_set(why, ERR_INVALID, "encoder_pos",
		    "encoder_pos: has %zu numbers, num_tokens is %u",
		    json_count(x->encoder_pos), n);
	return 0;
}

/* libllama takes no keys and values from outside: an encoder runs in it. */
void
setup_cross_attn(struct call *c, const struct args *a)
{
	struct cross_attn x = { 0 };
	struct fail why = { 0 };
	int err = fields_read(&a->at[0], &shape_cross_attn, &x, &why);

	if (err == 0)
		err = check_sizes(&x, &why);
	if (err == 0)
		(void)fail_set(&why, ERR_UNSUPPORTED, NULL,
		    "this model has no cross-attention that takes an "
		    "encoder's keys and values");
	call_fail(c, &why);
}
