#include "front/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROWS 4096u /* of the hash table; a power of two */

/* Half of what is known against a client is forgotten in this time. */
#define DECAY_MS (10u * 60 * 1000)
/* The first conviction may be an accident. The second costs this, each more
 * twice the one before, up to the most. */
#define PENALTY_MS 1000u
#define PENALTY_MAX_MS (5u * 60 * 1000)

enum client_kind {
	CLIENT_CROWD, /* whom there is no room to know */
	CLIENT_IP4,
	CLIENT_IP6,
	CLIENT_USER,
	CLIENT_KEY,
};

struct clients {
	struct client *rows[ROWS];
	struct list idle; /* longest idle first */
	uint32_t n;
	uint32_t max;
	uint64_t salt; /* so that nobody can choose addresses for one row */
	struct client crowd;
};

struct identity {
	uint8_t kind;
	uint64_t key;
};

struct clients *
clients_new(uint32_t max)
{
	struct clients *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	list_init(&all->idle);
	all->max = max;
	arc4random_buf(&all->salt, sizeof(all->salt));
	all->crowd = (struct client){ .all = all, .name = "others" };
	list_init(&all->crowd.idle);
	party_init(&all->crowd.party);
	return all;
}

static void
client_free(struct client *c)
{
	list_remove(&c->idle);
	party_done(&c->party);
	free(c->models);
	free(c);
}

void
clients_free(struct clients *all)
{
	struct client *next;

	if (all == NULL)
		return;
	for (unsigned i = 0; i < ROWS; i++) {
		for (struct client *c = all->rows[i]; c != NULL; c = next) {
			next = c->next;
			client_free(c);
		}
	}
	party_done(&all->crowd.party);
	free(all);
}

uint32_t
clients_count(const struct clients *all)
{
	return all->n;
}

static struct client **
row_of(struct clients *all, struct identity id)
{
	uint64_t h = (id.key ^ all->salt) * 0x9e3779b97f4a7c15u;

	h = ((h ^ (h >> 32)) + id.kind + all->salt) * 0xd6e8feb86659fd93u;
	return &all->rows[(h >> 32) & (ROWS - 1)];
}

static void
forget(struct client *c)
{
	struct identity id = { c->kind, c->key };
	struct client **at = row_of(c->all, id);

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->all->n--;
	client_free(c);
}

static void
put_name(struct client *c)
{
	uint8_t b[16] = { 0 };
	char text[INET6_ADDRSTRLEN] = "?";
	uint32_t ip4 = (uint32_t)c->key;

	memcpy(b, &c->key, sizeof(c->key));
	if (c->kind == CLIENT_IP4)
		(void)inet_ntop(AF_INET, &ip4, text, sizeof(text));
	else if (c->kind == CLIENT_IP6)
		(void)inet_ntop(AF_INET6, b, text, sizeof(text));
	if (c->kind == CLIENT_USER)
		(void)snprintf(c->name, sizeof(c->name), "uid %u", ip4);
	else
		(void)snprintf(c->name, sizeof(c->name), "%s%s", text,
		    c->kind == CLIENT_IP6 ? "/64" : "");
}

/* NULL: no memory, or all that are known are here. */
static struct client *
learn(struct clients *all, struct identity id)
{
	struct client **row = row_of(all, id);
	struct client *c;

	if (all->n == all->max && list_empty(&all->idle))
		return NULL;
	if (all->n == all->max)
		forget(LIST_ENTRY(all->idle.next, struct client, idle));
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	*c = (struct client){
		.next = *row, .all = all, .key = id.key, .kind = id.kind
	};
	list_init(&c->idle);
	party_init(&c->party);
	put_name(c);
	*row = c;
	all->n++;
	return c;
}

static struct identity
identify(int fd, uint32_t uid)
{
	struct sockaddr_storage a = { 0 };
	const struct sockaddr_in *in4 = (void *)&a;
	const struct sockaddr_in6 *in6 = (void *)&a;
	struct identity id = { CLIENT_CROWD, 0 };
	socklen_t n = sizeof(a);
	struct ucred user;

	if (uid != UID_UNTOLD)
		return (struct identity){ CLIENT_USER, uid };
	if (getpeername(fd, (struct sockaddr *)&a, &n) != 0)
		return id;
	if (a.ss_family == AF_INET) {
		id = (struct identity){ CLIENT_IP4, in4->sin_addr.s_addr };
	} else if (a.ss_family == AF_INET6) {
		uint32_t ip4;

		memcpy(&ip4, &in6->sin6_addr.s6_addr[12], sizeof(ip4));
		id = (struct identity){ CLIENT_IP4, ip4 };
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			return id;
		id.kind = CLIENT_IP6;
		memcpy(&id.key, &in6->sin6_addr, sizeof(id.key));
	} else if (a.ss_family == AF_UNIX) {
		n = sizeof(user);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &n) == 0)
			id = (struct identity){ CLIENT_USER, user.uid };
	}
	return id;
}

static struct client *
client_of(struct clients *all, struct identity id)
{
	struct client *c = *row_of(all, id);

	if (id.kind == CLIENT_CROWD)
		return client_keep(&all->crowd);
	while (c != NULL && (c->kind != id.kind || c->key != id.key))
		c = c->next;
	if (c == NULL)
		c = learn(all, id);
	return client_keep(c == NULL ? &all->crowd : c);
}

struct client *
client_of_fd(struct clients *all, int fd, uint32_t uid)
{
	return client_of(all, identify(fd, uid));
}

/* Names are short, and told apart by what is hashed of them with the table's
 * salt: nobody can choose two that meet. */
static uint64_t
hash_name(const struct clients *all, struct str name)
{
	uint64_t h = all->salt;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (uint8_t)name.p[i]) * 0x9e3779b97f4a7c15u + (h >> 29);
	return h;
}

struct client *
client_of_key(struct clients *all, struct str name)
{
	struct identity id = { CLIENT_KEY, hash_name(all, name) };
	struct client *c = client_of(all, id);

	if (c->kind == CLIENT_KEY)
		(void)snprintf(
		    c->name, sizeof(c->name), "%.*s", (int)name.n, name.p);
	return c;
}

int
client_limit(struct client *c, const struct front_key *k)
{
	struct str models = k->models.packed;
	char *copy = NULL;

	if (c->kind != CLIENT_KEY)
		return 0;
	if (models.n > 0) {
		copy = malloc(models.n);
		if (copy == NULL)
			return ERR_NOMEM;
		memcpy(copy, models.p, models.n);
	}
	free(c->models);
	c->models = copy;
	c->models_len = models.n;
	c->has_own_rate = k->has_rate != 0;
	c->own_rate = k->rate;
	c->has_own_tokens = k->has_tokens != 0;
	c->own_tokens = k->tokens;
	return 0;
}

uint32_t
client_rate(const struct client *c, const struct front_config *server)
{
	return c->has_own_rate ? c->own_rate : server->client_rate;
}

uint32_t
client_tokens(const struct client *c, const struct front_config *server)
{
	return c->has_own_tokens ? c->own_tokens : server->client_tokens;
}

bool
client_has_key(const struct client *c)
{
	return c->kind == CLIENT_KEY;
}

bool
client_may_use(const struct client *c, struct str model)
{
	struct strs all = { { c->models, c->models_len } };
	struct cursor in = strs_walk(all);
	struct str name;

	if (c->models == NULL)
		return true;
	while (strs_next(&in, &name))
		if (str_eq(name, model))
			return true;
	return false;
}

struct client *
client_keep(struct client *c)
{
	c->refs++;
	list_remove(&c->idle);
	return c;
}

void
client_drop(struct client *c)
{
	if (--c->refs == 0 && c->kind != CLIENT_CROWD)
		list_append(&c->all->idle, &c->idle);
}

static void
decay(struct client *c, uint64_t now_ms)
{
	while (c->n_convicted > 0 && now_ms - c->convicted_ms >= DECAY_MS) {
		c->n_convicted /= 2;
		c->convicted_ms += DECAY_MS;
	}
}

void
client_convict(struct client *c, uint64_t now_ms)
{
	decay(c, now_ms);
	c->n_convicted++;
	c->convicted_ms = now_ms;
}

uint64_t
client_penalty(struct client *c, uint64_t now_ms)
{
	uint64_t ms = PENALTY_MS, gone;

	decay(c, now_ms);
	if (c->n_convicted < 2)
		return 0;
	gone = now_ms - c->convicted_ms;
	for (uint32_t i = 2; i < c->n_convicted && ms < PENALTY_MAX_MS; i++)
		ms *= 2;
	if (ms > PENALTY_MAX_MS)
		ms = PENALTY_MAX_MS;
	return gone < ms ? ms - gone : 0;
}

/* Whose the keeper is stands in what exec was given: the jail has made the
 * front another user since, who may not even ask. */
bool
client_is_operator(int fd, uint32_t uid)
{
	struct identity id = identify(fd, uid);

	return id.kind == CLIENT_USER &&
	    (id.key == 0 || id.key == getauxval(AT_EUID));
}
