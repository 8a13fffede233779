#include "worker/files.h"

#include <stdlib.h>
#include <unistd.h>

int
files_add(struct files *f, const struct worker_adapter *a, int fd)
{
	bool is_next = a->id == f->n_adapters && a->id < WORKER_ADAPTERS_MAX;
	char *path = is_next ? str_dup(a->path) : NULL;

	if (path == NULL) {
		(void)close(fd);
		return is_next ? ERR_NOMEM : ERR_PROTO;
	}
	f->adapters[f->n_adapters++] = (struct adapter_file){ fd, path };
	return 0;
}

int
files_add_part(struct files *f, const struct worker_part *p, int fd)
{
	if (p->no != f->n_parts + 1 || p->no >= WORKER_PARTS_MAX) {
		(void)close(fd);
		return ERR_PROTO;
	}
	f->parts[f->n_parts++] = fd;
	return 0;
}

void
files_done(struct files *f)
{
	while (f->n_parts > 0)
		(void)close(f->parts[--f->n_parts]);
	while (f->n_adapters > 0) {
		struct adapter_file *a = &f->adapters[--f->n_adapters];

		(void)close(a->fd);
		free(a->path);
	}
}
