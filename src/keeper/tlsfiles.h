/*
 * tlsfiles - the files of --ssl-cert-file and --ssl-key-file. The keeper has the
 * kernel copy them into memory that it passes on: so each front gets what was
 * there when they were read, whatever becomes of the files. It looks at none of
 * their bytes; only the front has the key.
 */
#ifndef KEEPER_TLSFILES_H
#define KEEPER_TLSFILES_H

#include "conf/conf.h"

struct process;

struct tlsfiles {
	const char *paths[2]; /* by enum tls_file - 1; NULL: no TLS */
	int fds[2];	      /* copies; -1: none */
	int good[2];	      /* those before, while nobody has looked at fds */
	uint32_t turn;	      /* counts up with each opening */
	bool is_good;	      /* a front could use fds */
};

void tlsfiles_init(struct tlsfiles *t, const struct conf *c);
void tlsfiles_done(struct tlsfiles *t);

/* Reads both anew, or leaves t as it was. 0, or ERR_FILE with a line in f.
 * Nothing where there is no TLS. Warns of a key that others can read. */
int tlsfiles_open(struct tlsfiles *t, struct fail *f) MUST_CHECK;

/* A front has looked at fds. Not good: those before are taken again. False:
 * there are none. */
bool tlsfiles_heard(struct tlsfiles *t, bool is_good);

/* Passes them to a front, if there are any. */
void tlsfiles_send(const struct tlsfiles *t, struct process *p);

#endif
