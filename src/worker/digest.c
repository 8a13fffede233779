#include "worker/digest.h"

#include "wire/progress.h"

#include <nettle/sha2.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP (1u << 20)
#define SAMPLES 256u
#define SAMPLE 4096u

_Static_assert(DIGEST_SIZE == SHA256_DIGEST_SIZE, "it is SHA-256");

static void
finish(struct sha256_ctx *c, uint8_t ret[DIGEST_SIZE])
{
	sha256_digest(c, DIGEST_SIZE, ret);
}

void
digest_memory(
    const void *data, size_t n, struct progress *p, uint8_t ret[DIGEST_SIZE])
{
	const uint8_t *at = data;
	struct sha256_ctx c;

	sha256_init(&c);
	while (n > 0) {
		size_t some = n < STEP ? n : STEP;

		sha256_update(&c, some, at);
		progress_bump(p);
		at += some;
		n -= some;
	}
	finish(&c, ret);
}

/* Bytes [from, from + n) of fd. */
static int
add(struct sha256_ctx *c, int fd, uint64_t from, uint64_t n)
{
	uint8_t room[SAMPLE * 4];

	while (n > 0) {
		size_t most = n < sizeof(room) ? (size_t)n : sizeof(room);
		ssize_t r = pread(fd, room, most, (off_t)from);

		if (r <= 0)
			return ERR_IO;
		sha256_update(c, (size_t)r, room);
		from += (uint64_t)r;
		n -= (uint64_t)r;
	}
	return 0;
}

int
digest_file(int fd, uint64_t n, struct progress *p, uint8_t ret[DIGEST_SIZE])
{
	struct sha256_ctx c;
	int err = 0;

	sha256_init(&c);
	for (uint64_t at = 0; err == 0 && at < n; at += STEP) {
		err = add(&c, fd, at, n - at < STEP ? n - at : STEP);
		progress_bump(p);
	}
	finish(&c, ret);
	return err;
}

int
digest_sample(int fd, uint8_t ret[DIGEST_SIZE])
{
	struct sha256_ctx c;
	struct stat st;
	uint64_t size;
	int err;

	if (fstat(fd, &st) != 0 || st.st_size <= 0)
		return ERR_IO;
	size = (uint64_t)st.st_size;
	sha256_init(&c);
	sha256_update(&c, sizeof(size), (const uint8_t *)&size);
	err = add(&c, fd, 0, size < STEP ? size : STEP);
	for (uint64_t i = 1; err == 0 && i <= SAMPLES && size > STEP; i++) {
		uint64_t at = size / SAMPLES * i;

		at = at > SAMPLE ? at - SAMPLE : 0;
		err = add(&c, fd, at, SAMPLE);
	}
	if (err == 0 && size > SAMPLE)
		err = add(&c, fd, size - SAMPLE, SAMPLE);
	finish(&c, ret);
	return err;
}

void
digested_open(struct digested *d, int fd)
{
	*d = (struct digested){ .fd = dup(fd) };
}

void
digested_close(struct digested *d)
{
	if (d->fd > 0)
		(void)close(d->fd);
	*d = (struct digested){ 0 };
}

const uint8_t *
digested_value(struct digested *d)
{
	if (!d->is_made && d->fd > 0)
		d->is_made = digest_sample(d->fd, d->value) == 0;
	return d->is_made ? d->value : NULL;
}
