#include "front/http/chunk.h"

#include "json/write.h"

#define PUT(out, literal) buf_put(out, literal, sizeof(literal) - 1)

static const char *const objects[2][2] = {
	{ "text_completion", "text_completion" },
	{ "chat.completion", "chat.completion.chunk" },
};

void
chunk_init(struct buf *head, bool is_chat, bool is_stream,
    const struct answer_names *names)
{
	struct json_out o = json_out(head);

	json_open(&o, '{');
	json_key_str(&o, "id", names->id);
	json_key_cstr(&o, "object", objects[is_chat][is_stream]);
	json_key_i64(&o, "created", names->created);
	json_key_str(&o, "model", names->model);
	PUT(head, ",\"system_fingerprint\":\"bulkhead-");
	json_put_escaped(head, names->version);
	PUT(head, "\",\"choices\":[");
}

static void
begin(const struct chunk_form *f, struct buf *out, uint32_t index)
{
	PUT(out, "data: ");
	buf_put_str(out, f->head);
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

static void
end(struct buf *out, struct str probs)
{
	put_probs(out, probs);
	PUT(out, ",\"finish_reason\":null}]}\n\n");
}

static void
put_text_delta(struct buf *out, const char *head, struct str text)
{
	buf_puts(out, head);
	json_put_escaped(out, text);
	PUT(out, "\"}");
}

void
chunk_text(const struct chunk_form *f, struct buf *out, uint32_t index,
    struct str text, struct str probs)
{
	begin(f, out, index);
	if (f->is_chat) {
		put_text_delta(out, ",\"delta\":{\"content\":\"", text);
	} else {
		PUT(out, ",\"text\":\"");
		json_put_escaped(out, text);
		PUT(out, "\"");
	}
	end(out, probs);
}

static void
put_call_delta(struct buf *out, const struct part *p)
{
	PUT(out, ",\"delta\":{\"tool_calls\":[{\"index\":");
	json_put_u64(out, p->call);
	if (p->kind == PART_CALL) {
		PUT(out, ",\"id\":");
		json_put_str(out, p->id);
		PUT(out, ",\"type\":\"function\",\"function\":{\"name\":");
		json_put_str(out, p->name);
		PUT(out, ",\"arguments\":\"");
	} else {
		PUT(out, ",\"function\":{\"arguments\":\"");
		json_put_escaped(out, p->text);
	}
	PUT(out, "\"}}]}");
}

void
chunk_part(const struct chunk_form *f, struct buf *out, uint32_t index,
    const struct part *p, struct str probs)
{
	begin(f, out, index);
	if (p->kind == PART_CONTENT)
		put_text_delta(out, ",\"delta\":{\"content\":\"", p->text);
	else if (p->kind == PART_REASONING)
		put_text_delta(
		    out, ",\"delta\":{\"reasoning_content\":\"", p->text);
	else
		put_call_delta(out, p);
	end(out, probs);
}

static void
put_times(struct buf *out, const struct choice_times *t)
{
	PUT(out, ",\"timings\":");
	times_put(out, t);
}

void
chunk_finish(const struct chunk_form *f, struct buf *out, uint32_t index,
    const char *reason, const struct choice_times *times)
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
put_usage(struct buf *out, const struct answer_counts *u)
{
	struct json_out o = json_out(out);

	PUT(out, ",\"usage\":");
	json_open(&o, '{');
	json_key_u64(&o, "prompt_tokens", u->prompt);
	json_key_u64(&o, "completion_tokens", u->output);
	json_key_u64(&o, "total_tokens", u->prompt + u->output);
	json_key(&o, "prompt_tokens_details");
	json_open(&o, '{');
	json_key_u64(&o, "cached_tokens", u->cached);
	json_close(&o, '}');
	json_close(&o, '}');
}

void
chunk_usage(const struct chunk_form *f, struct buf *out,
    const struct answer_counts *counts)
{
	PUT(out, "data: ");
	buf_put_str(out, f->head);
	PUT(out, "]");
	put_usage(out, counts);
	PUT(out, "}\n\n");
}

void
chunk_open(const struct chunk_form *f, struct buf *out)
{
	buf_put_str(out, f->head);
}

static void
put_calls(struct buf *out, const struct calls *calls)
{
	struct cursor at = calls_walk(calls);
	struct json_out o = json_out(out);
	struct call call;

	json_open(&o, '[');
	while (calls_next(&at, &call)) {
		json_item(&o);
		calls_put(&o, &call);
	}
	json_close(&o, ']');
}

/* OpenAI has null for the content of an answer that is calls alone. */
static void
put_message(struct buf *out, const struct chunk_said *said)
{
	bool is_calls = calls_any(said->calls);

	PUT(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
	if (is_calls && said->text.n == 0)
		PUT(out, "null");
	else
		json_put_str(out, said->text);
	if (said->reasoning.n > 0) {
		PUT(out, ",\"reasoning_content\":");
		json_put_str(out, said->reasoning);
	}
	if (is_calls) {
		PUT(out, ",\"tool_calls\":");
		put_calls(out, said->calls);
	}
	PUT(out, ",\"refusal\":null}");
}

void
chunk_whole(const struct chunk_form *f, struct buf *out, uint32_t index,
    const struct chunk_said *said, struct str probs, const char *reason)
{
	if (index > 0)
		PUT(out, ",");
	PUT(out, "{\"index\":");
	json_put_u64(out, index);
	if (f->is_chat) {
		put_message(out, said);
	} else {
		PUT(out, ",\"text\":");
		json_put_str(out, said->text);
	}
	put_probs(out, probs);
	PUT(out, ",\"finish_reason\":");
	json_put_cstr(out, reason);
	PUT(out, "}");
}

void
chunk_close(struct buf *out, const struct answer_counts *counts,
    const struct choice_times *times)
{
	PUT(out, "]");
	put_usage(out, counts);
	if (times != NULL)
		put_times(out, times);
	PUT(out, "}");
}
