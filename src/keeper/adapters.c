#include "keeper/adapters.h"

#include "keeper/process.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
bad_scale(const char *text, struct fail *f)
{
	return fail_set(f, ERR_INVALID, "lora-scaled",
	    "--lora-scaled: must be FILE:SCALE, a finite number behind the "
	    "last colon, not %.200s",
	    text);
}

/* "FILE:SCALE" to both; cuts text. */
static int
take_scale(char *text, float *ret, struct fail *f)
{
	char *colon = strrchr(text, ':');
	char *end;

	if (colon == NULL || colon == text || colon[1] == '\0')
		return bad_scale(text, f);
	*ret = strtof(colon + 1, &end);
	if (*end != '\0' || !isfinite(*ret))
		return bad_scale(text, f);
	*colon = '\0';
	return 0;
}

/* Takes over path. */
static int
add(struct adapters *a, char *path, float scale, struct fail *f)
{
	struct adapter *one = &a->v[a->n];
	struct fail why;
	int err;

	*one = (struct adapter){ .path = path, .scale = scale };
	err = modelfile_open(path, &one->file, &why);
	if (err == 0) {
		a->n++;
		return 0;
	}
	free(path);
	return fail_set(f, err, "lora", "--lora: %s", why.text);
}

static int
add_text(struct adapters *a, const char *text, bool is_scaled, struct fail *f)
{
	char *path = strdup(text);
	float scale = 1;
	int err = 0;

	if (path == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	if (a->n == WORKER_ADAPTERS_MAX)
		err = fail_set(f, ERR_INVALID, "lora",
		    "--lora: at most %u adapters", WORKER_ADAPTERS_MAX);
	else if (is_scaled)
		err = take_scale(path, &scale, f);
	if (err == 0)
		return add(a, path, scale, f);
	free(path);
	return err;
}

/* One option's value, which may name several. */
static int
add_list(struct adapters *a, const char *value, bool is_scaled, struct fail *f)
{
	char *list = strdup(value), *rest = list, *one;
	int err = 0;

	if (list == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	while (err == 0 && (one = strsep(&rest, ",")) != NULL)
		if (one[0] != '\0')
			err = add_text(a, one, is_scaled, f);
	free(list);
	return err;
}

int
adapters_open(struct adapters *a, const struct strings *plain,
    const struct strings *scaled, struct fail *f)
{
	int err = 0;

	a->n = 0;
	for (size_t i = 0; err == 0 && i < plain->n; i++)
		err = add_list(a, plain->v[i], false, f);
	for (size_t i = 0; err == 0 && i < scaled->n; i++)
		err = add_list(a, scaled->v[i], true, f);
	return err;
}

void
adapters_close(struct adapters *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		modelfile_close(&a->v[i].file);
		free(a->v[i].path);
	}
	a->n = 0;
}

int
adapters_again(const struct adapters *a, struct adapters *ret, struct fail *f)
{
	struct adapters now = { .n = 0 };
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < a->n; i++) {
		char *path = strdup(a->v[i].path);

		err = path == NULL ? fail_set(f, ERR_NOMEM, "", "out of memory")
				   : add(&now, path, a->v[i].scale, f);
	}
	if (err != 0) {
		adapters_close(&now);
		return err;
	}
	adapters_close(ret);
	*ret = now;
	return 0;
}

int
adapters_check(const struct adapters *a, struct fail *f)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < a->n; i++)
		err = modelfile_check(&a->v[i].file, a->v[i].path, f);
	return err;
}

void
adapters_send(const struct adapters *a, struct process *to)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const struct adapter *one = &a->v[i];
		struct worker_adapter m = { .id = i,
			.path = str_of(one->path) };

		/* The position is shared with the worker before. */
		(void)lseek(one->file.fd, 0, SEEK_SET);
		(void)process_send(to, MSG_WORKER_ADAPTER, &m, one->file.fd);
	}
}

void
adapters_put_ids(const struct adapters *a, struct buf *to)
{
	char id[MODELFILE_ID_MAX];

	for (uint32_t i = 0; i < a->n; i++) {
		modelfile_id(&a->v[i].file, id);
		buf_printf(to, "+%s", id);
	}
}

void
adapters_put_paths(const struct adapters *a, struct buf *to)
{
	for (uint32_t i = 0; i < a->n; i++)
		strs_put(to, str_of(a->v[i].path));
}

void
adapters_put_scales(const struct adapters *a, struct buf *to)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct bias one = { (int32_t)i, a->v[i].scale };

		buf_put(to, &one, sizeof(one));
	}
}

void
adapters_set_scales(struct adapters *a, struct biases scales)
{
	for (uint32_t i = 0; i < scales.n; i++) {
		int32_t id = scales.p[i].token;

		if (id >= 0 && (uint32_t)id < a->n)
			a->v[id].scale = scales.p[i].bias;
	}
}
