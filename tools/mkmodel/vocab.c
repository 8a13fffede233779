#include "vocab.h"
#include "rng.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_MAX 24u /* bytes of a piece, its NUL included */

/* gguf's llama token types: llama.h, enum llama_token_type. */
enum kind {
	KIND_NORMAL = 1,
	KIND_UNKNOWN = 2,
	KIND_CONTROL = 3,
	KIND_BYTE = 6
};

static const char space[] = "\xe2\x96\x81"; /* U+2581, SentencePiece's blank */

static const char chat_template[] =
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content"
    " + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|im_start|>assistant\\n' }}"
    "{%- endif %}";

struct vocab {
	char (*text)[PIECE_MAX];
	const char **ptr; /* text[i], as gguf wants it */
	float *score;
	int32_t *kind;
	uint32_t n, max;
	uint32_t *slots; /* open hash of index + 1; finds doubles */
	uint32_t n_slots;
};

static void
vocab_done(struct vocab *v)
{
	free(v->text);
	free(v->ptr);
	free(v->score);
	free(v->kind);
	free(v->slots);
}

static int
vocab_init(struct vocab *v, uint32_t max)
{
	*v = (struct vocab){ .max = max, .n_slots = 4 };
	while (v->n_slots < 2 * max)
		v->n_slots *= 2;
	v->text = calloc(max, sizeof(*v->text));
	v->ptr = calloc(max, sizeof(*v->ptr));
	v->score = calloc(max, sizeof(*v->score));
	v->kind = calloc(max, sizeof(*v->kind));
	v->slots = calloc(v->n_slots, sizeof(*v->slots));
	if (v->text == NULL || v->ptr == NULL || v->score == NULL ||
	    v->kind == NULL || v->slots == NULL) {
		vocab_done(v);
		return -1;
	}
	return 0;
}

/* Adds a piece if it is new, fits and there is room. */
static bool
add(struct vocab *v, const char *text, enum kind kind)
{
	uint32_t at = (uint32_t)rng_stream(0, text) & (v->n_slots - 1);

	if (v->n == v->max || strlen(text) >= PIECE_MAX)
		return false;
	for (; v->slots[at] != 0; at = (at + 1) & (v->n_slots - 1))
		if (strcmp(v->text[v->slots[at] - 1], text) == 0)
			return false;
	v->slots[at] = v->n + 1;
	strcpy(v->text[v->n], text);
	v->ptr[v->n] = v->text[v->n];
	/* Earlier pieces merge first, as in a trained vocabulary. */
	v->score[v->n] = kind == KIND_NORMAL ? -(float)v->n : 0;
	v->kind[v->n] = (int32_t)kind;
	v->n++;
	return true;
}

static void
add_characters(struct vocab *v)
{
	add(v, space, KIND_NORMAL);
	for (int c = '!'; c <= '~'; c++)
		add(v, (char[]){ (char)c, '\0' }, KIND_NORMAL);
}

static void
add_syllables(struct vocab *v)
{
	static const char first[] = "bcdfghjklmnprstvw";
	static const char vowel[] = "aeiou";

	for (const char *a = first; *a != '\0'; a++)
		for (const char *b = vowel; *b != '\0'; b++)
			add(v, (char[]){ *a, *b, '\0' }, KIND_NORMAL);
}

/* Glue earlier pieces at random until all are there. The blank is only glued
 * in front; a third of the pieces begin a word. */
static void
add_words(struct vocab *v, uint32_t first, uint64_t seed)
{
	uint64_t stream = rng_stream(seed, "vocab");
	uint32_t begin = first + 1 + '~' - '!' + 1; /* past the characters */
	char text[2 * PIECE_MAX];

	for (uint64_t i = 0; v->n < v->max; i++) {
		uint64_t r = rng_at(stream, i);
		uint32_t a = begin + (uint32_t)(r >> 32) % (v->n - begin);
		uint32_t b = begin + (uint32_t)r % (v->n - begin);
		const char *left = i % 3 == 0 ? space : v->text[a];

		if (strncmp(v->text[b], space, strlen(space)) == 0)
			continue;
		strcpy(text, left);
		strcat(text, v->text[b]);
		add(v, text, KIND_NORMAL);
	}
}

static void
write_arrays(const struct vocab *v, struct gguf_context *g)
{
	gguf_set_arr_str(g, "tokenizer.ggml.tokens", v->ptr, v->n);
	gguf_set_arr_data(
	    g, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, v->score, v->n);
	gguf_set_arr_data(
	    g, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, v->kind, v->n);
}

static void
write_sentencepiece(
    struct vocab *v, const struct spec *s, struct gguf_context *g)
{
	char byte[8];

	add(v, "<unk>", KIND_UNKNOWN);
	add(v, "<s>", KIND_CONTROL);
	add(v, "</s>", KIND_CONTROL);
	for (unsigned c = 0; c < 256; c++) {
		snprintf(byte, sizeof(byte), "<0x%02X>", c);
		add(v, byte, KIND_BYTE);
	}
	add(v, "<|im_start|>", KIND_CONTROL);
	add(v, "<|im_end|>", KIND_CONTROL);
	add_characters(v);
	add_syllables(v);
	add_words(v, VOCAB_FIRST_TEXT, s->seed);

	gguf_set_val_str(g, "tokenizer.ggml.model", "llama");
	gguf_set_val_str(g, "tokenizer.ggml.pre", "default");
	write_arrays(v, g);
	gguf_set_val_u32(g, "tokenizer.ggml.unknown_token_id", 0);
	gguf_set_val_u32(g, "tokenizer.ggml.bos_token_id", 1);
	gguf_set_val_u32(g, "tokenizer.ggml.eos_token_id", 260);
	gguf_set_val_bool(g, "tokenizer.ggml.add_bos_token", true);
	gguf_set_val_bool(g, "tokenizer.ggml.add_eos_token", false);
	gguf_set_val_bool(g, "tokenizer.ggml.add_space_prefix", false);
	gguf_set_val_str(g, "tokenizer.chat_template", chat_template);
}

/* Bytes that no text has stand for them. */
static void
write_infill(const struct spec *s, struct gguf_context *g)
{
	static const char *const names[] = { "fim_pre", "fim_suf", "fim_mid",
		"fim_rep", "fim_sep" };
	uint32_t n = s->infill == 0 ? 0 : s->infill == 1 ? 3 : 5;
	char key[64];

	for (uint32_t i = 0; i < n; i++) {
		snprintf(
		    key, sizeof(key), "tokenizer.ggml.%s_token_id", names[i]);
		gguf_set_val_u32(g, key, 4 + i);
	}
}

/* llama.cpp writes the start of a word as a blank and drops the ## of the
 * middle, so the pieces are those of SentencePiece. */
static void
write_wordpiece(struct vocab *v, const struct spec *s, struct gguf_context *g)
{
	static const char *const control[] = { "[PAD]", "[UNK]", "[CLS]",
		"[SEP]", "[MASK]" };

	for (size_t i = 0; i < 5; i++)
		add(v, control[i], KIND_CONTROL);
	add_characters(v);
	add_syllables(v);
	add_words(v, 5, s->seed);

	gguf_set_val_str(g, "tokenizer.ggml.model", "bert");
	gguf_set_val_str(g, "tokenizer.ggml.pre", "default");
	write_arrays(v, g);
	gguf_set_val_u32(g, "tokenizer.ggml.token_type_count", 2);
	gguf_set_val_u32(g, "tokenizer.ggml.padding_token_id", 0);
	gguf_set_val_u32(g, "tokenizer.ggml.unknown_token_id", 1);
	gguf_set_val_u32(g, "tokenizer.ggml.bos_token_id", 2);
	gguf_set_val_u32(g, "tokenizer.ggml.cls_token_id", 2);
	gguf_set_val_u32(g, "tokenizer.ggml.seperator_token_id", 3);
	gguf_set_val_u32(g, "tokenizer.ggml.mask_token_id", 4);
}

int
vocab_write(const struct spec *s, struct gguf_context *g)
{
	struct vocab v;

	if (vocab_init(&v, s->vocab) != 0)
		return -1;
	if (s->arch->is_causal)
		write_sentencepiece(&v, s, g);
	else
		write_wordpiece(&v, s, g);
	write_infill(s, g);
	vocab_done(&v);
	return 0;
}
