/*
 * modeldir - which files of a folder are models.
 *
 * A *.gguf or *.rkllm file is one, called by its name without the suffix. Files
 * x-00001-of-00003.gguf and so on are one, called x. A folder in it holds one
 * model, called as the folder; or several, called folder/name. A file whose name
 * holds "mmproj" is no model, but in a folder it belongs to those beside it; nor
 * is a draft model. Hidden files and folders are passed over.
 */
#ifndef KEEPER_MODELDIR_H
#define KEEPER_MODELDIR_H

#include "base/err.h"

struct dirmodel {
	char *name;
	char *path;	  /* of its first part */
	char *mmproj;	  /* beside it, or NULL */
	uint32_t n_parts; /* 1: it is whole */
	uint32_t missing; /* number of the first part that is not there; or 0 */
};

struct dirmodels {
	struct dirmodel *v; /* by name */
	size_t n;
};

/* 0; ERR_NOMEM; or ERR_FILE with the path and the reason in f. A folder in it
 * that cannot be read is passed over with a warning. modeldir_free() in any
 * case. */
int modeldir_read(const char *dir, struct dirmodels *ret, struct fail *f)
    MUST_CHECK;

void modeldir_free(struct dirmodels *all);

#endif
