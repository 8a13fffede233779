#include "rows.h"

#include <stdio.h>

#define WIDTH 4

#ifndef FAKE_WITHOUT_SOME
rkllm_set_cross_attn_params_fn rkllm_set_cross_attn_params;

int
rkllm_set_cross_attn_params(void *handle, struct rkllm_cross_attn_param *p)
{
	struct fake *f = handle;
	int last = p->num_tokens - 1;

	if (!f->param.extend_param.use_cross_attn)
		return -1;
	(void)snprintf(f->cross, sizeof(f->cross),
	    "cross=%d:%g..%g:%g..%g:%g..%g:%d..%d ", p->num_tokens,
	    (double)p->encoder_k_cache[0],
	    (double)p->encoder_k_cache[2 * last + 1],
	    (double)p->encoder_v_cache[0],
	    (double)p->encoder_v_cache[2 * last + 1],
	    (double)p->encoder_mask[0], (double)p->encoder_mask[last],
	    p->encoder_pos[0], p->encoder_pos[last]);
	return 0;
}
#endif

/* As 1.3.0 has them; before, init had what is around them. */
struct images {
	const float *rows;
	size_t n, width, height;
	const char *start, *content, *end;
};

#if FAKE_LAYOUT == 13
static struct images
images_of(const struct PARAM *p, const struct INPUT *in)
{
	const struct rkllm13_multimodal_input *m = &in->multimodal_input;

	(void)p;
	return (struct images){ m->image.image_embed,
		m->image.n_image * m->image.n_image_tokens,
		m->image.image_width, m->image.image_height,
		m->image.image_start, m->image.image_content,
		m->image.image_end };
}
#else
static struct images
images_of(const struct PARAM *p, const struct INPUT *in)
{
	const struct rkllm12_multimodal_input *m = &in->multimodal_input;

	return (struct images){ m->image_embed, m->n_image * m->n_image_tokens,
		m->image_width, m->image_height, p->img_start, p->img_content,
		p->img_end };
}
#endif

int
rows_read(const struct INPUT *in, char *ret, size_t n)
{
	const struct PARAM none = { .top_k = 0 };

	if (in->input_type == RKLLM_IN_MULTIMODAL) {
		(void)snprintf(ret, n, "%s", in->multimodal_input.prompt);
		return (int)images_of(&none, in).n;
	}
	(void)snprintf(
	    ret, n, "params tokens %g", (double)in->embed_input.embed[0]);
	return (int)in->embed_input.n_tokens;
}

void
rows_describe(const struct fake *f, const struct INPUT *in, char *ret, size_t n)
{
	struct images im;
	int at = 0;

	ret[0] = '\0';
	if (in->input_type == RKLLM_IN_EMBED)
		at = snprintf(ret, n, "embed=%zu:%g..%g ",
		    in->embed_input.n_tokens, (double)in->embed_input.embed[0],
		    (double)in->embed_input
			.embed[WIDTH * in->embed_input.n_tokens - 1]);
	if (in->input_type == RKLLM_IN_MULTIMODAL) {
		im = images_of(&f->param, in);
		at = snprintf(ret, n, "images=%zu:%zux%zu:%s%s%s:%g..%g ", im.n,
		    im.width, im.height, im.start, im.content, im.end,
		    (double)im.rows[0], (double)im.rows[WIDTH * im.n - 1]);
	}
	(void)snprintf(ret + at, n - (size_t)at, "%s", f->cross);
}
