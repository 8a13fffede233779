/*
 * float - the shortest decimal text that reads back as the same number.
 *
 * Always with a point or an exponent ("1.0", "1e-7"), always valid JSON: NaN
 * and the infinities are "null".
 */
#ifndef JSON_FLOAT_H
#define JSON_FLOAT_H

#include <stddef.h>

/* Bytes that any of them needs. */
#define JSON_FLOAT_SIZE 40

/* Returns the length; the text is not terminated. */
size_t json_f32_text(float v, char out[JSON_FLOAT_SIZE]);
size_t json_f64_text(double v, char out[JSON_FLOAT_SIZE]);

#endif
