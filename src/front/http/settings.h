/*
 * settings - the parameters of a generation, in llama-server's names.
 */
#ifndef HTTP_SETTINGS_H
#define HTTP_SETTINGS_H

#include "json/write.h"
#include "wire/msg.h"

/* An object. is_whole: as in "generation_settings", with what may be long; else
 * as in /props and /slots. */
void settings_put(struct json_out *o, const struct gen_submit *g,
    bool is_stream, bool is_whole);

#endif
