#include "keeper/entry.h"

#include "base/log.h"
#include "keeper/allow.h"
#include "keeper/keyfile.h"
#include "keeper/keys.h"
#include "keeper/tlsfiles.h"

#include <stdlib.h>

#define ORIGINS_BYTES 8192u

struct entry {
	const struct conf *conf;
	struct keys *keys;
	struct tlsfiles tls;
	struct allow *allow;
	struct buf origins; /* packed strs */
};

static int
read_keys(struct entry *e, struct fail *f)
{
	int err = keys_read(e->keys, e->conf, f);

	if (err == 0 && keys_count(e->keys) > 0)
		log_info("API keys: of %zu names", keys_count(e->keys));
	return err;
}

static int
read_tls(struct entry *e, struct fail *f)
{
	return tlsfiles_open(&e->tls, f);
}

static int
read_allow(struct entry *e, struct fail *f)
{
	struct allow *a;
	int err = allow_new(&e->conf->socket_allow, &a, f);

	if (err != 0)
		return err;
	allow_free(e->allow);
	e->allow = a;
	return 0;
}

/* These are settings, and no file's. */
static int
put_origins(struct entry *e, struct fail *f)
{
	const struct strings *given = &e->conf->cors_origins;

	for (size_t i = 0; i < given->n; i++) {
		struct str list = str_of(given->v[i]), one;

		while (keyfile_next(&list, &one)) {
			while (one.n > 0 && one.p[0] == ' ') {
				one.p++;
				one.n--;
			}
			if (one.n > 0)
				strs_put(&e->origins, one);
		}
	}
	if (buf_err(&e->origins) == 0)
		return 0;
	return fail_set(f, ERR_INVALID, "cors-origins",
	    "--cors-origins: all of them may have %u bytes", ORIGINS_BYTES);
}

/* Each is read whole, or stays as it was. */
static int (*const reads[])(struct entry *e, struct fail *f) = {
	read_keys,
	read_tls,
	read_allow,
};
#define N_READS (sizeof(reads) / sizeof(reads[0]))

int
entry_new(const struct conf *c, struct entry **ret, struct fail *f)
{
	struct entry *e = calloc(1, sizeof(*e));
	int err = 0;

	if (e == NULL)
		return fail_set(f, ERR_NOMEM, NULL, "out of memory");
	e->conf = c;
	tlsfiles_init(&e->tls, c);
	e->keys = keys_new();
	buf_init(&e->origins, ORIGINS_BYTES);
	err = put_origins(e, f);
	if (err == 0 && e->keys == NULL)
		err = fail_set(f, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; err == 0 && i < N_READS; i++)
		err = reads[i](e, f);
	if (err != 0) {
		entry_free(e);
		return err;
	}
	*ret = e;
	return 0;
}

void
entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	keys_free(e->keys);
	tlsfiles_done(&e->tls);
	allow_free(e->allow);
	buf_done(&e->origins);
	free(e);
}

void
entry_reread(struct entry *e)
{
	struct fail f;

	for (size_t i = 0; i < N_READS; i++)
		if (reads[i](e, &f) != 0)
			log_error("%s; what was read before stays", f.text);
}

void
entry_send(const struct entry *e, struct process *p)
{
	keys_send(e->keys, p);
	tlsfiles_send(&e->tls, p);
}

bool
entry_has_tls(const struct entry *e)
{
	return e->conf->ssl_cert_file != NULL;
}

const struct allow *
entry_allow(const struct entry *e)
{
	return e->allow;
}

struct str
entry_origins(const struct entry *e)
{
	return buf_str(&e->origins);
}

bool
entry_heard(struct entry *e, const struct front_tls_seen *s)
{
	bool has_some;

	/* Of those that were read before the last ones. */
	if (s->turn != e->tls.turn)
		return true;
	has_some = tlsfiles_heard(&e->tls, s->err == 0);
	if (s->err == 0)
		log_info("TLS: %.*s", (int)s->text.n, s->text.p);
	else
		log_error("TLS: %.*s%s", (int)s->text.n, s->text.p,
		    has_some ? "; what was read before stays" : "");
	return has_some;
}
