/*
 * model - write a whole model, or an adapter for one.
 */
#ifndef MKMODEL_MODEL_H
#define MKMODEL_MODEL_H

#include "spec.h"

/* Writes the model that s describes; s has passed spec_check(). 0, or -1
 * after saying why on stderr. Needs room for an f16 copy beside path if the
 * type is a quantized one. */
int model_write(const struct spec *s, const char *path);

/* Writes a LoRA adapter for every layer matrix of the model at base.
 * rank: 1 or more. alpha: its strength; alpha / rank scales it. */
int lora_write(const char *base, uint32_t rank, float alpha, uint64_t seed,
    const char *path);

#endif
