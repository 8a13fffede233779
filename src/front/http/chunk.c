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

/* The last call is left open: what comes next ends it. */
#define CALL_END "\"}}"

void
chunk_add_call(struct buf *calls, const struct part *p)
{
	struct json_out o = json_out(calls);

	if (p->kind == PART_ARGUMENTS) {
		json_put_escaped(calls, p->text);
		return;
	}
	if (p->call > 0)
		PUT(calls, CALL_END ",");
	json_open(&o, '{');
	json_key_str(&o, "id", p->id);
	PUT(calls, ",\"type\":\"function\",\"function\":{\"name\":");
	json_put_str(calls, p->name);
	PUT(calls, ",\"arguments\":\"");
}

/* OpenAI has null for the content of an answer that is calls alone. */
static void
put_message(struct buf *out, const struct chunk_said *said)
{
	bool is_calls = said->calls.n > 0;

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
		PUT(out, ",\"tool_calls\":[");
		buf_put_str(out, said->calls);
		PUT(out, CALL_END "]");
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
chunk_close(struct buf *out, const struct chunk_counts *counts,
    const struct chunk_times *times)
{
	PUT(out, "]");
	put_usage(out, counts);
	if (times != NULL)
		put_times(out, times);
	PUT(out, "}");
}
