#include "front/array.h"

#include "front/client.h"
#include "front/front.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* A small one counts as this: a descriptor is worth something too. */
#define LEAST MIB

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* Linux 6.3 */
#endif

static double
mib(uint64_t bytes)
{
	return (double)bytes / (double)MIB;
}

/* What it counts; 0 and *why where there is no room. */
static uint64_t
ask(const struct front *f, const struct client *c, uint64_t bytes,
    struct fail *why)
{
	uint64_t max = f->config.array_max;
	uint64_t n = bytes > LEAST ? bytes : LEAST;

	if (n > max / 2) {
		(void)fail_set(why, ERR_TOO_BIG, "arrays",
		    "arrays: one of %.1f MiB is asked for, and a client may "
		    "have half of %.1f MiB (--array-max); shorten the prompt, "
		    "or take a memfd as JSON",
		    mib(bytes), mib(max));
		return 0;
	}
	if (f->arrays + n <= max && c->arrays + n <= max / 2)
		return n;
	(void)fail_set(why, ERR_BUSY, "arrays",
	    "arrays: %.1f MiB of them are on their way, %.1f MiB to this "
	    "client; all together may have %.1f MiB (--array-max), a client "
	    "half of that; read those first",
	    mib(f->arrays), mib(c->arrays), mib(max));
	return 0;
}

uint64_t
array_hold(struct front *f, struct client *c, uint64_t bytes, struct fail *why)
{
	uint64_t counts = ask(f, c, bytes, why);

	f->arrays += counts;
	c->arrays += counts;
	return counts;
}

void
array_release(struct front *f, struct client *c, uint64_t counts)
{
	f->arrays -= counts;
	c->arrays -= counts;
}

/* Memory that nothing can be run from, where the kernel knows of that. */
static int
make_memory(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("bulkhead-array", flags | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("bulkhead-array", flags);
	return fd;
}

static struct array *
fail_nomem(struct array *a, struct fail *why)
{
	free(a);
	(void)fail_set(why, ERR_NOMEM, NULL, "no memory for the memfd");
	return NULL;
}

struct array *
array_new(struct front *f, struct client *c, uint64_t bytes, struct fail *why)
{
	struct array *a;

	if (ask(f, c, bytes, why) == 0)
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return fail_nomem(NULL, why);
	*a = (struct array){ .front = f, .client = c, .fd = make_memory() };
	if (a->fd < 0)
		return fail_nomem(a, why);
	list_init(&a->link);
	a->counts = array_hold(f, c, bytes, why);
	return a;
}

void
array_free(struct array *a)
{
	if (a == NULL)
		return;
	array_release(a->front, a->client, a->counts);
	list_remove(&a->link);
	(void)close(a->fd);
	free(a);
}

int
array_put(struct array *a, const void *p, size_t n)
{
	a->used += n;
	return fd_put(a->fd, p, n) ? 0 : ERR_NOMEM;
}

int
array_seal(struct array *a)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

	/* The offset is the client's too. */
	if (lseek(a->fd, 0, SEEK_SET) != 0 ||
	    fcntl(a->fd, F_ADD_SEALS, seals) != 0)
		return ERR_IO;
	return 0;
}

static struct array *
first_of(const struct list *waiting)
{
	return list_empty(waiting)
	    ? NULL
	    : LIST_ENTRY(waiting->next, struct array, link);
}

/* n, or less: up to where a has its place. */
static size_t
up_to(const struct array *a, uint64_t at, size_t n)
{
	return a == NULL || a->at - at > n ? n : (size_t)(a->at - at);
}

ssize_t
arrays_send(
    struct list *waiting, int sock, const void *p, size_t n, uint64_t at)
{
	struct array *a = first_of(waiting), *next;
	ssize_t r;

	if (a == NULL || a->at > at)
		return send(
		    sock, p, up_to(a, at, n), MSG_NOSIGNAL | MSG_DONTWAIT);
	next = a->link.next == waiting
	    ? NULL
	    : LIST_ENTRY(a->link.next, struct array, link);
	r = fd_send(sock, p, up_to(next, at, n), a->fd);
	/* With the first byte it has gone, however many more there are. */
	if (r > 0)
		array_free(a);
	return r;
}

void
arrays_drop(struct list *waiting)
{
	struct array *a;

	while ((a = first_of(waiting)) != NULL)
		array_free(a);
}
