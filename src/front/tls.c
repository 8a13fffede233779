#include "front/tls.h"

#include "base/log.h"
#include "front/front.h"
#include "front/tlscert.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)

struct tls_files {
	SSL_CTX *now;	  /* NULL: none yet */
	struct buf certs; /* of the turn that is coming */
	uint32_t turn;	  /* of those; 0: none */
};

struct tls {
	SSL *ssl;
	struct metrics *metrics;
	bool wants_write;
	bool is_shaking;
	bool saw_http;
	bool is_broken;
};

/* No configuration file is read, whatever the machine's says: what is allowed
 * is decided here. */
int
tls_prepare(struct front *f)
{
	const uint64_t how = OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_LOAD_SSL_STRINGS;
	unsigned char drawn[16];

	if (OPENSSL_init_ssl(how, NULL) != 1 || tlscert_warm_up() != 0)
		return ERR_NOMEM;
	arc4random_buf(drawn, sizeof(drawn));
	f->tls = calloc(1, sizeof(*f->tls));
	if (f->tls == NULL)
		return ERR_NOMEM;
	buf_init(&f->tls->certs, FILE_MAX_BYTES);
	return 0;
}

void
tls_done(struct front *f)
{
	if (f->tls == NULL)
		return;
	SSL_CTX_free(f->tls->now);
	buf_done(&f->tls->certs);
	free(f->tls);
	f->tls = NULL;
}

/*
 * Files
 */

static void
tell(struct front *f, uint32_t turn, int err, const char *text)
{
	struct front_tls_seen s = {
		.turn = turn, .err = err, .text = str_of(text)
	};

	front_tell(f, MSG_FRONT_TLS_SEEN, &s);
}

static int
read_file(int fd, struct buf *ret)
{
	struct stat st;
	uint8_t *room;
	ssize_t n;

	buf_reset(ret);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > FILE_MAX_BYTES)
		return ERR_FILE;
	room = buf_reserve(ret, (size_t)st.st_size);
	if (room == NULL)
		return ERR_NOMEM;
	n = pread(fd, room, (size_t)st.st_size, 0);
	if (n <= 0)
		return ERR_FILE;
	buf_commit(ret, (size_t)n);
	return 0;
}

static void
forget(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_trim(b);
	b->err = 0;
}

static void
try_both(struct front *f, const struct front_tls *m, const struct buf *key)
{
	struct tls_files *t = f->tls;
	char text[TLSCERT_TEXT];
	struct fail why;
	SSL_CTX *ctx;

	ctx = tlscert_context(buf_str(&t->certs), buf_str(key), text, &why);
	if (ctx == NULL) {
		tell(f, m->turn, why.code, why.text);
		return;
	}
	SSL_CTX_free(t->now);
	t->now = ctx;
	tell(f, m->turn, 0, text);
}

static void
take_key(struct front *f, const struct front_tls *m, int fd)
{
	struct buf key;
	int err;

	buf_init(&key, FILE_MAX_BYTES);
	err = read_file(fd, &key);
	if (err != 0 || f->tls->turn != m->turn)
		tell(f, m->turn, ERR_FILE,
		    "the file of the private key or of the certificates "
		    "cannot be read, or is empty");
	else
		try_both(f, m, &key);
	forget(&key);
	buf_done(&key);
	forget(&f->tls->certs);
	f->tls->turn = 0;
}

int
tls_on_file(struct front *f, const struct front_tls *m, int fd)
{
	int err = f->tls == NULL ||
		(m->file != TLS_CERTIFICATES && m->file != TLS_KEY)
	    ? ERR_PROTO
	    : 0;

	if (err == 0 && m->file == TLS_CERTIFICATES)
		f->tls->turn = read_file(fd, &f->tls->certs) == 0 ? m->turn : 0;
	else if (err == 0)
		take_key(f, m, fd);
	(void)close(fd);
	return err;
}

/*
 * Connections
 */

struct tls *
tls_new(struct front *f, int fd)
{
	struct tls *t;

	if (f->tls == NULL || f->tls->now == NULL)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->metrics = &f->metrics;
	t->is_shaking = true;
	t->ssl = SSL_new(f->tls->now);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		ERR_clear_error();
		tls_free(t);
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	return t;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->ssl != NULL)
		SSL_free(t->ssl);
	free(t);
}

/* Its first error says most; the others would be taken for the next call's. */
static void
note_failure(struct tls *t)
{
	unsigned long e = ERR_peek_error();
	int reason = ERR_GET_REASON(e);

	t->is_broken = true;
	if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    (reason == SSL_R_HTTP_REQUEST ||
		reason == SSL_R_HTTPS_PROXY_REQUEST))
		t->saw_http = true;
	if (t->is_shaking)
		t->metrics->tls_failed_total++;
	log_debug("TLS: %s",
	    e != 0 ? ERR_reason_error_string(e) : "the connection broke");
	ERR_clear_error();
}

/* What OpenSSL's answer r means, in errno's words. */
static ssize_t
outcome(struct tls *t, int r)
{
	int error;

	if (r > 0)
		return r;
	error = SSL_get_error(t->ssl, r);
	t->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	/* A socket that is gone has nothing on OpenSSL's list. */
	error = error == SSL_ERROR_SYSCALL ? ECONNRESET : EPROTO;
	note_failure(t);
	errno = error;
	return -1;
}

static void
note_handshake(struct tls *t)
{
	if (!t->is_shaking || !SSL_is_init_finished(t->ssl))
		return;
	t->is_shaking = false;
	t->metrics->tls_handshakes_total++;
}

static int
bounded(size_t n)
{
	return n > INT32_MAX ? INT32_MAX : (int)n;
}

ssize_t
tls_read(struct tls *t, void *p, size_t n)
{
	int r;

	if (t->is_broken) {
		errno = EPROTO;
		return -1;
	}
	ERR_clear_error();
	t->wants_write = false;
	r = SSL_read(t->ssl, p, bounded(n));
	note_handshake(t);
	return outcome(t, r);
}

/* Before the handshake is over nothing may be said. */
ssize_t
tls_write(struct tls *t, const void *p, size_t n)
{
	ssize_t done;
	int r;

	if (t->is_broken || t->is_shaking) {
		errno = t->is_broken ? EPROTO : EAGAIN;
		return -1;
	}
	ERR_clear_error();
	t->wants_write = false;
	r = SSL_write(t->ssl, p, bounded(n));
	done = outcome(t, r);
	if (done != 0)
		return done;
	/* A socket that broke, behind a peer's end that came before. */
	t->is_broken = true;
	errno = ECONNRESET;
	return -1;
}

bool
tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

bool
tls_is_shaking(const struct tls *t)
{
	return t->is_shaking;
}

bool
tls_saw_http(const struct tls *t)
{
	return t->saw_http;
}

void
tls_shut(struct tls *t)
{
	if (t->is_broken || t->is_shaking)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}
