#include "front/http/route.h"

#include "front/http/count.h"
#include "front/http/dialect.h"
#include "front/http/embed.h"
#include "front/http/http.h"
#include "front/http/inside.h"
#include "front/http/rank.h"
#include "front/http/reload.h"
#include "front/http/ollama.h"
#include "front/http/reply.h"
#include "front/http/router.h"
#include "front/http/vocab.h"

#include <stdio.h>
#include <string.h>

typedef void (*handler_fn)(
    struct http *h, const struct request *r, struct str rest);

/* Where a handler answers, and the form of its errors. */
#define PLAIN(method, path, run, form)                          \
	{                                                       \
		METHOD_##method, path, run, NULL, ERRORS_##form \
	}

/* Where a body is asked in a dialect, and answered in it. */
#define ASKED(path, dialect)                                     \
	{                                                        \
		METHOD_POST, path, NULL, &dialect, ERRORS_OPENAI \
	}

/* A path that ends in '/' (but "/" itself) stands for all below it. */
static const struct route {
	unsigned methods; /* enum method */
	const char *path;
	handler_fn run;		       /* or: */
	const struct dialect *dialect; /* of what is asked there */
	enum error_form errors;	       /* of what is no dialect */
} routes[] = {
	PLAIN(GET, "/", small_root, OPENAI),
	PLAIN(GET, "/health", small_health, OPENAI),
	PLAIN(GET, "/v1/health", small_health, OPENAI),
	PLAIN(GET, "/metrics", small_metrics, OPENAI),
	PLAIN(GET, "/models", small_models, OPENAI),
	PLAIN(GET, "/v1/models", small_models, OPENAI),
	{ METHOD_GET | METHOD_POST, "/lora-adapters", inside_adapters, NULL,
	    ERRORS_LLAMA },
	PLAIN(POST, "/models/load", router_load, LLAMA),
	PLAIN(POST, "/models/unload", router_unload, LLAMA),
	PLAIN(GET, "/models/sse", router_events, LLAMA),
	PLAIN(POST, "/models/reload", reload_post, OPENAI),
	PLAIN(GET, "/models/", small_model, OPENAI),
	PLAIN(GET, "/v1/models/", small_model, OPENAI),
	ASKED("/completion", dialect_llama),
	ASKED("/completions", dialect_llama),
	ASKED("/infill", dialect_infill),
	ASKED("/v1/completions", dialect_openai_completion),
	ASKED("/chat/completions", dialect_openai_chat),
	ASKED("/v1/chat/completions", dialect_openai_chat),
	ASKED("/responses", dialect_responses),
	ASKED("/v1/responses", dialect_responses),
	PLAIN(POST, "/chat/completions/input_tokens", count_chat, OPENAI),
	PLAIN(POST, "/v1/chat/completions/input_tokens", count_chat, OPENAI),
	PLAIN(POST, "/responses/input_tokens", count_responses, OPENAI),
	PLAIN(POST, "/v1/responses/input_tokens", count_responses, OPENAI),
	ASKED("/v1/messages", dialect_anthropic),
	PLAIN(POST, "/v1/messages/count_tokens", count_anthropic, ANTHROPIC),
	PLAIN(POST, "/tokenize", vocab_tokenize, LLAMA),
	PLAIN(POST, "/detokenize", vocab_detokenize, LLAMA),
	PLAIN(POST, "/apply-template", vocab_template, LLAMA),
	PLAIN(POST, "/embedding", embed_llama, LLAMA),
	PLAIN(POST, "/embeddings", embed_llama, LLAMA),
	PLAIN(POST, "/v1/embeddings", embed_openai, OPENAI),
	PLAIN(POST, "/rerank", rank_documents, LLAMA),
	PLAIN(POST, "/reranking", rank_documents, LLAMA),
	PLAIN(POST, "/v1/rerank", rank_documents, LLAMA),
	PLAIN(POST, "/v1/reranking", rank_documents, LLAMA),
	{ METHOD_GET | METHOD_POST, "/props", inside_props, NULL,
	    ERRORS_LLAMA },
	PLAIN(GET, "/slots", inside_slots, LLAMA),
	PLAIN(POST, "/slots/", inside_slot_action, LLAMA),
	PLAIN(GET, "/api/version", ollama_version, OLLAMA),
	PLAIN(GET, "/api/tags", ollama_tags, OLLAMA),
	PLAIN(GET, "/api/ps", ollama_ps, OLLAMA),
	PLAIN(POST, "/api/show", ollama_show, OLLAMA),
	ASKED("/api/chat", dialect_ollama_chat),
	ASKED("/api/generate", dialect_ollama_generate),
	PLAIN(POST, "/api/embed", embed_ollama, OLLAMA),
	PLAIN(POST, "/api/embeddings", embed_ollama_one, OLLAMA),
	PLAIN(POST, "/api/pull", ollama_pull, OLLAMA),
	PLAIN(POST, "/api/push", ollama_refuse, OLLAMA),
	PLAIN(POST, "/api/create", ollama_refuse, OLLAMA),
	PLAIN(POST, "/api/copy", ollama_refuse, OLLAMA),
	PLAIN(DELETE, "/api/delete", ollama_refuse, OLLAMA),
	{ METHOD_GET | METHOD_POST, "/api/blobs/", ollama_refuse, NULL,
	    ERRORS_OLLAMA },
	{ METHOD_GET | METHOD_POST | METHOD_DELETE, "/api/", ollama_unknown,
	    NULL, ERRORS_OLLAMA },
};

static const struct {
	enum method method;
	const char *name;
} method_names[] = {
	{ METHOD_GET, "GET" },
	{ METHOD_HEAD, "HEAD" },
	{ METHOD_POST, "POST" },
	{ METHOD_OPTIONS, "OPTIONS" },
	{ METHOD_DELETE, "DELETE" },
};

/* Every route that has a GET has a HEAD, and all have OPTIONS. */
static unsigned
methods_of(const struct route *route)
{
	unsigned extra = METHOD_OPTIONS;

	if (route->methods & METHOD_GET)
		extra |= METHOD_HEAD;
	return route->methods | extra;
}

static bool
matches(const struct route *route, struct str path, struct str *ret_rest)
{
	size_t n = strlen(route->path);
	bool is_prefix = n > 1 && route->path[n - 1] == '/';

	if (path.n < n || memcmp(path.p, route->path, n) != 0)
		return false;
	*ret_rest = (struct str){ path.p + n, path.n - n };
	return is_prefix ? path.n > n : path.n == n;
}

/* "Allow: GET, HEAD, OPTIONS\r\n" */
static const char *
allow(unsigned methods, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "Allow:");

	for (size_t i = 0; i < sizeof(method_names) / sizeof(method_names[0]);
	     i++)
		if (methods & method_names[i].method)
			n += (size_t)snprintf(out + n, size - n, "%s %s",
			    out[n - 1] == ':' ? "" : ",", method_names[i].name);
	(void)snprintf(out + n, size - n, "\r\n");
	return out;
}

static const struct route *
find(struct str path, struct str *ret_rest)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (matches(&routes[i], path, ret_rest))
			return &routes[i];
	return NULL;
}

static enum error_form
errors_of(const struct route *route)
{
	if (route == NULL)
		return ERRORS_OPENAI;
	return route->dialect != NULL ? route->dialect->errors : route->errors;
}

enum error_form
route_errors(struct str path)
{
	struct str rest;

	return errors_of(find(path, &rest));
}

static void
reply_allow(struct http *h, unsigned methods)
{
	char line[64];

	reply_send(h, 204, NULL, allow(methods, line, sizeof(line)), STR(""));
}

static void
run(struct http *h, const struct request *r, const struct route *route,
    struct str rest)
{
	const struct dialect *d = route->dialect;
	unsigned methods = methods_of(route);
	char line[64];

	http_set_errors(h, errors_of(route));
	if (r->method == METHOD_OPTIONS)
		reply_allow(h, methods);
	else if ((methods & r->method) == 0)
		error_status(h, 405, allow(methods, line, sizeof(line)),
		    "%.*s is for other methods; see the Allow header",
		    (int)r->path.n, r->path.p);
	else if (d != NULL)
		dialect_run(h, r, d);
	else
		route->run(h, r, rest);
}

void
route_run(struct http *h, const struct request *r)
{
	struct str rest = STR("");
	const struct route *route = find(r->path, &rest);

	if (route != NULL)
		run(h, r, route, rest);
	else if (str_is(r->path, "*")) /* of the server as a whole */
		reply_allow(h,
		    METHOD_GET | METHOD_HEAD | METHOD_POST | METHOD_OPTIONS |
			METHOD_DELETE);
	else
		error_status(h, 404, NULL, "nothing is served at %.*s",
		    (int)(r->path.n < 200 ? r->path.n : 200), r->path.p);
}
