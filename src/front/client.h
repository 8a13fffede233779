/*
 * client - who a connection belongs to, as far as limits go.
 *
 * A client is an IPv4 address, an IPv6 /64 (what one subscriber is given), or
 * the user id behind a Unix socket, or who has an API key (front/keys.h), from
 * wherever that one comes. It is known while anything of it is here
 * and, if there is room, after that, so that leaving and coming again settles
 * no debt. The table is bounded: when it is full of clients that are here, the
 * next ones share one entry.
 */
#ifndef FRONT_CLIENT_H
#define FRONT_CLIENT_H

#include "base/list.h"
#include "front/bucket.h"
#include "front/queue.h"
#include "wire/msg.h"

#include <stdint.h>

#define CLIENTS_MAX 16384u
#define CLIENT_NAME 72

struct clients;

struct client {
	struct list idle;    /* in clients->idle while refs is 0 */
	struct client *next; /* of the same hash */
	struct clients *all;
	uint64_t key;
	uint8_t kind; /* enum client_kind */
	uint32_t refs;
	struct party party;	/* its shares of the models' queues */
	struct bucket requests; /* --client-rate */
	struct bucket tokens;	/* --client-tokens */
	uint64_t intake;	/* bytes it is sending; see front/intake.h */
	uint64_t arrays;	/* bytes that it is given; front/array.h */
	/* Of who has an API key. */
	uint32_t own_rate;   /* instead of --client-rate */
	uint32_t own_tokens; /* instead of --client-tokens */
	bool has_own_rate;
	bool has_own_tokens;
	char *models; /* packed strs: no others; NULL: all */
	size_t models_len;
	uint64_t n_requests;
	uint64_t n_refused;
	uint64_t n_prompt; /* tokens */
	uint64_t n_out;
	uint32_t n_convicted;	/* requests that killed workers; decays */
	uint64_t convicted_ms;	/* clock_ms() of the last, or of a decay */
	char name[CLIENT_NAME]; /* "192.0.2.1", "2001:db8::/64", "uid 1000", or
				 * that of its key */
};

/* NULL: out of memory. max: clients known at once, at least 1. */
struct clients *clients_new(uint32_t max);

/* NULL is allowed. Those that are still referenced are freed too. */
void clients_free(struct clients *all);

uint32_t clients_count(const struct clients *all);

/* No user has it: nobody has said whose a socket is, it is asked itself. */
#define UID_UNTOLD UINT32_MAX

/* The client at the other end of a connected socket. uid: of a Unix socket's
 * peer, where the keeper has looked. Never NULL: what cannot be told apart, or
 * has no room, shares one. A reference; client_drop() it. */
struct client *client_of_fd(struct clients *all, int fd, uint32_t uid);

/* Who has the key of that name, from now on known by it. The same. */
struct client *client_of_key(struct clients *all, struct str name);

/* What a key allows it. models: packed strs, copied; empty: all. 0, or
 * ERR_NOMEM and nothing is changed. */
int client_limit(struct client *c, const struct front_key *k) MUST_CHECK;

/* Generations and tokens a minute, by its key or else by the server; 0: any. */
uint32_t client_rate(const struct client *c, const struct front_config *server);
uint32_t client_tokens(
    const struct client *c, const struct front_config *server);

/* Whether it is known by an API key. */
bool client_has_key(const struct client *c);

/* Whether it may use the model of that name. */
bool client_may_use(const struct client *c, struct str model);

/* One more reference to it. */
struct client *client_keep(struct client *c);
void client_drop(struct client *c);

/* One of its requests was convicted of killing workers. */
void client_convict(struct client *c, uint64_t now_ms);

/* Milliseconds that it still has to wait for having sent too many of those;
 * 0: none. */
uint64_t client_penalty(struct client *c, uint64_t now_ms);

/* Whether fd is a Unix socket of root or of our own user: who runs the server
 * gets in when it is full. */
bool client_is_operator(int fd, uint32_t uid);

#endif
