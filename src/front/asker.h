/*
 * asker - who asks on a connection, where that is not the same for all of it:
 * one request comes with an API key, the next with another.
 */
#ifndef FRONT_ASKER_H
#define FRONT_ASKER_H

#include <stdint.h>

struct client;
struct conn;
struct tally;

struct asker {
	struct client *client; /* NULL: whose the connection is */
	struct tally *tally;   /* of the request; NULL: none */
	const char *label;     /* for people: "key alice, request req_1" */
};

/* Until the next call this one asks; its parts are not taken. NULL: whose it
 * is. */
void conn_set_asker(struct conn *c, const struct asker *asker);
const struct asker *conn_asker(const struct conn *c);

/* Bytes that were made for the client, ever, and those of them that are sent. */
uint64_t conn_made(const struct conn *c);
uint64_t conn_sent(const struct conn *c);

#endif
