/*
 * logjson - a line of the log as a JSON object (--log-format json).
 *
 * "bulkhead-front[812] warn: text" becomes
 * {"time":...,"process":"bulkhead-front","pid":812,"level":"warn","text":...};
 * of an access line (front/http/access.h) each name=value is a member. It is
 * written here, by the keeper, and not by the process whose line it is: so none
 * can forge a member, let alone a line.
 */
#ifndef KEEPER_LOGJSON_H
#define KEEPER_LOGJSON_H

#include <stddef.h>

#define LOG_FORMAT_JSON 1u /* of --log-format */

/* For log_shape(). What does not fit is cut; a line is always whole JSON. */
size_t logjson_shape(const char *line, size_t n, char *out, size_t room);

#endif
