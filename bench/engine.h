/*
 * engine - libllama made ready for a small program.
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <ggml-backend.h>
#include <llama.h>
#include <stdio.h>

static inline void
log_errors(enum ggml_log_level level, const char *text, void *arg)
{
	(void)arg;
	if (level == GGML_LOG_LEVEL_ERROR)
		fputs(text, stderr);
}

/* Every backend is loaded; of what they say, errors go to standard error. */
static inline void
engine_ready(void)
{
	llama_log_set(log_errors, NULL);
	ggml_backend_load_all();
}

#endif
