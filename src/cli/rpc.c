#include "cli/rpc.h"

#include "cli/interrupt.h"
#include "json/write.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES (16u * 1024 * 1024)
#define READ_SIZE 65536u

static const struct json_limits limits = {
	.bytes = LINE_MAX_BYTES,
	.values = 1024 * 1024,
	.depth = 64,
	.nul = true,
};

static int
cannot(const char *what, const char *path, int error, struct fail *f)
{
	bool is_nobody = error == ENOENT || error == ECONNREFUSED;

	return fail_set(f, is_nobody ? ERR_NOT_FOUND : ERR_IO, "rpc-socket",
	    "%s %s: %s%s", what, path, strerror(error),
	    is_nobody ? "; is `bulkhead serve` running?" : "");
}

int
rpc_open(struct rpc *r, const char *path, struct fail *f)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	*r = (struct rpc){ .fd = -1 };
	buf_init(&r->in, LINE_MAX_BYTES);
	if (strlen(path) >= sizeof(sa.sun_path))
		return cannot("cannot connect to", path, ENAMETOOLONG, f);
	memcpy(sa.sun_path, path, strlen(path));
	r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->fd < 0 ||
	    connect(r->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0) {
		int error = errno;

		rpc_close(r);
		return cannot("cannot connect to", path, error, f);
	}
	return 0;
}

void
rpc_close(struct rpc *r)
{
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
	buf_done(&r->in);
}

static int
send_all(int fd, struct str s, struct fail *f)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* It has hung up; why, it may have said: rpc_next() hears. */
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0)
			return fail_set(f, ERR_IO, "", "the server hung up: %s",
			    strerror(errno));
		s.p += n;
		s.n -= (size_t)n;
	}
	return 0;
}

int
rpc_send(struct rpc *r, unsigned id, const char *method, struct str params,
    struct fail *f)
{
	struct buf b;
	struct json_out o;
	int err;

	buf_init(&b, params.n + 256);
	o = json_out(&b);
	json_open(&o, '{');
	json_key_cstr(&o, "jsonrpc", "2.0");
	json_key_u64(&o, "id", id);
	json_key_cstr(&o, "method", method);
	json_key_raw(&o, "params", params);
	json_close(&o, '}');
	buf_puts(&b, "\n");
	err = buf_err(&b);
	if (err != 0)
		err = fail_set(f, err, "", "%s", err_text(err));
	else
		err = send_all(r->fd, buf_str(&b), f);
	buf_done(&b);
	return err;
}

/* The next whole line, without its end. 0 or ERR_AGAIN. */
static int
take_line(struct rpc *r, struct str *ret)
{
	const char *p;
	const char *nl;

	buf_consume(&r->in, r->used);
	r->used = 0;
	if (buf_len(&r->in) == 0)
		return ERR_AGAIN;
	p = (const char *)buf_data(&r->in);
	nl = memchr(p, '\n', buf_len(&r->in));
	if (nl == NULL)
		return ERR_AGAIN;
	*ret = (struct str){ p, (size_t)(nl - p) };
	r->used = ret->n + 1;
	return 0;
}

static int
fill(struct rpc *r, struct fail *f)
{
	uint8_t *room = buf_reserve(&r->in, READ_SIZE);
	ssize_t n;

	if (room == NULL)
		return fail_set(f, ERR_PROTO, "",
		    "the server's reply is over "
		    "16 MiB");
	n = recv(r->fd, room, READ_SIZE, MSG_DONTWAIT);
	if (n > 0)
		buf_commit(&r->in, (size_t)n);
	if (n == 0)
		return fail_set(f, ERR_EOF, "",
		    "the server closed the "
		    "connection");
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return fail_set(
		    f, ERR_IO, "", "the server hung up: %s", strerror(errno));
	return 0;
}

int
rpc_next(struct rpc *r, struct json_doc **ret, struct fail *f)
{
	struct fail why;
	struct str line;

	while (take_line(r, &line) != 0) {
		int err;

		if (!interrupt_wait(r->fd, -1))
			return ERR_AGAIN;
		err = fill(r, f);
		if (err != 0)
			return err;
	}
	if (json_parse(line.p, line.n, &limits, ret, &why) != 0)
		return fail_set(f, ERR_PROTO, "",
		    "the server's reply is no "
		    "JSON: %s",
		    why.text);
	return 0;
}

const struct json_value *
rpc_result(const struct json_doc *d, struct fail *f)
{
	const struct json_value *root = json_root(d);
	const struct json_value *error = json_get(root, "error");
	const struct json_value *result = json_get(root, "result");
	struct str text = STR("the server gave no result");

	if (error == NULL && result != NULL)
		return result;
	(void)json_str(json_get(error, "message"), &text);
	(void)fail_set(f, ERR_INVALID, "", "%.*s", (int)text.n, text.p);
	return NULL;
}
