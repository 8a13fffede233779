/*
 * textfile - reads a file of the configuration.
 */
#ifndef CONF_TEXTFILE_H
#define CONF_TEXTFILE_H

#include "base/buf.h"

/* Appends all of the file at path to b, whose ceiling is the most that it may
 * have. option, without its dashes, names it in messages. 0, or ERR_FILE with
 * what is wrong. */
int textfile_read(const char *option, const char *path, struct buf *b,
    struct fail *f) MUST_CHECK;

#endif
