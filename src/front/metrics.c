#include "front/metrics.h"

#include "front/client.h"
#include "front/front.h"
#include "front/model.h"

#include <inttypes.h>

static void
put_head(struct buf *out, const char *name, const char *kind, const char *help)
{
	buf_printf(out, "# HELP bulkhead_%s %s\n# TYPE bulkhead_%s %s\n", name,
	    help, name, kind);
}

static void
put_counters(const struct front *f, struct buf *out)
{
#define METRIC_LINE(name, kind, help)      \
	put_head(out, #name, #kind, help); \
	buf_printf(out, "bulkhead_" #name " %" PRIu64 "\n", f->metrics.name);
	METRICS_TABLE(METRIC_LINE)
#undef METRIC_LINE
}

static void
put_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
	put_head(out, name, "gauge", help);
	buf_printf(out, "bulkhead_%s %" PRIu64 "\n", name, value);
}

/* A label's value: the format escapes the backslash, the quote and the line
 * feed. */
static void
put_label(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n') {
			buf_puts(out, "\\n");
			continue;
		}
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)s.p[i]);
	}
}

struct model_gauge {
	const char *name;
	const char *kind;
	const char *help;
	uint64_t (*value)(const struct model *m);
};

static uint64_t
value_up(const struct model *m)
{
	return m->chan != NULL;
}

static uint64_t
value_running(const struct model *m)
{
	return m->n_active;
}

static uint64_t
value_queued(const struct model *m)
{
	return queue_len(&m->queue);
}

static uint64_t
value_slots(const struct model *m)
{
	return m->state.n_seq;
}

static uint64_t
value_restarts(const struct model *m)
{
	return m->state.restarts;
}

static uint64_t
value_tokens(const struct model *m)
{
	return m->tokens;
}

static uint64_t
value_service(const struct model *m)
{
	return m->service_ms;
}

static uint64_t
value_loads(const struct model *m)
{
	return m->n_loads;
}

static uint64_t
value_memory(const struct model *m)
{
	return m->state.need;
}

static const struct model_gauge gauges[] = {
	{ "model_up", "gauge", "1 while its worker can be reached", value_up },
	{ "model_running", "gauge", "Generations in its worker",
	    value_running },
	{ "model_queued", "gauge", "Generations that wait for a slot",
	    value_queued },
	{ "model_slots", "gauge", "Sequences its worker holds", value_slots },
	{ "model_restarts_total", "counter", "Times its worker was replaced",
	    value_restarts },
	{ "model_service_milliseconds", "gauge",
	    "How long a slot is taken, a running mean", value_service },
	{ "model_tokens_total", "counter", "Tokens generated", value_tokens },
	{ "model_loads_total", "counter", "Times it was loaded", value_loads },
	{ "model_memory_bytes", "gauge", "That it takes, or would",
	    value_memory },
};

static void
put_models(const struct front *f, const struct model_gauge *g, struct buf *out)
{
	put_head(out, g->name, g->kind, g->help);
	for (struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		const struct model *m = LIST_ENTRY(it, struct model, link);

		/* Another has its name now, or may. */
		if (m->state.is_retired)
			continue;
		buf_printf(out, "bulkhead_%s{model=\"", g->name);
		put_label(out, m->state.name);
		buf_printf(out, "\"} %" PRIu64 "\n", g->value(m));
	}
}

void
metrics_print(const struct front *f, struct buf *out)
{
	put_counters(f, out);
	put_gauge(out, "connections", "Connections open", f->n_conns);
	put_gauge(out, "input_bytes", "Large requests being received: bytes",
	    f->intake);
	put_gauge(
	    out, "generations", "Generations queued or running", f->n_gens);
	put_gauge(out, "clients", "Clients known: addresses and users",
	    clients_count(f->clients));
	put_gauge(out, "front_restarts", "Times the front was replaced",
	    f->keeper.front_restarts);
	put_gauge(out, "start_time_seconds", "When the keeper started, Unix",
	    f->config.started_unix);
	keys_put_metrics(&f->keys, out);
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		put_models(f, &gauges[i], out);
}
