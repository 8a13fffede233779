/*
 * logs - what llama.cpp and ggml say, into our log.
 *
 * Their lines go to our log at level debug. The last error is kept, because
 * it is the only place where they say why something failed.
 */
#ifndef WORKER_LLAMA_LOGS_H
#define WORKER_LLAMA_LOGS_H

/* Takes over their log, ggml's last words before it aborts, and stderr (the
 * stream; descriptor 2, where our log goes, stays). A second call is harmless. */
void logs_init(void);

/* Forgets the error that is kept. */
void logs_forget(void);

/* The last error since then, without the name of the function; "" if there
 * was none. Stays until the next one. */
const char *logs_error(void);

#endif
