#include "front/errors.h"

#define INVALID "invalid_request_error"
#define AWAY "unavailable_error"
#define SERVER "server_error"

/* Ollama knows the status and a text alone. */
static const struct error_row rows[] = {
	{ ERR_INVALID, 400, INVALID, NULL, INVALID, INVALID, -32602 },
	{ ERR_CONTEXT, 400, "exceed_context_size_error",
	    "context_length_exceeded", "exceed_context_size_error", INVALID,
	    -32602 },
	{ ERR_TOO_BIG, 413, INVALID, NULL, INVALID, "request_too_large",
	    -32002 },
	{ ERR_NOT_FOUND, 404, "not_found_error", "model_not_found",
	    "not_found_error", "not_found_error", -32602 },
	{ ERR_NOT_LOADED, 503, AWAY, NULL, AWAY, "overloaded_error", -32000 },
	{ ERR_LOAD_FAILED, 503, AWAY, NULL, AWAY, "api_error", -32001 },
	{ ERR_FILE, 503, AWAY, NULL, AWAY, "api_error", -32004 },
	{ ERR_BUSY, 429, "rate_limit_error", "rate_limit_exceeded", AWAY,
	    "rate_limit_error", -32002 },
	{ ERR_ABORTED, 499, "aborted_error", NULL, SERVER, "api_error",
	    -32003 },
	{ ERR_UNSUPPORTED, 501, "not_supported_error", NULL,
	    "not_supported_error", INVALID, -32005 },
	{ ERR_GAVE_UP, 503, AWAY, "worker_crashed", AWAY, "api_error", -32006 },
	{ ERR_STOPPING, 503, AWAY, "server_stopping", AWAY, "overloaded_error",
	    -32002 },
	{ ERR_TIMEOUT, 504, "timeout_error", "timeout", SERVER, "timeout_error",
	    -32002 },
	{ ERR_FULL, 503, AWAY, NULL, AWAY, "overloaded_error", -32001 },
	{ ERR_KEY, 401, "authentication_error", "invalid_api_key",
	    "authentication_error", "authentication_error", -32002 },
	{ ERR_DENIED, 403, "permission_error", "not_allowed",
	    "permission_error", "permission_error", -32002 },
	{ ERR_POISON, 500, SERVER, "worker_crashed", SERVER, "api_error",
	    -32006 },
	{ ERR_NOMEM, 503, AWAY, NULL, AWAY, "overloaded_error", -32603 },
	{ ERR_INTERNAL, 500, SERVER, NULL, SERVER, "api_error", -32603 },
};

const struct error_row *
error_row(int err)
{
	size_t n = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < n; i++)
		if (rows[i].err == err)
			return &rows[i];
	return &rows[n - 1];
}
