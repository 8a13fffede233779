#include "keeper/modelparts.h"

#include "keeper/partname.h"
#include "keeper/process.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
open_one(struct modelparts *p, const char *path, const struct partname *name,
    uint32_t no, struct fail *f)
{
	char other[PATH_MAX];

	if (!partname_other(path, name, no, other, sizeof(other)))
		return fail_set(
		    f, ERR_FILE, "model", "model %.240s: too long", path);
	return modelfile_open(other, &p->v[p->n], f);
}

static int
open_all(struct modelparts *p, const char *path, const struct partname *name,
    struct fail *f)
{
	int err = 0;

	if (name->of > WORKER_PARTS_MAX)
		return fail_set(f, ERR_UNSUPPORTED, "model",
		    "model %.240s: lies in %u files; at most %u can be served: "
		    "put them together with llama-gguf-split --merge",
		    path, name->of, WORKER_PARTS_MAX);
	p->v = calloc(name->of - 1, sizeof(*p->v));
	if (p->v == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	for (uint32_t no = 2; err == 0 && no <= name->of; no++) {
		err = open_one(p, path, name, no, f);
		p->n += err == 0;
	}
	if (err != 0)
		modelparts_close(p);
	return err;
}

int
modelparts_check(const struct modelparts *p, const char *path, struct fail *f)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < p->n; i++)
		err = modelfile_check(&p->v[i], path, f);
	return err;
}

uint64_t
modelparts_bytes(const char *path)
{
	struct partname name;
	char other[PATH_MAX];
	uint64_t sum = 0;
	struct stat st;

	if (!partname_read(path, &name) || name.no != 1 ||
	    name.of > WORKER_PARTS_MAX)
		return 0;
	for (uint32_t no = 2; no <= name.of; no++)
		if (partname_other(path, &name, no, other, sizeof(other)) &&
		    stat(other, &st) == 0)
			sum += (uint64_t)st.st_size;
	return sum;
}

int
modelparts_claim(struct modelparts *p, const char *path, struct fail *f)
{
	struct partname name;

	if (p->n > 0)
		return modelparts_check(p, path, f);
	/* One that is not the first its worker refuses. */
	if (!partname_read(path, &name) || name.no != 1)
		return 0;
	return open_all(p, path, &name, f);
}

void
modelparts_send(const struct modelparts *p, struct process *to)
{
	for (uint32_t i = 0; i < p->n; i++) {
		struct worker_part m = { .no = i + 1 };

		/* The position is shared with the worker before. */
		(void)lseek(p->v[i].fd, 0, SEEK_SET);
		(void)process_send(to, MSG_WORKER_PART, &m, p->v[i].fd);
	}
}

void
modelparts_put_ids(const struct modelparts *p, struct buf *to)
{
	char id[MODELFILE_ID_MAX];

	for (uint32_t i = 0; i < p->n; i++) {
		modelfile_id(&p->v[i], id);
		buf_printf(to, "&%s", id);
	}
}

void
modelparts_close(struct modelparts *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		modelfile_close(&p->v[i]);
	free(p->v);
	*p = (struct modelparts){ NULL, 0 };
}
