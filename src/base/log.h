/*
 * log - one line of text to standard error for each thing worth knowing.
 *
 * "bulkhead-front[812] warn: ...". Control bytes in a message are escaped, so
 * neither a client nor a model can forge a line. A process logs an error once,
 * where it handles it; base/, wire/, json/ and conf/ never log.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* name is shown in each line and must live as long as the process. */
void log_init(const char *name, enum log_level least);

/* From now on a line that would have to wait for its reader is lost instead, and
 * counted: a log that nobody reads must not stop who supervises. */
void log_never_wait(void);

/* fn gets every line too, with its newline, those below the least level
 * included; from any thread. NULL: nobody does. */
void log_tee(void (*fn)(const char *line, size_t n));

/* The least level that is written. */
enum log_level log_level(void);

void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A request that is over; "name[pid] access: text". Whatever the least level
 * is. It never waits: one that finds no room is lost, and counted. */
void log_access(const char *text, size_t n);

/* Each line goes through fn before it is written, which has room for twice as
 * many bytes and more; it returns how many it made. NULL: as it is. */
void log_shape(
    size_t (*fn)(const char *line, size_t n, char *out, size_t room));

/* A line of another process, escaped; after head and ": " if head is not "".
 * Whatever the least level is. */
void log_pass(const char *head, const char *text);

#endif
