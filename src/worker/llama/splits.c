#include "worker/llama/splits.h"

#include "base/fd.h"

#include <ggml.h>
#include <gguf.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a piece of the stream comes from. */
struct piece {
	uint64_t at; /* in the stream */
	uint64_t n;  /* bytes; what is between pieces is zeros */
	int fd;
	uint64_t from; /* in its file */
};

struct splits {
	uint8_t *head;
	size_t n_head;
	struct piece *pieces; /* in order */
	size_t n_pieces;
	size_t room;
	uint64_t size; /* of the stream */
	uint64_t pos;
};

struct joining {
	struct splits *p;
	struct gguf_context *head;
	const char *path;
	uint32_t n;  /* parts */
	uint32_t no; /* the one in hand, from 0 */
	struct fail *f;
};

static int
refuse(const struct joining *j, const char *what)
{
	return fail_set(j->f, ERR_LOAD_FAILED, "model",
	    "%.240s: part %u of %u %s", j->path, j->no + 1, j->n, what);
}

static int
no_memory(const struct joining *j)
{
	return fail_set(j->f, ERR_NOMEM, NULL, "out of memory");
}

static int
add_piece(struct joining *j, const struct piece *one)
{
	struct splits *p = j->p;

	if (p->n_pieces == p->room) {
		size_t room = p->room == 0 ? 256 : 2 * p->room;
		struct piece *v = realloc(p->pieces, room * sizeof(*v));

		if (v == NULL)
			return no_memory(j);
		p->pieces = v;
		p->room = room;
	}
	p->pieces[p->n_pieces++] = *one;
	return 0;
}

/* Of a part's head; those of its tensors point into *ret_tensors. */
static struct gguf_context *
read_head(int fd, struct ggml_context **ret_tensors)
{
	struct gguf_init_params params = { .no_alloc = true,
		.ctx = ret_tensors };
	int copy = dup(fd);
	FILE *file = copy < 0 ? NULL : fdopen(copy, "rb");
	struct gguf_context *g;

	if (file == NULL) {
		if (copy >= 0)
			(void)close(copy);
		return NULL;
	}
	rewind(file);
	g = gguf_init_from_file_ptr(file, params);
	(void)fclose(file);
	return g;
}

/* Whole numbers of either type that llama.cpp and its tools write. */
static bool
says(const struct gguf_context *g, const char *key, uint32_t want)
{
	int64_t id = gguf_find_key(g, key);

	if (id < 0)
		return false;
	if (gguf_get_kv_type(g, id) == GGUF_TYPE_UINT16)
		return gguf_get_val_u16(g, id) == want;
	if (gguf_get_kv_type(g, id) == GGUF_TYPE_UINT32)
		return gguf_get_val_u32(g, id) == want;
	return gguf_get_kv_type(g, id) == GGUF_TYPE_INT32 &&
	    gguf_get_val_i32(g, id) == (int32_t)want;
}

static int
add_tensor(struct joining *j, const struct gguf_context *g, int64_t i,
    const struct ggml_context *tensors, int fd, uint64_t size)
{
	const char *name = gguf_get_tensor_name(g, i);
	const struct ggml_tensor *t =
	    ggml_get_tensor((struct ggml_context *)tensors, name);
	struct piece one = {
		.n = gguf_get_tensor_size(g, i),
		.fd = fd,
		.from = gguf_get_data_offset(g) + gguf_get_tensor_offset(g, i),
	};

	if (t == NULL || gguf_find_tensor(j->head, name) >= 0)
		return refuse(j, "has a tensor that another has too");
	if (one.from > size || one.n > size - one.from)
		return refuse(j, "is truncated or damaged");
	gguf_add_tensor(j->head, t);
	one.at =
	    gguf_get_tensor_offset(j->head, gguf_get_n_tensors(j->head) - 1);
	return add_piece(j, &one);
}

static int
add_part(struct joining *j, int fd)
{
	struct ggml_context *tensors = NULL;
	struct gguf_context *g = read_head(fd, &tensors);
	struct stat st = { .st_size = 0 };
	int err = 0;

	if (g == NULL || fstat(fd, &st) != 0)
		err = refuse(j, "cannot be read");
	else if (!says(g, "split.no", j->no) ||
	    (j->no == 0 && !says(g, "split.count", j->n)))
		err = refuse(j, "does not say that it is that");
	if (err == 0 && j->no == 0)
		gguf_set_kv(j->head, g);
	for (int64_t i = 0; err == 0 && i < gguf_get_n_tensors(g); i++)
		err = add_tensor(j, g, i, tensors, fd, (uint64_t)st.st_size);
	if (g != NULL)
		gguf_free(g);
	if (tensors != NULL)
		ggml_free(tensors);
	return err;
}

/* It is one file now, and its tensors lie as ggml lays them by itself. */
static void
forget_parts(struct gguf_context *head)
{
	static const char *const keys[] = { "split.no", "split.count",
		"split.tensors.count", "general.alignment" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		(void)gguf_remove_key(head, keys[i]);
}

static int
finish_head(struct joining *j)
{
	struct splits *p = j->p;
	const struct piece *last;

	forget_parts(j->head);
	if (p->n_pieces == 0)
		return refuse(j, "is the last, and none has a tensor");
	p->n_head = gguf_get_meta_size(j->head);
	p->head = malloc(p->n_head);
	if (p->head == NULL)
		return no_memory(j);
	gguf_get_meta_data(j->head, p->head);
	for (size_t i = 0; i < p->n_pieces; i++)
		p->pieces[i].at += p->n_head;
	last = &p->pieces[p->n_pieces - 1];
	p->size = last->at + last->n;
	return 0;
}

/* The piece that has the byte there, or begins behind it; NULL: none. */
static const struct piece *
find_piece(const struct splits *p, uint64_t at)
{
	size_t low = 0, high = p->n_pieces;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->pieces[middle].at + p->pieces[middle].n <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->n_pieces ? &p->pieces[low] : NULL;
}

/* Some of what lies there; 0 where a file has become shorter. */
static size_t
read_some(const struct splits *p, uint64_t at, char *to, size_t n)
{
	const struct piece *one;

	if (at < p->n_head) {
		if (n > p->n_head - at)
			n = p->n_head - (size_t)at;
		memcpy(to, p->head + at, n);
		return n;
	}
	one = find_piece(p, at);
	if (one == NULL)
		return 0;
	if (at < one->at) {
		if (n > one->at - at)
			n = (size_t)(one->at - at);
		memset(to, 0, n);
		return n;
	}
	if (n > one->at + one->n - at)
		n = (size_t)(one->at + one->n - at);
	return fd_get_at(one->fd, to, n, one->from + (at - one->at));
}

static ssize_t
on_read(void *arg, char *to, size_t n)
{
	struct splits *p = arg;
	size_t done = 0;

	while (done < n && p->pos < p->size) {
		size_t got = read_some(p, p->pos, to + done, n - done);

		if (got == 0) {
			errno = EIO;
			return -1;
		}
		done += got;
		p->pos += got;
	}
	return (ssize_t)done;
}

static int
on_seek(void *arg, off64_t *at, int whence)
{
	struct splits *p = arg;
	int64_t from = whence == SEEK_SET ? 0
	    : whence == SEEK_CUR	  ? (int64_t)p->pos
					  : (int64_t)p->size;

	if (*at > INT64_MAX - from || from + *at < 0) {
		errno = EINVAL;
		return -1;
	}
	*at += from;
	p->pos = (uint64_t)*at;
	return 0;
}

static int
on_close(void *arg)
{
	struct splits *p = arg;

	free(p->head);
	free(p->pieces);
	free(p);
	return 0;
}

int
splits_open(
    const int *fds, uint32_t n, const char *path, FILE **ret, struct fail *f)
{
	static const cookie_io_functions_t ops = {
		.read = on_read, .seek = on_seek, .close = on_close
	};
	struct joining j = { .p = calloc(1, sizeof(*j.p)),
		.head = gguf_init_empty(),
		.path = path,
		.n = n,
		.f = f };
	FILE *file = NULL;
	int err = 0;

	if (j.p == NULL || j.head == NULL) {
		free(j.p);
		if (j.head != NULL)
			gguf_free(j.head);
		return no_memory(&j);
	}
	for (; err == 0 && j.no < n; j.no++)
		err = add_part(&j, fds[j.no]);
	j.no = n - 1;
	if (err == 0)
		err = finish_head(&j);
	gguf_free(j.head);
	if (err == 0)
		file = fopencookie(j.p, "rb", ops);
	if (file == NULL) {
		(void)on_close(j.p);
		return err != 0 ? err : no_memory(&j);
	}
	*ret = file;
	return 0;
}
