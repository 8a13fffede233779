/* The names of ggml's that this file exports, and what is behind them. */
#include "worker/llama/kernels.h"

#include <dlfcn.h>
#include <ggml.h>
#include <stdatomic.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

/* ggml-cpu's llamafile/sgemm.h: C = A^T B, of m by k and n by k elements;
 * every thread of a batch calls it. False: it has no routine for these. */
struct ggml_compute_params;
typedef bool (*sgemm_fn)(const struct ggml_compute_params *params, int64_t m,
    int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
    int64_t ldb, void *c, int64_t ldc, int a_type, int b_type, int c_type);
typedef ggml_backend_t (*init_fn)(
    enum ggml_backend_dev_type type, const char *params);
typedef void (*ref_fn)(ggml_backend_t cpu, bool is_ref);

bool llamafile_sgemm(const struct ggml_compute_params *params, int64_t m,
    int64_t n, int64_t k, const void *a, int64_t lda, const void *b,
    int64_t ldb, void *c, int64_t ldc, int a_type, int b_type, int c_type);

/* Read by ggml's threads, set while they wait. */
static _Atomic(enum kernels) used;
static _Atomic(sgemm_fn) theirs;
static ref_fn set_ref;
static ggml_backend_t latest;

/* Weights of these types are summed in another order by a dot product;
 * quantized ones by the same, block for block. */
static bool
is_float(int type)
{
	return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 ||
	    type == GGML_TYPE_BF16;
}

/* A lone row is given twice, and both results go to its one place. */
EXPORT bool
llamafile_sgemm(const struct ggml_compute_params *params, int64_t m, int64_t n,
    int64_t k, const void *a, int64_t lda, const void *b, int64_t ldb, void *c,
    int64_t ldc, int a_type, int b_type, int c_type)
{
	enum kernels now = atomic_load_explicit(&used, memory_order_relaxed);
	sgemm_fn sgemm = atomic_load_explicit(&theirs, memory_order_relaxed);

	if (sgemm == NULL || now == KERNELS_DOTS)
		return false;
	if (now == KERNELS_ROWS && n == 1 && is_float(a_type)) {
		n = 2;
		ldb = 0;
		ldc = 0;
	}
	return sgemm(
	    params, m, n, k, a, lda, b, ldb, c, ldc, a_type, b_type, c_type);
}

/* libllama makes its CPU backend by this name and shows it to nobody. */
EXPORT ggml_backend_t
ggml_backend_init_by_type(enum ggml_backend_dev_type type, const char *params)
{
	init_fn make = (init_fn)dlsym(RTLD_NEXT, "ggml_backend_init_by_type");
	ggml_backend_t made = make == NULL ? NULL : make(type, params);

	if (type == GGML_BACKEND_DEVICE_TYPE_CPU)
		latest = made;
	return made;
}

/* The backend may be a module that was opened for itself alone, so it is
 * asked by its own handle. */
bool
kernels_init(void)
{
	ggml_backend_reg_t cpu = ggml_backend_reg_by_name("CPU");
	Dl_info info;
	void *lib;

	if (cpu == NULL)
		return false;
	/* Once: where several models load, others compute meanwhile. */
	if (set_ref == NULL)
		set_ref = (ref_fn)ggml_backend_reg_get_proc_address(
		    cpu, "ggml_backend_cpu_set_use_ref");
	if (set_ref == NULL || dladdr((void *)set_ref, &info) == 0)
		return false;
	lib = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
	if (lib == NULL)
		return false;
	atomic_store(&theirs, (sgemm_fn)dlsym(lib, "llamafile_sgemm"));
	return dlsym(RTLD_DEFAULT, "llamafile_sgemm") ==
	    (void *)llamafile_sgemm;
}

ggml_backend_t
kernels_backend(void)
{
	return latest;
}

void
kernels_use(enum kernels k, ggml_backend_t cpu)
{
	atomic_store_explicit(&used, k, memory_order_relaxed);
	if (cpu != NULL && set_ref != NULL)
		set_ref(cpu, k != KERNELS_OWN);
}
