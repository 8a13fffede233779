#include "front/http/settings.h"

/* What 32 bits have for a seed that is drawn. */
#define SEED_DRAWN 4294967295u

/* The order is the worker's own, src/worker/sampler.c. */
static const char samplers[] =
    "[\"penalties\",\"dry\",\"top_n_sigma\",\"top_k\",\"typ_p\",\"top_p\","
    "\"min_p\",\"xtc\",\"temperature\"]";

static void
put_strings(struct json_out *o, const char *key, struct strs list)
{
	struct cursor c = strs_walk(list);
	struct str s;

	json_key(o, key);
	json_open(o, '[');
	while (strs_next(&c, &s)) {
		json_item(o);
		json_put_str(o->b, s);
	}
	json_close(o, ']');
}

static void
put_pairs(struct json_out *o, const char *key, struct biases list,
    const char *id, const char *value)
{
	json_key(o, key);
	json_open(o, '[');
	for (uint32_t i = 0; i < list.n; i++) {
		json_item(o);
		json_open(o, '{');
		json_key_i64(o, id, list.p[i].token);
		json_key_f32(o, value, list.p[i].bias);
		json_close(o, '}');
	}
	json_close(o, ']');
}

/* Where none are asked for, DRY has llama.cpp's own. */
static void
put_breakers(struct json_out *o, const struct gen_submit *g)
{
	if (strs_count(g->dry_breakers) > 0)
		put_strings(o, "dry_sequence_breakers", g->dry_breakers);
	else
		json_key_raw(o, "dry_sequence_breakers",
		    STR("[\"\\n\",\":\",\"\\\"\",\"*\"]"));
}

static void
put_sampling(struct json_out *o, const struct gen_submit *g)
{
	json_key_u64(o, "seed", g->seed == UINT64_MAX ? SEED_DRAWN : g->seed);
	json_key_f32(o, "temperature", g->temperature);
	json_key_f32(o, "dynatemp_range", g->dynatemp_range);
	json_key_f32(o, "dynatemp_exponent", g->dynatemp_exponent);
	json_key_i64(o, "top_k", g->top_k);
	json_key_f32(o, "top_p", g->top_p);
	json_key_f32(o, "min_p", g->min_p);
	json_key_f32(o, "top_n_sigma", g->top_n_sigma);
	json_key_f32(o, "xtc_probability", g->xtc_probability);
	json_key_f32(o, "xtc_threshold", g->xtc_threshold);
	json_key_f32(o, "typical_p", g->typical_p);
	json_key_i64(o, "repeat_last_n", g->repeat_last_n);
	json_key_f32(o, "repeat_penalty", g->repeat_penalty);
	json_key_f32(o, "presence_penalty", g->presence_penalty);
	json_key_f32(o, "frequency_penalty", g->frequency_penalty);
	json_key_f32(o, "dry_multiplier", g->dry_multiplier);
	json_key_f32(o, "dry_base", g->dry_base);
	json_key_i64(o, "dry_allowed_length", g->dry_allowed_length);
	json_key_i64(o, "dry_penalty_last_n", g->dry_penalty_last_n);
}

static void
put_more_sampling(struct json_out *o, const struct gen_submit *g)
{
	json_key_u64(o, "mirostat", g->mirostat);
	json_key_f32(o, "mirostat_tau", g->mirostat_tau);
	json_key_f32(o, "mirostat_eta", g->mirostat_eta);
	/* Not served; its values when it is off. */
	json_key_f32(o, "adaptive_target", -1.0f);
	json_key_f32(o, "adaptive_decay", 0.9f);
}

static void
put_lengths(struct json_out *o, const struct gen_submit *g,
    const struct settings_about *about)
{
	int64_t most = about->is_none ? 0
	    : g->max_tokens > 0	      ? (int64_t)g->max_tokens
				      : -1;

	json_key_i64(o, "max_tokens", most);
	json_key_i64(o, "n_predict", most);
	json_key_i64(o, "n_keep", 0);
	json_key_i64(o, "n_discard", 0);
	json_key_bool(o, "ignore_eos", g->ignore_eos);
	json_key_bool(o, "stream", about->is_stream);
}

static void
put_forms(struct json_out *o, const struct gen_submit *g,
    const struct settings_about *about)
{
	json_key_u64(o, "n_probs", g->want_logprobs ? g->n_top_logprobs : 0);
	json_key_u64(o, "min_keep", 0);
	if (about->is_whole) {
		json_key_str(o, "grammar", g->grammar);
		json_key_bool(o, "grammar_lazy", false);
		json_key_raw(o, "grammar_triggers", STR("[]"));
		json_key_raw(o, "preserved_tokens", STR("[]"));
	}
	json_key_cstr(o, "chat_format", "Content-only");
	json_key_cstr(
	    o, "reasoning_format", about->is_whole ? "deepseek" : "none");
	json_key_bool(o, "reasoning_in_content", false);
	json_key_cstr(o, "generation_prompt", "");
	json_key_raw(o, "samplers", STR(samplers));
	json_key_cstr(o, "speculative.types", "none");
	json_key_bool(o, "timings_per_token", about->timings_per_token);
	json_key_bool(o, "post_sampling_probs", false);
	json_key_bool(o, "backend_sampling", false);
	put_pairs(o, "lora", g->adapters, "id", "scale");
}

void
settings_put(struct json_out *o, const struct gen_submit *g,
    const struct settings_about *about)
{
	bool is_whole = about->is_whole;

	json_open(o, '{');
	put_sampling(o, g);
	if (is_whole)
		put_breakers(o, g);
	put_more_sampling(o, g);
	if (is_whole)
		put_strings(o, "stop", g->stops);
	put_lengths(o, g, about);
	if (is_whole)
		put_pairs(o, "logit_bias", g->logit_bias, "token", "bias");
	put_forms(o, g, about);
	json_close(o, '}');
}
