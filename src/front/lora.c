#include "front/lora.h"

void
lora_put(struct json_out *o, const struct model_state *s)
{
	struct cursor paths = strs_walk(s->adapters);
	struct str path;

	json_open(o, '[');
	for (uint32_t i = 0; strs_next(&paths, &path) && i < s->scales.n; i++) {
		json_item(o);
		json_open(o, '{');
		json_key_u64(o, "id", i);
		json_key_str(o, "path", path);
		json_key_f32(o, "scale", s->scales.p[i].bias);
		json_close(o, '}');
	}
	json_close(o, ']');
}
