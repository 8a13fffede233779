#include "keeper/frontconf.h"

#include "base/log.h"
#include "keeper/process.h"

/* One client alone can send a request of that size. */
static uint32_t
body_max(const struct conf *c)
{
	return c->body_max < c->input_max / 2 ? c->body_max : c->input_max / 2;
}

void
frontconf_send(
    const struct front_spec *spec, const char *default_model, struct process *p)
{
	const struct conf *c = spec->conf;
	struct front_config fc = {
		.version = STR(BULKHEAD_VERSION),
		.default_model = str_of(default_model),
		.log_level = (uint8_t)log_level(),
		.max_clients = spec->max_clients,
		.queue_max = c->queue_max,
		.client_queue_max = c->client_queue_max,
		.client_rate = c->client_rate,
		.client_tokens = c->client_tokens,
		.queue_ms = c->queue_ms,
		.first_ms = c->first_ms,
		.total_ms = c->total_ms,
		.body_max = body_max(c),
		.input_max = c->input_max,
		.header_max = c->header_max,
		.request_ms = c->request_ms,
		.idle_ms = c->idle_ms,
		.stall_ms = c->stall_ms,
		.keepalive_ms = c->keepalive_ms,
		.out_high = c->out_high,
		.array_max = c->array_max,
		.resume_mode = (uint8_t)c->resume,
		.hang_ms = c->hang_ms,
		.started_unix = spec->started_unix,
		.started_ms = spec->started_ms,
		.jail = (uint8_t)c->jail,
		.sleep_ms = c->sleep_s * 1000,
		.autoload = c->models_autoload,
		.access_log = c->access_log,
		.cors_origins = { entry_origins(spec->entry) },
		.cors_methods = str_of(c->cors_methods),
		.cors_headers = str_of(c->cors_headers),
		.cors_credentials = c->cors_credentials,
		.has_tls = entry_has_tls(spec->entry),
	};

	(void)process_send(p, MSG_FRONT_CONFIG, &fc, -1);
}
