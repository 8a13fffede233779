#include "worker/rkllm/version.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (64u << 10)
#define OVERLAP 64u /* a mark and what follows it may lie across blocks */
#define FILE_MAX (1ull << 30)

const char version_known[] = "1.2.1, 1.2.2, 1.2.3 and 1.3.0";

static const struct {
	const char *text;
	enum version_layout layout;
} versions[] = {
	{ "1.2.1", LAYOUT_12 },
	{ "1.2.2", LAYOUT_12 },
	{ "1.2.3", LAYOUT_12 },
	{ "1.3.0", LAYOUT_13 },
};

/* What stands before the version in the file. */
static const char *const marks[] = {
	"RKLLM SDK (version: ",
	"rkllm-runtime version: ",
};

/* What a file says: nothing, one version, or several. */
struct said {
	char text[VERSION_TEXT_MAX];
	char other[VERSION_TEXT_MAX]; /* that differs; or empty */
};

static enum version_layout
layout_of(const char *text)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strcmp(versions[i].text, text) == 0)
			return versions[i].layout;
	return LAYOUT_NONE;
}

/* Bytes at p that are a version: digits, points, and "b1" as of betas. A
 * format ("%s") is none. */
static size_t
span(const char *p, size_t n)
{
	static const char chars[] = "0123456789.abcdefghijklmnopqrstuvwxyz-";
	size_t len = 0;

	if (n == 0 || *p < '0' || *p > '9')
		return 0;
	while (len < n && p[len] != '\0' && strchr(chars, p[len]) != NULL)
		len++;
	while (len > 0 && p[len - 1] == '.')
		len--;
	return len < VERSION_TEXT_MAX ? len : VERSION_TEXT_MAX - 1;
}

static void
note(struct said *s, const char *p, size_t n)
{
	char *to = s->text;

	if (n == 0)
		return;
	if (s->text[0] != '\0') {
		if (strlen(s->text) == n && memcmp(s->text, p, n) == 0)
			return;
		to = s->other;
	}
	memcpy(to, p, n);
	to[n] = '\0';
}

/* Marks that begin in the first n bytes of p, of which there are room. */
static void
look(struct said *s, const char *p, size_t n, size_t room)
{
	for (size_t m = 0; m < sizeof(marks) / sizeof(marks[0]); m++) {
		size_t len = strlen(marks[m]);
		const char *at = p;
		const char *end = p + room;

		while ((at = memmem(at, (size_t)(end - at), marks[m], len)) !=
			NULL &&
		    at < p + n) {
			at += len;
			note(s, at, span(at, (size_t)(end - at)));
		}
	}
}

static struct said
scan(int fd)
{
	static char room[BLOCK + OVERLAP];
	struct said s = { .text = "" };
	size_t kept = 0;

	for (uint64_t at = 0; at < FILE_MAX; at += BLOCK) {
		ssize_t n = pread(fd, room, sizeof(room), (off_t)at);

		if (n <= 0)
			break;
		kept = (size_t)n;
		look(&s, room, kept < BLOCK ? kept : BLOCK, kept);
	}
	return s;
}

static int
use(struct version *ret, const char *text)
{
	(void)snprintf(ret->text, sizeof(ret->text), "%s", text);
	ret->layout = layout_of(text);
	return ret->layout == LAYOUT_NONE ? ERR_INVALID : 0;
}

static int
take_said(struct str said, struct version *ret, struct fail *why)
{
	char text[VERSION_TEXT_MAX] = "";

	if (said.n < sizeof(text))
		memcpy(text, said.p, said.n);
	if (use(ret, text) == 0)
		return 0;
	return fail_set(why, ERR_INVALID, "rkllm-version",
	    "--rkllm-version: must be one of %s, not \"%.*s\"", version_known,
	    (int)(said.n < 32 ? said.n : 32), said.p);
}

int
version_find(int fd, const char *path, struct str said, struct version *ret,
    struct fail *why)
{
	struct said s;

	if (said.n > 0)
		return take_said(said, ret, why);
	s = scan(fd);
	if (s.text[0] == '\0')
		return fail_set(why, ERR_LOAD_FAILED, "rkllm-version",
		    "%.160s: its file does not say which version it is, and "
		    "the structs of its calls differ by version; say it with "
		    "--rkllm-version (%s)",
		    path, version_known);
	if (s.other[0] != '\0')
		return fail_set(why, ERR_LOAD_FAILED, "rkllm-version",
		    "%.160s: its file says two versions, %s and %s; say which "
		    "it is with --rkllm-version (%s)",
		    path, s.text, s.other, version_known);
	if (use(ret, s.text) == 0)
		return 0;
	return fail_set(why, ERR_LOAD_FAILED, "rkllm-version",
	    "%.160s: is version %s, which is not known here; install one of "
	    "%s, or, if its rkllm.h has the structs of one of these, name that "
	    "with --rkllm-version",
	    path, s.text, version_known);
}
