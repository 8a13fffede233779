#include "worker/llama/prints.h"

#include "base/log.h"

#include <stdio.h>
#include <sys/types.h>

/* Some of its helpers know no log and print, a client's bytes among it, which
 * must not pass for a line of ours. */
static ssize_t
on_print(void *arg, const char *text, size_t n)
{
	static char said[512];
	static size_t n_said;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\n') {
			if (n_said < sizeof(said) - 1)
				said[n_said++] = text[i];
			continue;
		}
		said[n_said] = '\0';
		log_warn("llama.cpp: %s", said);
		n_said = 0;
	}
	return (ssize_t)n;
}

void
prints_take_over(void)
{
	cookie_io_functions_t io = { .write = on_print };
	FILE *f = fopencookie(NULL, "w", io);

	if (f == NULL)
		return;
	(void)setvbuf(f, NULL, _IONBF, 0);
	stderr = f;
}
