#include "base/log.h"

#include "base/fd.h"
#include "base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048u
#define HEAD_MAX_BYTES 256u

static const char *log_name = "bulkhead";
static enum log_level log_least = LOG_INFO;
static void (*log_also)(const char *line, size_t n);
static size_t (*log_form)(const char *line, size_t n, char *out, size_t room);
static bool is_impatient;
static unsigned n_lost; /* lines, since one was written */

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

void
log_init(const char *name, enum log_level least)
{
	log_name = name;
	log_least = least;
}

void
log_never_wait(void)
{
	is_impatient = true;
}

void
log_tee(void (*fn)(const char *line, size_t n))
{
	log_also = fn;
}

void
log_shape(size_t (*fn)(const char *line, size_t n, char *out, size_t room))
{
	log_form = fn;
}

enum log_level
log_level(void)
{
	return log_least;
}

/* Bytes at text that are shown as they are: one whole character that is no
 * control (C0, DEL, C1); else 0. */
static size_t
plain(const char *text)
{
	unsigned char c = (unsigned char)*text;
	int len = utf8_next(text, strnlen(text, 4));

	if (c < 0x20 || c == 0x7f || len <= 0)
		return 0;
	if (c == 0xc2 && (unsigned char)text[1] < 0xa0)
		return 0;
	return (size_t)len;
}

/* Copies text to out with control and broken bytes as \xNN; returns the bytes
 * written. */
static size_t
escape(char *out, size_t room, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	while (*text != '\0' && n + 5 < room) {
		unsigned char c = (unsigned char)*text;
		size_t len = plain(text);

		if (len > 0) {
			(void)memcpy(out + n, text, len);
			n += len;
			text += len;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
		text++;
	}
	return n;
}

/* Whether a line can be written at once. One of ours fits into what a pipe
 * that is writable has free (PIPE_BUF), so the write does not wait then. */
static bool
may_write(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return !is_impatient || poll(&p, 1, 0) == 1;
}

/* One write a line, so that processes do not mix theirs. */
static bool
put_now(const char *line, size_t n)
{
	char shaped[3 * LINE_MAX_BYTES];

	if (!may_write())
		return false;
	if (log_form != NULL) {
		n = log_form(line, n, shaped, sizeof(shaped));
		line = shaped;
	}
	return fd_put(STDERR_FILENO, line, n);
}

/* There is nobody to tell when standard error itself fails. */
static void
put(const char *line, size_t n)
{
	char word[96];
	int k;

	if (n_lost > 0) {
		k = snprintf(word, sizeof(word),
		    "%s[%d] warn: %u lines were lost: nobody read them\n",
		    log_name, (int)getpid(), n_lost);
		if (k > 0 && !put_now(word, (size_t)k)) {
			n_lost++;
			return;
		}
		n_lost = 0;
	}
	if (!put_now(line, n))
		n_lost++;
}

static void
emit(enum log_level level, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES / 2];
	char line[LINE_MAX_BYTES];
	int saved = errno;
	size_t n;
	int head;

	if (level < log_least && log_also == NULL)
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	head = snprintf(line, HEAD_MAX_BYTES, "%s[%d] %s: ", log_name,
	    (int)getpid(), level_names[level]);
	n = head < 0 ? 0 : (size_t)head;
	if (n > HEAD_MAX_BYTES - 1)
		n = HEAD_MAX_BYTES - 1;
	n += escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';
	if (log_also != NULL)
		log_also(line, n);
	if (level < log_least)
		return;
	put(line, n);
	errno = saved;
}

#define LOG_FUNCTION(name, level)             \
	void log_##name(const char *fmt, ...) \
	{                                     \
		va_list ap;                   \
		va_start(ap, fmt);            \
		emit(level, fmt, ap);         \
		va_end(ap);                   \
	}

LOG_FUNCTION(debug, LOG_DEBUG)
LOG_FUNCTION(info, LOG_INFO)
LOG_FUNCTION(warn, LOG_WARN)
LOG_FUNCTION(error, LOG_ERROR)

void
log_access(const char *text, size_t n)
{
	char line[LINE_MAX_BYTES];
	int head = snprintf(
	    line, sizeof(line), "%s[%d] access: ", log_name, (int)getpid());

	if (head < 0 || (size_t)head + n + 1 > sizeof(line))
		return;
	(void)memcpy(line + head, text, n);
	line[(size_t)head + n] = '\n';
	put(line, (size_t)head + n + 1);
}

void
log_pass(const char *head, const char *text)
{
	char line[LINE_MAX_BYTES];
	int n = snprintf(
	    line, HEAD_MAX_BYTES, "%s%s", head, head[0] != '\0' ? ": " : "");
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len > HEAD_MAX_BYTES - 1)
		len = HEAD_MAX_BYTES - 1;
	len += escape(line + len, sizeof(line) - len - 1, text);
	line[len++] = '\n';
	put(line, len);
}
