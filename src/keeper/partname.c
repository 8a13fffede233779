#include "keeper/partname.h"

#include <stdio.h>
#include <string.h>

/* Of "-00001-of-00003.gguf". */
#define DIGITS 5u
#define TAIL_BYTES (sizeof("-00001-of-00003.gguf") - 1)

static bool
read_digits(const char *s, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < DIGITS; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*ret = *ret * 10 + (uint32_t)(s[i] - '0');
	}
	return true;
}

bool
partname_read(const char *path, struct partname *ret)
{
	size_t n = strlen(path);
	const char *tail;

	if (n <= TAIL_BYTES)
		return false;
	tail = path + n - TAIL_BYTES;
	if (tail[-1] == '/' || tail[0] != '-' ||
	    !read_digits(tail + 1, &ret->no) ||
	    strncmp(tail + 1 + DIGITS, "-of-", 4) != 0 ||
	    !read_digits(tail + 5 + DIGITS, &ret->of) ||
	    strcmp(tail + 5 + 2 * DIGITS, ".gguf") != 0)
		return false;
	ret->n_stem = n - TAIL_BYTES;
	return ret->no >= 1 && ret->no <= ret->of && ret->of >= 2;
}

bool
partname_other(const char *path, const struct partname *p, uint32_t no,
    char *ret, size_t n)
{
	int r = snprintf(
	    ret, n, "%.*s-%05u-of-%05u.gguf", (int)p->n_stem, path, no, p->of);

	return r > 0 && (size_t)r < n;
}
