/*
 * lora - the adapters of a model, for those who ask which there are.
 */
#ifndef FRONT_LORA_H
#define FRONT_LORA_H

#include "json/write.h"
#include "wire/msg.h"

struct model;

/* [{"id":0,"path":"/x/y.gguf","scale":1}, ...]: the scale is that of requests
 * that name none. */
void lora_put(struct json_out *o, const struct model_state *s);

/* From now on they are those in scales, one for each of m's, for who names none;
 * the keeper is told, so that the next front knows it too. */
void lora_set(struct model *m, const float *scales);

#endif
