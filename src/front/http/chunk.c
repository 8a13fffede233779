#include "front/http/chunk.h"

#include "json/write.h"

#define HEAD_MAX 32768u
#define PUT(out, literal) buf_put(out, literal, sizeof(literal) - 1)

static const char *const objects[2][2] = {
	{ "text_completion", "text_completion" },
	{ "chat.completion", "chat.completion.chunk" },
};

void
chunk_init(struct chunk_form *f, bool is_chat, bool is_stream,
    const struct chunk_names *names)
{
	struct json_out o;

	f->is_chat = is_chat;
	buf_init(&f->head, HEAD_MAX);
	o = json_out(&f->head);
	json_open(&o, '{');
	json_key_str(&o, "id", names->id);
	json_key_cstr(&o, "object", objects[is_chat][is_stream]);
	json_key_i64(&o, "created", names->created);
	json_key_str(&o, "model", names->model);
	PUT(&f->head, ",\"system_fingerprint\":\"bulkhead-");
	json_put_escaped(&f->head, names->version);
	PUT(&f->head, "\",\"choices\":[");
}

void
chunk_done(struct chunk_form *f)
{
	buf_done(&f->head);
}

static void
begin(const struct chunk_form *f, struct buf *out, uint32_t index)
{
	PUT(out, "data: ");
	buf_put_str(out, buf_str(&f->head));
	PUT(out, "{\"index\":");
	json_put_u64(out, index);
}

static void
put_probs(struct buf *out, struct str probs)
{
	PUT(out, ",\"logprobs\":");
	buf_put_str(out, probs.n > 0 ? probs : STR("null"));
}

void
chunk_role(const struct chunk_form *f, struct buf *out, uint32_t index)
{
	begin(f, out, index);
	PUT(out,
	    ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
	    "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
}

void
chunk_text(const struct chunk_form *f, struct buf *out, uint32_t index,
    struct str text, struct str probs)
{
	begin(f, out, index);
	if (f->is_chat)
		PUT(out, ",\"delta\":{\"content\":\"");
	else
		PUT(out, ",\"text\":\"");
	json_put_escaped(out, text);
	if (f->is_chat)
		PUT(out, "\"}");
	else
		PUT(out, "\"");
	put_probs(out, probs);
	PUT(out, ",\"finish_reason\":null}]}\n\n");
}

static double
ms_of(uint64_t us)
{
	return (double)us / 1000.0;
}

static double
per_second(uint32_t n, uint64_t us)
{
	return us == 0 ? 0.0 : (double)n * 1e6 / (double)us;
}

/* llama-server's "timings". */
static void
put_times(struct buf *out, const struct chunk_times *t)
{
	buf_printf(out,
	    ",\"timings\":{\"prompt_n\":%u,\"prompt_ms\":%.3f,"
	    "\"prompt_per_second\":%.3f,\"predicted_n\":%u,"
	    "\"predicted_ms\":%.3f,\"predicted_per_second\":%.3f}",
	    t->n_prompt, ms_of(t->prefill_us),
	    per_second(t->n_prompt, t->prefill_us), t->n_out,
	    ms_of(t->decode_us), per_second(t->n_out, t->decode_us));
}

void
chunk_finish(const struct chunk_form *f, struct buf *out, uint32_t index,
    const char *reason, const struct chunk_times *times)
{
	begin(f, out, index);
	if (f->is_chat)
		PUT(out, ",\"delta\":{}");
	else
		PUT(out, ",\"text\":\"\"");
	PUT(out, ",\"logprobs\":null,\"finish_reason\":");
	json_put_cstr(out, reason);
	PUT(out, "}]");
	if (times != NULL)
		put_times(out, times);
	PUT(out, "}\n\n");
}

static void
put_usage(struct buf *out, const struct chunk_counts *u)
{
	struct json_out o = json_out(out);

	PUT(out, ",\"usage\":");
	json_open(&o, '{');
	json_key_u64(&o, "prompt_tokens", u->prompt);
	json_key_u64(&o, "completion_tokens", u->output);
	json_key_u64(&o, "total_tokens", u->prompt + u->output);
	json_close(&o, '}');
}

void
chunk_usage(const struct chunk_form *f, struct buf *out,
    const struct chunk_counts *counts)
{
	PUT(out, "data: ");
	buf_put_str(out, buf_str(&f->head));
	PUT(out, "]");
	put_usage(out, counts);
	PUT(out, "}\n\n");
}

void
chunk_open(const struct chunk_form *f, struct buf *out)
{
	buf_put_str(out, buf_str(&f->head));
}

void
chunk_whole(const struct chunk_form *f, struct buf *out, uint32_t index,
    struct str text, struct str probs, const char *reason)
{
	if (index > 0)
		PUT(out, ",");
	PUT(out, "{\"index\":");
	json_put_u64(out, index);
	if (f->is_chat)
		PUT(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
	else
		PUT(out, ",\"text\":");
	json_put_str(out, text);
	if (f->is_chat)
		PUT(out, ",\"refusal\":null}");
	put_probs(out, probs);
	PUT(out, ",\"finish_reason\":");
	json_put_cstr(out, reason);
	PUT(out, "}");
}

void
chunk_close(struct buf *out, const struct chunk_counts *counts,
    const struct chunk_times *times)
{
	PUT(out, "]");
	put_usage(out, counts);
	if (times != NULL)
		put_times(out, times);
	PUT(out, "}");
}
