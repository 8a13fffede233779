/*
 * The body of an Ollama chat or generate request, as what a worker needs. Its
 * own members are read by a table of their own, for nobody else has them.
 * What would change the answer and cannot be had is refused, never dropped.
 */
#include "front/http/ollama_ask.h"

#include "front/http/askprompt.h"
#include "front/http/ollama.h"
#include "json/write.h"

#include <stdlib.h>

#define TEMPLATE_MAX (1u << 20)
#define PARTS_MAX (64u << 20)

#define OWN(name, kind, member, max)                                       \
	{                                                                  \
		name, JSON_TO_##kind, offsetof(struct ollama_own, member), \
		    JSON_NULLABLE, 0, max, NULL                            \
	}

static const struct json_field own_fields[] = {
	OWN("options", OBJECT, options, 0),
	OWN("format", ANY, format, 0),
	OWN("think", ANY, think, 0),
	OWN("keep_alive", ANY, keep_alive, 0),
	OWN("images", ARRAY, images, 0),
	OWN("context", ARRAY, context, 0),
	OWN("messages", ARRAY, messages, 0),
	OWN("tools", ARRAY, tools, 0),
	OWN("prompt", STR, prompt, 0),
	OWN("system", STR, system, 0),
	OWN("template", STR, template, TEMPLATE_MAX),
	OWN("suffix", STR, suffix, 0),
	OWN("raw", BOOL, is_raw, 0),
	OWN("logprobs", BOOL, want_logprobs, 0),
	OWN("top_logprobs", U8, n_tops, ASK_TOPS_MAX),
};

int
ollama_read_own(const struct ask *q, struct ollama_own *ret, struct fail *why)
{
	*ret = (struct ollama_own){ .prompt = STR(""),
		.system = STR(""),
		.template = STR(""),
		.suffix = STR("") };
	return json_read_fields(json_root(q->doc), own_fields,
	    ASK_COUNT(own_fields), NULL, ret, why);
}

static int
check_own(const struct ollama_own *own, struct fail *why)
{
	const struct {
		const char *name;
		bool is_there;
		const char *text;
	} all[] = {
		{ "images", json_count(own->images) > 0,
		    "no model here takes images" },
		{ "context", json_count(own->context) > 0,
		    "is not taken; POST /api/chat goes on with messages" },
		{ "template", own->template.n > 0,
		    "the model's own is used; with \"raw\": true the prompt is "
		    "taken as it is" },
	};

	for (size_t i = 0; i < ASK_COUNT(all); i++)
		if (all[i].is_there)
			return fail_set(why, ERR_INVALID, all[i].name, "%s: %s",
			    all[i].name, all[i].text);
	return 0;
}

/* What chat and generate share. */
static int
read_shared(struct ask *q, const struct ollama_own *own, struct fail *why)
{
	bool is_zero;
	int err = q->model.n == 0 ? ollama_no_model(q->model, why)
				  : check_own(own, why);

	if (err == 0)
		err = ollama_read_options(q, own->options, why);
	if (err == 0)
		err = ollama_read_format(q, own->format, why);
	if (err == 0)
		err = ollama_read_think(q, own->think, why);
	if (err == 0)
		err = ollama_read_keep(own->keep_alive, &is_zero, why);
	if (err == 0)
		err = ask_read_shape(q, why);
	if (err == 0)
		err = ask_read_lists(q, why);
	if (err == 0)
		err = ask_read_lora(q, why);
	if (err == 0)
		err = ask_read_resume(q, why);
	q->gen.want_logprobs = own->want_logprobs || own->n_tops > 0;
	q->gen.n_top_logprobs = own->n_tops;
	return err;
}

static int
read_chat(struct ask *q, struct fail *why)
{
	struct ollama_own own;
	int err = ollama_read_own(q, &own, why);

	if (err == 0)
		err = read_shared(q, &own, why);
	if (err != 0)
		return err;
	q->raw.tools = own.tools;
	err = ask_read_tools(q, why);
	return err != 0 ? err : ollama_read_messages(q, own.messages, why);
}

/* A prompt as it is, or what is to stand between a prompt and a suffix: from
 * here on it is a completion. */
static int
become(struct ask *q, const struct ask_form *form, const struct ollama_own *own,
    struct fail *why)
{
	if (own->system.n > 0)
		return fail_set(why, ERR_INVALID, "system",
		    "system: a prompt that is raw, or has a suffix, has none");
	q->form = form;
	q->gen.apart = 0;
	q->raw.prompt = json_get(json_root(q->doc), "prompt");
	return 0;
}

static int
read_generate(struct ask *q, struct fail *why)
{
	struct ollama_own own;
	int err = ollama_read_own(q, &own, why);

	if (err == 0)
		err = read_shared(q, &own, why);
	if (err != 0)
		return err;
	if (own.suffix.n > 0)
		return become(q, &ask_ollama_infill, &own, why);
	if (own.is_raw)
		return become(q, &ask_ollama_raw, &own, why);
	return ollama_make_messages(q, own.system, own.prompt);
}

static int
read_infill(struct ask *q, const struct ask_limits *limits, struct fail *why)
{
	struct gen_submit g = { .input = INPUT_INFILL, .prompt = STR("") };
	struct ollama_own own;
	struct buf parts;
	int err = ollama_read_own(q, &own, why);

	(void)limits;
	if (err != 0)
		return err;
	q->prompts = calloc(1, sizeof(*q->prompts));
	buf_init(&parts, PARTS_MAX);
	strs_put(&parts, own.prompt);
	strs_put(&parts, own.suffix);
	strs_put(&parts, STR("")); /* what the middle begins with */
	g.parts = (struct strs){ buf_str(&parts) };
	if (q->prompts == NULL || buf_err(&parts) != 0 ||
	    ask_prompt_copy(&q->prompts[0], &g) != 0)
		err = fail_set(why, ERR_NOMEM, NULL, "out of memory");
	buf_done(&parts);
	return err;
}

static const ask_step_fn chat_steps[] = { read_chat };
static const ask_step_fn generate_steps[] = { read_generate };

#define FORM(chat, list, read)                                                 \
	{                                                                      \
		.is_chat = chat, .is_stream = true, .tables = { &ask_common }, \
		.steps = list, .n_steps = ASK_COUNT(list), .prompts = read,    \
	}

const struct ask_form ask_ollama_chat = FORM(true, chat_steps, NULL);
const struct ask_form ask_ollama_generate = FORM(true, generate_steps, NULL);
const struct ask_form ask_ollama_raw = FORM(false, generate_steps, NULL);
const struct ask_form ask_ollama_infill =
    FORM(false, generate_steps, read_infill);
