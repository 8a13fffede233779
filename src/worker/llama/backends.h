/*
 * backends - ggml's backends that come as files of their own.
 *
 * An engine built for this machine has them linked in. One built for packages
 * (ENGINE_VARIANT=packages) has them beside its libraries, in
 * ../lib/bulkhead of the executable: one for each generation of CPU, of which
 * the best for this one is taken, and what accelerators were built.
 */
#ifndef WORKER_LLAMA_BACKENDS_H
#define WORKER_LLAMA_BACKENDS_H

#include "base/err.h"

#include <stdbool.h>

/* Loads them, once; a second call is harmless. Opens files, so it must come
 * before a jail that forbids that. Returns 0, or ERR_LOAD_FAILED if there is
 * none for the CPU, and why says where they were looked for. */
int backends_load(struct fail *why) MUST_CHECK;

/* Has each GPU and NPU open its device files, and keeps them open. Whether
 * there are any. */
bool backends_open(void);

#endif
