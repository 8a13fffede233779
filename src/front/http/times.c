#include "front/http/times.h"

#include "json/write.h"

static double
per(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* As llama-server counts them: what a cache had is no work. */
void
times_put(struct buf *out, const struct choice_times *t)
{
	struct json_out o = json_out(out);
	uint32_t n = t->n_prompt > t->n_cached ? t->n_prompt - t->n_cached : 0;
	double prompt = (double)t->prefill_us / 1e3,
	       predict = (double)t->decode_us / 1e3;

	json_open(&o, '{');
	json_key_u64(&o, "cache_n", t->n_cached);
	json_key_u64(&o, "prompt_n", n);
	json_key_f64(&o, "prompt_ms", prompt);
	json_key_f64(&o, "prompt_per_token_ms", per(prompt, n));
	json_key_f64(&o, "prompt_per_second", per(n * 1e3, prompt));
	json_key_u64(&o, "predicted_n", t->n_out);
	json_key_f64(&o, "predicted_ms", predict);
	json_key_f64(&o, "predicted_per_token_ms", per(predict, t->n_out));
	json_key_f64(&o, "predicted_per_second", per(t->n_out * 1e3, predict));
	json_close(&o, '}');
}
