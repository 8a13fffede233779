/* C headers that do not know C++. */
extern "C" {
#include "worker/cand.h"
#include "worker/chat.h"
#include "worker/llama/logs.h"
#include "worker/nest.h"
}

/* <chat.h> is llama.cpp's. */
#include <build-info.h>
#include <chat.h>
#include <json-schema-to-grammar.h>
#include <llama.h>
#include <log.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <system_error>

static_assert(sizeof(struct cand) == sizeof(llama_token_data) &&
	offsetof(struct cand, logit) == offsetof(llama_token_data, logit),
    "candidates are handed to llama.cpp as they are");

namespace
{

constexpr size_t JSON_DEPTH = 100;
constexpr size_t GBNF_DEPTH = 100;
constexpr size_t JINJA_DEPTH = 200;
constexpr size_t JINJA_BYTES = 1 << 20;

std::string
string_of(struct str s)
{
	return std::string(s.p, s.n);
}

int
too_deep(struct fail *f, const char *field, size_t limit)
{
	return fail_set(f, ERR_INVALID, field,
	    "%s: nested deeper than %zu levels", field, limit);
}

std::string
one_line(std::string s)
{
	std::replace(s.begin(), s.end(), '\n', ' ');
	return s;
}

/* llama.cpp works on a grammar without a ceiling: "a"{3,1}, or one that is left
 * recursive behind a part that may be empty, makes it allocate for ever, and
 * all others wait. So what it allocates is counted: past the budget new fails,
 * which ends the request (llama_sampler_init_grammar() then forgets 80 bytes,
 * which nobody else can reach). A step on a grammar that is of use takes some MiB. */
constexpr size_t BUDGET = size_t(256) << 20;
constexpr size_t SCHEMA_BUDGET = size_t(1) << 30; /* it concatenates a lot */
constexpr size_t ALLOCATION = 64; /* what each costs besides its bytes */

/* Volatile, because compilers take it that new changes nothing else. */
thread_local volatile size_t budget_left; /* 0: nothing is counted */
thread_local volatile bool budget_is_spent;
thread_local size_t budget_size;

class budget
{
      public:
	explicit budget(size_t n)
	{
		budget_left = n;
		budget_size = n;
		budget_is_spent = false;
	}
	~budget()
	{
		budget_left = 0;
	}
	budget(const budget &) = delete;
	budget &operator=(const budget &) = delete;
};

/* llama.cpp's log makes one. */
bool
is_no_thread(const std::exception &e)
{
	auto *s = dynamic_cast<const std::system_error *>(&e);

	return s != nullptr &&
	    s->code() == std::errc::resource_unavailable_try_again;
}

/* Runs fn and turns what it throws into err, with the exception's words. */
template <typename Fn>
int
guarded(int err, const char *field, struct fail *f, Fn fn)
{
	try {
		return fn();
	} catch (const std::bad_alloc &) {
		bool is_spent = budget_is_spent;

		budget_is_spent = false;
		if (is_spent)
			return fail_set(f, ERR_INVALID, field,
			    "%s: too complex: it takes more than %zu MiB to "
			    "work on",
			    field, budget_size >> 20);
		return fail_set(f, ERR_NOMEM, field, "out of memory");
	} catch (const std::exception &e) {
		if (is_no_thread(e))
			return fail_set(f, ERR_NOMEM, field,
			    "%s: the system allows no more threads", field);
		return fail_set(
		    f, err, field, "%s: %s", field, one_line(e.what()).c_str());
	} catch (...) {
		return fail_set(f, err, field, "%s: unknown exception", field);
	}
}

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

int
append(struct buf *out, const std::string &s)
{
	buf_put(out, s.data(), s.size());
	return buf_err(out);
}

/* llama.cpp's grammar parser says what is wrong on stderr, and only there. It
 * runs with a stderr in memory: glibc's is a variable that may be set. */
class captured_stderr
{
      public:
	captured_stderr() : real(stderr)
	{
		FILE *memory = fmemopen(text, sizeof(text) - 1, "w");

		if (memory != nullptr)
			stderr = memory;
	}
	~captured_stderr()
	{
		release();
	}
	captured_stderr(const captured_stderr &) = delete;
	captured_stderr &operator=(const captured_stderr &) = delete;

	/* The first line, without the name of the function; or what was
	 * logged instead. */
	std::string message()
	{
		std::string s;
		size_t at;

		release();
		s = text[0] != '\0' ? text : logs_error();
		s = s.substr(0, s.find('\n'));
		at = s.find("grammar: ");
		return at == std::string::npos ? s : s.substr(at + 9);
	}

      private:
	void release()
	{
		if (stderr != real)
			fclose(stderr);
		stderr = real;
	}

	FILE *real;
	char text[1024] = "";
};

/* llama.cpp renders a template some twenty times to find out how its model
 * would call tools, for each prompt. Where no tools are at work, a prompt is
 * the same without that. */
std::string
render(const common_chat_templates *t, common_chat_templates_inputs &in,
    bool is_plain)
{
	in.use_jinja = true;
	in.force_pure_content = is_plain;
	return common_chat_templates_apply(t, in).prompt;
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
		return render(t, in, true) == render(t, in, false);
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

/* Of the whole process, also of llama.cpp: the only place to count. */
void *
operator new(size_t n)
{
	size_t cost = n + ALLOCATION;
	void *p;

	if (budget_left > 0 && cost >= budget_left) {
		budget_left = 0;
		budget_is_spent = true;
		throw std::bad_alloc();
	}
	if (budget_left > 0)
		budget_left = budget_left - cost;
	p = malloc(n > 0 ? n : 1);
	if (p == nullptr)
		throw std::bad_alloc();
	return p;
}

void
operator delete(void *p) noexcept
{
	free(p);
}

void
operator delete(void *p, size_t) noexcept
{
	free(p);
}

struct chat {
	common_chat_templates_ptr templates;
	/* See render(); found out when it is first wanted, without and with
	 * thinking. */
	std::optional<bool> is_plain[2];
};

namespace
{

bool
may_be_plain(struct chat *c, const common_chat_templates_inputs &in)
{
	std::optional<bool> &known = c->is_plain[in.enable_thinking];

	if (!is_text_only(in.messages))
		return false;
	if (!known.has_value())
		known = renders_alike(c->templates.get(), in.enable_thinking);
	return *known;
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
		auto c = std::make_unique<struct chat>();

		/* It would write to stderr from a thread of its own. */
		common_log_pause(common_log_main());
		common_log_set_verbosity_thold(-1);
		c->templates =
		    common_chat_templates_init(model, string_of(text));
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

int
chat_render(struct chat *c, struct str messages, struct str kwargs,
    bool enable_thinking, struct buf *out, struct fail *f)
{
	common_chat_templates_inputs in;
	int err;

	if (nest_json(messages) > JSON_DEPTH)
		return too_deep(f, "messages", JSON_DEPTH);
	if (nest_json(kwargs) > JSON_DEPTH)
		return too_deep(f, "chat_template_kwargs", JSON_DEPTH);
	err = guarded(ERR_INVALID, "chat_template_kwargs", f, [&] {
		in.chat_template_kwargs = members(kwargs);
		return 0;
	});
	if (err != 0)
		return err;
	return guarded(ERR_INVALID, "messages", f, [&] {
		in.messages = common_chat_msgs_parse_oaicompat(
		    common_json::parse(string_of(messages)));
		in.enable_thinking = enable_thinking;
		return append(
		    out, render(c->templates.get(), in, may_be_plain(c, in)));
	});
}

int
chat_schema(struct str schema, struct buf *out, struct fail *f)
{
	if (nest_json(schema) > JSON_DEPTH)
		return too_deep(f, "json_schema", JSON_DEPTH);
	return guarded(ERR_INVALID, "json_schema", f, [&] {
		budget limit(SCHEMA_BUDGET);
		common_json s = common_json::parse(string_of(schema));

		/* To JSON Schema {} is any value; here, any object. */
		if (s.is_object() && s.empty())
			s["type"] = "object";
		return append(out, json_schema_to_grammar(s));
	});
}

int
chat_grammar(const struct llama_vocab *vocab, struct str gbnf,
    struct llama_sampler **ret, struct fail *f)
{
	if (nest_gbnf(gbnf) > GBNF_DEPTH)
		return too_deep(f, "grammar", GBNF_DEPTH);
	return guarded(ERR_INVALID, "grammar", f, [&] {
		logs_forget();
		captured_stderr words;
		budget limit(BUDGET);
		llama_sampler *g = llama_sampler_init_grammar(
		    vocab, string_of(gbnf).c_str(), "root");

		/* The parser catches everything. */
		if (g == nullptr && budget_is_spent)
			throw std::bad_alloc();
		if (g == nullptr)
			throw std::runtime_error(words.message());
		*ret = g;
		return 0;
	});
}

void
chat_grammar_free(struct llama_sampler *g)
{
	if (g != nullptr)
		llama_sampler_free(g);
}

int
chat_grammar_accept(struct llama_sampler *g, int32_t token)
{
	return guarded(ERR_INTERNAL, "grammar", nullptr, [&] {
		budget limit(BUDGET);
		llama_sampler_accept(g, token);
		return 0;
	});
}

int
chat_grammar_sieve(struct llama_sampler *g, struct cand *v, size_t n)
{
	llama_token_data_array all = { reinterpret_cast<llama_token_data *>(v),
		n, -1, false };

	return guarded(ERR_INTERNAL, "grammar", nullptr, [&] {
		budget limit(BUDGET);
		llama_sampler_apply(g, &all);
		return 0;
	});
}

const char *
chat_engine(void)
{
	return llama_build_info();
}
