#include "worker/llama/check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The head of the format (ggml's docs/gguf.md): magic, version, counts of
 * tensors and of keys. */
struct head {
	char magic[4];
	uint32_t version;
	uint64_t n_tensors;
	uint64_t n_keys;
};

#define VERSION_MIN 2u
#define VERSION_MAX 3u

/* Four bytes as a C string would show them. */
static void
quote(const char magic[4], char ret[17])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < 4; i++) {
		unsigned char b = (unsigned char)magic[i];

		if (b >= ' ' && b < 0x7f && b != '"' && b != '\\') {
			*ret++ = magic[i];
			continue;
		}
		*ret++ = '\\';
		*ret++ = 'x';
		*ret++ = hex[b >> 4];
		*ret++ = hex[b & 15];
	}
	*ret = '\0';
}

static int
check_head(const struct head *h, struct str path, struct fail *why)
{
	char shown[17];

	if (memcmp(h->magic, "GGUF", 4) != 0) {
		quote(h->magic, shown);
		return fail_set(why, ERR_LOAD_FAILED, "model",
		    "%.*s: not a GGUF file: starts with \"%s\", expected "
		    "\"GGUF\"",
		    (int)path.n, path.p, shown);
	}
	if (h->version >= VERSION_MIN && h->version <= VERSION_MAX)
		return 0;
	if (h->version != 0 && h->version << 16 == 0)
		return fail_set(why, ERR_LOAD_FAILED, "model",
		    "%.*s: a GGUF file for machines of the other byte order",
		    (int)path.n, path.p);
	return fail_set(why, ERR_LOAD_FAILED, "model",
	    "%.*s: GGUF version %u; versions %u and %u can be read",
	    (int)path.n, path.p, h->version, VERSION_MIN, VERSION_MAX);
}

int
check_gguf(int fd, struct str path, struct fail *why)
{
	struct head h;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return fail_set(why, ERR_FILE, "model",
		    "%.*s: not a regular file", (int)path.n, path.p);
	if (st.st_size == 0)
		return fail_set(why, ERR_LOAD_FAILED, "model",
		    "%.*s: the file is empty", (int)path.n, path.p);
	memset(&h, 0, sizeof(h));
	n = pread(fd, &h, sizeof(h), 0);
	if (n < 0)
		return fail_set(why, ERR_FILE, "model", "%.*s: %s", (int)path.n,
		    path.p, strerror(errno));
	if ((size_t)n >= sizeof(h) || memcmp(h.magic, "GGUF", 4) != 0)
		return check_head(&h, path, why);
	return fail_set(why, ERR_LOAD_FAILED, "model",
	    "%.*s: truncated: %zd bytes, less than a GGUF header", (int)path.n,
	    path.p, n);
}
