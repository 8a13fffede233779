/*
 * tlscert - a certificate chain and its key, from PEM to what OpenSSL serves
 * connections with, or to a sentence that says what is wrong with them.
 */
#ifndef FRONT_TLSCERT_H
#define FRONT_TLSCERT_H

#include "base/buf.h"

#include <openssl/types.h>

#define TLSCERT_TEXT 256

/* Has OpenSSL fetch what it fetches late. 0 or ERR_NOMEM. */
int tlscert_warm_up(void) MUST_CHECK;

/* NULL and *why; else ret_text says whose it is and how long it holds. */
SSL_CTX *tlscert_context(struct str certs, struct str key,
    char ret_text[TLSCERT_TEXT], struct fail *why);

#endif
