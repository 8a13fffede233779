/*
 * value - the text of one setting, read into its value and back.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/setting.h"

/* Reads text as the row's kind into *ret (its type, see SETTING_KINDS). STR is
 * copied, to be freed by the caller who frees what was there; STRS appends.
 * 0, ERR_NOMEM, or ERR_INVALID with "where: must be ..., not ..." in f. */
int value_read(const struct setting *row, const char *where, const char *text,
    void *ret, struct fail *f) MUST_CHECK;

/* Writes "1 to 65535", in the row's own units, at most n bytes with the NUL;
 * nothing for kinds without a range. */
void value_range(const struct setting *row, char *ret, size_t n);

/* Copies the value into *ret, which is empty. 0 or ERR_NOMEM. */
int value_copy(const struct setting *row, const void *value, void *ret)
    MUST_CHECK;

void value_swap(const struct setting *row, void *a, void *b);

bool value_is_same(const struct setting *row, const void *a, const void *b);

/* Frees what a STR or STRS holds, and empties it. */
void value_free(const struct setting *row, void *value);

#endif
