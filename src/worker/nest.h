/*
 * nest - how deeply brackets nest in a text, without parsing it.
 *
 * llama.cpp reads schemas, grammars and templates by recursion without a
 * limit. What nests deeper than a limit here is refused before it is read.
 */
#ifndef WORKER_NEST_H
#define WORKER_NEST_H

#include "base/buf.h"

/* Objects and arrays of a JSON text. */
size_t nest_json(struct str text);

/* Groups of a GBNF grammar; literals, classes and comments are skipped. */
size_t nest_gbnf(struct str text);

/* Blocks and brackets of a Jinja template; comments and literals count too,
 * so this is an upper bound. */
size_t nest_jinja(struct str text);

#endif
