/*
 * settings - the parameters of a generation, in llama-server's names.
 */
#ifndef HTTP_SETTINGS_H
#define HTTP_SETTINGS_H

#include "json/write.h"
#include "wire/msg.h"

/* What the record does not say. */
struct settings_about {
	bool is_whole; /* as in "generation_settings", with what may be long;
			* else as in /props and /slots */
	bool is_stream;
	bool timings_per_token;
	bool is_none; /* none was asked for: n_predict 0 */
};

/* An object. */
void settings_put(struct json_out *o, const struct gen_submit *g,
    const struct settings_about *about);

#endif
