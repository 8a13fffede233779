#include "keeper/keys.h"

#include "base/fd.h"
#include "base/log.h"
#include "keeper/keyfile.h"
#include "keeper/process.h"

#include <fcntl.h>
#include <nettle/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)
#define DIGESTS_MAX 4096u /* of all names */
#define MODELS_BYTES 12288u

struct keyed {
	char name[KEY_NAME_MAX + 1];
	uint8_t digests[KEY_DIGESTS_MAX][KEY_DIGEST];
	uint32_t n_digests;
	uint32_t rate;
	uint32_t tokens;
	bool has_rate;
	bool has_tokens;
	struct buf models; /* packed strs */
};

struct list_of {
	struct keyed *v;
	uint32_t n;
	uint32_t n_digests;
};

struct keys {
	uint8_t salt[KEY_DIGEST];
	struct list_of all;
	bool is_closed;
};

static void
list_done(struct list_of *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		buf_done(&l->v[i].models);
	free(l->v);
	*l = (struct list_of){ .v = NULL };
}

struct keys *
keys_new(void)
{
	struct keys *k = calloc(1, sizeof(*k));

	if (k != NULL)
		arc4random_buf(k->salt, sizeof(k->salt));
	return k;
}

void
keys_free(struct keys *k)
{
	if (k == NULL)
		return;
	list_done(&k->all);
	free(k);
}

size_t
keys_count(const struct keys *k)
{
	return k->all.n;
}

static void
digest(const struct keys *k, struct str secret, uint8_t ret[KEY_DIGEST])
{
	struct hmac_sha256_ctx h;

	hmac_sha256_set_key(&h, sizeof(k->salt), k->salt);
	hmac_sha256_update(&h, secret.n, (const uint8_t *)secret.p);
	hmac_sha256_digest(&h, KEY_DIGEST, ret);
	explicit_bzero(&h, sizeof(h));
}

/* Whose it is; NULL: nobody's. */
static const struct keyed *
owner_of(const struct list_of *l, const uint8_t d[KEY_DIGEST])
{
	for (uint32_t i = 0; i < l->n; i++)
		for (uint32_t j = 0; j < l->v[i].n_digests; j++)
			if (memcmp(l->v[i].digests[j], d, KEY_DIGEST) == 0)
				return &l->v[i];
	return NULL;
}

static const struct keyed *
named(const struct list_of *l, struct str name)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (str_is(name, l->v[i].name))
			return &l->v[i];
	return NULL;
}

static int
set_digests(const struct keys *k, struct list_of *l, struct keyed *e,
    const struct keyline *line, struct fail *why)
{
	const struct keyed *other;

	for (uint32_t i = 0; i < line->n_keys; i++) {
		uint8_t *d = e->digests[e->n_digests];

		digest(k, line->keys[i], d);
		other = owner_of(l, d);
		if (other != NULL)
			return fail_set(why, ERR_INVALID, NULL,
			    "key: it is that of \"%s\" already", other->name);
		e->n_digests++;
		if (++l->n_digests > DIGESTS_MAX)
			return fail_set(why, ERR_INVALID, NULL,
			    "more than %u keys", DIGESTS_MAX);
	}
	return 0;
}

static int
set_models(struct keyed *e, struct str models, struct fail *why)
{
	struct str one;

	buf_init(&e->models, MODELS_BYTES);
	while (keyfile_next(&models, &one))
		strs_put(&e->models, one);
	if (buf_err(&e->models) == 0)
		return 0;
	return fail_set(
	    why, ERR_INVALID, NULL, "models: too many, or too long names");
}

/* name: of a line that has none. */
static int
add(const struct keys *k, struct list_of *l, const struct keyline *line,
    const char *name, struct fail *why)
{
	struct str own = line->name.n > 0 ? line->name : str_of(name);
	struct keyed *v, *e;
	int err;

	if (line->n_keys == 0)
		return 0;
	if (l->n == KEYS_MAX)
		return fail_set(
		    why, ERR_INVALID, NULL, "more than %u names", KEYS_MAX);
	if (named(l, own) != NULL)
		return fail_set(why, ERR_INVALID, NULL,
		    "name: \"%.*s\" is there already; give a name all its keys "
		    "in one line",
		    (int)own.n, own.p);
	v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (v == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	l->v = v;
	e = &v[l->n];
	*e = (struct keyed){ .rate = line->rate,
		.tokens = line->tokens,
		.has_rate = line->has_rate,
		.has_tokens = line->has_tokens };
	memcpy(e->name, own.p, own.n);
	err = set_models(e, line->models, why);
	if (err == 0)
		err = set_digests(k, l, e, line, why);
	l->n++;
	return err;
}

/* What a key of the command line is not: a line with limits. */
static int
add_options(const struct keys *k, const struct strings *given,
    struct list_of *l, struct fail *f)
{
	unsigned n = 0;

	for (size_t i = 0; i < given->n; i++) {
		struct str list = str_of(given->v[i]), one;

		while (keyfile_next(&list, &one)) {
			struct keyline line = { .name = STR(""),
				.keys = { one },
				.n_keys = one.n > 0,
				.models = STR("") };
			struct fail why;
			char name[32];

			(void)snprintf(name, sizeof(name), "option-%u", ++n);
			if (one.n > KEY_BYTES_MAX)
				return fail_set(f, ERR_INVALID, "api-key",
				    "--api-key: a key may have %u bytes",
				    KEY_BYTES_MAX);
			if (add(k, l, &line, name, &why) != 0)
				return fail_set(f, why.code, "api-key",
				    "--api-key, the %u. key: %s", n, why.text);
		}
	}
	return 0;
}

static int
add_lines(const struct keys *k, const char *path, struct str text,
    struct list_of *l, struct fail *f)
{
	unsigned n = 0;

	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		struct str line = { text.p,
			end != NULL ? (size_t)(end - text.p) : text.n };
		struct keyline got;
		struct fail why;
		char name[32];
		int err;

		(void)snprintf(name, sizeof(name), "line-%u", ++n);
		err = keyfile_line(line, &got, &why);
		if (err == 0)
			err = add(k, l, &got, name, &why);
		if (err != 0)
			return fail_set(f, err, "api-key-file", "%.200s:%u: %s",
			    path, n, why.text);
		text.p += line.n + (end != NULL);
		text.n -= line.n + (end != NULL);
	}
	return 0;
}

static int
refuse(const char *path, const char *why, struct fail *f)
{
	return fail_set(f, ERR_FILE, "api-key-file",
	    "--api-key-file: %.200s: %s", path, why);
}

static int
check_mode(const char *path, const struct stat *st, struct fail *f)
{
	if (!S_ISREG(st->st_mode))
		return refuse(path, "is no file", f);
	if (st->st_mode & S_IWOTH)
		return refuse(path,
		    "everybody may write to it, and so let himself in: "
		    "chmod o-w it",
		    f);
	if (st->st_size > FILE_MAX_BYTES)
		return refuse(path, "has over 1 MiB", f);
	if (st->st_mode & S_IROTH)
		log_warn("--api-key-file: everybody on this machine may read "
			 "%s: chmod o-r it",
		    path);
	return 0;
}

static int
add_text(const struct keys *k, const char *path, int fd, size_t size,
    struct list_of *l, struct fail *f)
{
	char *text = malloc(size + 1);
	size_t n;
	int err;

	if (text == NULL)
		return fail_set(f, ERR_NOMEM, NULL, "out of memory");
	n = fd_get(fd, text, size);
	err = add_lines(k, path, (struct str){ text, n }, l, f);
	explicit_bzero(text, n);
	free(text);
	return err;
}

static int
add_file(
    const struct keys *k, const char *path, struct list_of *l, struct fail *f)
{
	const char *why;
	int fd = fd_open_file(AT_FDCWD, path, 0, &why);
	struct stat st;
	int err;

	if (fd < 0)
		return refuse(path, why, f);
	err = fstat(fd, &st) != 0 ? refuse(path, "cannot look at it", f)
				  : check_mode(path, &st, f);
	if (err == 0)
		err = add_text(k, path, fd, (size_t)st.st_size, l, f);
	(void)close(fd);
	return err;
}

int
keys_read(struct keys *k, const struct conf *c, struct fail *f)
{
	bool is_asked = c->api_key.n > 0 || c->api_key_file != NULL;
	struct list_of l = { .v = NULL };
	int err = add_options(k, &c->api_key, &l, f);

	if (err == 0 && c->api_key_file != NULL)
		err = add_file(k, c->api_key_file, &l, f);
	/* An empty file would open what was to be closed. */
	if (err == 0 && is_asked && l.n == 0)
		err = c->api_key_file != NULL
		    ? refuse(c->api_key_file, "has no key", f)
		    : fail_set(
			  f, ERR_INVALID, "api-key", "--api-key: has no key");
	if (err != 0) {
		list_done(&l);
		return err;
	}
	list_done(&k->all);
	k->all = l;
	k->is_closed = is_asked;
	return 0;
}

void
keys_send(const struct keys *k, struct process *p)
{
	struct front_keys all = { .n = k->all.n, .salt = STR("") };

	if (k->is_closed)
		all.salt = (struct str){ (const char *)k->salt, KEY_DIGEST };
	if (process_send(p, MSG_FRONT_KEYS, &all, -1) != 0)
		return;
	for (uint32_t i = 0; i < k->all.n; i++) {
		const struct keyed *e = &k->all.v[i];
		struct front_key one = {
			.name = str_of(e->name),
			.digests = { (const char *)e->digests,
			    (size_t)e->n_digests * KEY_DIGEST },
			.has_rate = e->has_rate,
			.rate = e->rate,
			.has_tokens = e->has_tokens,
			.tokens = e->tokens,
			.models = { buf_str(&e->models) },
		};

		if (process_send(p, MSG_FRONT_KEY, &one, -1) != 0)
			return;
	}
}
