#include "worker/rkllm/lib.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLAGS (RTLD_NOW | RTLD_LOCAL)
#else
/* It has a copy of ggml in it, of its own making: names that it shares with
 * the engine that this program is linked with must stay its own. */
#define FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

/* Where it is looked for; the first by the loader, in its own folders. */
static const char *const places[] = {
	"librkllmrt.so",
	"/usr/lib/librkllmrt.so",
	"/usr/lib64/librkllmrt.so",
	"/usr/lib/aarch64-linux-gnu/librkllmrt.so",
	"/usr/local/lib/librkllmrt.so",
};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

static int
cannot_load(const char *path, struct fail *why)
{
	const char *said = dlerror();

	return fail_set(why, ERR_LOAD_FAILED, "rkllm-library",
	    "%.160s: cannot be loaded (%.200s)", path,
	    said != NULL ? said : "no reason given");
}

static int
nowhere(struct fail *why)
{
	char list[256] = "";
	size_t n = 0;

	for (size_t i = 1; i < N_PLACES && n < sizeof(list); i++)
		n += (size_t)snprintf(
		    list + n, sizeof(list) - n, ", %s", places[i]);
	return fail_set(why, ERR_LOAD_FAILED, "rkllm-library",
	    "a .rkllm file needs Rockchip's librkllmrt.so, which is not there "
	    "(looked for in the loader's folders%s); install it, or name it "
	    "with --rkllm-library",
	    list);
}

static int
load_named(struct lib *l, const char *path, struct fail *why)
{
	if (access(path, F_OK) != 0)
		return fail_set(why, ERR_LOAD_FAILED, "rkllm-library",
		    "--rkllm-library: %.240s: no such file", path);
	l->dl = dlopen(path, FLAGS);
	return l->dl != NULL ? 0 : cannot_load(path, why);
}

static int
load_usual(struct lib *l, struct fail *why)
{
	for (size_t i = 0; i < N_PLACES; i++) {
		l->dl = dlopen(places[i], FLAGS);
		if (l->dl != NULL)
			return 0;
		/* There, but of no use: that is what to say. */
		if (places[i][0] == '/' && access(places[i], F_OK) == 0)
			return cannot_load(places[i], why);
	}
	return nowhere(why);
}

static int
load(struct lib *l, struct str path, struct fail *why)
{
	char *named;
	int err;

	if (path.n == 0)
		return load_usual(l, why);
	named = str_dup(path);
	if (named == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	err = load_named(l, named, why);
	free(named);
	return err;
}

/* The file that the loader found. */
static int
find_version(struct lib *l, struct str said, struct fail *why)
{
	struct link_map *map = NULL;
	int fd;
	int err;

	if (dlinfo(l->dl, RTLD_DI_LINKMAP, &map) != 0 || map == NULL)
		return cannot_load("librkllmrt.so", why);
	l->path = strdup(map->l_name);
	if (l->path == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	fd = open(l->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && said.n == 0)
		return fail_set(why, ERR_LOAD_FAILED, "rkllm-library",
		    "%.240s: cannot be read", l->path);
	err = version_find(fd, l->path, said, &l->version, why);
	if (fd >= 0)
		(void)close(fd);
	return err;
}

/* NULL if there is none. */
static lib_symbol_fn *
symbol(const struct lib *l, const char *name)
{
	void *p = dlsym(l->dl, name);
	lib_symbol_fn *fn;

	/* What POSIX promises and ISO C cannot say. */
	_Static_assert(sizeof(fn) == sizeof(p), "functions are addresses");
	memcpy(&fn, &p, sizeof(fn));
	return fn;
}

static int
lacks(const struct lib *l, const char *symbol, struct fail *why)
{
	return fail_set(why, ERR_LOAD_FAILED, "rkllm-library",
	    "%.160s: has no %s, so it is no librkllmrt %s; name another with "
	    "--rkllm-library",
	    l->path, symbol, l->version.text);
}

static int
bind_calls(struct lib *l, struct fail *why)
{
	const char *missing = NULL;

#define LIB_BIND(name, type, needed)                        \
	l->name = (type *)symbol(l, "rkllm_" #name);        \
	if ((needed) && l->name == NULL && missing == NULL) \
		missing = "rkllm_" #name;
	LIB_CALLS(LIB_BIND)
#undef LIB_BIND
	return missing == NULL ? 0 : lacks(l, missing, why);
}

int
lib_open(struct lib *l, struct str path, struct str version, struct fail *why)
{
	int err;

	*l = (struct lib){ .dl = NULL };
	err = load(l, path, why);
	if (err == 0)
		err = find_version(l, version, why);
	if (err == 0) {
		l->abi =
		    l->version.layout == LAYOUT_13 ? &lib_abi_13 : &lib_abi_12;
		err = bind_calls(l, why);
	}
	if (err != 0)
		lib_close(l);
	return err;
}

void
lib_close(struct lib *l)
{
	free(l->path);
	l->path = NULL;
}

int
lib_init(struct lib *l, struct lib_param *p, rkllm_result_fn *on,
    void *userdata, struct fail *why)
{
	int got = l->abi->init(l, p, on, userdata);

	if (got == 0 && l->handle != NULL)
		return 0;
	l->handle = NULL;
	return fail_set(
	    why, ERR_LOAD_FAILED, "model", "rkllm_init failed (%d)", got);
}

void
lib_destroy(struct lib *l)
{
	if (l->handle != NULL)
		(void)l->destroy(l->handle);
	l->handle = NULL;
}

static int
answer(const char *call, int got, struct fail *why)
{
	return got == 0
	    ? 0
	    : fail_set(why, ERR_INTERNAL, NULL, "%s failed (%d)", call, got);
}

static int
absent(const struct lib *l, const char *call, struct fail *why)
{
	return fail_set(why, ERR_UNSUPPORTED, NULL,
	    "this librkllmrt (%s) has no %s", l->version.text, call);
}

/* return CALL(...): the library's answer, or that it has no such call. */
#define CALL(l, why, name, ...)                      \
	((l)->name == NULL                           \
		? absent((l), "rkllm_" #name, (why)) \
		: answer("rkllm_" #name,             \
		      (l)->name((l)->handle, ##__VA_ARGS__), (why)))

int
lib_run(struct lib *l, const struct lib_input *in,
    const struct lib_infer *infer, void *userdata, struct fail *why)
{
	return answer("rkllm_run", l->abi->run(l, in, infer, userdata), why);
}

void
lib_abort(struct lib *l)
{
	(void)l->abort(l->handle);
}

int
lib_is_running(struct lib *l)
{
	return l->is_running != NULL ? l->is_running(l->handle) : -1;
}

int
lib_load_lora(struct lib *l, const char *path, const char *name, float scale,
    struct fail *why)
{
	struct rkllm_lora_adapter a = { path, name, scale };

	return CALL(l, why, load_lora, &a);
}

int
lib_load_prompt_cache(struct lib *l, const char *path, struct fail *why)
{
	return CALL(l, why, load_prompt_cache, path);
}

int
lib_release_prompt_cache(struct lib *l, struct fail *why)
{
	return CALL(l, why, release_prompt_cache);
}

int
lib_clear_kv_cache(struct lib *l, bool keep_system_prompt, int *start, int *end,
    struct fail *why)
{
	return CALL(l, why, clear_kv_cache, keep_system_prompt, start, end);
}

int
lib_get_kv_cache_size(struct lib *l, int *ret, struct fail *why)
{
	return CALL(l, why, get_kv_cache_size, ret);
}

int
lib_set_chat_template(struct lib *l, const char *system_prompt,
    const char *prefix, const char *postfix, struct fail *why)
{
	return CALL(l, why, set_chat_template, system_prompt, prefix, postfix);
}

int
lib_set_function_tools(struct lib *l, const char *system_prompt,
    const char *tools, const char *response, struct fail *why)
{
	return CALL(l, why, set_function_tools, system_prompt, tools, response);
}

int
lib_set_cross_attn_params(
    struct lib *l, struct rkllm_cross_attn_param *p, struct fail *why)
{
	return CALL(l, why, set_cross_attn_params, p);
}
