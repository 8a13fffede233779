/*
 * ini - settings from an INI file, of the dialect of llama-server's presets.
 *
 * inih parses it. Release 55, which Debian 12 has, cuts a line at 200 bytes
 * and a value at " ;", in silence; so lines go to it through a reader of ours
 * that refuses both with the file, the line and what to do.
 */
#ifndef CONF_INI_H
#define CONF_INI_H

#include "base/buf.h"
#include "conf/setting.h"

/* Larger files are refused. */
#define INI_FILE_MAX (256u * 1024)

/* Reads text into s as FROM_FILE; file names it in messages. Keys are rows'
 * names, before any section or in [*] ([bulkhead] is the same). 0, ERR_NOMEM
 * or ERR_INVALID with "file:line: ..." in f for the first bad line. */
int ini_read(struct settings *s, const char *file, struct str text,
    struct fail *f) MUST_CHECK;

/* The same for the file at path; ERR_FILE if it cannot be read. */
int ini_read_file(struct settings *s, const char *path, struct fail *f)
    MUST_CHECK;

#endif
