/*
 * table - the options of `bulkhead serve`; docs, help and checks come from it.
 */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include "conf/modeltable.h"

#define CONF_KIB 1024.0
#define CONF_MIB (1024.0 * 1024)
#define CONF_S 1000.0
#define CONF_H (3600 * CONF_S)

/* heading (or that of the row before), whether on the screen of --help, member
 *     name, short name, variables
 *     default, least and greatest (TIME: in ms; texts: bytes), argument
 *     help */
/* clang-format off */
#define CONF_TABLE(O)                                                       \
	O("Model", true, model, STRS,                                       \
	    "model", "m", "LLAMA_ARG_MODEL",                                \
	    NULL, CONF_PATH, "FILE",                                        \
	    "GGUF or .rkllm; again for more (the demo model)")              \
	O(NULL, true, alias, STRS,                                          \
	    "alias", "a", "LLAMA_ARG_ALIAS",                                \
	    NULL, 1, 1024, "NAME,...",                                           \
	    "what requests call it; the n-th for the n-th -m")              \
	O(NULL, false, tags, STRS,                                          \
	    "tags", NULL, "LLAMA_ARG_TAGS",                                 \
	    NULL, 1, 1024, "TAG,...",                                       \
	    "shown in lists; the n-th for the n-th -m")                     \
	CONF_MODEL_TABLE(O)                                                 \
	O(NULL, false, prompt_cache_dir, STR,                               \
	    "prompt-cache-dir", NULL, "BULKHEAD_PROMPT_CACHE_DIR",          \
	    NULL, CONF_PATH, "DIR",                                         \
	    "of clients' prompt caches; none: nowhere (the cache folder)")  \
	O(NULL, false, prompt_cache_max, COUNT,                             \
	    "prompt-cache-max", NULL, "BULKHEAD_PROMPT_CACHE_MAX",          \
	    "4096", 1, 16777216, "MIB",                                     \
	    "of all of them together")                                      \
	O(NULL, true, models_dir, STR,                                      \
	    "models-dir", NULL, "LLAMA_ARG_MODELS_DIR",                     \
	    NULL, CONF_PATH, "DIR",                                         \
	    "its *.gguf, *.rkllm are loaded when wanted")                   \
	O(NULL, true, models_preset, STR,                                   \
	    "models-preset", NULL, "LLAMA_ARG_MODELS_PRESET",               \
	    NULL, CONF_PATH, "FILE",                                        \
	    "INI file with a section for each model")                       \
	O(NULL, false, models_max, COUNT,                                   \
	    "models-max", NULL, "LLAMA_ARG_MODELS_MAX",                     \
	    "4", 0, 64, "N",                                                \
	    "models loaded at once; 0: any number")                         \
	O(NULL, false, models_autoload, FLAG,                               \
	    "models-autoload", NULL, "LLAMA_ARG_MODELS_AUTOLOAD",           \
	    "on", 0, 1, NULL,                                               \
	    "a request does not load its model: /models/load does")         \
	O(NULL, false, pin, STRS,                                           \
	    "pin", NULL, "BULKHEAD_PIN",                                    \
	    NULL, 1, 128, "NAME",                                           \
	    "of --models-dir: never unloaded for another; again for more")  \
	O(NULL, false, memory_limit, COUNT,                                 \
	    "memory-limit", NULL, "BULKHEAD_MEMORY_LIMIT",                  \
	    "0", 0, 16777216, "MIB",                                        \
	    "memory of all models; 0: what the machine has")                \
	O(NULL, false, room_ms, TIME,                                       \
	    "room-patience", NULL, "BULKHEAD_ROOM_PATIENCE",                \
	    "10s", 0, CONF_H, "TIME",                                       \
	    "a model waits for busy ones; then they take nobody new")       \
	O(NULL, false, sleep_s, THREADS,                                    \
	    "sleep-idle-seconds", NULL, "BULKHEAD_SLEEP_IDLE_SECONDS",      \
	    "-1", 0, 1000000, "N",                                          \
	    "unload a model so long without work; -1: never")               \
	O(NULL, false, unload_ms, TIME,                                     \
	    "unload-timeout", NULL, "BULKHEAD_UNLOAD_TIMEOUT",              \
	    "10s", 0, 24 * CONF_H, "TIME",                                  \
	    "for what runs, at /models/unload")                             \
	O("Where it listens", true, host, STR,                              \
	    "host", NULL, "LLAMA_ARG_HOST",                                 \
	    "127.0.0.1", CONF_PATH, "ADDR",                                 \
	    "for HTTP")                                                     \
	O(NULL, true, port, COUNT,                                          \
	    "port", NULL, "LLAMA_ARG_PORT",                                 \
	    "8080", 0, 65535, "N",                                          \
	    "for HTTP; 0: a free one")                                      \
	O(NULL, true, http, FLAG,                                           \
	    "http", NULL, "BULKHEAD_HTTP",                                  \
	    "on", 0, 1, NULL,                                               \
	    "no HTTP over TCP")                                             \
	O(NULL, true, http_socket, STR,                                     \
	    "http-socket", NULL, "BULKHEAD_HTTP_SOCKET",                    \
	    NULL, CONF_PATH, "PATH",                                        \
	    "HTTP on a Unix socket too")                                    \
	O(NULL, true, rpc_socket, STR,                                      \
	    "rpc-socket", NULL, "RKLLM_UDS_PATH",                           \
	    "/tmp/rkllm.sock", CONF_PATH, "PATH",                           \
	    "JSON-RPC")                                                     \
	O(NULL, true, rpc, FLAG,                                            \
	    "rpc", NULL, "BULKHEAD_RPC",                                    \
	    "on", 0, 1, NULL,                                               \
	    "no JSON-RPC")                                                  \
	O(NULL, false, socket_mode, MODE,                                   \
	    "socket-mode", NULL, "BULKHEAD_SOCKET_MODE",                    \
	    "0660", 0, 511, "OCTAL",                                        \
	    "of Unix sockets")                                              \
	O(NULL, false, socket_group, STR,                                   \
	    "socket-group", NULL, "BULKHEAD_SOCKET_GROUP",                  \
	    NULL, 1, 64, "NAME",                                            \
	    "group that owns Unix sockets")                                 \
	O("Who may ask", true, api_key, STRS,                               \
	    "api-key", NULL, "LLAMA_API_KEY",                               \
	    NULL, 1, 65536, "KEY,...",                                      \
	    "asked of HTTP clients, who are known by it")                   \
	O(NULL, false, api_key_file, STR,                                    \
	    "api-key-file", NULL, "LLAMA_ARG_API_KEY_FILE",                 \
	    NULL, CONF_PATH, "FILE",                                        \
	    "the same, one a line; with names and limits")                  \
	O(NULL, true, ssl_cert_file, STR,                                   \
	    "ssl-cert-file", NULL, "LLAMA_ARG_SSL_CERT_FILE",               \
	    NULL, CONF_PATH, "FILE",                                        \
	    "HTTPS on the port: certificates, PEM")                         \
	O(NULL, false, ssl_key_file, STR,                                    \
	    "ssl-key-file", NULL, "LLAMA_ARG_SSL_KEY_FILE",                 \
	    NULL, CONF_PATH, "FILE",                                        \
	    "their private key, PEM")                                       \
	O(NULL, false, cors_origins, STRS,                                  \
	    "cors-origins", NULL, "LLAMA_ARG_CORS_ORIGINS",                 \
	    NULL, 1, 4095, "ORIGIN,...",                                    \
	    "whose web pages may read answers; localhost; *: all (none)")   \
	O(NULL, false, cors_methods, STR,                                   \
	    "cors-methods", NULL, "LLAMA_ARG_CORS_METHODS",                 \
	    "GET, POST, DELETE, OPTIONS", 1, 256, "METHOD,...",             \
	    "that they may use")                                            \
	O(NULL, false, cors_headers, STR,                                   \
	    "cors-headers", NULL, "LLAMA_ARG_CORS_HEADERS",                 \
	    "*", 1, 1024, "HEADER,...",                                     \
	    "that they may send; *: any")                                   \
	O(NULL, false, cors_credentials, FLAG,                              \
	    "cors-credentials", NULL, "LLAMA_ARG_CORS_CREDENTIALS",         \
	    "off", 0, 1, NULL,                                              \
	    "with the browser's cookies and certificates")                  \
	O(NULL, false, socket_allow, STRS,                                  \
	    "socket-allow", NULL, "BULKHEAD_SOCKET_ALLOW",                  \
	    NULL, 1, 4095, "USER,@GROUP,...",                               \
	    "who may come to Unix sockets (all whom their mode lets)")      \
	O("Limits", true, max_clients, COUNT,                               \
	    "max-clients", NULL, "RKLLM_MAX_CLIENTS RKLLM_MAX_CONNECTIONS", \
	    "4096", 1, 1000000, "N",                                        \
	    "connections at once")                                          \
	O(NULL, true, queue_max, COUNT,                                     \
	    "queue-max", NULL, "BULKHEAD_QUEUE_MAX",                        \
	    "256", 1, 65536, "N",                                           \
	    "requests that wait for a model")                               \
	O(NULL, false, client_queue_max, COUNT,                             \
	    "client-queue-max", NULL, "BULKHEAD_CLIENT_QUEUE_MAX",          \
	    "64", 1, 65536, "N",                                            \
	    "requests of one connection")                                   \
	O(NULL, false, client_rate, COUNT,                                  \
	    "client-rate", NULL, "BULKHEAD_CLIENT_RATE",                    \
	    "0", 0, 1000000, "N",                                           \
	    "requests a client may start a minute; 0: any")                 \
	O(NULL, false, client_tokens, COUNT,                                \
	    "client-tokens", NULL, "BULKHEAD_CLIENT_TOKENS",                \
	    "0", 0, 100000000, "N",                                         \
	    "tokens a client may use a minute; 0: any")                     \
	O(NULL, true, queue_ms, TIME,                                       \
	    "queue-timeout", NULL, "BULKHEAD_QUEUE_TIMEOUT",                \
	    "10m", 0, 24 * CONF_H, "TIME",                                  \
	    "to wait for a slot; 0: for ever")                              \
	O(NULL, false, first_ms, TIME,                                      \
	    "first-token-timeout", NULL, "BULKHEAD_FIRST_TOKEN_TIMEOUT",    \
	    "1h", 0, 24 * CONF_H, "TIME",                                   \
	    "from a request to its first token; 0: any")                    \
	O(NULL, false, total_ms, TIME,                                      \
	    "total-timeout", NULL, "BULKHEAD_TOTAL_TIMEOUT",                \
	    "0", 0, 24 * CONF_H, "TIME",                                    \
	    "from a request to its last token; 0: any")                     \
	O(NULL, false, body_max, BYTES,                                     \
	    "body-max", NULL, "BULKHEAD_BODY_MAX",                          \
	    "16M", CONF_KIB, 48 * CONF_MIB, "BYTES",                        \
	    "size of a request")                                            \
	O(NULL, false, input_max, BYTES,                                    \
	    "input-max", NULL, "BULKHEAD_INPUT_MAX",                        \
	    "256M", CONF_MIB, 2048 * CONF_MIB, "BYTES",                     \
	    "memory for large requests being received; a client: half")     \
	O(NULL, false, header_max, BYTES,                                   \
	    "header-max", NULL, "BULKHEAD_HEADER_MAX",                      \
	    "32K", CONF_KIB, CONF_MIB, "BYTES",                             \
	    "size of an HTTP header")                                       \
	O(NULL, false, request_ms, TIME,                                    \
	    "request-timeout", NULL, "BULKHEAD_REQUEST_TIMEOUT",            \
	    "30s", 100, CONF_H, "TIME",                                     \
	    "to send a request")                                            \
	O(NULL, false, idle_ms, TIME,                                       \
	    "idle-timeout", NULL, "BULKHEAD_IDLE_TIMEOUT",                  \
	    "2m", 0, 24 * CONF_H, "TIME",                                   \
	    "between HTTP requests; 0: for ever")                           \
	O(NULL, false, stall_ms, TIME,                                      \
	    "stall-timeout", NULL, "BULKHEAD_STALL_TIMEOUT",                \
	    "1m", 100, 24 * CONF_H, "TIME",                                 \
	    "a client may read nothing")                                    \
	O(NULL, false, keepalive_ms, TIME,                                  \
	    "keepalive-interval", NULL, "BULKHEAD_KEEPALIVE_INTERVAL",      \
	    "5s", 100, CONF_H, "TIME",                                      \
	    "between comments to who waits")                                \
	O(NULL, false, out_high, BYTES,                                     \
	    "out-high", NULL, "BULKHEAD_OUT_HIGH",                          \
	    "1M", CONF_KIB, 64 * CONF_MIB, "BYTES",                         \
	    "unread by a client that park its stream")                      \
	O(NULL, false, array_max, BYTES,                                    \
	    "array-max", NULL, "BULKHEAD_ARRAY_MAX",                        \
	    "1G", CONF_MIB, 2048 * CONF_MIB, "BYTES",                       \
	    "memory for rows that clients get as memfds; a client: half")   \
	O(NULL, false, journal_max, BYTES,                                  \
	    "journal-max", NULL, "BULKHEAD_JOURNAL_MAX",                    \
	    "256M", CONF_MIB, 2048 * CONF_MIB, "BYTES",                     \
	    "memory for what runs and waits: prompts, tokens")              \
	O(NULL, true, drain_ms, TIME,                                       \
	    "drain-timeout", NULL, "BULKHEAD_DRAIN_TIMEOUT",                \
	    "30s", 0, 24 * CONF_H, "TIME",                                  \
	    "for streams at SIGTERM")                                       \
	O("Faults", true, resume, RESUME,                                   \
	    "resume", NULL, "BULKHEAD_RESUME",                              \
	    "exact", 1, 2, "MODE",                                          \
	    "exact: as if nothing had died; or fast")                       \
	O(NULL, true, restart_limit, COUNT,                             \
	    "restart-limit", NULL, "BULKHEAD_RESTART_LIMIT",                \
	    "5", 1, 1000000, "N",                                           \
	    "deaths of a worker, then a pause")                             \
	O(NULL, false, restart_window_ms, TIME,                             \
	    "restart-window", NULL, "BULKHEAD_RESTART_WINDOW",              \
	    "30s", CONF_S, 24 * CONF_H, "TIME",                             \
	    "in which the deaths must come")                                \
	O(NULL, false, retry_ms, TIME,                                      \
	    "retry-interval", NULL, "BULKHEAD_RETRY_INTERVAL",              \
	    "30s", 100, CONF_H, "TIME",                                     \
	    "of that pause; doubles, up to 10m")                            \
	O(NULL, false, load_ms, TIME,                                       \
	    "load-timeout", NULL, "BULKHEAD_LOAD_TIMEOUT",                  \
	    "1m", CONF_S, 24 * CONF_H, "TIME",                              \
	    "a loading worker may make no progress")                        \
	O(NULL, true, hang_ms, TIME,                                        \
	    "hang-timeout", NULL, "BULKHEAD_HANG_TIMEOUT",                  \
	    "5s", 0, CONF_H, "TIME",                                        \
	    "without progress; 0: for ever")              \
	O(NULL, false, worker_memory_max, COUNT,                            \
	    "worker-memory-max", NULL, "BULKHEAD_WORKER_MEMORY_MAX",        \
	    "0", 0, 16777216, "MIB",                                        \
	    "memory of a worker, where it has a cgroup; 0: any")            \
	O(NULL, false, core, FLAG,                                          \
	    "core", NULL, "BULKHEAD_CORE",                                  \
	    "off", 0, 1, NULL,                                              \
	    "a process that crashes may leave a core file")                 \
	O(NULL, false, crash_dir, STR,                                      \
	    "crash-dir", NULL, "BULKHEAD_CRASH_DIR",                        \
	    NULL, CONF_PATH, "DIR",                                         \
	    "of obituaries; none: nowhere (the user's state)")              \
	O(NULL, false, crash_files, COUNT,                                  \
	    "crash-files", NULL, "BULKHEAD_CRASH_FILES",                    \
	    "64", 1, 100000, "N",                                           \
	    "obituaries kept; the oldest go")                               \
	O(NULL, false, crash_bytes, BYTES,                                  \
	    "crash-bytes", NULL, "BULKHEAD_CRASH_BYTES",                    \
	    "16M", CONF_MIB, 1024 * CONF_MIB, "BYTES",                      \
	    "of all of them together")                                      \
	O(NULL, true, jail, JAIL,                                           \
	    "jail", NULL, "BULKHEAD_JAIL",                                  \
	    "auto", 0, 2, "MODE",                                           \
	    "off; auto: all that can be had; require")                      \
	O("Other", true, config, STR,                                       \
	    "config", NULL, "BULKHEAD_CONFIG",                              \
	    NULL, CONF_PATH, "FILE",                                        \
	    "INI file: keys as above, without --")                          \
	O(NULL, true, log_level, LEVEL,                                     \
	    "log-level", NULL, "RKLLM_LOG_LEVEL",                           \
	    "info", 0, 3, "LEVEL",                                          \
	    "debug, info, warn, error")                                     \
	O(NULL, false, log_format, FORMAT,                                  \
	    "log-format", NULL, "BULKHEAD_LOG_FORMAT",                      \
	    "text", 0, 1, "FORM",                                           \
	    "text; json: each line is an object")                           \
	O(NULL, false, access_log, FLAG,                                     \
	    "access-log", NULL, "BULKHEAD_ACCESS_LOG",                      \
	    "off", 0, 1, NULL,                                              \
	    "a line of the log for each HTTP request")                      \
	O(NULL, false, libexec, STR,                                        \
	    "libexec", NULL, "BULKHEAD_LIBEXEC",                            \
	    NULL, CONF_PATH, "DIR",                                         \
	    "where bulkhead-front and bulkhead-worker are")                 \
	O(NULL, true, help, FLAG,                                           \
	    "help", "h", NULL,                                              \
	    "off", 0, 1, NULL,                                              \
	    "this")                                                         \
	O(NULL, true, help_all, FLAG,                                       \
	    "help-all", NULL, NULL,                                         \
	    "off", 0, 1, NULL,                                              \
	    "every option, its range and variable")                         \
	O(NULL, false, help_man, FLAG,                                      \
	    "help-man", NULL, NULL,                                         \
	    "off", 0, 1, NULL,                                              \
	    "the same for a manual page, in man(7)")                        \
	O(NULL, false, version, FLAG,                                       \
	    "version", NULL, NULL,                                          \
	    "off", 0, 1, NULL,                                              \
	    "which Bulkhead this is")
/* clang-format on */

#endif
