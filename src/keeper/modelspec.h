/*
 * modelspec - what the configuration says of one model: its names, its file,
 * its settings.
 */
#ifndef KEEPER_MODELSPEC_H
#define KEEPER_MODELSPEC_H

#include "base/buf.h"
#include "base/list.h"
#include "conf/modelconf.h"
#include "conf/preset.h"
#include "wire/msg.h"

#define MODEL_FLAW_MAX 128u
#define MODEL_NAME_MAX 160u /* bytes, with the NUL */

struct modelspec {
	struct list link; /* in a catalog, or alone */
	enum model_source source;
	uint32_t order;		   /* in the catalog that it came in, from 0 */
	char name[MODEL_NAME_MAX]; /* what requests call it */
	char *path;
	char *mmproj;		   /* beside it, or NULL */
	uint32_t n_parts;	   /* of its file: 1, it is whole */
	char flaw[MODEL_FLAW_MAX]; /* why it cannot be served; or "" */
	struct modelconf conf;
	struct buf chat_template; /* instead of the model's own, or empty */
	struct buf aliases;	  /* struct strs, packed */
	struct buf tags;	  /* likewise */
};

/* Reads its settings out of base and preset (NULL: none), and the template that
 * they name. aliases: further names, with commas, or NULL. 0; ERR_NOMEM, or
 * ERR_FILE for a template that cannot be read. */
int modelspec_new(const struct conf *base, const struct preset *preset,
    enum model_source source, const char *path, const char *name,
    const char *aliases, struct modelspec **ret, struct fail *f) MUST_CHECK;

/* A client's, of the same file with the same settings. */
int modelspec_like(const struct modelspec *of, const char *name,
    struct modelspec **ret, struct fail *f) MUST_CHECK;

/* Further tags, with commas. 0 or ERR_NOMEM. */
int modelspec_tag(struct modelspec *s, const char *tags, struct fail *f)
    MUST_CHECK;

/* NULL is allowed; takes it out of its catalog. */
void modelspec_free(struct modelspec *s);

/* Whether a request that says name means it: its name, or one of its others. */
bool modelspec_answers(const struct modelspec *s, const char *name);

/* Whether a worker of one would serve as one of the other; lists may differ. */
bool modelspec_is_same(const struct modelspec *a, const struct modelspec *b);

/* Whether lists say the same of both. */
bool modelspec_is_listed_same(
    const struct modelspec *a, const struct modelspec *b);

#endif
