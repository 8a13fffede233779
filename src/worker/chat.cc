#include "worker/chatform.hh"
#include "worker/guard.hh"

extern "C" {
#include "worker/chat.h"
#include "worker/nest.h"
}

/* <chat.h> is llama.cpp's. */
#include <build-info.h>
#include <llama.h>
#include <log.h>

#include <algorithm>
#include <map>
#include <optional>

using guard::append;
using guard::guarded;
using guard::string_of;
using guard::too_deep;
using guard::view;

namespace
{

constexpr size_t JSON_DEPTH = 100;
constexpr size_t JINJA_DEPTH = 200;
constexpr size_t JINJA_BYTES = 1 << 20;

int
check_template(struct str text, struct fail *f)
{
	if (text.n > JINJA_BYTES)
		return fail_set(f, ERR_UNSUPPORTED, "chat_template",
		    "chat template: %zu bytes, at most %zu are read", text.n,
		    JINJA_BYTES);
	if (nest_jinja(text) > JINJA_DEPTH)
		return fail_set(f, ERR_UNSUPPORTED, "chat_template",
		    "chat template: nested deeper than %zu levels",
		    JINJA_DEPTH);
	return 0;
}

/* Each top-level member, its value as JSON text, as the template wants it. */
std::map<std::string, std::string>
members(struct str kwargs)
{
	std::map<std::string, std::string> ret;
	common_json all = kwargs.n > 0 ? common_json::parse(string_of(kwargs))
				       : common_json::object();

	if (!all.is_object())
		throw std::runtime_error("must be an object");
	for (const auto &item : all.items())
		ret[item.key()] = item.value().dump();
	return ret;
}

/* llama.cpp renders a template some twenty times to find out how its model
 * would call tools, for each prompt. Where no tools are at work, a prompt is
 * the same without that. */
common_chat_params
render(const common_chat_templates *t, common_chat_templates_inputs &in,
    bool is_plain)
{
	common_chat_params p;

	in.use_jinja = true;
	in.force_pure_content = is_plain;
	p = common_chat_templates_apply(t, in);
	guard::budget::check();
	return p;
}

common_chat_msg
message(const char *role, const char *content)
{
	common_chat_msg m;

	m.role = role;
	m.content = content;
	return m;
}

/* Whether that holds for this template; a few are known to llama.cpp by name
 * and treated otherwise. */
bool
renders_alike(const common_chat_templates *t, bool enable_thinking)
{
	common_chat_templates_inputs in;

	in.messages = { message("system", "S"), message("user", "U"),
		message("assistant", "A"), message("user", "V") };
	in.enable_thinking = enable_thinking;
	try {
		return render(t, in, true).prompt ==
		    render(t, in, false).prompt;
	} catch (const std::exception &) {
		return false;
	}
}

bool
is_text_only(const std::vector<common_chat_msg> &messages)
{
	return std::all_of(
	    messages.begin(), messages.end(), [](const common_chat_msg &m) {
		    return m.tool_calls.empty() && m.role != "tool" &&
			m.reasoning_content.empty();
	    });
}

} // namespace

struct chat {
	common_chat_templates_ptr templates;
	/* See render(); found out when it is first wanted, without and with
	 * thinking. */
	std::optional<bool> is_plain[2];
	/* Whether its model thinks before it answers; the same. */
	std::optional<bool> thinks[2];
	/* How answers without tools are read, by the prompt's end. */
	std::map<std::string, common_chat_params> readers;
	std::string text, caps;
};

namespace
{

bool
may_be_plain(struct chat *c, const common_chat_templates_inputs &in)
{
	std::optional<bool> &known = c->is_plain[in.enable_thinking];

	if (!is_text_only(in.messages) ||
	    in.continue_final_message != COMMON_CHAT_CONTINUATION_NONE)
		return false;
	if (!known.has_value())
		known = renders_alike(c->templates.get(), in.enable_thinking);
	return *known;
}

/* As far as llama.cpp can tell from the template. */
bool
is_thinking(struct chat *c, bool enable_thinking)
{
	std::optional<bool> &known = c->thinks[enable_thinking];
	common_chat_templates_inputs in;

	if (known.has_value())
		return *known;
	in.messages = { message("user", "U") };
	in.enable_thinking = enable_thinking;
	in.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
	try {
		known = render(c->templates.get(), in, false).supports_thinking;
	} catch (const std::exception &) {
		known = false;
	}
	return *known;
}

std::string
caps_of(const common_chat_templates *templates)
{
	std::string all;

	for (const auto &[name, has] :
	    common_chat_templates_get_caps(templates))
		all += (all.empty() ? "{\"" : ",\"") + name +
		    (has ? "\":true" : "\":false");
	return all.empty() ? all : all + "}";
}

} // namespace

int
chat_open(const struct llama_model *model, struct str text, struct chat **ret,
    struct fail *f)
{
	const char *own = llama_model_chat_template(model, nullptr);
	int err = check_template(text.n > 0 ? text : str_of(own), f);

	if (err != 0)
		return err;
	return guarded(ERR_UNSUPPORTED, "chat template", f, [&] {
		guard::budget limit(RENDER_BUDGET, guard::WHAT_IS_HELD);
		auto c = std::make_unique<struct chat>();

		/* It would write to stderr from a thread of its own. */
		common_log_pause(common_log_main());
		common_log_set_verbosity_thold(-1);
		c->templates =
		    common_chat_templates_init(model, string_of(text));
		guard::budget::check();
		c->text = common_chat_templates_source(c->templates.get());
		c->caps = caps_of(c->templates.get());
		*ret = c.release();
		return 0;
	});
}

void
chat_free(struct chat *c)
{
	delete c;
}

bool
chat_is_explicit(const struct chat *c)
{
	return common_chat_templates_was_explicit(c->templates.get());
}

struct str
chat_caps(const struct chat *c)
{
	return { c->caps.data(), c->caps.size() };
}

struct str
chat_text(const struct chat *c)
{
	return { c->text.data(), c->text.size() };
}

namespace
{

/* Tools that the model would not see, or calls that nobody could tell. */
int
check_tools(
    const chat *c, const common_chat_templates_inputs &in, struct fail *f)
{
	auto caps = common_chat_templates_get_caps(c->templates.get());

	if (in.tools.empty())
		return fail_set(f, ERR_INVALID, "tools", "tools: are empty");
	if (!caps["supports_tools"] && !caps["supports_tool_calls"])
		return fail_set(f, ERR_UNSUPPORTED, "tools",
		    "tools: this model's chat template shows no tools to the "
		    "model");
	return 0;
}

common_chat_tool_choice
choice_of(enum tool_choice c)
{
	static const common_chat_tool_choice of[TOOLS_NCHOICES] = {
		COMMON_CHAT_TOOL_CHOICE_AUTO,
		COMMON_CHAT_TOOL_CHOICE_REQUIRED,
		COMMON_CHAT_TOOL_CHOICE_NONE,
	};

	return of[c];
}

/* To JSON Schema {} is any value; here, any object. */
std::string
schema_of(struct str text)
{
	if (text.n > 0 && common_json::parse(string_of(text)).empty())
		return "{\"type\":\"object\"}";
	return string_of(text);
}

int
read_tools(chat *c, const chat_ask &ask, common_chat_templates_inputs &in,
    struct fail *f)
{
	auto caps = common_chat_templates_get_caps(c->templates.get());

	in.tools = common_chat_tools_parse_oaicompat(
	    common_json::parse(string_of(ask.tools)));
	in.tool_choice = choice_of(ask.choice);
	in.parallel_tool_calls = ask.parallel == PARALLEL_YES ||
	    (ask.parallel == PARALLEL_USUAL &&
		caps["supports_parallel_tool_calls"]);
	in.json_schema = schema_of(ask.schema);
	in.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
	return check_tools(c, in, f);
}

constexpr size_t READERS_MAX = 16;

/* An answer without tools is read in the same way as long as the prompt ends
 * the same: so llama.cpp finds that out once for each end. */
int
render_thinking(chat *c, const chat_ask &ask, common_chat_templates_inputs &in,
    buf *out, chat_form **ret_form)
{
	const common_chat_templates *t = c->templates.get();
	bool is_known =
	    ask.schema.n == 0 && ask.kwargs.n == 0 && may_be_plain(c, in);
	common_chat_params p;

	if (is_known) {
		p = render(t, in, true);
		auto found = c->readers.find(p.generation_prompt);
		if (found != c->readers.end()) {
			*ret_form = chat_form_of(found->second, in);
			return append(out, p.prompt);
		}
	}
	p = render(t, in, false);
	if (is_known && c->readers.size() < READERS_MAX)
		c->readers[p.generation_prompt] = p;
	*ret_form = chat_form_of(p, in);
	return append(out, p.prompt);
}

/* The prompt, and the form that the same call makes. */
int
render_form(const common_chat_templates *t, common_chat_templates_inputs &in,
    buf *out, chat_form **ret_form)
{
	common_chat_params p = render(t, in, false);

	*ret_form = chat_form_of(p, in);
	return append(out, p.prompt);
}

/* Where it does not work with tools, what is said of a prompt alone is said of
 * the messages. */
int
render_ask(chat *c, const chat_ask &ask, common_chat_templates_inputs &in,
    buf *out, chat_form **ret_form, struct fail *f)
{
	const common_chat_templates *t = c->templates.get();
	int err;

	if (ask.tools.n == 0 && ask.is_apart &&
	    is_thinking(c, in.enable_thinking)) {
		in.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
		in.json_schema = schema_of(ask.schema);
		return render_thinking(c, ask, in, out, ret_form);
	}
	if (ask.tools.n == 0)
		return append(out, render(t, in, may_be_plain(c, in)).prompt);
	err = guarded(ERR_INVALID, "tools", f,
	    [&] { return render_form(t, in, out, ret_form); });
	if (err == ERR_INVALID && !guard::budget::is_spent())
		(void)render(t, in, true);
	return err;
}

int
check_depths(const chat_ask &ask, struct fail *f)
{
	const struct {
		struct str text;
		const char *name;
	} all[] = {
		{ ask.messages, "messages" },
		{ ask.kwargs, "chat_template_kwargs" },
		{ ask.tools, "tools" },
		{ ask.schema, "response_format" },
	};

	for (const auto &one : all)
		if (nest_json(one.text) > JSON_DEPTH)
			return too_deep(f, one.name, JSON_DEPTH);
	return 0;
}

/* No template changes a word, or looks into it; and nobody can have said it. */
const std::string &
mark()
{
	static const std::string word = "BULKHEAD-" +
	    std::to_string(arc4random()) + "-" + std::to_string(arc4random());

	return word;
}

/* The messages behind a system prompt and an exchange that stands for all that
 * was said before. */
std::vector<common_chat_msg>
all_messages(const chat_ask &ask)
{
	std::vector<common_chat_msg> all, last;

	if (ask.system.n > 0)
		all.push_back(message("system", string_of(ask.system).c_str()));
	if (ask.has_history) {
		all.push_back(message("user", "-"));
		all.push_back(message("assistant", mark().c_str()));
	}
	last = common_chat_msgs_parse_oaicompat(
	    common_json::parse(string_of(ask.messages)));
	all.insert(all.end(), last.begin(), last.end());
	return all;
}

/* Whether the last message is the beginning of the answer. */
bool
goes_on(const chat_ask &ask, const std::vector<common_chat_msg> &messages)
{
	return ask.may_go_on && !ask.is_unanswered && !messages.empty() &&
	    messages.back().role == "assistant" &&
	    messages.back().tool_calls.empty() && !messages.back().empty();
}

/* Of out, from at on: only what stands behind the mark. */
int
cut_to_mark(buf *out, size_t at, struct fail *f)
{
	std::string text(reinterpret_cast<const char *>(buf_data(out)) + at,
	    buf_len(out) - at);
	size_t found = text.rfind(mark());

	if (found == std::string::npos)
		return fail_set(f, ERR_UNSUPPORTED, "keep_history",
		    "keep_history: this model's chat template does not show "
		    "what was said before; set_chat_template can replace it");
	buf_truncate(out, at);
	return append(out, text.substr(found + mark().size()));
}

} // namespace

int
chat_render(struct chat *c, const struct chat_ask *ask, struct buf *out,
    struct chat_form **ret_form, struct fail *f)
{
	common_chat_templates_inputs in;
	int err = check_depths(*ask, f);

	*ret_form = nullptr;
	if (err != 0)
		return err;
	guard::budget limit(RENDER_BUDGET, guard::WHAT_IS_HELD);
	err = guarded(ERR_INVALID, "chat_template_kwargs", f, [&] {
		in.chat_template_kwargs = members(ask->kwargs);
		in.enable_thinking = ask->enable_thinking;
		return 0;
	});
	if (err == 0 && ask->tools.n > 0)
		err = guarded(ERR_INVALID, "tools", f,
		    [&] { return read_tools(c, *ask, in, f); });
	if (err != 0)
		return err;
	return guarded(ERR_INVALID, "messages", f, [&] {
		size_t at = buf_len(out);
		int e;

		in.messages = all_messages(*ask);
		in.add_generation_prompt = !ask->is_unanswered;
		if (goes_on(*ask, in.messages)) {
			in.continue_final_message =
			    COMMON_CHAT_CONTINUATION_AUTO;
			in.add_generation_prompt = false;
		}
		e = render_ask(c, *ask, in, out, ret_form, f);
		return e == 0 && ask->has_history ? cut_to_mark(out, at, f) : e;
	});
}

const char *
chat_engine(void)
{
	return llama_build_info();
}
