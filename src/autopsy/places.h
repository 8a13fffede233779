/*
 * places - where files are that may be parsed.
 *
 * The dead process wrote the names of its files, and may have been anybody's
 * by then. A file is read only where users cannot put theirs: in the system's
 * folders, and beside our own program. A model is in none of them.
 */
#ifndef AUTOPSY_PLACES_H
#define AUTOPSY_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#define PLACES_MAX 8u

/* The folders, each with a slash at its end. They are looked for once, at the
 * first call of any function here, while paths can still be followed. Returns
 * how many. */
size_t places_list(const char *ret[PLACES_MAX]);

/* Whether the path, as the kernel wrote it, is of a file in one of them. */
bool places_have(const char *path);

#endif
