/*
 * access - a line for each request, once it is over (--access-log).
 *
 * Words of name=value; none has a space in it, so that a program can take them
 * apart (keeper/logjson.h does). There is no prompt, answer or key in it, nor
 * what stood behind the '?'.
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include <stdbool.h>

struct visit;

void access_note(const struct visit *v, bool is_whole);

#endif
