/* Under sanitizers GCC 12 takes a member of std::regex's for unset. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "worker/chatform.hh"
#include "worker/guard.hh"

extern "C" {
#include "worker/chat.h"
}

#include <regex>

using guard::guarded;
using guard::string_of;
using guard::view;

struct chat_form {
	common_chat_parser_params parser;
	std::string gbnf, begun;
	bool is_lazy, goes_on;
	std::string triggers, patterns, opens, closes, marks, stops, specials;
	std::vector<std::pair<std::regex, bool>> others; /* of all the text */
	common_chat_msg said; /* of the last reading */
};

namespace
{

void
put(std::string &to, const std::string &s)
{
	uint32_t n = static_cast<uint32_t>(s.size());

	if (n > 0)
		to.append(reinterpret_cast<const char *>(&n), sizeof(n)) += s;
}

void
put_trigger(chat_form &form, const common_grammar_trigger &t)
{
	const std::string &s = t.value;
	bool is_of_all = s.size() > 1 && s.front() == '^' && s.back() == '$';

	if (t.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) {
		put(form.triggers, s);
		put(form.patterns, regex_escape(s));
	} else if (t.type == COMMON_GRAMMAR_TRIGGER_TYPE_PATTERN) {
		put(form.patterns, s);
		form.others.emplace_back(std::regex(s), is_of_all);
	} else {
		throw std::runtime_error(
		    "its grammar begins in a way that is not known here");
	}
}

/* All words that mean something to the form, whatever of it is at work. */
void
put_words(chat_form &form, const common_chat_params &p)
{
	for (const auto &t : p.grammar_triggers)
		put_trigger(form, t);
	put(form.opens, p.thinking_start_tag);
	for (const auto &s : p.thinking_end_tags)
		put(form.closes, s);
	for (const auto &s : p.additional_stops)
		put(form.stops, s);
	for (const auto &s : p.preserved_tokens)
		put(form.specials, s);
	form.marks = form.triggers + form.opens + form.closes + form.specials;
}

} // namespace

chat_form *
chat_form_of(
    const common_chat_params &p, const common_chat_templates_inputs &in)
{
	auto form = std::make_unique<chat_form>();

	form->parser = common_chat_parser_params(p);
	form->parser.reasoning_format = in.reasoning_format;
	form->goes_on =
	    in.continue_final_message != COMMON_CHAT_CONTINUATION_NONE;
	form->parser.parser.load(p.parser);
	form->gbnf = p.grammar;
	form->is_lazy = p.grammar_lazy;
	form->begun = p.generation_prompt;
	put_words(*form, p);
	return form.release();
}

bool
chat_form_find(void *arg, struct str window, bool is_all, size_t *ret_from)
{
	auto form = static_cast<const chat_form *>(arg);
	auto flags = is_all ? std::regex_constants::match_default
			    : std::regex_constants::match_not_bol;
	std::cmatch m;

	for (const auto &[regex, is_of_all] : form->others) {
		const char *end = window.p + window.n;

		if (is_of_all
			? !is_all || !std::regex_match(window.p, end, m, regex)
			: !std::regex_search(window.p, end, m, regex, flags))
			continue;
		*ret_from = static_cast<size_t>(m.position(0));
		return true;
	}
	return false;
}

void
chat_form_free(struct chat_form *form)
{
	delete form;
}

void
chat_form_describe(const struct chat_form *form, struct chat_form_about *ret)
{
	*ret = {};
	ret->gbnf = view(form->gbnf);
	ret->is_lazy = form->is_lazy;
	ret->begun = view(form->begun);
	ret->triggers.packed = view(form->triggers);
	ret->patterns.packed = view(form->patterns);
	ret->has_others = !form->others.empty();
	ret->goes_on = form->goes_on;
	ret->opens.packed = view(form->opens);
	ret->closes.packed = view(form->closes);
	ret->marks.packed = view(form->marks);
	ret->stops.packed = view(form->stops);
	ret->specials.packed = view(form->specials);
}

int
chat_form_read(void *arg, struct str text, bool is_partial, struct reading *ret)
{
	auto form = static_cast<chat_form *>(arg);

	*ret = {};
	return guarded(ERR_INVALID, "answer", nullptr, [&] {
		guard::budget limit(RENDER_BUDGET, guard::WHAT_IS_HELD);

		form->said = common_chat_parse(
		    string_of(text), is_partial, form->parser);
		ret->content = view(form->said.content);
		ret->reasoning = view(form->said.reasoning_content);
		for (const auto &c : form->said.tool_calls)
			if (ret->n_calls < PART_CALLS_MAX)
				ret->calls[ret->n_calls++] = { view(c.id),
					view(c.name), view(c.arguments) };
		return 0;
	});
}
