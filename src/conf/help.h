/*
 * help - what a table of settings says to people.
 */
#ifndef CONF_HELP_H
#define CONF_HELP_H

#include "conf/setting.h"

#include <stdio.h>

/* The rows for people: those of one screen, or all with their ranges and
 * variables. */
void settings_help(const struct setting *rows, size_t n, bool all, FILE *out);

/* The rows as a list for a manual page, in man(7)'s language. */
void settings_manual(const struct setting *rows, size_t n, FILE *out);

#endif
