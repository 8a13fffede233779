/*
 * metrics - the front's counts, and their Prometheus text.
 */
#ifndef FRONT_METRICS_H
#define FRONT_METRICS_H

#include "base/buf.h"

/* name, kind, help. Counters only grow; gauges are set. */
#define METRICS_TABLE(M)                                                      \
	M(connections_total, counter, "Connections accepted")                 \
	M(connections_refused_total, counter, "Connections over the limit")   \
	M(tls_handshakes_total, counter, "TLS handshakes that were finished") \
	M(tls_failed_total, counter, "TLS handshakes that failed")            \
	M(http_requests_total, counter, "HTTP requests")                      \
	M(http_errors_total, counter, "HTTP requests answered with an error") \
	M(rpc_requests_total, counter, "JSON-RPC requests")                   \
	M(rpc_errors_total, counter,                                          \
	    "JSON-RPC requests answered with an error")                       \
	M(generations_total, counter, "Generations started")                  \
	M(generations_done_total, counter, "Generations that finished")       \
	M(generations_failed_total, counter, "Generations that failed")       \
	M(generations_cancelled_total, counter, "Generations cancelled")      \
	M(generations_resumed_total, counter,                                 \
	    "Resumes after a worker's death")                                 \
	M(convictions_total, counter, "Requests found to kill workers")       \
	M(deadlines_passed_total, counter, "Generations ended by a deadline") \
	M(refused_full_total, counter, "Refused or ended by a full queue")    \
	M(refused_rate_total, counter, "Refused by a client's rate")          \
	M(refused_input_total, counter,                                       \
	    "Refused while being received: no room in --input-max")           \
	M(refused_key_total, counter,                                         \
	    "Refused for having no API key, or one that may not")             \
	M(refused_poison_total, counter,                                      \
	    "Refused for having killed workers before")                       \
	M(resumes_agreed_total, counter,                                      \
	    "Resumes whose logits were those of before, by their hashes")     \
	M(resumes_differed_total, counter,                                    \
	    "Resumes that became a mere continuation: other logits")          \
	M(resumes_moved_total, counter,                                       \
	    "Resumes where something that logits depend on was another")      \
	M(streams_lost_total, counter,                                        \
	    "Requests that ended with the front before")                      \
	M(generations_parked_total, counter,                                  \
	    "Times a slow reader's was parked")                               \
	M(generations_yielded_total, counter,                                 \
	    "Times a parked one gave its slot to another")                    \
	M(prompt_tokens_total, counter, "Prompt tokens")                      \
	M(prompt_cached_total, counter,                                       \
	    "Prompt tokens that were not computed")                           \
	M(prompt_microseconds_total, counter, "Spent on prompts")             \
	M(predict_microseconds_total, counter, "Spent on tokens behind them") \
	M(steps_total, counter, "Steps of workers that gave tokens")          \
	M(tokens_total, counter, "Tokens generated")                          \
	M(worker_deaths_total, counter, "Worker channels that ended")         \
	M(models_let_go_total, counter,                                       \
	    "Models unloaded: for others, as idle, by request")

struct metrics {
	uint32_t longest; /* a prompt and its answer, in tokens */
#define METRIC_MEMBER(name, kind, help) uint64_t name;
	METRICS_TABLE(METRIC_MEMBER)
#undef METRIC_MEMBER
};

struct front;

/* Appends everything in the Prometheus text format (version 0.0.4), with
 * gauges for connections, models, slots and queues. */
void metrics_print(const struct front *f, struct buf *out);

/* The same in llama-server's names, as far as it has them. */
void metrics_print_llama(const struct front *f, struct buf *out);

#endif
