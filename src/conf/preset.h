/*
 * preset - --models-preset: llama-server's file of models. A section is a
 * model's name, its keys are that model's settings; [*] is for all of them.
 *
 *	version = 1
 *	[*]
 *	ctx-size = 4096
 *	[my-model]
 *	model = /models/my.gguf
 *	LLAMA_ARG_N_GPU_LAYERS = 20
 *
 * A key is an option's long or short name or its variable. ';' and '#' begin a
 * comment at a line's beginning and behind white space. Nothing in it is run.
 */
#ifndef CONF_PRESET_H
#define CONF_PRESET_H

#include "base/buf.h"
#include "conf/modelconf.h"

#define PRESET_FILE_MAX (1024u * 1024)
#define PRESET_SECTIONS_MAX 1024u
#define PRESET_NAME_MAX 128u /* bytes of a section's name */

struct preset;

/* Reads text; file names it in messages. Every value is checked. 0, ERR_NOMEM,
 * or ERR_INVALID with "file:line: ..." in f for the first bad line. */
int preset_read(const char *file, struct str text, struct preset **ret,
    struct fail *f) MUST_CHECK;

/* The same for the file at path; ERR_FILE if it cannot be read. */
int preset_read_file(const char *path, struct preset **ret, struct fail *f)
    MUST_CHECK;

/* NULL is allowed here, and below: a preset without sections. */
void preset_free(struct preset *p);

/* Names of its sections but [*], in the file's order; NULL at the end. Where it
 * is: "file:line". */
const char *preset_section(const struct preset *p, size_t i);
const char *preset_where(const struct preset *p, size_t i, char *ret, size_t n);

/* Sets what [*] says, then what the section called name says, if there is one,
 * in c. 0 or ERR_NOMEM. */
int preset_apply(const struct preset *p, const char *name, struct modelconf *c,
    struct fail *f) MUST_CHECK;

#endif
