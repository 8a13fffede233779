#include "wire/cachefile.h"

#include "wire/msg.h"

#include <string.h>

LAYOUT_DEFINE(cachefile_about, CACHEFILE_ABOUT_FIELDS)

/* So that tokens can be read where they lie. */
static uint64_t
aligned(uint64_t n)
{
	return (n + 7) / 8 * 8;
}

/* Whether each part may be so long. With these limits no sum overflows. */
static bool
is_sane(const struct cachefile_head *h)
{
	return h->n_about > 0 && h->n_about <= CACHEFILE_ABOUT_MAX &&
	    h->n_tokens > 0 && h->n_tokens <= CACHEFILE_TOKENS_MAX &&
	    h->n_state <= h->n_tokens && h->state <= UINT64_MAX / 4 &&
	    (h->n_state == 0) == (h->state == 0);
}

static struct cachefile_parts
parts_of(const struct cachefile_head *h)
{
	struct cachefile_parts p = { .about = sizeof(*h) };

	p.tokens = aligned(p.about + h->n_about);
	p.state = aligned(p.tokens + 4ull * h->n_tokens);
	p.digest = aligned(p.state + h->state);
	return p;
}

int
cachefile_plan(struct cachefile_head *h, struct cachefile_parts *ret)
{
	if (!is_sane(h))
		return ERR_TOO_BIG;
	*ret = parts_of(h);
	h->magic = CACHEFILE_MAGIC;
	h->version = CACHEFILE_VERSION;
	h->size = ret->digest + CACHEFILE_DIGEST;
	return 0;
}

static int
refuse(struct fail *f, const char *what)
{
	return fail_set(f, ERR_FILE, "", "%s", what);
}

int
cachefile_check(const void *p, size_t n, uint64_t size,
    struct cachefile_head *ret, struct cachefile_parts *parts, struct fail *f)
{
	struct cachefile_head h;

	if (n >= sizeof(h))
		memcpy(&h, p, sizeof(h));
	if (n < sizeof(h) || h.magic != CACHEFILE_MAGIC)
		return refuse(f, "is not a prompt cache of Bulkhead's");
	if (h.version != CACHEFILE_VERSION)
		return fail_set(f, ERR_FILE, "",
		    "was written by another version of Bulkhead (its format is "
		    "%u, this one reads %u); save it again",
		    h.version, CACHEFILE_VERSION);
	if (h.size > size)
		return fail_set(f, ERR_FILE, "",
		    "is cut short: %llu bytes of %llu; save it again",
		    (unsigned long long)size, (unsigned long long)h.size);
	if (!is_sane(&h) || h.size != size ||
	    parts_of(&h).digest + CACHEFILE_DIGEST != size)
		return refuse(
		    f, "is damaged: its lengths make no sense; save it again");
	*ret = h;
	*parts = parts_of(&h);
	return 0;
}

int
cachefile_read_about(const struct cachefile_head *h, const void *p,
    struct cachefile_about *ret, struct fail *f)
{
	if (layout_unpack(&layout_cachefile_about, ret, p, h->n_about) != 0 ||
	    ret->chunk == 0 || ret->n_prompt > h->n_tokens ||
	    !msg_turns_fit(ret->turns, ret->n_prompt))
		return refuse(
		    f, "is damaged: it makes no sense; save it again");
	return 0;
}
