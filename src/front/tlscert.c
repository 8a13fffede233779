#include "front/tlscert.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHAIN_MAX 16u

/* Of OpenSSL's list of errors the first, which is the cause. */
static SSL_CTX *
refuse(SSL_CTX *ctx, struct fail *why, const char *what)
{
	unsigned long e = ERR_peek_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	(void)fail_set(why, ERR_FILE, "ssl-cert-file", "%s%s%s", what,
	    reason != NULL ? ": " : "", reason != NULL ? reason : "");
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return NULL;
}

/* A key with a passphrase cannot be asked for it. */
static int
no_passphrase(char *room, int size, int rw, void *arg)
{
	(void)room;
	(void)size;
	(void)rw;
	(void)arg;
	return -1;
}

/* http/1.1 is all that is spoken; who offers only others goes without. */
static int
choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
    const unsigned char *offered, unsigned n, void *arg)
{
	static const char http11[] = "http/1.1";

	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < n; i += offered[i] + 1u) {
		if (offered[i] != sizeof(http11) - 1 ||
		    i + sizeof(http11) > n ||
		    memcmp(offered + i + 1, http11, sizeof(http11) - 1) != 0)
			continue;
		*ret = offered + i + 1;
		*ret_n = offered[i];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* No memory of sessions: a ticket has all that it takes. Buffers are given back
 * while a connection says nothing. */
static SSL_CTX *
make_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE |
		SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

int
tlscert_warm_up(void)
{
	SSL_CTX *ctx = make_context();

	SSL_CTX_free(ctx);
	ERR_clear_error();
	return ctx != NULL ? 0 : ERR_NOMEM;
}

/* The first is the server's own, the others lead to who vouches for it. False:
 * there is none, or one is broken. */
static bool
add_certificates(SSL_CTX *ctx, struct str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	unsigned n = 0;
	X509 *x;

	while (in != NULL && n <= CHAIN_MAX &&
	    (x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL) {
		bool is_taken = n++ == 0 ? SSL_CTX_use_certificate(ctx, x) == 1
					 : SSL_CTX_add1_chain_cert(ctx, x) == 1;

		X509_free(x);
		if (!is_taken) {
			BIO_free(in);
			return false;
		}
	}
	BIO_free(in);
	/* That no more come is an error of that list, too. */
	if (n == 0 || n > CHAIN_MAX ||
	    ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static bool
add_key(SSL_CTX *ctx, struct str pem)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = in == NULL
	    ? NULL
	    : PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	bool is_taken = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;

	EVP_PKEY_free(key);
	BIO_free(in);
	return is_taken;
}

static void
describe(const X509 *x, char ret[TLSCERT_TEXT])
{
	char who[160] = "?";
	struct tm tm = { 0 };
	char until[32] = "?";

	(void)X509_NAME_get_text_by_NID(
	    X509_get_subject_name(x), NID_commonName, who, sizeof(who));
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1)
		(void)strftime(until, sizeof(until), "%Y-%m-%d", &tm);
	(void)snprintf(ret, TLSCERT_TEXT, "certificate of %s, good until %s%s",
	    who, until,
	    X509_cmp_current_time(X509_get0_notAfter(x)) < 0
		? ": it has expired"
		: "");
}

SSL_CTX *
tlscert_context(struct str certs, struct str key, char ret_text[TLSCERT_TEXT],
    struct fail *why)
{
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = make_context();
	if (ctx == NULL)
		return refuse(ctx, why, "TLS cannot be set up");
	if (!add_certificates(ctx, certs))
		return refuse(ctx, why,
		    "--ssl-cert-file has no certificates in PEM, or a bad one");
	if (!add_key(ctx, key))
		return refuse(ctx, why,
		    "--ssl-key-file has no usable private key in PEM without "
		    "a passphrase, or not that of the certificate");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse(ctx, why,
		    "--ssl-key-file is not the key of --ssl-cert-file");
	describe(SSL_CTX_get0_certificate(ctx), ret_text);
	return ctx;
}
