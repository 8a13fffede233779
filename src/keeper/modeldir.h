/*
 * modeldir - which files of a folder are models.
 */
#ifndef KEEPER_MODELDIR_H
#define KEEPER_MODELDIR_H

#include "base/err.h"

/* Names the files of dir that end in .gguf or .rkllm and are no folders, sorted; hidden
 * ones are passed over. *ret is freed with modeldir_free(). 0, ERR_NOMEM, or
 * ERR_FILE with the path and the reason in f. */
int modeldir_read(const char *dir, char ***ret, size_t *ret_n, struct fail *f)
    MUST_CHECK;

void modeldir_free(char **paths, size_t n);

#endif
