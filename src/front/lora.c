#include "front/lora.h"

#include "front/front.h"
#include "front/model.h"

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

void
lora_set(struct model *m, const float *scales)
{
	struct bias all[WORKER_ADAPTERS_MAX];
	struct model_scales told = { .model = m->state.model,
		.scales = { all, 0 } };
	/* Ours: it lies in m->mem. */
	struct bias *now = (struct bias *)(uintptr_t)m->state.scales.p;

	for (uint32_t i = 0; i < m->state.scales.n && i < WORKER_ADAPTERS_MAX;
	     i++) {
		now[i].bias = scales[i];
		all[told.scales.n++] = now[i];
	}
	front_tell(m->front, MSG_MODEL_SCALES, &told);
}
