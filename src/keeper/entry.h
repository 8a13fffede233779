/*
 * entry - who may come in, and as whom: the API keys, the files of TLS, and the
 * users and groups of Unix sockets. Read at start and again at SIGHUP.
 */
#ifndef KEEPER_ENTRY_H
#define KEEPER_ENTRY_H

#include "conf/conf.h"
#include "wire/msg.h"

struct allow;
struct entry;
struct process;

/* Reads all of it. 0; ERR_FILE, ERR_INVALID, ERR_NOMEM with a line in f. */
int entry_new(const struct conf *c, struct entry **ret, struct fail *f)
    MUST_CHECK;

/* NULL is allowed. */
void entry_free(struct entry *e);

/* Reads each again. What cannot be used stays as it was, with a line in the
 * log; the rest holds. */
void entry_reread(struct entry *e);

/* Tells a front that has just begun, or one that runs. */
void entry_send(const struct entry *e, struct process *p);

/* Whether HTTP on the port is TLS. */
bool entry_has_tls(const struct entry *e);

/* Whose web pages may read answers, as packed strs. */
struct str entry_origins(const struct entry *e);

/* A front has looked at the files of TLS: a line in the log. If they are not
 * good, those before are to be told to it again. False: there are none. */
bool entry_heard(struct entry *e, const struct front_tls_seen *s);

/* Who may come to Unix sockets. */
const struct allow *entry_allow(const struct entry *e);

#endif
