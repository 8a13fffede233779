#include "front/keys.h"

#include "base/log.h"
#include "front/client.h"
#include "front/front.h"

#include <inttypes.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <stdlib.h>
#include <string.h>

bool
keys_are_wanted(const struct keys *k)
{
	return k->now.is_closed;
}

static void
digest(const struct keyring *r, struct str secret, uint8_t ret[KEY_DIGEST])
{
	struct hmac_sha256_ctx h;

	hmac_sha256_set_key(&h, sizeof(r->salt), r->salt);
	hmac_sha256_update(&h, secret.n, (const uint8_t *)secret.p);
	hmac_sha256_digest(&h, KEY_DIGEST, ret);
	explicit_bzero(&h, sizeof(h));
}

/* All of them are looked at, whichever it is. */
struct client *
keys_find(const struct keys *k, struct str secret)
{
	struct client *found = NULL;
	uint8_t d[KEY_DIGEST];

	if (secret.n == 0)
		return NULL;
	digest(&k->now, secret, d);
	for (uint32_t i = 0; i < k->now.n; i++) {
		const struct key *key = &k->now.v[i];

		for (uint32_t j = 0; j < key->n_digests; j++)
			if (memeql_sec(d, key->digests[j], KEY_DIGEST))
				found = key->client;
	}
	return found;
}

static void
ring_done(struct keyring *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		client_drop(r->v[i].client);
	free(r->v);
	*r = (struct keyring){ .v = NULL };
}

/* The old ones go when the new ones have their clients, so that who is in both
 * is not forgotten in between. */
static void
change(struct front *f)
{
	struct keyring old = f->keys.now;

	f->keys.now = f->keys.next;
	f->keys.next = (struct keyring){ .v = NULL };
	ring_done(&old);
	if (f->keys.now.is_closed)
		log_debug("API keys of %u names hold now", f->keys.now.n);
}

int
keys_on_set(struct front *f, const struct front_keys *m)
{
	struct keyring *r = &f->keys.next;

	if (m->n > KEYS_MAX || (m->salt.n != 0 && m->salt.n != KEY_DIGEST) ||
	    (m->n > 0 && m->salt.n == 0))
		return ERR_PROTO;
	ring_done(r);
	r->is_closed = m->salt.n != 0;
	if (r->is_closed)
		memcpy(r->salt, m->salt.p, KEY_DIGEST);
	r->n_due = m->n;
	if (m->n == 0) {
		change(f);
		return 0;
	}
	r->v = calloc(m->n, sizeof(r->v[0]));
	return r->v != NULL ? 0 : ERR_NOMEM;
}

int
keys_on_key(struct front *f, const struct front_key *m)
{
	struct keyring *r = &f->keys.next;
	uint32_t n = (uint32_t)(m->digests.n / KEY_DIGEST);
	struct key *key;

	if (r->v == NULL || r->n == r->n_due || n == 0 || n > KEY_DIGESTS_MAX ||
	    m->digests.n % KEY_DIGEST != 0)
		return ERR_PROTO;
	key = &r->v[r->n++];
	memcpy(key->digests, m->digests.p, m->digests.n);
	key->n_digests = n;
	key->client = client_of_key(f->clients, m->name);
	if (client_limit(key->client, m) != 0)
		return ERR_NOMEM;
	if (r->n == r->n_due)
		change(f);
	return 0;
}

static const struct {
	const char *name;
	const char *help;
	size_t off;
} counts[] = {
	{ "key_requests_total", "HTTP requests of who has the key",
	    offsetof(struct client, n_requests) },
	{ "key_refused_total", "Those of them that were refused",
	    offsetof(struct client, n_refused) },
	{ "key_prompt_tokens_total", "Prompt tokens",
	    offsetof(struct client, n_prompt) },
	{ "key_tokens_total", "Tokens generated",
	    offsetof(struct client, n_out) },
};

/* Names have no byte that would need an escape (keeper/keyfile.h). */
void
keys_put_metrics(const struct keys *k, struct buf *out)
{
	for (size_t i = 0;
	     k->now.n > 0 && i < sizeof(counts) / sizeof(counts[0]); i++) {
		buf_printf(out,
		    "# HELP bulkhead_%s %s\n# TYPE bulkhead_%s counter\n",
		    counts[i].name, counts[i].help, counts[i].name);
		for (uint32_t j = 0; j < k->now.n; j++) {
			const struct client *c = k->now.v[j].client;
			uint64_t v;

			memcpy(&v, (const char *)c + counts[i].off, sizeof(v));
			buf_printf(out, "bulkhead_%s{key=\"%s\"} %" PRIu64 "\n",
			    counts[i].name, c->name, v);
		}
	}
}

void
keys_done(struct keys *k)
{
	ring_done(&k->now);
	ring_done(&k->next);
}
