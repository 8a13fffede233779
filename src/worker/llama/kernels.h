/*
 * kernels - which of the CPU backend's routines multiply.
 *
 * A token's logits must not depend on how many other rows share its batch.
 * On a CPU nearly all of ggml keeps to that by itself: each element of a
 * product is one sum in one order. What does not is the choice of the routine
 * by the number of rows: a product of one row goes to a dot product, of more
 * to llamafile_sgemm(), and for weights that are floats the two sum in
 * different orders. ggml calls llamafile_sgemm() through its linkage table,
 * so an executable that exports the name is asked first; kernels.c does, and
 * KERNELS_ROWS makes of one row of floats a pair of the same row.
 *
 * Flash attention has routines by the number of rows too; the backend's
 * reference mode keeps it to one.
 *
 * That all of this holds is tested at each load (selftest.h), never assumed:
 * an engine that was linked in another way only ignores us.
 */
#ifndef WORKER_LLAMA_KERNELS_H
#define WORKER_LLAMA_KERNELS_H

#include <ggml-backend.h>
#include <stdbool.h>

enum kernels {
	KERNELS_OWN,  /* as ggml would */
	KERNELS_ROWS, /* each row as if it were alone, as fast */
	KERNELS_DOTS, /* the same with dot products only, where that fails */
	KERNELS_COUNT
};

/* Where llamafile_sgemm() is; after the backends are loaded. Opens files.
 * Returns whether ggml will ask ours. */
bool kernels_init(void);

/* The CPU backend of the context that was made last; NULL: none was seen. */
ggml_backend_t kernels_backend(void);

/* Says so for all batches to come; cpu: the context's backend, or NULL. */
void kernels_use(enum kernels k, ggml_backend_t cpu);

#endif
