#include "worker/llama/backends.h"

#include "base/log.h"

#include <dlfcn.h>
#include <ggml-backend.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The folder of the engine's libraries, absolute: the loader found them by
 * $ORIGIN. Not /proc/self/exe: a program of somebody else's may run this
 * engine too. */
static int
find_folder(char *ret, size_t n)
{
	Dl_info info;
	const char *slash;
	int len;

	if (dladdr((void *)ggml_backend_load_all_from_path, &info) == 0 ||
	    info.dli_fname == NULL || info.dli_fname[0] != '/')
		return ERR_NOT_FOUND;
	slash = strrchr(info.dli_fname, '/');
	len = snprintf(
	    ret, n, "%.*s", (int)(slash - info.dli_fname), info.dli_fname);
	return len < 0 || (size_t)len >= n ? ERR_TOO_BIG : 0;
}

int
backends_load(struct fail *why)
{
	char folder[PATH_MAX] = "?";

	if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != NULL)
		return 0;
	if (find_folder(folder, sizeof(folder)) == 0)
		ggml_backend_load_all_from_path(folder);
	if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) == NULL)
		return fail_set(why, ERR_LOAD_FAILED, "model",
		    "no libggml-cpu-*.so for this CPU in %s", folder);
	for (size_t i = 0; i < ggml_backend_reg_count(); i++)
		log_debug("backend %s, from %s",
		    ggml_backend_reg_name(ggml_backend_reg_get(i)), folder);
	return 0;
}

static bool
has_driver(ggml_backend_dev_t dev)
{
	enum ggml_backend_dev_type type = ggml_backend_dev_type(dev);

	return type == GGML_BACKEND_DEVICE_TYPE_GPU ||
	    type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

bool
backends_open(void)
{
	bool any = false;

	for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
		ggml_backend_dev_t dev = ggml_backend_dev_get(i);

		if (!has_driver(dev))
			continue;
		any = true;
		/* Kept for the life of the process: drivers close with the
		 * last user what could not be opened again. */
		if (ggml_backend_dev_init(dev, NULL) == NULL)
			log_warn("device %s cannot be opened",
			    ggml_backend_dev_name(dev));
	}
	return any;
}
