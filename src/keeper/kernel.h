/*
 * kernel - the small files in which the kernel answers, as text.
 */
#ifndef KEEPER_KERNEL_H
#define KEEPER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the file at name (below the folder dir, or AT_FDCWD) up to n - 1 bytes,
 * with an end. False, and an empty text, if it cannot be opened. */
bool kernel_read(int dir, const char *name, char *ret, size_t n);

/* The number after a key at the beginning of a line: "oom_kill 3". 0 without. */
uint64_t kernel_number(const char *text, const char *key);

#endif
