#include "front/metrics.h"

#include "front/front.h"
#include "front/model.h"

struct sums {
	uint32_t running, waiting;
};

static struct sums
sum(const struct front *f)
{
	struct sums s = { 0 };

	for (const struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		const struct model *m =
		    LIST_ENTRY(it, const struct model, link);

		s.running += m->n_active - m->n_asides;
		s.waiting += queue_len(&m->queue);
	}
	return s;
}

static void
put(struct buf *out, const char *name, const char *kind, const char *help,
    double value)
{
	buf_printf(out,
	    "# HELP llamacpp:%s %s\n# TYPE llamacpp:%s %s\nllamacpp:%s %.6g\n",
	    name, help, name, kind, name, value);
}

/* %.6g would round it. */
static void
put_count(struct buf *out, const char *name, const char *help, uint64_t value)
{
	buf_printf(out,
	    "# HELP llamacpp:%s %s\n# TYPE llamacpp:%s counter\n"
	    "llamacpp:%s %llu\n",
	    name, help, name, name, (unsigned long long)value);
}

static double
per(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static void
put_counts(const struct metrics *m, struct buf *out)
{
	put_count(out, "prompt_tokens_total",
	    "Number of prompt tokens processed, excluding cached tokens",
	    m->prompt_tokens_total - m->prompt_cached_total);
	put_count(out, "prompt_tokens_cached_total",
	    "Number of prompt tokens reused from the cache",
	    m->prompt_cached_total);
	put_count(out, "tokens_predicted_total",
	    "Number of generation tokens processed", m->tokens_total);
	put_count(out, "n_decode_total",
	    "Total number of steps that gave tokens", m->steps_total);
	put_count(out, "n_tokens_max",
	    "Largest observed sequence length (prompt + generation)",
	    m->longest);
}

static void
put_times(const struct metrics *m, struct buf *out)
{
	double prompt_s = (double)m->prompt_microseconds_total / 1e6;
	double predict_s = (double)m->predict_microseconds_total / 1e6;
	uint64_t computed = m->prompt_tokens_total - m->prompt_cached_total;

	put(out, "prompt_seconds_total", "counter",
	    "Total time spent processing prompts", prompt_s);
	put(out, "tokens_predicted_seconds_total", "counter",
	    "Total time spent generating tokens", predict_s);
	put(out, "prompt_tokens_seconds", "gauge",
	    "Average prompt throughput in tokens/s",
	    per((double)computed, prompt_s));
	put(out, "predicted_tokens_seconds", "gauge",
	    "Average generation throughput in tokens/s",
	    per((double)m->tokens_total, predict_s));
	put(out, "n_busy_slots_per_decode", "gauge",
	    "Average number of tokens of a step that gave tokens",
	    per((double)m->tokens_total, (double)m->steps_total));
}

void
metrics_print_llama(const struct front *f, struct buf *out)
{
	struct sums s = sum(f);

	put_counts(&f->metrics, out);
	put_times(&f->metrics, out);
	put(out, "requests_processing", "gauge",
	    "Number of requests processing", s.running);
	put(out, "requests_deferred", "gauge", "Number of requests deferred",
	    s.waiting);
}
