/*
 * lib - librkllmrt, one function for each of its calls, whatever version.
 *
 * What differs by version (structs, init, run) is in lib12.c and lib13.c
 * behind struct lib_abi; the rest has one type in all. A function that the
 * library in hand does not export is ERR_UNSUPPORTED when it is called; those
 * without which nothing works are asked for when it is opened.
 *
 * A call that returns anything but 0 is ERR_INTERNAL, and why names the call
 * and the number. What the library printed is says.h's.
 * One call at a time, but for lib_abort() and lib_is_running(), which are for
 * while another thread is in lib_run().
 */
#ifndef WORKER_RKLLM_LIB_H
#define WORKER_RKLLM_LIB_H

#include "worker/rkllm/libargs.h"
#include "worker/rkllm/version.h"

typedef void lib_symbol_fn(void); /* of any type; who asks knows which */

/* Symbols without "rkllm_"; the type, which the first three have in lib12.c and
 * lib13.c; whether nothing works without. */
#define LIB_CALLS(C)                                                  \
	C(createDefaultParam, lib_symbol_fn, true)                    \
	C(init, lib_symbol_fn, true)                                  \
	C(run, lib_symbol_fn, true)                                   \
	C(destroy, rkllm_destroy_fn, true)                            \
	C(abort, rkllm_abort_fn, true)                                \
	C(is_running, rkllm_is_running_fn, false)                     \
	C(load_lora, rkllm_load_lora_fn, false)                       \
	C(load_prompt_cache, rkllm_load_prompt_cache_fn, false)       \
	C(release_prompt_cache, rkllm_release_prompt_cache_fn, false) \
	C(clear_kv_cache, rkllm_clear_kv_cache_fn, false)             \
	C(get_kv_cache_size, rkllm_get_kv_cache_size_fn, false)       \
	C(set_chat_template, rkllm_set_chat_template_fn, false)       \
	C(set_function_tools, rkllm_set_function_tools_fn, false)     \
	C(set_cross_attn_params, rkllm_set_cross_attn_params_fn, false)

struct lib;

/* What one version's structs want. */
struct lib_abi {
	/* The library's answers, 0 for success. */
	int (*init)(struct lib *l, struct lib_param *p, rkllm_result_fn *on,
	    void *userdata);
	int (*run)(struct lib *l, const struct lib_input *in,
	    const struct lib_infer *infer, void *userdata);
	bool samples_by_run; /* struct lib_infer's sampling counts, and ... */
	bool marks_by_run;   /* ... the marks in struct lib_images */
};

extern const struct lib_abi lib_abi_12;
extern const struct lib_abi lib_abi_13;

struct lib {
	void *dl;
	char *path; /* of its file */
	struct version version;
	const struct lib_abi *abi;
#define LIB_MEMBER(name, type, needed) type *name;
	LIB_CALLS(LIB_MEMBER)
#undef LIB_MEMBER
	void *handle; /* NULL: not initialized */
};

/* Loads it, and opens its file to see which version it is: so before a jail.
 * path: where it is; empty: the usual places. version: empty, or what a person
 * says it is. 0, or ERR_LOAD_FAILED or ERR_INVALID with what to do. */
int lib_open(struct lib *l, struct str path, struct str version,
    struct fail *why) MUST_CHECK;

/* Forgets it; the library itself stays loaded, for its threads may. */
void lib_close(struct lib *l);

/* Once in a process' life: a second init after a failed one has crashed. on is
 * called by the library's threads. 0 or ERR_LOAD_FAILED. */
int lib_init(struct lib *l, struct lib_param *p, rkllm_result_fn *on,
    void *userdata, struct fail *why) MUST_CHECK;
void lib_destroy(struct lib *l);

/* Returns when the run is over. 0 or ERR_INTERNAL. */
int lib_run(struct lib *l, const struct lib_input *in,
    const struct lib_infer *infer, void *userdata, struct fail *why) MUST_CHECK;

/* Asks the run that another thread is in to end; when nothing runs the library
 * may complain, which is no matter. */
void lib_abort(struct lib *l);

/* What the library says, which is not 0 while a run goes on by its header and 0
 * by what was once built on it; -1 where it has no such call. */
int lib_is_running(struct lib *l);

int lib_load_lora(struct lib *l, const char *path, const char *name,
    float scale, struct fail *why) MUST_CHECK;
int lib_load_prompt_cache(struct lib *l, const char *path, struct fail *why)
    MUST_CHECK;
int lib_release_prompt_cache(struct lib *l, struct fail *why) MUST_CHECK;

/* start, end: n_batch positions each, or both NULL for all of it. */
int lib_clear_kv_cache(struct lib *l, bool keep_system_prompt, int *start,
    int *end, struct fail *why) MUST_CHECK;

/* ret: room for n_batch. */
int lib_get_kv_cache_size(struct lib *l, int *ret, struct fail *why) MUST_CHECK;
int lib_set_chat_template(struct lib *l, const char *system_prompt,
    const char *prefix, const char *postfix, struct fail *why) MUST_CHECK;
int lib_set_function_tools(struct lib *l, const char *system_prompt,
    const char *tools, const char *response, struct fail *why) MUST_CHECK;
int lib_set_cross_attn_params(struct lib *l, struct rkllm_cross_attn_param *p,
    struct fail *why) MUST_CHECK;

#endif
