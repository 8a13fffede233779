/*
 * Theory: counts that clients send beside arrays are for C, where an array does
 * not know its length; here they are checked. What a row of embeddings has, the
 * model says, or where its engine cannot tell, the client's counts; where an image's rows go in the prompt, its worker finds out,
 * after the chat template.
 */
#include "front/rpc/input.h"
#include "wire/i32s.h"

#include "json/read.h"

struct input {
	struct str role;
	bool enable_thinking;
	uint8_t input_type; /* enum rkllm_input_type */
	struct str prompt_input;
	const struct json_value *token_input;
	const struct json_value *embed_input;
	const struct json_value *multimodal_input;
};

static const struct json_field input_fields[] = {
	FIELD(STR, input, , role, 0, 0, NAME_BYTES),
	FIELD(BOOL, input, , enable_thinking, JSON_01, 0, 0),
	FIELD(U8, input, , input_type, 0, 0, RKLLM_INPUT_MULTIMODAL),
	FIELD(STR, input, , prompt_input, 0, 0, 0),
	FIELD(OBJECT, input, , token_input, 0, 0, 0),
	FIELD(OBJECT, input, , embed_input, 0, 0, 0),
	FIELD(OBJECT, input, , multimodal_input, 0, 0, 0),
};

struct tokens {
	const struct json_value *input_ids;
	uint64_t n_tokens;
};

static const struct json_field tokens_fields[] = {
	{ "input_ids", JSON_TO_ARRAY, offsetof(struct tokens, input_ids),
	    JSON_REQUIRED, 1, TOKENS_MAX, NULL },
	FIELD(U64, tokens, , n_tokens, 0, 0, TOKENS_MAX),
};

struct embed {
	const struct json_value *embed;
	uint64_t n_tokens;
};

static const struct json_field embed_fields[] = {
	{ "embed", JSON_TO_ARRAY, offsetof(struct embed, embed), JSON_REQUIRED,
	    1, TOKENS_MAX, NULL },
	FIELD(U64, embed, , n_tokens, 0, 1, TOKENS_MAX),
};

struct images {
	struct str prompt;
	const struct json_value *image_embed;
	uint64_t n_image_tokens; /* of each; UINT64_MAX: as many as there are */
	uint64_t n_image;
	uint64_t image_width; /* of no use to libllama */
	uint64_t image_height;
	struct str image_start;
	struct str image_end;
	struct str image_content;
	const struct json_value *image; /* since 1.3.0 they are in there */
	const struct json_value *video;
};

#define SIDE_MAX (1 << 24) /* pixels */

#define IMAGE_FIELDS                                                \
	FIELD(ARRAY, images, , image_embed, 0, 1, TOKENS_MAX),      \
	    FIELD(U64, images, , n_image_tokens, 0, 1, TOKENS_MAX), \
	    FIELD(U64, images, , n_image, 0, 1, TOKENS_MAX),        \
	    FIELD(U64, images, , image_width, 0, 0, SIDE_MAX),      \
	    FIELD(U64, images, , image_height, 0, 0, SIDE_MAX),     \
	    FIELD(STR, images, , image_start, 0, 0, NAME_BYTES),    \
	    FIELD(STR, images, , image_end, 0, 0, NAME_BYTES),      \
	    FIELD(STR, images, , image_content, 0, 0, NAME_BYTES)

static const struct json_field images_fields[] = {
	{ "prompt", JSON_TO_STR, offsetof(struct images, prompt), JSON_REQUIRED,
	    0, 0, NULL },
	IMAGE_FIELDS,
	FIELD(OBJECT, images, , image, 0, 0, 0),
	FIELD(OBJECT, images, , video, 0, 0, 0),
};

static const struct json_field image_fields[] = { IMAGE_FIELDS };

const struct shape shape_input = SHAPE(input_fields);
static const struct shape shape_tokens = SHAPE(tokens_fields);
static const struct shape shape_embed = SHAPE(embed_fields);
static const struct shape shape_images = SHAPE(images_fields);
static const struct shape shape_image = SHAPE(image_fields);

static int
missing(const char *field, unsigned type, struct fail *f)
{
	return fail_set(f, ERR_INVALID, field,
	    "%s: missing; input_type %u needs it", field, type);
}

static int
read_prompt(const struct submit *from, const struct input *in,
    struct submit_mem *mem, struct gen_submit *ret, struct fail *f)
{
	const struct style_said said = { in->role, in->prompt_input,
		in->enable_thinking };

	if (in->prompt_input.p == NULL)
		return missing("prompt_input", in->input_type, f);
	return style_message(from->style, &said, &mem->text, ret);
}

static int
put_token(struct buf *to, const struct json_value *v, size_t at, struct fail *f)
{
	char sent[JSON_SHOW_SIZE];
	int64_t id;

	if (!json_i64(v, &id) || id < 0 || id > INT32_MAX)
		return fail_set(f, ERR_INVALID, "token_input.input_ids",
		    "token_input.input_ids[%zu]: must be a token id, a whole "
		    "number from 0, not %s",
		    at, json_show(v, sent));
	buf_put_i32(to, (int32_t)id);
	return 0;
}

static int
read_tokens(const struct submit *from, const struct input *in,
    struct submit_mem *mem, struct gen_submit *ret, struct fail *f)
{
	struct tokens t = { .n_tokens = UINT64_MAX };
	const struct json_value *v;
	struct json_iter it;
	size_t n = 0;
	int err;

	if (in->token_input == NULL)
		return missing("token_input", in->input_type, f);
	err = fields_read_inner(
	    from->input, in->token_input, "token_input.", &shape_tokens, &t, f);
	if (err != 0)
		return err;
	if (t.n_tokens != UINT64_MAX && t.n_tokens != json_count(t.input_ids))
		return fail_set(f, ERR_INVALID, "token_input.n_tokens",
		    "token_input.n_tokens: is %llu, but input_ids has %zu",
		    (unsigned long long)t.n_tokens, json_count(t.input_ids));
	err = msg_check_length("token_input.input_ids", "",
	    json_count(t.input_ids), from->n_ctx, f);
	it = json_iter(t.input_ids);
	while (err == 0 && json_next(&it, NULL, &v))
		err = put_token(&mem->numbers, v, n++, f);
	if (err == 0)
		err = buf_err(&mem->numbers);
	ret->input = INPUT_TOKENS;
	ret->tokens = i32s_in(&mem->numbers);
	return err;
}

static int
check_rows(const struct submit *from, size_t n, uint64_t n_rows,
    const char *field, struct fail *f)
{
	if (from->any_embd && n_rows == 0)
		return fail_set(f, ERR_INVALID, field,
		    "%s: this model's engine needs to be told how many tokens "
		    "it is",
		    field);
	if (from->any_embd && n % n_rows != 0)
		return fail_set(f, ERR_INVALID, field,
		    "%s: has %zu numbers, which %llu tokens do not divide",
		    field, n, (unsigned long long)n_rows);
	if (from->any_embd)
		return 0;
	if (from->n_embd == 0)
		return fail_set(f, ERR_UNSUPPORTED, field,
		    "%s: this model takes no embeddings", field);
	if (n == n_rows * from->n_embd)
		return 0;
	if (n % from->n_embd != 0)
		return fail_set(f, ERR_INVALID, field,
		    "%s: has %zu numbers, which are no whole rows of %u, as "
		    "this model has them",
		    field, n, from->n_embd);
	return fail_set(f, ERR_INVALID, field,
	    "%s: has %zu numbers, but %llu tokens of this model are %llu, %u "
	    "each",
	    field, n, (unsigned long long)n_rows,
	    (unsigned long long)n_rows * from->n_embd, from->n_embd);
}

/* An array of as many rows as are wanted, each as long as the model has them.
 */
static int
read_rows(const struct submit *from, const struct json_value *array,
    uint64_t n_rows, const char *field, struct submit_mem *mem,
    struct gen_submit *ret, struct fail *f)
{
	size_t n = json_count(array);
	int err;

	if (check_rows(from, n, n_rows, field, f) != 0)
		return f->code;
	err = fields_put_floats(&mem->numbers, array, field, f);
	ret->embeds = buf_str(&mem->numbers);
	ret->n_row = n_rows > 0 ? (uint32_t)(n / n_rows) : 0;
	return err;
}

/* How many rows an array has where the client does not say. */
static uint64_t
count_rows(const struct submit *from, const struct json_value *array)
{
	return from->n_embd == 0 ? 0 : json_count(array) / from->n_embd;
}

static int
read_embed(const struct submit *from, const struct input *in,
    struct submit_mem *mem, struct gen_submit *ret, struct fail *f)
{
	struct embed e = { .n_tokens = 0 };
	int err;

	if (in->embed_input == NULL)
		return missing("embed_input", in->input_type, f);
	err = fields_read_inner(
	    from->input, in->embed_input, "embed_input.", &shape_embed, &e, f);
	if (err != 0)
		return err;
	if (e.n_tokens == 0)
		e.n_tokens = count_rows(from, e.embed);
	ret->input = INPUT_EMBEDS;
	return read_rows(
	    from, e.embed, e.n_tokens, "embed_input.embed", mem, ret, f);
}

static int
check_images(const struct images *in, struct fail *f)
{
	if (in->video != NULL)
		return fail_set(f, ERR_UNSUPPORTED, "multimodal_input.video",
		    "multimodal_input.video: this engine takes images only");
	if (in->image_embed == NULL)
		return fail_set(f, ERR_INVALID, "multimodal_input.image_embed",
		    "multimodal_input.image_embed: is required");
	return 0;
}

/* The input's own marks, or those of init. */
static void
use_marks(
    const struct submit *from, const struct images *in, struct gen_submit *ret)
{
	ret->image_start =
	    in->image_start.n > 0 ? in->image_start : from->param->img_start;
	ret->image_end =
	    in->image_end.n > 0 ? in->image_end : from->param->img_end;
	ret->image_mark = in->image_content.n > 0 ? in->image_content
						  : from->param->img_content;
}

static int
read_images(const struct submit *from, const struct input *in,
    struct submit_mem *mem, struct gen_submit *ret, struct fail *f)
{
	struct images im = { .n_image = 1 };
	struct style_said said = { in->role, STR(""), in->enable_thinking };
	int err;

	if (in->multimodal_input == NULL)
		return missing("multimodal_input", in->input_type, f);
	err = fields_read_inner(from->input, in->multimodal_input,
	    "multimodal_input.", &shape_images, &im, f);
	if (err == 0)
		err = fields_read_inner(from->input, im.image,
		    "multimodal_input.image.", &shape_image, &im, f);
	if (err == 0)
		err = check_images(&im, f);
	if (err != 0)
		return err;
	if (im.n_image_tokens == 0)
		im.n_image_tokens =
		    count_rows(from, im.image_embed) / im.n_image;
	ret->n_images = (uint32_t)im.n_image;
	ret->n_image_embeds = (uint32_t)im.n_image_tokens;
	ret->image_width = (uint32_t)im.image_width;
	ret->image_height = (uint32_t)im.image_height;
	use_marks(from, &im, ret);
	err = read_rows(from, im.image_embed, im.n_image * im.n_image_tokens,
	    "multimodal_input.image_embed", mem, ret, f);
	said.text = im.prompt;
	return err != 0 ? err
			: style_message(from->style, &said, &mem->text, ret);
}

int
input_read(const struct submit *from, struct submit_mem *mem,
    struct gen_submit *ret, struct fail *f)
{
	static int (*const types[])(const struct submit *, const struct input *,
	    struct submit_mem *, struct gen_submit *, struct fail *) = {
		[RKLLM_INPUT_PROMPT] = read_prompt,
		[RKLLM_INPUT_TOKEN] = read_tokens,
		[RKLLM_INPUT_EMBED] = read_embed,
		[RKLLM_INPUT_MULTIMODAL] = read_images,
	};
	struct input in = { 0 };
	int err = fields_read(from->input, &shape_input, &in, f);

	return err != 0 ? err : types[in.input_type](from, &in, mem, ret, f);
}
