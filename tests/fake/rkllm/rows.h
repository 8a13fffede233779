/*
 * rows - of the fake librkllmrt, what is made of numbers: embeddings, images, an
 * encoder's keys and values. A prompt with "params" tells what came of it.
 *
 * A row has 4 numbers, a token of an encoder 2 in each cache. Rows alone are the
 * prompt "params tokens N", N being their first number.
 */
#ifndef FAKE_RKLLM_ROWS_H
#define FAKE_RKLLM_ROWS_H

#include "fake.h"

#include <stddef.h>

/* Input that has some. ret: the text; how many tokens the rest is. */
int rows_read(const struct INPUT *in, char *ret, size_t n);

/* All that there was, or "". */
void rows_describe(
    const struct fake *f, const struct INPUT *in, char *ret, size_t n);

#endif
