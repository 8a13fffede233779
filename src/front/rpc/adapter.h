/*
 * adapter - a client's LoRA adapters, by the names that it has given them.
 *
 * Names are the connection's own; a file that several have loaded is in the
 * model's worker once. A run names one, and has it at the scale that load_lora
 * was told; it keeps what it has when the name is given to another file.
 */
#ifndef FRONT_RPC_ADAPTER_H
#define FRONT_RPC_ADAPTER_H

#include "base/list.h"
#include "front/rpc/method.h"
#include "wire/layout.h"

struct attached;

/* What rkllm.load_lora takes. */
extern const struct shape shape_adapter;

void adapter_load(struct call *c, const struct args *a);

/* Which adapter a run has that names one; name "": *ret is left alone. 0;
 * ERR_NOT_FOUND with the names there are; ERR_FILE: it is lost. */
int adapter_pick(const struct list *all, struct str name, struct biases *ret,
    struct fail *f) MUST_CHECK;

/* What adapter_pick() gave, held for a run; NULL: none. */
struct attached *adapter_hold(const struct list *all, const struct biases *b);

struct adapter;

/* One that is not loaded yet; NULL is allowed. */
void adapter_free(void *one);

/* All of a client's names go. */
void adapter_forget(struct list *all);

#endif
