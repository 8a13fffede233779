#include "front/http/cors.h"

#include "wire/msg.h"

#include <string.h>
#include <strings.h>

#define ORIGIN_MAX 512u
#define MAX_AGE "600" /* seconds that a browser may remember it */

static bool
starts_with(struct str s, const char *head)
{
	size_t n = strlen(head);

	return s.n >= n && strncasecmp(s.p, head, n) == 0;
}

/* What an origin, or a list of header names, may be made of: it comes back. */
static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' ? s.p[i] != ' ' : s.p[i] >= 0x7f)
			return false;
	return true;
}

/* http://localhost:5173, with any port or none. */
static bool
is_localhost(struct str origin)
{
	static const char *const heads[] = { "http://localhost",
		"https://localhost", "http://127.0.0.1", "https://127.0.0.1",
		"http://[::1]", "https://[::1]" };

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t n = strlen(heads[i]);

		if (!starts_with(origin, heads[i]))
			continue;
		if (origin.n == n)
			return true;
		if (origin.p[n] != ':')
			continue;
		for (n++; n < origin.n; n++)
			if (origin.p[n] < '0' || origin.p[n] > '9')
				return false;
		return true;
	}
	return false;
}

static bool
is_any(const struct front_config *c)
{
	struct cursor in = strs_walk(c->cors_origins);
	struct str one;

	while (strs_next(&in, &one))
		if (str_is(one, "*"))
			return true;
	return false;
}

bool
cors_allows(const struct front_config *c, struct str origin)
{
	struct cursor in = strs_walk(c->cors_origins);
	struct str one;

	if (origin.n == 0 || origin.n > ORIGIN_MAX || !is_plain(origin))
		return false;
	while (strs_next(&in, &one)) {
		if (str_is(one, "*"))
			return true;
		if (str_is(one, "localhost")) {
			if (is_localhost(origin))
				return true;
			continue;
		}
		if (one.n == origin.n &&
		    strncasecmp(one.p, origin.p, one.n) == 0)
			return true;
	}
	return false;
}

static void
put_line(struct buf *out, const char *name, struct str value)
{
	buf_printf(out, "%s: %.*s\r\n", name, (int)value.n, value.p);
}

/* What a page may do, which its browser asks before the request itself. "*"
 * would not stand for Authorization: what was asked for is named. */
static void
put_preflight(
    const struct front_config *c, const struct request *r, struct buf *out)
{
	struct str asked = request_header(r, HEADER_ASKED_HEADERS);
	struct str headers = c->cors_headers;

	put_line(out, "Access-Control-Allow-Methods", c->cors_methods);
	if (str_is(headers, "*"))
		headers = is_plain(asked) ? asked : STR("");
	if (headers.n > 0)
		put_line(out, "Access-Control-Allow-Headers", headers);
	put_line(out, "Access-Control-Max-Age", STR(MAX_AGE));
}

void
cors_put(const struct front_config *c, const struct request *r, struct buf *out)
{
	struct str origin = request_header(r, HEADER_ORIGIN);
	bool is_open = is_any(c) && !c->cors_credentials;

	if (c->cors_origins.packed.n == 0)
		return;
	/* What a cache keeps for one page is not for another. */
	if (!is_open)
		put_line(out, "Vary", STR("Origin"));
	if (!cors_allows(c, origin))
		return;
	put_line(
	    out, "Access-Control-Allow-Origin", is_open ? STR("*") : origin);
	if (c->cors_credentials)
		put_line(out, "Access-Control-Allow-Credentials", STR("true"));
	if (r->method == METHOD_OPTIONS &&
	    request_header(r, HEADER_ASKED_METHOD).n > 0)
		put_preflight(c, r, out);
	else
		put_line(out, "Access-Control-Expose-Headers",
		    STR("X-Request-Id, Retry-After"));
}
