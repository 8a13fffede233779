/*
 * Who may ask is decided as soon as the headers are there, so that nobody who
 * may not makes the server keep a body of many megabytes. A visit exists while
 * a request is read and answered; an idle connection has none.
 */
#include "front/http/visit.h"

#include "base/clock.h"
#include "front/client.h"
#include "front/front.h"
#include "front/http/access.h"
#include "front/http/cors.h"
#include "front/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CORS_BYTES 4096u

/* Served without a key: what load balancers and browsers ask first. */
static const char *const open_paths[] = { "/", "/health", "/v1/health" };

/* For all models, or for all who use one: not for a key that is for some. One
 * that ends in '/' stands for all below it. */
static const char *const operator_paths[] = { "/models/load", "/models/unload",
	"/models/reload", "/models/sse", "/slots", "/slots/", "/lora-adapters",
	"/props", "/metrics" };

static bool
is_among(const char *const *paths, size_t n, struct str path)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(paths[i]);

		if (str_is(path, paths[i]))
			return true;
		if (len > 1 && paths[i][len - 1] == '/' && path.n > len &&
		    memcmp(path.p, paths[i], len) == 0)
			return true;
	}
	return false;
}

#define IS_AMONG(paths, path) \
	is_among(paths, sizeof(paths) / sizeof((paths)[0]), path)

/*
 * Its name
 */

/* What may be in a log, a header and a JSON text as it is. */
static bool
is_good_id(struct str s)
{
	if (s.n == 0 || s.n > VISIT_ID_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_word = (c >= '0' && c <= '9') ||
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!is_word && (c == '\0' || strchr("-_.:+/@", c) == NULL))
			return false;
	}
	return true;
}

static void
name(struct visit *v, struct str given)
{
	uint64_t r[2];

	if (is_good_id(given)) {
		(void)snprintf(
		    v->id, sizeof(v->id), "%.*s", (int)given.n, given.p);
		return;
	}
	arc4random_buf(r, sizeof(r));
	(void)snprintf(v->id, sizeof(v->id), "req_%012llx%012llx",
	    (unsigned long long)(r[0] >> 16), (unsigned long long)(r[1] >> 16));
}

static void
put_label(struct visit *v)
{
	(void)snprintf(v->label, sizeof(v->label), "%s%s%srequest %s",
	    v->client != NULL ? "key " : "",
	    v->client != NULL ? v->client->name : "",
	    v->client != NULL ? ", " : "", v->id);
}

static void
ask(struct visit *v)
{
	struct asker asker = {
		.client = v->client, .tally = v->tally, .label = v->label
	};

	put_label(v);
	conn_set_asker(v->conn, &asker);
}

struct visit *
visit_new(struct conn *c, const struct request *r)
{
	static const struct request nothing = { .method = METHOD_OTHER };
	struct visit *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	if (r == NULL)
		r = &nothing;
	v->tally = tally_new();
	if (v->tally == NULL) {
		free(v);
		return NULL;
	}
	v->conn = c;
	v->begun_ms = clock_ms();
	v->made_before = conn_made(c);
	v->method = r->method;
	buf_init(&v->cors, CORS_BYTES);
	cors_put(&conn_front(c)->config, r, &v->cors);
	if (buf_err(&v->cors) != 0)
		buf_reset(&v->cors);
	name(v, request_header(r, HEADER_REQUEST_ID));
	(void)snprintf(v->path, sizeof(v->path), "%.*s",
	    (int)(r->path.n < VISIT_PATH_MAX ? r->path.n : VISIT_PATH_MAX),
	    r->path.n > 0 ? r->path.p : "");
	ask(v);
	return v;
}

/*
 * Who asks
 */

/* "Bearer KEY", or the key alone. */
static struct str
secret_of(struct str value)
{
	static const char head[] = "Bearer ";
	const size_t n = sizeof(head) - 1;

	if (value.n >= n && strncasecmp(value.p, head, n) == 0) {
		value.p += n;
		value.n -= n;
	}
	while (value.n > 0 && value.p[0] == ' ') {
		value.p++;
		value.n--;
	}
	return value;
}

static struct client *
find(const struct keys *k, const struct request *r)
{
	struct client *c =
	    keys_find(k, secret_of(request_header(r, HEADER_AUTHORIZATION)));

	return c != NULL ? c : keys_find(k, request_header(r, HEADER_API_KEY));
}

static int
refuse_key(struct front *f, const struct request *r, struct fail *why)
{
	bool has_one = request_header(r, HEADER_AUTHORIZATION).p != NULL ||
	    request_header(r, HEADER_API_KEY).p != NULL;

	f->metrics.refused_key_total++;
	return fail_set(why, ERR_KEY, NULL,
	    has_one ? "Invalid API Key: it is none of this server's"
		    : "no API key was sent: this server asks for one, as "
		      "Authorization: Bearer KEY or x-api-key: KEY");
}

int
visit_check(struct visit *v, const struct request *r, struct fail *why)
{
	struct front *f = conn_front(v->conn);
	struct client *c;

	if (!keys_are_wanted(&f->keys))
		return 0;
	c = find(&f->keys, r);
	if (c != NULL) {
		v->client = client_keep(c);
		c->n_requests++;
		ask(v);
	}
	/* A browser asks whether it may ask before it has a key. */
	if (r->method == METHOD_OPTIONS || IS_AMONG(open_paths, r->path))
		return 0;
	if (c == NULL)
		return refuse_key(f, r, why);
	if (c->models == NULL || !IS_AMONG(operator_paths, r->path))
		return 0;
	f->metrics.refused_key_total++;
	return fail_set(why, ERR_DENIED, NULL,
	    "the API key \"%s\" is for some models only; what is for all of "
	    "them is not for it",
	    c->name);
}

/*
 * Its answer, and its end
 */

void
visit_put_headers(const struct visit *v, struct buf *out)
{
	buf_printf(out, "X-Request-Id: %s\r\n", v->id);
	buf_put_str(out, buf_str(&v->cors));
	if (v->status == 401)
		buf_puts(out, "WWW-Authenticate: Bearer\r\n");
}

void
visit_end(struct visit *v, bool is_whole)
{
	if (v == NULL)
		return;
	if (v->client != NULL && v->status >= 400)
		v->client->n_refused++;
	access_note(v, is_whole);
	conn_set_asker(v->conn, NULL);
	if (v->client != NULL)
		client_drop(v->client);
	tally_drop(v->tally);
	buf_done(&v->cors);
	free(v);
}
