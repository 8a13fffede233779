#include "conf/ini.h"

#include "conf/textfile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <ini.h>

struct reader {
	struct settings *s;
	const char *file;
	struct str left;
	unsigned line; /* of the one that was given out last, from 1 */
	struct fail *f;
	int err; /* the first; nothing is read after it */
};

static int
bad_line(struct reader *r, const char *what)
{
	r->err = fail_set(
	    r->f, ERR_INVALID, "", "%.200s:%u: %s", r->file, r->line, what);
	return r->err;
}

static struct str
next_line(struct str *left)
{
	const char *nl = memchr(left->p, '\n', left->n);
	struct str line = { left->p,
		nl != NULL ? (size_t)(nl - left->p) : left->n };
	size_t used = line.n + (nl != NULL);

	left->p += used;
	left->n -= used;
	return line;
}

static bool
has_inline_comment(struct str line)
{
	for (size_t i = 1; i < line.n; i++)
		if (line.p[i] == ';' && isspace((unsigned char)line.p[i - 1]))
			return true;
	return false;
}

/* Indented lines are keys too, not inih's continuations of the one above. */
static struct str
trim(struct str line)
{
	while (line.n > 0 && isspace((unsigned char)line.p[0])) {
		line.p++;
		line.n--;
	}
	while (line.n > 0 && isspace((unsigned char)line.p[line.n - 1]))
		line.n--;
	return line;
}

static bool
is_comment(struct str line)
{
	return line.n == 0 || line.p[0] == ';' || line.p[0] == '#';
}

/* inih's fgets: the next line into room bytes, NULL at the end. A line that
 * inih would cut ends the reading. */
static char *
on_line(char *ret, int room, void *arg)
{
	struct reader *r = arg;
	struct str line;

	if (r->err != 0 || r->left.n == 0)
		return NULL;
	r->line++;
	line = trim(next_line(&r->left));
	if (is_comment(line))
		line.n = 0;
	if (memchr(line.p, '\0', line.n) != NULL) {
		(void)bad_line(r, "holds a NUL byte");
		return NULL;
	}
	if (line.n + 2 > (size_t)room) {
		(void)bad_line(r,
		    "is too long (198 bytes are read); "
		    "give this value on the command line");
		return NULL;
	}
	if (has_inline_comment(line)) {
		(void)bad_line(r,
		    "\" ;\" would cut the value there; "
		    "put the comment on a line of its own");
		return NULL;
	}
	if (line.n > 0)
		memcpy(ret, line.p, line.n);
	ret[line.n] = '\n';
	ret[line.n + 1] = '\0';
	return ret;
}

static bool
is_known_section(const char *section)
{
	return section[0] == '\0' || strcmp(section, "*") == 0 ||
	    strcmp(section, "bulkhead") == 0;
}

/* inih's handler; 0 is an error. */
static int
on_pair(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;
	char where[256];
	int err;

	if (r->err != 0)
		return 0;
	if (!is_known_section(section))
		return bad_line(r,
			   "a key in an unknown section; only [*] "
			   "and [bulkhead] are known") == 0;
	(void)snprintf(
	    where, sizeof(where), "%.150s:%u: %.50s", r->file, r->line, name);
	err = strcmp(name, "config") == 0
	    ? ERR_NOT_FOUND
	    : settings_set_named(r->s, FROM_FILE, where, name, value, r->f);
	if (err == ERR_NOT_FOUND)
		err = fail_set(r->f, ERR_INVALID, "",
		    "%s: no such setting; keys are the long options without "
		    "--",
		    where);
	r->err = err;
	return err == 0;
}

int
ini_read(struct settings *s, const char *file, struct str text, struct fail *f)
{
	struct reader r = { .s = s, .file = file, .left = text, .f = f };
	int at = ini_parse_stream(on_line, &r, on_pair, &r);

	if (r.err == 0 && at > 0) {
		r.line = (unsigned)at;
		return bad_line(&r, "is neither key = value nor [section]");
	}
	if (r.err == 0 && at < 0)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	return r.err;
}

int
ini_read_file(struct settings *s, const char *path, struct fail *f)
{
	struct buf b;
	int err;

	buf_init(&b, INI_FILE_MAX);
	err = textfile_read("config", path, &b, f);
	if (err == 0 && buf_len(&b) > 0)
		err = ini_read(s, path, buf_str(&b), f);
	buf_done(&b);
	return err;
}
