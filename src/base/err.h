/*
 * err - the error numbers of every process, as one table.
 *
 * A function that can fail returns 0 or one of these (all negative). Where a
 * person has to act on it, it also fills a struct fail: which field or file,
 * what was wrong with it and what to do. The number decides the protocol's
 * code (front/), the text is what is read.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>
#include <stdint.h>

/* name, number, what it means */
#define ERR_TABLE(E)                                                     \
	E(ERR_NOMEM, -1, "out of memory")                                \
	E(ERR_AGAIN, -2, "not now")                                      \
	E(ERR_EOF, -3, "the other end is closed")                        \
	E(ERR_IO, -4, "input or output failed")                          \
	E(ERR_PROTO, -5, "the peer broke the protocol")                  \
	E(ERR_INVALID, -6, "invalid value")                              \
	E(ERR_TOO_BIG, -7, "over a limit")                               \
	E(ERR_NOT_FOUND, -8, "not found")                                \
	E(ERR_NOT_LOADED, -9, "model not loaded")                        \
	E(ERR_LOAD_FAILED, -10, "model failed to load")                  \
	E(ERR_BUSY, -11, "busy or over a limit")                         \
	E(ERR_ABORTED, -12, "aborted")                                   \
	E(ERR_FILE, -13, "file not usable")                              \
	E(ERR_UNSUPPORTED, -14, "not supported by this model or engine") \
	E(ERR_GAVE_UP, -15, "gave up after repeated worker crashes")     \
	E(ERR_CONTEXT, -16, "longer than the model's context")           \
	E(ERR_TIMEOUT, -17, "a deadline passed")                         \
	E(ERR_STOPPING, -18, "the server is stopping")                   \
	E(ERR_INTERNAL, -19, "internal error")                           \
	E(ERR_POISON, -20, "kills the worker that computes it")          \
	E(ERR_FULL, -21, "no room, and waiting makes none")              \
	E(ERR_KEY, -22, "no valid API key")                              \
	E(ERR_DENIED, -23, "not allowed to this client")

#define ERR_ENUM(name, number, text) name = number,
enum err { ERR_TABLE(ERR_ENUM) ERR_LAST = -24 };
#undef ERR_ENUM

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* What went wrong, for the person who can mend it. The texts are cut to fit
 * and always terminated. */
struct fail {
	int code;	   /* an ERR_*, or 0 */
	uint32_t retry_ms; /* worth trying again after this; 0: not known */
	char field[64];	   /* the parameter or option, or "" */
	char crash[32];	   /* the id of the crash that it is about, or "" */
	char text[448];	   /* "max_tokens: must be 1 to 4096, not 0" */
};

/* "ERR_BUSY"; never NULL. */
const char *err_name(int code);

/* "busy or over a limit"; never NULL. */
const char *err_text(int code);

/* Fills f (NULL is allowed) and returns code, so a caller can say
 * `return fail_set(...)`. retry_ms and crash are left empty. field may be NULL; the texts may be f's own. */
int fail_set(struct fail *f, int code, const char *field, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#define FAIL_WHEN 40 /* bytes */

/* What retry_ms means to a person, behind the text: "; tried again in 30 s", or
 * "" if it is not known. Returns ret. */
const char *fail_when(uint32_t retry_ms, char ret[FAIL_WHEN]);

#endif
