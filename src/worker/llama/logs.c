#include "worker/llama/logs.h"

#include "worker/llama/prints.h"

#include "base/log.h"
#include "crash/crash.h"

#include <ggml.h>
#include <llama.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Of each thread: where several load or compute, each has its own lines. */
static _Thread_local char line[1024]; /* the start of one: no end has come */
static _Thread_local size_t n_line;
static _Thread_local enum ggml_log_level level_of; /* of that line */
static _Thread_local char error[512];

/* "llama_model_load: error loading model: x" is "x" to a person; the worker
 * adds the file's name. */
static const char *
without_prefix(const char *s)
{
	static const char *const prefixes[] = { "error loading model: ",
		"error loading model hyperparameters: ",
		"error loading model vocabulary: " };
	const char *colon = strstr(s, ": ");

	/* A function's name has no space. */
	if (colon != NULL && strcspn(s, " ") > (size_t)(colon - s))
		s = colon + 2;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			s += strlen(prefixes[i]);
	return s;
}

/* The first error is the cause; those after it are about its effects. */
static void
keep_error(void)
{
	if (error[0] == '\0')
		(void)snprintf(error, sizeof(error), "%.*s",
		    (int)sizeof(error) - 1, without_prefix(line));
}

/* A debug line has a place in the crash notes even where it is not logged. Of
 * the engine only what is wrong has: it says so much each time it loads that
 * nothing else would be left there. */
static bool
is_worth_noting(void)
{
	return level_of == GGML_LOG_LEVEL_WARN ||
	    level_of == GGML_LOG_LEVEL_ERROR || log_level() == LOG_DEBUG;
}

static void
end_line(void)
{
	line[n_line] = '\0';
	if (level_of == GGML_LOG_LEVEL_ERROR)
		keep_error();
	if (n_line > 0 && is_worth_noting())
		log_debug("llama.cpp: %s", line);
	n_line = 0;
}

static void
on_text(enum ggml_log_level level, const char *text, void *arg)
{
	(void)arg;
	if (level != GGML_LOG_LEVEL_CONT)
		level_of = level;
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			end_line();
		else if (n_line < sizeof(line) - 1)
			line[n_line++] = *text;
	}
}

static void
on_abort(const char *text)
{
	crash_note_abort(text);
	log_error("ggml aborts: %s", text);
}

void
logs_init(void)
{
	static bool is_done;

	if (is_done)
		return;
	is_done = true;
	llama_log_set(on_text, NULL);
	(void)ggml_set_abort_callback(on_abort);
	prints_take_over();
}

void
logs_forget(void)
{
	error[0] = '\0';
}

const char *
logs_error(void)
{
	return error;
}
