#include "front/http/embedform.h"

#include "json/write.h"

bool
embedform_has_one(enum embed_form f)
{
	return f != EMBED_LLAMA;
}

void
embedform_head(enum embed_form f, struct buf *out, struct str model)
{
	static const struct {
		const char *before, *behind; /* the model's name, if any */
	} heads[] = {
		[EMBED_OPENAI] = { "{\"object\":\"list\",\"model\":",
		    ",\"data\":[" },
		[EMBED_LLAMA] = { NULL, "[" },
		[EMBED_OLLAMA] = { "{\"model\":", ",\"embeddings\":[" },
		[EMBED_OLLAMA_ONE] = { NULL, "{\"embedding\":" },
	};

	if (heads[f].before != NULL) {
		buf_puts(out, heads[f].before);
		json_put_str(out, model);
	}
	buf_puts(out, heads[f].behind);
}

void
embedform_item_head(enum embed_form f, struct buf *out, uint32_t i)
{
	if (i > 0)
		buf_put_u8(out, ',');
	if (f == EMBED_OPENAI)
		buf_printf(out,
		    "{\"object\":\"embedding\",\"index\":%u,\"embedding\":", i);
	else if (f == EMBED_LLAMA)
		buf_printf(out, "{\"index\":%u,\"embedding\":[", i);
}

void
embedform_item_tail(enum embed_form f, struct buf *out, bool is_base64)
{
	if (f == EMBED_OPENAI)
		buf_puts(
		    out, is_base64 ? ",\"encoding_format\":\"base64\"}" : "}");
	else if (f == EMBED_LLAMA)
		buf_puts(out, "]}");
}

static void
put_usage(struct buf *out, const struct embed_cost *cost)
{
	buf_puts(out, "],\"usage\":{\"prompt_tokens\":");
	json_put_u64(out, cost->n_tokens);
	buf_puts(out, ",\"total_tokens\":");
	json_put_u64(out, cost->n_tokens);
	buf_puts(out, "}}");
}

/* Nobody tells how much of it was spent in waiting. */
static void
put_durations(struct buf *out, const struct embed_cost *cost)
{
	buf_puts(out, "],\"total_duration\":");
	json_put_u64(out, cost->us * 1000);
	buf_puts(out, ",\"load_duration\":0,\"prompt_eval_count\":");
	json_put_u64(out, cost->n_tokens);
	buf_puts(out, "}");
}

void
embedform_tail(
    enum embed_form f, struct buf *out, const struct embed_cost *cost)
{
	if (f == EMBED_OPENAI)
		put_usage(out, cost);
	else if (f == EMBED_OLLAMA)
		put_durations(out, cost);
	else
		buf_puts(out, f == EMBED_LLAMA ? "]" : "}");
}
