/*
 * keys - the API keys that open this server, as the keeper read them.
 *
 * The front has no key, only a digest of each (HMAC-SHA-256 with a salt of this
 * keeper's life). What a client shows is digested and compared with all of
 * them, each in the same time. Who has one of the keys of a name is a client of
 * that name (client.h), from wherever it comes: limits and turns are its own.
 */
#ifndef FRONT_KEYS_H
#define FRONT_KEYS_H

#include "base/buf.h"
#include "wire/msg.h"

struct client;
struct front;

struct key {
	uint8_t digests[KEY_DIGESTS_MAX][KEY_DIGEST];
	uint32_t n_digests;
	struct client *client; /* a reference */
};

/* One set of them: those that hold, or those that are coming. */
struct keyring {
	struct key *v;
	uint32_t n;
	uint32_t n_due; /* of the v */
	uint8_t salt[KEY_DIGEST];
	bool is_closed; /* nobody comes in without one */
};

struct keys {
	struct keyring now;
	struct keyring next;
};

/* Whether one is asked for. */
bool keys_are_wanted(const struct keys *k);

/* Who has it; NULL: nobody. */
struct client *keys_find(const struct keys *k, struct str secret);

/* FRONT_KEYS and FRONT_KEY. 0, ERR_PROTO or ERR_NOMEM. */
int keys_on_set(struct front *f, const struct front_keys *m) MUST_CHECK;
int keys_on_key(struct front *f, const struct front_key *m) MUST_CHECK;

/* Lines of the metrics for each. */
void keys_put_metrics(const struct keys *k, struct buf *out);

void keys_done(struct keys *k);

#endif
