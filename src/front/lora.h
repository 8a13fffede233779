/*
 * lora - the adapters of a model, for those who ask which there are.
 */
#ifndef FRONT_LORA_H
#define FRONT_LORA_H

#include "json/write.h"
#include "wire/msg.h"

/* [{"id":0,"path":"/x/y.gguf","scale":1}, ...]: the scale is that of requests
 * that name none. */
void lora_put(struct json_out *o, const struct model_state *s);

#endif
