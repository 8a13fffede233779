/*
 * The HTTP parser and the checks of a request's body. The first byte says
 * where the rest is cut in two: what comes out must not depend on it.
 */
#include "front/http/ollama_ask.h"
#include "front/http/parse.h"

#include <stdlib.h>
#include <string.h>

static const struct parse_limits limits = { .head_max = 4096,
	.body_max = 65536 };

struct outcome {
	enum parse_result result;
	size_t used;
	struct parse *parse;
};

static struct outcome
parse_cut(const uint8_t *p, size_t n, size_t cut)
{
	struct outcome o = { .result = PARSE_MORE,
		.parse = parse_new(&limits) };
	size_t used;

	if (o.parse == NULL)
		abort();
	o.result = parse_feed(o.parse, p, cut, &o.used);
	if (o.result == PARSE_MORE) {
		o.result = parse_feed(o.parse, p + cut, n - cut, &used);
		o.used += used;
	}
	return o;
}

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
compare(const struct outcome *a, const struct outcome *b)
{
	const struct request *x = parse_request(a->parse);
	const struct request *y = parse_request(b->parse);

	must(a->result == b->result);
	if (a->result == PARSE_FAILED) {
		must(parse_status(a->parse) == parse_status(b->parse));
		must(strcmp(parse_why(a->parse), parse_why(b->parse)) == 0);
	}
	if (a->result != PARSE_DONE)
		return;
	must(a->used == b->used);
	must(x->method == y->method && x->keep_alive == y->keep_alive);
	must(str_eq(x->path, y->path) && str_eq(x->query, y->query));
	must(str_eq(x->body, y->body));
	must(x->bytes == y->bytes);
	for (unsigned i = 0; i < HEADER_COUNT; i++) {
		struct str v = request_header(x, (enum kept_header)i);
		struct str w = request_header(y, (enum kept_header)i);

		must((v.p == NULL) == (w.p == NULL) && str_eq(v, w));
	}
}

static const struct ask_form *const forms[] = {
	&ask_openai_completion,
	&ask_openai_chat,
	&ask_ollama_chat,
	&ask_ollama_generate,
	&ask_anthropic,
	&ask_anthropic_count,
	&ask_responses,
	&ask_llama,
	&ask_infill,
};
#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

static void
check_body(struct str body, const struct ask_form *form)
{
	static const struct ask_limits limits = { .gens_max = 64,
		.n_ctx = 1000 };
	struct ask q;
	struct fail why;

	if (ask_parse(&q, form, body, &why) == 0 &&
	    ask_read(&q, &limits, &why) == 0)
		for (uint32_t i = 0; i < q.n * q.n_prompts; i++)
			(void)ask_choice(&q, i);
	else
		must(why.text[0] != '\0');
	ask_done(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct outcome whole, cut;
	size_t at;

	if (n < 1)
		return 0;
	at = data[0];
	data++;
	n--;
	whole = parse_cut(data, n, n);
	cut = parse_cut(data, n, n > 0 ? at * n / 256 : 0);
	compare(&whole, &cut);
	if (whole.result == PARSE_DONE) {
		for (size_t i = 0; i < N_FORMS; i++)
			check_body(parse_request(whole.parse)->body, forms[i]);
	}
	parse_free(whole.parse);
	parse_free(cut.parse);
	/* A request's head in front of every body would cost the fuzzer. */
	check_body((struct str){ (const char *)data, n }, forms[at % N_FORMS]);
	return 0;
}
