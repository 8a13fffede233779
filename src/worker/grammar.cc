#include "worker/guard.hh"

extern "C" {
#include "worker/cand.h"
#include "worker/grammar.h"
#include "worker/llama/logs.h"
#include "worker/nest.h"
}

#include <json-schema-to-grammar.h>
#include <llama.h>

#include <cstdio>
#include <vector>

static_assert(sizeof(struct cand) == sizeof(llama_token_data) &&
	offsetof(struct cand, logit) == offsetof(llama_token_data, logit),
    "candidates are handed to llama.cpp as they are");

namespace
{

constexpr size_t JSON_DEPTH = 100;
constexpr size_t GBNF_DEPTH = 100;

/* llama.cpp works on a grammar without a ceiling: "a"{3,1}, or one that is left
 * recursive behind a part that may be empty, makes it allocate for ever, and
 * all others wait. So what it allocates is counted: past the budget new fails,
 * which ends the request (llama_sampler_init_grammar() then forgets 80 bytes,
 * which nobody else can reach). A step on a grammar that is of use takes some
 * MiB. */
constexpr size_t BUDGET = size_t(256) << 20;
constexpr size_t SCHEMA_BUDGET = size_t(1) << 30; /* it concatenates a lot */

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

} // namespace

int
grammar_of_schema(struct str schema, struct buf *out, struct fail *f)
{
	if (nest_json(schema) > JSON_DEPTH)
		return guard::too_deep(f, "json_schema", JSON_DEPTH);
	return guard::guarded(ERR_INVALID, "json_schema", f, [&] {
		guard::budget limit(SCHEMA_BUDGET);
		common_json s = common_json::parse(guard::string_of(schema));

		/* To JSON Schema {} is any value; here, any object. */
		if (s.is_object() && s.empty())
			s["type"] = "object";
		return guard::append(out, json_schema_to_grammar(s));
	});
}

namespace
{

llama_sampler *
init_grammar(
    const llama_vocab *vocab, const std::string &gbnf, struct strs patterns)
{
	cursor c = strs_walk(patterns);
	std::vector<std::string> texts;
	std::vector<const char *> all;
	struct str one;

	while (strs_next(&c, &one))
		texts.push_back(guard::string_of(one));
	for (const auto &text : texts)
		all.push_back(text.c_str());
	if (all.empty())
		return llama_sampler_init_grammar(vocab, gbnf.c_str(), "root");
	return llama_sampler_init_grammar_lazy_patterns(
	    vocab, gbnf.c_str(), "root", all.data(), all.size(), nullptr, 0);
}

} // namespace

int
grammar_new(const struct llama_vocab *vocab, struct str gbnf,
    struct strs patterns, struct llama_sampler **ret, struct fail *f)
{
	if (nest_gbnf(gbnf) > GBNF_DEPTH)
		return guard::too_deep(f, "grammar", GBNF_DEPTH);
	return guard::guarded(ERR_INVALID, "grammar", f, [&] {
		logs_forget();
		captured_stderr words;
		guard::budget limit(BUDGET);
		llama_sampler *g =
		    init_grammar(vocab, guard::string_of(gbnf), patterns);

		/* The parser catches everything. */
		if (g == nullptr)
			throw std::runtime_error(words.message());
		*ret = g;
		return 0;
	});
}

void
grammar_free(struct llama_sampler *g)
{
	if (g != nullptr)
		llama_sampler_free(g);
}

int
grammar_accept(struct llama_sampler *g, int32_t token)
{
	return guard::guarded(ERR_INTERNAL, "grammar", nullptr, [&] {
		guard::budget limit(BUDGET);
		llama_sampler_accept(g, token);
		return 0;
	});
}

int
grammar_sieve(struct llama_sampler *g, struct cand *v, size_t n)
{
	llama_token_data_array all = { reinterpret_cast<llama_token_data *>(v),
		n, -1, false };

	return guard::guarded(ERR_INTERNAL, "grammar", nullptr, [&] {
		guard::budget limit(BUDGET);
		llama_sampler_apply(g, &all);
		return 0;
	});
}
