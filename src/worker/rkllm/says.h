/*
 * says - what the library prints while it loads a model, which is the only
 * place where it tells why it could not.
 *
 * It prints on descriptors 1 and 2. Between says_begin() and says_end() both
 * are a pipe of ours: all of it still goes to the log at once, the last lines
 * are kept, and those that are known are understood.
 */
#ifndef WORKER_RKLLM_SAYS_H
#define WORKER_RKLLM_SAYS_H

#include "base/buf.h"

#include <pthread.h>

#define SAYS_LINE 160u

struct says {
	int real[2]; /* what descriptors 1 and 2 were */
	int pipe;    /* to read */
	pthread_t reader;
	bool is_on;
	char part[SAYS_LINE]; /* a line that has not ended */
	size_t n_part;
	char last[SAYS_LINE];  /* the last line */
	char error[SAYS_LINE]; /* the first that is an error, or empty */
	int cause;	       /* of the known ones; the first counts most */
};

/* Harmless where it cannot: then nothing is kept. s must not move. */
void says_begin(struct says *s);

/* Everything that was printed until then is in s. */
void says_end(struct says *s);

/* One line; for says_begin()'s thread and for tests. */
void says_line(struct says *s, const char *line);

/* Puts the reason into why, whose text says what failed, for a person. */
void says_explain(const struct says *s, struct fail *why);

#endif
